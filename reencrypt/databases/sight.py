"""Facts about the tables that a session sees, besides their columns, from each engine's own catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A relation with a table's name in another schema of the search path.

    `first`: an unqualified name means this one; `is_grafana`: the schema has its own migration log.
    """

    schema: str
    first: bool
    is_grafana: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """Unusual facts about tables, by table; a plain table has none.

    `kinds` names its kind: a view, a foreign table. `policies` are the row policies that apply to this account.
    `elsewhere` are relations of the same name in other schemas. `engines` names a storage engine without transactions.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    elsewhere: Mapping[str, tuple[Elsewhere, ...]] = field(default_factory=dict)
    engines: Mapping[str, str] = field(default_factory=dict)


class KeyCount(NamedTuple):
    """The number of a table's rows, and of their keys without NULL: equal where keys are unique."""

    rows: int
    keys: int
