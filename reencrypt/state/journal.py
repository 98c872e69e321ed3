"""Store of the journal: what a run replaced, written in the same transaction, so that it can be undone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from reencrypt.catalogue.location import Key, Location
from reencrypt.databases.protocol import Database, JournaledUpdates, RowUpdate, Span, Transaction, Value
from reencrypt.state.damaged import read_back
from reencrypt.state.key_table import KeyTable
from reencrypt.state.rowkey import key_from_text, key_to_text

#: A column of a row: table, the row's key as text, column.
ColumnPlace = tuple[str, str, str]

#: Greater than every entry of the journal.
END: Final = 2**62
_PAGE_ROWS: Final = 100
_PAGE_BYTES: Final = 1024 * 1024
#: What an entry holds besides its run, action and table.
_COLUMNS: Final = ("row_key", "column_name", "old_bytes", "new_hash")


def digest(data: bytes | None) -> bytes | None:
    """Return the SHA-256 of written bytes: it recognises them and reveals nothing."""
    return hashlib.sha256(data).digest() if data is not None else None


@dataclass(frozen=True, slots=True)
class Entries:
    """What the journal will hold of row updates, made before anything is locked.

    `rows` are whole entries; None where the server makes them itself, with these keys, in the statement that changes
    the rows.
    """

    row_keys: Sequence[str]
    rows: Sequence[tuple[Value, ...]] | None


def entries_of(location: Location, updates: Sequence[RowUpdate], *, by_server: bool) -> Entries:
    """Build the entries for row updates; `by_server`: see `Database.rewrites`."""
    if by_server:
        return Entries([key_to_text(update.key) for update in updates], None)
    return Entries((), update_entries(location, updates))


async def rewrite_rows(
    transaction: Transaction,
    run_id: str,
    location: Location,
    updates: Sequence[RowUpdate],
    entries: Entries,
    span: Span | None = None,
) -> list[Key]:
    """Compare and swap rows, and record what those held that changed; returns the keys of the others."""
    rows = entries.rows
    if rows is None:
        lost = await transaction.rewrite_rows(JournaledUpdates(run_id, location, updates, entries.row_keys, span))
        if lost is not None:
            return lost
        # It had one when they were made; its table has got a rule since.
        rows = update_entries(location, updates)
    lost = await transaction.update_rows(location, updates, span)
    if lost:
        losers = set(lost)
        rows = update_entries(location, [update for update in updates if update.key not in losers])
    await journal_entries(transaction, run_id, location, rows)
    return lost


async def journal_updates(
    transaction: Transaction, run_id: str, location: Location, updates: Sequence[RowUpdate]
) -> None:
    """Record the old bytes of every column that changed, and a hash of the new ones."""
    await journal_entries(transaction, run_id, location, update_entries(location, updates))


async def journal_entries(
    transaction: Transaction, run_id: str, location: Location, entries: Sequence[tuple[Value, ...]]
) -> None:
    """Record the result of `update_entries`."""
    await transaction.execute_many(
        "journal_append", _COLUMNS, entries, run_id=run_id, action="rewrite", table_name=location.table
    )


def update_entries(location: Location, updates: Sequence[RowUpdate]) -> list[tuple[Value, ...]]:
    """Build the journal's entries for row updates, before anything is locked."""
    columns = location.columns
    if len(columns) == 1:
        # Nearly all rows: without the steps of the general way.
        (column,) = columns
        return [(key_to_text(key), column, old, digest(new)) for key, (old,), (new,) in updates if old != new]
    return [
        (key_to_text(update.key), column, old, digest(new))
        for update in updates
        for column, old, new in zip(columns, update.old, update.new, strict=True)
        if old != new
    ]


async def journal_data_key(
    transaction: Transaction,
    run_id: str,
    action: str,
    key_id: str,
    *,
    old: bytes | None,
    new: bytes | None,
    table: KeyTable = KeyTable.CURRENT,
) -> None:
    """Record that a data key was inserted, activated or discarded; the bytes are the wrapped ones."""
    await transaction.execute(
        "journal_append",
        run_id=run_id,
        action=action,
        table_name=table.table_name,
        row_key=key_to_text(table.row_key(key_id)),
        column_name="encrypted_data",
        old_bytes=old,
        new_hash=digest(new),
    )


