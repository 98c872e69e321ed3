"""SQL for a location on SQLite, and its rows as bytes. Identifiers come from the catalogue or the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.joined import Cells, parted_cells, rows_of
from reencrypt.databases.protocol import Stretch, Value


def quote(identifier: str) -> str:
    """Quote a table or column as Grafana's own SQL does: several are reserved words."""
    return "`" + identifier.replace("`", "``") + "`"


def columns(location: Location) -> str:
    """The columns of a row in the order that `to_rows` reads: key, secret columns as bytes, extras."""
    names = [quote(name) for name in location.key]
    cells = [f"CAST({quote(name)} AS BLOB)" for name in location.stored]
    names += cells if location.clip is None else [f"SUBSTR({cell}, 1, {location.clip})" for cell in cells]
    # In any encoding: the column that decides the kind of a row's secrets.
    by_type = location.kind_by_type.column if location.kind_by_type else None
    names += [f"CAST({quote(name)} AS BLOB)" if name == by_type else quote(name) for name in location.extras]
    return ", ".join(names)


def length(location: Location) -> str:
    """The bytes of a row's secrets."""
    return " + ".join(f"COALESCE(LENGTH(CAST({quote(field.column)} AS BLOB)), 0)" for field in location.fields)


def select(location: Location) -> str:
    """The beginning of a query for rows."""
    return f"SELECT {columns(location)} FROM {quote(location.table)}"


def within(location: Location, stretch: Stretch) -> tuple[list[str], list[Value]]:
    """Which rows a stretch has: terms for WHERE, none for all rows, and their values."""
    key = ", ".join(map(quote, location.key))
    bounds = [(sign, bound) for sign, bound in ((">", stretch.after), ("<=", stretch.until)) if bound is not None]
    terms = [f"({key}) {sign} ({', '.join('?' * len(bound))})" for sign, bound in bounds]
    return terms, [part for _, bound in bounds for part in bound]


def conditions(location: Location) -> tuple[list[str], list[Value]]:
    """Which rows may hold secrets: terms for WHERE, and their values."""
    filled = " OR ".join(f"{quote(field.column)} IS NOT NULL" for field in location.fields)
    where, values = [f"({filled})"], list[Value]()
    for column, allowed in location.only.items():
        where.append(f"{quote(column)} IN ({', '.join('?' * len(allowed))})")
        values += allowed
    return where, values


def key_ahead(location: Location, after: Key | None, rows: int, *, filled: bool) -> tuple[str, list[Value]]:
    """The query for the key of the last of the next rows; `filled`: of those that may hold secrets."""
    key = ", ".join(map(quote, location.key))
    where, values = conditions(location) if filled else ([], [])
    later, keys = within(location, Stretch(after))
    terms = f"WHERE {' AND '.join(where + later)}" if where + later else ""
    query = f"SELECT {key} FROM {quote(location.table)} {terms} ORDER BY {key} LIMIT 1 OFFSET ?"
    return query, [*values, *keys, rows - 1]


def to_rows(location: Location, raws: Iterable[Any]) -> list[Row]:
    """Build rows from a result of `select`."""
    return rows_of(location, raws)


def batches(keys: Sequence[Key], size: int = 100) -> Iterator[Sequence[Key]]:
    """Split keys into parts that a statement's parameters allow."""
    # itertools.batched() came with Python 3.12.
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def holding(location: Location, rows: Mapping[Key, Cells]) -> tuple[str, list[Value]]:
    """A query that counts the rows which hold exactly these bytes."""
    keys = [f"k{index}" for index in range(len(location.key))]
    cells = [f"c{index}" for index in range(len(location.stored))]
    one = f"({', '.join('?' * len(keys + cells))})"
    same = [f"t.{quote(name)} = page.{key}" for name, key in zip(location.key, keys, strict=True)]
    same += [f"CAST(t.{quote(name)} AS BLOB) IS page.{cell}" for name, cell in zip(location.stored, cells, strict=True)]
    return (
        f"WITH page ({', '.join(keys + cells)}) AS (VALUES {', '.join([one] * len(rows))}) "
        f"SELECT COUNT(*) FROM page CROSS JOIN {quote(location.table)} AS t ON {' AND '.join(same)}"
    ), [part for key, each in parted_cells(location, rows).items() for part in (*key, *each)]
