"""What a column has to hold, and whether its type can: asked before anything is read page by page or written.

An engine lists the types that its statements read, compare and write exactly, and that Grafana's own code works with.
Every other one is refused by name: JSONB gives another text back than was stored, an array is no text, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Role(Enum):
    """What a column is to this program."""

    #: Pages are read by it, and the journal and the quarantine name rows by it: a number or a text.
    KEY = "key"
    #: Text with secrets in it; bytes of the same text do as well.
    SECRET = "secret"  # noqa: S105 - a role
    #: Bytes that are in no encoding.
    BYTES = "bytes"
    #: Text that is compared or decides something.
    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    MOMENT = "moment"
    #: A moment in a column that the user has named: no Grafana vouches for its type.
    STAMP = "stamp"


class ColumnUse(NamedTuple):
    """A column of a table, and its role."""

    table: str
    column: str
    role: Role


@dataclass(frozen=True, slots=True)
class UnfitColumn:
    """A column whose type is not supported in its role: the type that it has, and those that it may have."""

    table: str
    column: str
    found: str
    expected: tuple[str, ...]


#: The types that an engine accepts, by role; the first one is Grafana's own, or as good.
Accepted = Mapping[Role, tuple[str, ...]]


def unfit(
    uses: Iterable[ColumnUse], types: Mapping[tuple[str, str], tuple[str, str]], accepted: Accepted
) -> Iterator[UnfitColumn]:
    """The columns that do not fit. `types` are, by table and column, a type as `accepted` has it, and as people do."""
    for use in uses:
        kind, shown = types.get((use.table, use.column), ("", ""))
        if kind and kind not in accepted[use.role]:
            yield UnfitColumn(use.table, use.column, shown, accepted[use.role])
