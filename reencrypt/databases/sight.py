"""What a session sees of the tables it needs, beside their columns: facts that each engine's own catalogue tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A relation of a table's name in another schema of the search path.

    `first` says that an unqualified name means this one; `is_grafana` that the schema has a migration log of its own.
    """

    schema: str
    first: bool
    is_grafana: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """What is odd about the tables that were asked for, by table; a plain table is in none of these.

    `kinds` says what it is instead: a view, a foreign table. `policies` are the row policies that hold for this
    account. `elsewhere` are relations of the same name in other schemas.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    elsewhere: Mapping[str, tuple[Elsewhere, ...]] = field(default_factory=dict)


class KeyCount(NamedTuple):
    """The rows of a table, and how many keys they have, not counting NULL: the same number where a key is unique."""

    rows: int
    keys: int
