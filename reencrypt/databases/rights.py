"""The rights to write that an account needs, by table: what the statements of the program ask for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Right(StrEnum):
    """A right on a table, in the words of GRANT."""

    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class TableRight:
    """A right that is needed on all of these `columns` of a table; without columns, on the table or some of it."""

    table: str
    right: Right
    columns: tuple[str, ...] = ()


#: Table names are in lower case; what follows `DO UPDATE` is in upper case.
_WRITES: Final = re.compile(r"\b(INSERT) INTO ([a-z_]+)|\b(DELETE) FROM ([a-z_]+)|\b(UPDATE) ([a-z_]+)")
_OR_UPDATE: Final = ("DO UPDATE", "ON DUPLICATE KEY UPDATE")


def rights_of(statements: Iterable[str], tables: Collection[str]) -> list[TableRight]:
    """The rights that these statements need to write to these tables."""
    found = {(table, right) for each in statements for table, right in _writes(each) if table in tables}
    return [TableRight(table, right) for table in tables for right in Right if (table, right) in found]


def _writes(statement: str) -> Iterator[tuple[str, Right]]:
    for match in _WRITES.finditer(statement):
        word, table = (each for each in match.groups() if each is not None)
        yield table, Right(word)
        if word == Right.INSERT and any(words in statement for words in _OR_UPDATE):
            yield table, Right.UPDATE