async def journal_rewrap(
    transaction: Transaction,
    run_id: str,
    key_id: str,
    *,
    old: Mapping[str, bytes],
    new: Mapping[str, bytes],
    table: KeyTable = KeyTable.CURRENT,
) -> None:
    """Record by column the old values of a data key's row, and a hash of the new ones."""
    row = key_to_text(table.row_key(key_id))
    entries = [(row, column, before, digest(new[column])) for column, before in old.items()]
    await transaction.execute_many(
        "journal_append", _COLUMNS, entries, run_id=run_id, action="rewrap", table_name=table.table_name
    )


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One rewrite of a column: the bytes before it, and a hash of those after."""

    id: int
    table: str
    row_key: str
    column: str
    old: bytes | None
    new_hash: bytes | None

    @property
    def place(self) -> ColumnPlace:
        """The rewritten column."""
        return self.table, self.row_key, self.column

    @property
    def key(self) -> Key:
        """The key of its row."""
        return key_from_text(self.row_key)


async def read_entries(
    database: Database, run_id: str, before: int = END, *, rows: int = _PAGE_ROWS
) -> list[JournalEntry]:
    """Read the next rewrites of a run older than the entry `before`, newest first; none at the end.

    At most `rows` of them, and fewer where their old bytes are longer than a megabyte together.
    """
    lengths = await database.fetch("journal_lengths_of_run", run_id=run_id, before=before, rows=rows)
    sums = accumulate(int(str(length or 0)) for (length,) in lengths)
    rows = sum(1 for total in sums if total <= _PAGE_BYTES) or min(1, len(lengths))
    return [read_entry(row) for row in await database.fetch("journal_of_run", run_id=run_id, before=before, rows=rows)]


def read_entry(row: Sequence[object]) -> JournalEntry:
    """Read a rewrite in `reencrypt_journal` back; raises `DamagedStateError`."""
    number, table, row_key, column, old, new_hash = row
    with read_back(f"the row {number} of reencrypt_journal"):
        return JournalEntry(
            int(str(number)), str(table), _canonical(row_key), str(column), _bytes(old), _bytes(new_hash)
        )


def _canonical(row_key: object) -> str:
    return key_to_text(key_from_text(str(row_key)))


def _bytes(value: object) -> bytes | None:
    return value if isinstance(value, bytes) else None


async def read_hashes(database: Database, run_ids: Iterable[str]) -> frozenset[bytes]:
    """Read the hashes of everything that some runs wrote."""
    rows = [row for run_id in run_ids for row in await database.fetch("journal_hashes", run_id=run_id)]
    return frozenset(new_hash for (new_hash,) in rows if isinstance(new_hash, bytes))


async def read_rewritten_again(database: Database, run_id: str) -> frozenset[ColumnPlace]:
    """Read the columns that a run rewrote more than once: few, after a late proof or a save by Grafana."""
    rows = await database.fetch("journal_rewritten_again", run_id=run_id)
    return frozenset((str(table), str(row_key), str(column)) for table, row_key, column in rows)


async def read_newest(database: Database, *, longest: int, after: int, rows: int) -> list[tuple[ColumnPlace, bytes]]:
    """Read the newest old values up to a length in bytes, after the entry `after`."""
    found = await database.fetch("journal_newest", size=longest, after=after, rows=rows)
    return [
        ((str(table), str(row_key), str(column)), old)
        for table, row_key, column, old in found
        if isinstance(old, bytes)
    ]


async def read_end(database: Database, run_id: str) -> int:
    """Read the last entry of a run; 0 where it has none."""
    ((end,),) = await database.fetch("journal_end", run_id=run_id)
    return int(str(end or 0))


async def read_extents(database: Database) -> dict[str, tuple[int, int]]:
    """Read how many columns each run has written, and its last entry."""
    rows = await database.fetch("journal_extents")
    return {str(run_id): (int(str(count)), int(str(last))) for run_id, count, last in rows}


async def read_places(database: Database, after: int, *, rows: int) -> list[tuple[int, str, ColumnPlace]]:
    """Read the next rewrites of all runs after the entry `after`: the entry, its run and the column."""
    return [
        (int(str(number)), str(run_id), (str(table), str(row_key), str(column)))
        for number, run_id, table, row_key, column in await database.fetch("journal_places", after=after, rows=rows)
    ]


async def read_old_bytes(database: Database, number: int) -> bytes | None:
    """Read the bytes of a column before an entry."""
    rows = await database.fetch("journal_old_bytes", id=number)
    return _bytes(rows[0][0]) if rows else None


@dataclass(frozen=True, slots=True)
class DataKeyEntry:
    """One change of a data key's row: the action, and what a column of it held before."""

    action: str
    key_id: str
    column: str
    old: bytes | None
    new_hash: bytes | None


async def read_data_key_entries(
    database: Database, run_id: str, table: KeyTable = KeyTable.CURRENT
) -> list[DataKeyEntry]:
    """Read the data keys of a table that a run has rewrapped or set inactive, in order."""
    rows = await database.fetch("journal_of_data_keys", run_id=run_id, table_name=table.table_name)
    return [
        DataKeyEntry(str(action), _key_id(table, row_key), str(column), _bytes(old), _bytes(new_hash))
        for action, row_key, column, old, new_hash in rows
    ]


async def read_rewraps(database: Database, table: KeyTable = KeyTable.CURRENT) -> list[tuple[str, str, str, bytes]]:
    """Read run, data key, column and old bytes of every rewrap of a table by all runs, in order."""
    return [
        (str(run_id), _key_id(table, row_key), str(column), old)
        for run_id, row_key, column, old in await database.fetch("journal_rewraps", table_name=table.table_name)
        if isinstance(old, bytes)
    ]


def _key_id(table: KeyTable, row_key: object) -> str:
    with read_back(f"the data key {row_key!s} in reencrypt_journal"):
        return table.key_id(key_from_text(str(row_key)))


async def drop_journal(transaction: Transaction, run_id: str) -> None:
    """Drop every entry of a run."""
    await transaction.execute("journal_drop", run_id=run_id)
