"""Shapes of tables, for a search of the whole database: how to page through a table, which columns hold text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Shape:
    """A table. `key` tells its rows apart, empty where nothing does.

    `texts` can hold text or bytes; `others` have a type with unknown content. `gap` names the part that cannot be read
    through this table, if any. `named` are the columns of a unique key, the primary one first; empty where there is
    none, although the place of a row may tell rows apart.
    """

    table: str
    key: tuple[str, ...]
    texts: tuple[str, ...]
    others: tuple[str, ...] = ()
    gap: str = ""
    named: tuple[str, ...] = ()


#: What a column can hold, in the words of the engines' queries.
_TEXT: Final = "text"
_OTHER: Final = "other"


def shapes_of(
    columns: Iterable[tuple[str, str, str]],
    keys: Iterable[tuple[str, str, str]],
    gaps: Iterable[tuple[str, str]],
    *,
    otherwise: tuple[str, ...] = (),
) -> list[Shape]:
    """Build shapes from a server's (table, column, what it can hold) and (table, index, column), best index first.

    `gaps` are (table, the part that cannot be read); `otherwise` is the key of a table without one.
    """
    first: dict[str, tuple[str, list[str]]] = {}
    for table, index, column in keys:
        name, parts = first.setdefault(table, (index, []))
        if name == index:
            parts.append(column)
    held: dict[str, dict[str, list[str]]] = {}
    for table, column, kind in columns:
        held.setdefault(table, {}).setdefault(kind, []).append(column)
    missing: dict[str, list[str]] = {}
    for table, what in gaps:
        missing.setdefault(table, []).append(what)
    return [
        Shape(
            table,
            tuple(first[table][1]) if table in first else otherwise,
            tuple(by_kind.get(_TEXT, ())),
            tuple(by_kind.get(_OTHER, ())),
            "; ".join(missing.pop(table, ())),
            tuple(first[table][1]) if table in first else (),
        )
        for table, by_kind in held.items()
    ] + [Shape(table, (), (), (), "; ".join(what)) for table, what in missing.items()]
