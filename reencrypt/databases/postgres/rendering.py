"""SQL for a location on PostgreSQL. Identifiers come from the catalogue, type names from the server's own catalogue."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from reencrypt.catalogue.location import Key, KeyPart, Location, Row
from reencrypt.databases.joined import Cells, joined_limits, parted_cells, rows_of, stored_columns
from reencrypt.databases.postgres.swap import Swap, bind
from reencrypt.databases.protocol import ColumnLimit, JournaledUpdates, RowUpdate, Span, Stretch, Value
from reencrypt.databases.server.dialect import Query

_INTEGERS: Final = frozenset(("int2", "int4", "int8"))
#: How much of a long text tells it from another one, in characters: a ciphertext begins within them.
_PART_OF_TEXT: Final = 256
_TEXTS: Final = frozenset(("text", "varchar", "bpchar"))


@dataclass(frozen=True, slots=True)
class Column:
    """The type of a column: its name in `pg_type`, and the length of a VARCHAR in characters."""

    type_name: str
    length: int | None

    @property
    def is_binary(self) -> bool:
        """Whether it holds bytes rather than text."""
        return self.type_name == "bytea"


def quote(identifier: str) -> str:
    """Quote a table or column: `user`, `key`, `default` and `group` are reserved words."""
    return '"' + identifier.replace('"', '""') + '"'


def in_zone(moment: Value) -> Value:
    """A moment without a zone as TIMESTAMPTZ takes it: the driver would take it for local time."""
    is_naive = isinstance(moment, datetime) and moment.tzinfo is None
    return moment.replace(tzinfo=UTC) if isinstance(moment, datetime) and is_naive else moment


def _plain(part: KeyPart | UUID) -> KeyPart:
    return str(part) if isinstance(part, UUID) else part


@dataclass(frozen=True, slots=True)
class Rendering:
    """A location's SQL, once its schema and column types are known.

    `is_raw`: the database has no encoding (SQL_ASCII), so that its texts are any bytes, and are sent as bytes.
    `hashes_texts`: the server makes hashes, and its texts are UTF-8 as they are here.
    """

    location: Location
    types: Mapping[str, Column]
    schema: str
    is_raw: bool = False
    hashes_texts: bool = False

    def _table(self) -> str:
        return f"{quote(self.schema)}.{quote(self.location.table)}"

    def _bytes(self, column: str, expression: str) -> str:
        clip = self.location.clip
        if self.types[column].is_binary:
            return expression if clip is None else f"substr({expression}, 1, {clip})"
        text = f"{expression}::text"
        if clip is not None:
            # A length is cheap, a cut of text is not.
            text = f"CASE WHEN octet_length({text}) > {clip} THEN left({text}, {clip}) ELSE {text} END"
        return self._converted("convert_to", text)

    def _converted(self, function: str, expression: str) -> str:
        # To its own encoding a text is not converted, and not checked.
        return f"{function}({expression}, '{'SQL_ASCII' if self.is_raw else 'UTF8'}')"

    def _length(self, column: str) -> str:
        # Of text and bytes only the header is read; a cast to the same type costs nothing.
        name = quote(column)
        return f"octet_length({name if self.types[column].is_binary else f'{name}::text'})"

    def _select(self) -> str:
        """Key, secret columns as bytes, extras: the order that `to_rows` reads."""
        location = self.location
        columns = [quote(name) for name in location.key]
        columns += [self._bytes(name, quote(name)) for name in location.stored]
        columns += [self._extra(name, quote(name)) for name in location.extras]
        return f"SELECT {', '.join(columns)} FROM {self._own_rows()}"

    def _extra(self, column: str, expression: str) -> str:
        is_text = self.is_raw and self.types[column].type_name in _TEXTS
        return self._converted("convert_to", f"{expression}::text") if is_text else expression

    def _own_rows(self) -> str:
        # A search reads a table's children too, whose rows may repeat its keys.
        only = "" if self.location.clip is None else "ONLY "
        return f"{only}{self._table()}"

    def _where(self, stretch: Stretch, values: list[Value] | None = None) -> tuple[list[str], list[Value]]:
        """Which rows of a stretch may hold secrets: terms for WHERE, and their values behind those that there are."""
        location = self.location
        values = [] if values is None else values
        where = [f"({' OR '.join(f'{quote(field.column)} IS NOT NULL' for field in location.fields)})"]
        for column, allowed in location.only.items():
            where.append(f"{quote(column)} IN ({', '.join(bind(values, value) for value in allowed)})")
        return where + self._between(stretch, values), values

    def _between(self, stretch: Stretch, values: list[Value]) -> list[str]:
        """Terms for the rows of a stretch; adds their values."""
        key = ", ".join(map(quote, self.location.key))
        bounds = ((">", stretch.after), ("<=", stretch.until))
        return [
            f"({key}) {sign} ({', '.join(bind(values, part) for part in bound)})"
            for sign, bound in bounds
            if bound is not None
        ]

    def limits(self) -> tuple[ColumnLimit | None, ...]:
        """VARCHAR counts characters; TEXT and BYTEA hold a gigabyte."""
        lengths = (self.types[name].length for name in self.location.stored)
        limits = (None if length is None else ColumnLimit(length, in_characters=True) for length in lengths)
        return joined_limits(self.location, tuple(limits))

    def count_keys(self) -> Query:
        """How many rows there are and how many keys."""
        key = ", ".join(map(quote, self.location.key))
        filled = " AND ".join(f"{quote(name)} IS NOT NULL" for name in self.location.key)
        return (
            f"SELECT (SELECT COUNT(*) FROM {self._table()}), "
            f"(SELECT COUNT(*) FROM (SELECT DISTINCT {key} FROM {self._table()} WHERE {filled}) AS keys)"
        ), []

    def page(self, stretch: Stretch, rows: int, size: int | None) -> Query:
        """The first page of a stretch in key order, cut off where it has grown beyond `size` bytes, in one round trip.

        octet_length reads a value's header alone, so nothing is fetched from storage that the page leaves out. Key
        order and comparison are those of the column's own collation, so that its index serves both. A row's own length
        is subtracted from the sum with it, so that no sum depends on a server's treatment of an empty frame.
        """
        location = self.location
        where, values = self._where(stretch)
        key = ", ".join(map(quote, location.key))
        if size is None:
            return f"{self._select()} WHERE {' AND '.join(where)} ORDER BY {key} LIMIT {bind(values, rows)}", values
        names = (*location.key, *location.stored, *location.extras)
        inner = ", ".join(f"{quote(name)} AS x{index}" for index, name in enumerate(names))
        length = " + ".join(f"COALESCE({self._length(field.column)}, 0)" for field in location.fields)
        keys, cells = len(location.key), len(location.key) + len(location.stored)
        outer = [
            f"x{index}" if index < keys else (self._bytes if index < cells else self._extra)(name, f"x{index}")
            for index, name in enumerate(names)
        ]
        order = ", ".join(f"x{index}" for index in range(keys))
        return (
            f"SELECT {', '.join(outer)} FROM ("
            f"SELECT *, SUM(n) OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING) - n AS before "
            f"FROM (SELECT {inner}, {length} AS n FROM {self._own_rows()} WHERE {' AND '.join(where)} "
            f"ORDER BY {key} LIMIT {bind(values, rows)}) AS page"
            f") AS measured WHERE before < {bind(values, size)} ORDER BY {order}"
        ), values

    def key_ahead(self, after: Key | None, rows: int) -> Query:
        """Read the key of the last of the next rows."""
        key = ", ".join(map(quote, self.location.key))
        where, values = self._where(Stretch(after))
        offset = bind(values, rows - 1)
        return (
            f"SELECT {key} FROM {self._own_rows()} WHERE {' AND '.join(where)} ORDER BY {key} LIMIT 1 OFFSET {offset}",
            values,
        )

    def to_key(self, raw: Sequence[Any]) -> Key:
        """Build a key from a result of `key_ahead`."""
        return tuple(map(_plain, raw))

    def count(self, stretch: Stretch) -> Query:
        """How many rows `page` would read behind a key."""
        where, values = self._where(stretch)
        return f"SELECT COUNT(*) FROM {self._own_rows()} WHERE {' AND '.join(where)}", values

    def is_filled(self, values: list[Value]) -> str:
        """Whether `page` would find a row, as an expression; its values are added."""
        where, _ = self._where(Stretch(), values)
        return f"EXISTS (SELECT FROM {self._own_rows()} WHERE {' AND '.join(where)})"

    def by_keys(self, keys: Sequence[Key]) -> Query:
        """Read the rows with these keys, given in one array for each key column."""
        names = self.location.key
        arrays = ", ".join(f"${index + 1}::{self._array(name)}" for index, name in enumerate(names))
        return f"{self._select()} WHERE ({', '.join(map(quote, names))}) IN (SELECT * FROM unnest({arrays}))", [
            [key[index] for key in keys] for index in range(len(names))
        ]

    def of_keys(self, keys: Sequence[Key], raws: Iterable[tuple[Any, ...]]) -> list[Row]:
        """Build rows from a result of `by_keys`, which has no others."""
        del keys
        return self.to_rows(raws)

    def linked(self, scope: str, value: Value, text: bytes, differs_at: int) -> Query:
        """The rows with a scope and exactly a text.

        A row of another length is not read beyond its header, and one that differs in the first ciphertext not beyond
        that: the whole history of a configuration may have one length, and each row a megabyte.
        """
        first = self.location.columns[0]
        values: list[Any] = [value]
        part = text[differs_at : differs_at + _PART_OF_TEXT]
        if not self.hashes_texts or self.types[first].is_binary or not part.isascii():
            same = self._same(first, bind(values, self._value(first, text)))
            return f"{self._select()} WHERE {quote(scope)} = $1 AND {same}", values
        column = f"{quote(first)}::text"
        as_bytes = self._converted("convert_to", column)
        begin, differing = len(text[:differs_at].decode()) + 1, part.decode()
        terms = (
            f"octet_length({column}) = {bind(values, len(text))}",
            f'substr({column}, {bind(values, begin)}, {_PART_OF_TEXT}) COLLATE "C" = {bind(values, differing)}::text',
            # It tells texts apart as well as their bytes do, and need not be sent with them.
            f"pg_catalog.sha256({as_bytes}) = {bind(values, hashlib.sha256(text).digest())}",
        )
        # CASE keeps this order: a planner may compare whole texts first.
        cases = " ".join(f"WHEN NOT COALESCE({term}, false) THEN false" for term in terms)
        return f"{self._select()} WHERE {quote(scope)} = $1 AND CASE {cases} ELSE true END", values

    def updates(
        self, updates: Sequence[RowUpdate], now: Value, span: Span | None = None
    ) -> Iterator[tuple[Sequence[RowUpdate], Query]]:
        """Compare and swap a whole page in one statement."""
        page = self._swap(updates, now, span)
        yield updates, (page.statement(self._table()), page.values)

    def rewrite(self, journaled: JournaledUpdates, now: Value) -> Query:
        """Compare and swap a whole page, and journal each cell that changed.

        Counts the changed rows, the changed cells, and the journal's entries.
        """
        page = self._swap(journaled.updates, now, journaled.span)
        row_key = page.add("row_key", "text[]", journaled.row_keys)
        run, table = bind(page.values, journaled.run_id), bind(page.values, self.location.table)
        returned, entries, changes = [f"{row_key} AS row_key"], [], []
        cells = zip(self.location.columns, self._cells(page.old), self._cells(page.new), strict=True)
        for index, (column, old, new) in enumerate(cells):
            returned += [
                f"{old} AS old{index}",
                f"pg_catalog.sha256({new}) AS new{index}",
                f"{old} IS DISTINCT FROM {new} AS d{index}",
            ]
            entries.append(f"({bind(page.values, column)}::text, old{index}, new{index}, d{index})")
            changes.append(f"d{index}::int")
        return (
            f"WITH swapped AS ({page.statement(self._table())} RETURNING {', '.join(returned)}), "
            f"journaled AS (INSERT INTO {quote(self.schema)}.reencrypt_journal "
            "(run_id, action, table_name, row_key, column_name, old_bytes, new_hash) "
            f"SELECT {run}::text, 'rewrite', {table}::text, row_key, name, old, new FROM swapped "
            f"CROSS JOIN LATERAL (VALUES {', '.join(entries)}) AS cell (name, old, new, differs) WHERE differs "
            f"RETURNING 1) SELECT (SELECT count(*) FROM swapped), "
            f"(SELECT COALESCE(sum({' + '.join(changes)}), 0) FROM swapped), (SELECT count(*) FROM journaled)"
        ), page.values

    def _cells(self, sent: Sequence[str]) -> list[str]:
        """The bytes of cells, of the expressions for their stored columns; see `reencrypt.databases.joined`."""
        parts = iter(
            each if self.is_raw or self.types[column].is_binary else self._converted("convert_to", each)
            for column, each in zip(self.location.stored, sent, strict=True)
        )
        cells = [
            next(parts)
            if each.key_id is None
            else f"COALESCE({next(parts)}, '') || decode('00', 'hex') || {next(parts)}"
            for each in self.location.fields
        ]
        return [*cells, *parts]

    def _swap(self, updates: Sequence[RowUpdate], now: Value, span: Span | None) -> Swap:
        """A compare and swap of a whole page."""
        if self._is_numbered:
            # The server orders these keys as Python does.
            keys = [update.key for update in updates]
            span = (min(keys), max(keys))
        page = self._page_of(updates)
        if span is not None:
            page.where += self._within(span, page.values)
        if self.location.updated:
            zoned = self.types[self.location.updated].type_name == "timestamptz"
            page.sets.append(f"{quote(self.location.updated)} = {bind(page.values, in_zone(now) if zoned else now)}")
        return page

    def _page_of(self, updates: Sequence[RowUpdate]) -> Swap:
        """The parts of a compare and swap that follow from the rows: an array for each of their columns."""
        location = self.location
        page = Swap(len(updates))
        keys = zip(*(update.key for update in updates), strict=True)
        for index, (name, parts) in enumerate(zip(location.key, keys, strict=True)):
            page.where.append(f"t.{quote(name)} = {page.add(f'k{index}', self._array(name), parts)}")
        old = stored_columns(location, [update.old for update in updates])
        new = stored_columns(location, [update.new for update in updates])
        for index, (column, before, after) in enumerate(zip(location.stored, old, new, strict=True)):
            array = self._array(column)
            as_sent = None if self.types[column].is_binary else partial(self._value, column)
            held, sent = page.add(f"old{index}", array, before, as_sent), page.add(f"new{index}", array, after, as_sent)
            page.old.append(held)
            page.new.append(sent)
            page.where.append(self._same(column, held, "t."))
            page.sets.append(f"{quote(column)} = {self._new(column, sent)}")
        return page

    def _within(self, span: Span, values: list[Any]) -> list[str]:
        """Conditions that the rows of a page fulfil; adds their values.

        Without them the planner, which knows nothing of the arrays, reads the whole table for some page sizes. It
        estimates a comparison of whole keys by the first column alone, so that what the two ends of the page have in
        common comes first.
        """
        first, last = span
        bounds: list[str] = []
        for name, low, high in zip(self.location.key, first, last, strict=True):
            column = f"t.{quote(name)}"
            if low != high:
                return [*bounds, f"{column} BETWEEN {bind(values, low)} AND {bind(values, high)}"]
            bounds.append(f"{column} = {bind(values, low)}")
        return bounds

    def holding(self, rows: Mapping[Key, Cells]) -> Iterator[Query]:
        """Count the rows that hold exactly these bytes, given in an array for each key column and column."""
        location = self.location
        names = (*location.key, *location.stored)
        unnest = ", ".join(f"${index + 1}::{self._array(name)}" for index, name in enumerate(names))
        same = [f"t.{quote(name)} = page.c{index}" for index, name in enumerate(location.key)]
        same += [
            self._same(name, f"page.c{index}", "t.") for index, name in enumerate(location.stored, len(location.key))
        ]
        columns = ", ".join(f"c{index}" for index in range(len(names)))
        parted = parted_cells(location, rows)
        arrays: list[Any] = [[key[index] for key in rows] for index in range(len(location.key))]
        for index, column in enumerate(location.stored):
            arrays.append([self._value(column, cells[index]) for cells in parted.values()])
        yield (
            (
                f"SELECT count(*) FROM unnest({unnest}) AS page ({columns}) "
                f"JOIN {self._table()} AS t ON {' AND '.join(same)}"
            ),
            arrays,
        )

    def _new(self, column: str, sent: str) -> str:
        is_bytes = self.is_raw and not self.types[column].is_binary
        return self._converted("convert_from", sent) if is_bytes else sent

    def _same(self, column: str, other: str, prefix: str = "") -> str:
        # By bytes, not by the column's collation.
        held = f"{prefix}{quote(column)}"
        if not self.types[column].is_binary:
            held = self._converted("convert_to", f"{held}::text") if self.is_raw else f'{held} COLLATE "C"'
        return f"{held} IS NOT DISTINCT FROM {other}"

    def _array(self, column: str) -> str:
        is_sent_as_bytes = self.is_raw and column not in self.location.key
        return "bytea[]" if is_sent_as_bytes else f"{self.types[column].type_name}[]"

    @property
    def _is_numbered(self) -> bool:
        """Whether the key is one number."""
        return len(self.location.key) == 1 and self.types[self.location.key[0]].type_name in _INTEGERS

    def _value(self, column: str, cell: bytes | None) -> bytes | str | None:
        """A cell as the driver takes it; text came from the server as UTF-8, and new text is ASCII."""
        return cell if cell is None or self.is_raw or self.types[column].is_binary else cell.decode()

    def to_rows(self, raws: Iterable[tuple[Any, ...]]) -> list[Row]:
        """Build rows from a result of `page`, `by_keys` or `linked`."""
        key_end = len(self.location.key)
        # A search also goes by `ctid`, which is no column.
        if any(name in self.types and self.types[name].type_name == "uuid" for name in self.location.key):
            # As text, as the journal and reports have it; the driver takes it so as well.
            raws = ((*map(_plain, raw[:key_end]), *raw[key_end:]) for raw in raws)
        return rows_of(self.location, raws)
