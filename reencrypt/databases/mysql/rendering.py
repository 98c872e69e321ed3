"""SQL for a location on MySQL and MariaDB. Identifiers come from the catalogue, types from the server's own.

Text compares there without case and trailing spaces, so exact comparisons use bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.joined import Cells, joined_limits, parted_cells, parted_updates, rows_of
from reencrypt.databases.protocol import ColumnLimit, RowUpdate, Span, Stretch, Value
from reencrypt.databases.server.dialect import Query
from reencrypt.errors import UnavailableError

_MOST_ROWS: Final = 500  # a statement is parsed as deep as it has rows, on a thread's stack
_ROW_OVERHEAD: Final = 256  # keys, digests and commas of a row in a bulk statement, in bytes


@dataclass(frozen=True, slots=True)
class Column:
    """A column's type: its size, and its character set and collation, which binary columns lack."""

    type_name: str
    characters: int | None
    octets: int | None
    charset: str | None
    collation: str | None

    @property
    def is_binary(self) -> bool:
        """Whether it holds bytes or a number rather than text. MySQL's JSON is text without a character set."""
        return self.charset is None and self.type_name != "json"

    @property
    def limit(self) -> ColumnLimit | None:
        """VARCHAR counts characters, TEXT and BLOB of every size count bytes."""
        if self.type_name == "varchar" and self.characters is not None:
            return ColumnLimit(self.characters, in_characters=True)
        return None if self.octets is None else ColumnLimit(self.octets, in_characters=False)


def quote(identifier: str) -> str:
    """Quote a table or column: `key`, `default` and `group` are reserved words."""
    # The driver formats statements, so that a percent sign is doubled.
    return "`" + identifier.replace("`", "``").replace("%", "%%") + "`"


@dataclass(frozen=True, slots=True)
class Rendering:
    """A location's SQL, once its column types are known.

    `unique` names an index that makes the key unique; `statement_bytes` is how long a statement may be.
    """

    location: Location
    types: Mapping[str, Column]
    unique: str | None
    statement_bytes: int

    def _bytes(self, column: str, prefix: str = "t.") -> str:
        # Through utf8mb4, so that the bytes are those that a page reads, in any character set.
        return self._as_bytes(column, f"{prefix}{quote(column)}")

    def _as_bytes(self, column: str, expression: str) -> str:
        return expression if self.types[column].is_binary else f"CAST(CONVERT({expression} USING utf8mb4) AS BINARY)"

    def _cell(self, column: str) -> str:
        name = f"t.{quote(column)}"
        clip = self.location.clip
        if clip is None:
            return self._as_bytes(column, name)
        return self._as_bytes(column, f"IF(LENGTH({name}) > {clip}, LEFT({name}, {clip}), {name})")

    def _key(self, column: str) -> str:
        """Return a key column in page order: its index's, where that tells all keys apart, else that of bytes."""
        return f"t.{quote(column)}" if self.unique else self._bytes(column)

    def _same_key(self, column: str, other: str) -> str:
        """Find a row by its key's index, then compare the bytes."""
        kind = self.types[column]
        if kind.is_binary:
            return f"t.{quote(column)} = {other}"
        found = f"t.{quote(column)} = CONVERT({other} USING {kind.charset}) COLLATE {kind.collation}"
        return f"{found} AND {self._bytes(column)} = CAST(CONVERT({other} USING utf8mb4) AS BINARY)"

    def _digest(self, column: str) -> str:
        name = f"t.{quote(column)}"
        text = name if self.types[column].is_binary else f"CONVERT({name} USING utf8mb4)"
        return f"UNHEX(SHA2({text}, 256))"

    def _columns(self) -> str:
        """Key, secret columns as bytes, extras, and which secret columns are not NULL: the order that `to_rows` reads.

        The last because a function returns NULL, with only a warning, for a value larger than a packet.
        """
        location = self.location
        columns = [f"t.{quote(name)}" for name in location.key]
        columns += [self._cell(name) for name in location.stored]
        columns += [f"t.{quote(name)}" for name in location.extras]
        columns.append(" + ".join(f"(t.{quote(name)} IS NOT NULL)" for name in location.stored))
        return ", ".join(columns)

    def _where(self, stretch: Stretch) -> tuple[list[str], list[Value]]:
        """Which rows of a stretch may hold secrets: terms for WHERE, and their values."""
        location = self.location
        values: list[Value] = []
        where = [f"({' OR '.join(f't.{quote(field.column)} IS NOT NULL' for field in location.fields)})"]
        for column, allowed in location.only.items():
            where.append(f"{self._bytes(column)} IN ({', '.join(['%s'] * len(allowed))})")
            values += (value.encode() for value in allowed)
        between, keys = self._between(stretch)
        return where + between, values + keys

    def _between(self, stretch: Stretch) -> tuple[list[str], list[Value]]:
        keys = ", ".join(self._key(name) for name in self.location.key)
        terms: list[str] = []
        values: list[Value] = []
        for sign, bound in ((">", stretch.after), ("<=", stretch.until)):
            if bound is not None:
                terms.append(f"({keys}) {sign} ({', '.join(['%s'] * len(bound))})")
                values += (part.encode() if isinstance(part, str) and not self.unique else part for part in bound)
        return terms, values

    def limits(self) -> tuple[ColumnLimit | None, ...]:
        """VARCHAR counts characters; TEXT holds 65,535 bytes, MEDIUMTEXT 16 MiB."""
        return joined_limits(self.location, tuple(self.types[name].limit for name in self.location.stored))

    def count_keys(self) -> Query:
        """How many rows there are and how many keys, which differ where their bytes do."""
        table = quote(self.location.table)
        key = ", ".join(f"{self._bytes(name)} AS k{index}" for index, name in enumerate(self.location.key))
        filled = " AND ".join(f"t.{quote(name)} IS NOT NULL" for name in self.location.key)
        return (
            f"SELECT (SELECT COUNT(*) FROM {table}), "
            f"(SELECT COUNT(*) FROM (SELECT DISTINCT {key} FROM {table} AS t WHERE {filled}) AS found)"
        ), []

    def page(self, stretch: Stretch, rows: int, size: int | None) -> Query:
        """The first page of a stretch in key order, cut off where it has grown beyond `size` bytes, in one round trip.

        Only keys and lengths are sorted and summed up; the large columns are fetched for the page alone. A row's
        own length is subtracted from the sum with it: of a frame that ends one row before the own one MariaDB and
        MySQL 9 make different sums where that frame is empty.
        """
        location = self.location
        where, values = self._where(stretch)
        keys = [self._key(name) for name in location.key]
        if size is None:
            return (
                f"SELECT {self._columns()} FROM {quote(location.table)} AS t WHERE {' AND '.join(where)} "
                f"ORDER BY {', '.join(keys)} LIMIT %s"
            ), [*values, rows]
        inner = ", ".join(f"{key} AS k{index}" for index, key in enumerate(keys))
        length = " + ".join(f"COALESCE(LENGTH(t.{quote(field.column)}), 0)" for field in location.fields)
        order = ", ".join(f"k{index}" for index in range(len(keys)))
        joined = " AND ".join(f"{key} = measured.k{index}" for index, key in enumerate(keys))
        return (
            f"SELECT {self._columns()} FROM ("
            f"SELECT page.*, SUM(n) OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING) - n AS behind "
            f"FROM (SELECT {inner}, {length} AS n FROM {quote(location.table)} AS t WHERE {' AND '.join(where)} "
            f"ORDER BY {', '.join(keys)} LIMIT %s) AS page"
            f") AS measured JOIN {quote(location.table)} AS t ON {joined} "
            f"WHERE behind < %s ORDER BY {order}"
        ), [*values, rows, size]

    def key_ahead(self, after: Key | None, rows: int) -> Query:
        """Read the key of the last of the next rows that `page` reads; no row where there are fewer."""
        keys = ", ".join(self._key(name) for name in self.location.key)
        names = ", ".join(f"t.{quote(name)}" for name in self.location.key)
        where, values = self._where(Stretch(after))
        return (
            f"SELECT {names} FROM {quote(self.location.table)} AS t WHERE {' AND '.join(where)} "
            f"ORDER BY {keys} LIMIT 1 OFFSET %s"
        ), [*values, rows - 1]

    def end_of_stretch(self, after: Key | None, rows: int) -> Query:
        """Read the key of the last of the next rows, with any content; no row where there are fewer."""
        keys = ", ".join(self._key(name) for name in self.location.key)
        between, values = self._between(Stretch(after))
        where = f"WHERE {' AND '.join(between)} " if between else ""
        names = ", ".join(f"t.{quote(name)}" for name in self.location.key)
        return (f"SELECT {names} FROM {quote(self.location.table)} AS t {where}ORDER BY {keys} LIMIT 1 OFFSET %s"), [
            *values,
            rows - 1,
        ]

    def count(self, stretch: Stretch) -> Query:
        """How many rows `page` would read of a stretch."""
        where, values = self._where(stretch)
        return f"SELECT COUNT(*) FROM {quote(self.location.table)} AS t WHERE {' AND '.join(where)}", values

    def is_filled(self) -> Query:
        """Whether `page` would find a row, as an expression."""
        where, values = self._where(Stretch())
        return f"EXISTS (SELECT 1 FROM {quote(self.location.table)} AS t WHERE {' AND '.join(where)})", values

    def by_keys(self, keys: Sequence[Key]) -> Query:
        """Read the rows with these keys, and those that are equal only by collation."""
        names = ", ".join(f"t.{quote(name)}" for name in self.location.key)
        one = f"({', '.join(['%s'] * len(self.location.key))})"
        return (
            f"SELECT {self._columns()} FROM {quote(self.location.table)} AS t "
            f"WHERE ({names}) IN ({', '.join([one] * len(keys))})"
        ), [part for key in keys for part in key]

    def of_keys(self, keys: Sequence[Key], raws: Iterable[tuple[Any, ...]]) -> list[Row]:
        """Build rows from a result of `by_keys`, without those that are equal only by collation."""
        wanted = set(keys)
        return [row for row in self.to_rows(raws) if row.key in wanted]

    def linked(self, scope: str, value: Value, text: bytes, differs_at: int) -> Query:
        """The rows with a scope and exactly a text."""
        del differs_at  # this server reads a text as a whole
        return (
            f"SELECT {self._columns()} FROM {quote(self.location.table)} AS t "
            f"WHERE t.{quote(scope)} = %s AND {self._bytes(self.location.columns[0])} = %s"
        ), [value, text]

    def updates(
        self, updates: Sequence[RowUpdate], now: Value, span: Span | None = None
    ) -> Iterator[tuple[Sequence[RowUpdate], Query]]:
        """Compare and swap rows, in as few statements as the largest packet allows."""
        del span  # the join goes by the key's index in any case
        for batch in by_packet(updates, self.statement_bytes):
            yield batch, self._update(parted_updates(self.location, batch), now)

    def _update(self, updates: Sequence[RowUpdate], updated: Value) -> Query:
        """Compare and swap rows in one statement.

        The old bytes are compared by their SHA-256, so that a statement carries each row once: Grafana has already sent
        a row of that size within `max_allowed_packet`. The page comes first in the join, so that only its rows are
        locked, one by one through the key's index.
        """
        location = self.location
        names = [f"k{index}" for index in range(len(location.key))]
        for index in range(len(location.stored)):
            names += (f"old{index}", f"new{index}")
        values: list[Value] = []
        for update in updates:
            values += update.key
            for old, new in zip(update.old, update.new, strict=True):
                values += (None if old is None else hashlib.sha256(old).digest(), new)
        first = ", ".join(f"%s AS {name}" for name in names)
        others = f" UNION ALL SELECT {', '.join(['%s'] * len(names))}" * (len(updates) - 1)
        sets = [f"t.{quote(column)} = {self._new(column, index)}" for index, column in enumerate(location.stored)]
        tail: list[Value] = []
        if location.updated:
            sets.append(f"t.{quote(location.updated)} = %s")
            tail.append(updated)
        joined = " AND ".join(self._same_key(name, f"page.k{index}") for index, name in enumerate(location.key))
        same = " AND ".join(
            f"{self._digest(column)} <=> page.old{index}" for index, column in enumerate(location.stored)
        )
        return (
            f"UPDATE (SELECT {first}{others}) AS page STRAIGHT_JOIN {quote(location.table)} AS t{self._by_index()} "
            f"ON {joined} SET {', '.join(sets)} WHERE {same}"
        ), [*values, *tail]

    def holding(self, rows: Mapping[Key, Cells]) -> Iterator[Query]:
        """Queries that count the rows which hold exactly these bytes, compared by their SHA-256."""
        location = self.location
        names = [f"k{index}" for index in range(len(location.key))]
        digests = [f"d{index}" for index in range(len(location.stored))]
        same = [self._same_key(name, f"page.k{index}") for index, name in enumerate(location.key)]
        same += [f"{self._digest(column)} <=> page.d{index}" for index, column in enumerate(location.stored)]
        first = ", ".join(f"%s AS {name}" for name in names + digests)
        other = f" UNION ALL SELECT {', '.join(['%s'] * len(names + digests))}"
        entries = list(parted_cells(location, rows).items())
        for start in range(0, len(entries), _MOST_ROWS):
            batch = entries[start : start + _MOST_ROWS]
            values: list[Value] = []
            for key, cells in batch:
                values += key
                values += (None if cell is None else hashlib.sha256(cell).digest() for cell in cells)
            yield (
                (
                    f"SELECT COUNT(*) FROM (SELECT {first}{other * (len(batch) - 1)}) AS page "
                    f"STRAIGHT_JOIN {quote(location.table)} AS t{self._by_index()} ON {' AND '.join(same)}"
                ),
                values,
            )

    def _by_index(self) -> str:
        return f" FORCE INDEX ({quote(self.unique)})" if self.unique else ""

    def _new(self, column: str, index: int) -> str:
        return f"page.new{index}" if self.types[column].is_binary else f"CONVERT(page.new{index} USING utf8mb4)"

    def to_rows(self, raws: Iterable[tuple[Any, ...]]) -> list[Row]:
        """Build rows from a result of `page`, `by_keys` or `linked`."""
        key_end = len(self.location.key)
        cells_end = key_end + len(self.location.stored)
        sound = []
        for raw in raws:
            cells = raw[key_end:cells_end]
            if len(cells) - cells.count(None) != raw[-1]:
                raise UnavailableError(
                    f"{self.location.table} {list(raw[:key_end])} holds more than the server's max_allowed_packet",
                    hint="Raise max_allowed_packet on the server, then start again; progress is saved.",
                )
            sound.append(raw[:-1])
        return rows_of(self.location, sound)


def by_packet(updates: Sequence[RowUpdate], limit: int) -> Iterator[Sequence[RowUpdate]]:
    """Split row updates so that a statement stays below `limit` bytes with every byte escaped; at least one each."""
    batch: list[RowUpdate] = []
    size = 0
    for update in updates:
        row = _ROW_OVERHEAD + sum(2 * len(cell) for cell in update.new if cell is not None)
        if batch and (size + row > limit or len(batch) == _MOST_ROWS):
            yield batch
            batch, size = [], 0
        batch.append(update)
        size += row
    if batch:
        yield batch
