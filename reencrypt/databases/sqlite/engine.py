"""Grafana's database on SQLite: one file, one writer, and a file lock that a running Grafana shares.

A column's bytes are read with CAST(... AS BLOB), so text that is not UTF-8 survives, and written back in the storage
class that the column has, because Grafana stores JSON as text in one row and as a blob in the next.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote as quote_url

import aiosqlite

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.column_types import ColumnUse, Role, UnfitColumn
from reencrypt.databases.footprint import Footprint, Rewrites
from reencrypt.databases.protocol import ColumnLimit, Database, LockPolicy, Stretch, Value
from reencrypt.databases.rest import OF_PROCESS
from reencrypt.databases.rights import TableRight
from reencrypt.databases.shapes import Shape
from reencrypt.databases.sight import KeyCount, Sight
from reencrypt.databases.sqlite import catalogue
from reencrypt.databases.sqlite.errors import (
    DatabaseLockedError,
    UnfinishedError,
    check_file,
    check_writable,
    damaged,
    translated,
)
from reencrypt.databases.sqlite.footprint import footprint
from reencrypt.databases.sqlite.reading import fitting_rows, to_the_end
from reencrypt.databases.sqlite.rendering import (
    batches,
    columns,
    conditions,
    key_ahead,
    length,
    quote,
    select,
    to_rows,
    within,
)
from reencrypt.databases.sqlite.transaction import SqliteTransaction
from reencrypt.databases.state_version import read_state_version
from reencrypt.databases.statements import STATE_VERSION, load_schema, load_statements
from reencrypt.databases.waits import Teller, Waiting, ignore
from reencrypt.errors import ConfigurationError, NotWritableError
from reencrypt.settings import NO_CONFIGURATION, DatabaseSettings

_T = TypeVar("_T")

_BUSY_SECONDS: Final = 1.0  # one wait of SQLite's own handler, which ignores cancellation
_DEADLINE_SECONDS: Final = 60.0  # of all waits for one lock together
_OPENING_SECONDS: Final = 5.0  # the same when the file is opened
_CHECKED_BYTES: Final = 64 * 1024 * 1024

# The file is locked 10 to 20 ms at a time: another writer loses less than one of its own disk syncs.
_LOCK_POLICY: Final = LockPolicy(hold_seconds=0.015, gaps=True)


async def open_database(settings: DatabaseSettings, *, write: bool, waiting: Waiting = ignore) -> Database:
    """Open Grafana's database file; see `SqliteDatabase.open`."""
    if settings.path is None:
        raise ConfigurationError("[database] names no file")
    if settings.origin == NO_CONFIGURATION and not settings.path.exists():
        raise ConfigurationError(
            f"no configuration of Grafana was found, and there is no database in {settings.path}, its default place",
            hint="Give --grafana-config FILE, usually /etc/grafana/grafana.ini, or --database.",
        )
    return await SqliteDatabase.open(settings.path, write=write, waiting=waiting)


class SqliteDatabase:
    """Two connections to one file: pages are read on one while the other commits."""

    def __init__(
        self, path: Path, reader: aiosqlite.Connection, writer: aiosqlite.Connection, waiting: Waiting
    ) -> None:
        self._path = path
        self._waiting = waiting
        self._reader = reader
        self._writer = writer
        self._statements = load_statements("common.sql", "sqlite/statements.sql")
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path, *, write: bool, waiting: Waiting = ignore) -> SqliteDatabase:
        """Open an existing database file and check that it is whole. Changes nothing.

        `waiting` is told what is waited for.
        Raises `ConfigurationError` for a missing, read-only, damaged or foreign file.
        """
        check_file(path, write=write)
        try:
            return await cls._open(path, waiting, write=write, mode="rw" if write else "ro")
        except UnfinishedError:
            # SQLite itself rolls back, as for any reader of the file; this connection still only queries.
            return await cls._open(path, waiting, write=write, mode="rw")

    @classmethod
    async def _open(cls, path: Path, waiting: Waiting, *, write: bool, mode: str) -> SqliteDatabase:
        uri = f"file:{quote_url(str(path))}?mode={mode}"
        with translated(path):
            reader = await _connect(uri, query_only=True)
            try:
                writer = await _connect(uri, query_only=not write)
            except BaseException:
                await reader.close()
                raise
        database = cls(path, reader, writer, waiting)
        try:
            await database.check()
        except BaseException:
            await database.close()
            raise
        return database

    @property
    def name(self) -> str:
        """The file's path."""
        return str(self._path)

    @property
    def schema(self) -> str:
        """SQLite has no schemas."""
        return ""

    @property
    def lock_policy(self) -> LockPolicy:
        """Short locks with gaps, see the module's constants."""
        return _LOCK_POLICY

    def now(self) -> str:
        """The time as text, in the form that Grafana's own rows have."""
        return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")

    async def check(self) -> None:
        """Refuse a damaged file before anything is read for a decision."""
        # A large file is not read twice or locked for so long; the census finds its damage.
        small = self._path.stat().st_size <= _CHECKED_BYTES
        check = "PRAGMA quick_check(1)" if small else "SELECT 'ok'"

        async def work() -> tuple[list[Any], Any]:
            rows = list(await self._reader.execute_fetchall(check))
            return rows, await (await self._reader.execute("PRAGMA encoding")).fetchone()

        rows, encoding = await self._read(work, deadline_seconds=_OPENING_SECONDS)
        for (verdict,) in rows:
            if verdict != "ok":
                raise damaged(self._path, str(verdict).splitlines()[0])
        if encoding != ("UTF-8",):
            raise ConfigurationError(f"{self._path} is not encoded in UTF-8, so Grafana did not create it")

    async def columns(self) -> Mapping[str, frozenset[str]]:
        """Read the schema: the column names of every table."""
        rows = await self._all(catalogue.COLUMNS, {"unloaded": json.dumps(list(await self._unloaded()))})
        return {
            table: frozenset(column for _, column in group)
            for table, group in itertools.groupby(sorted(rows), key=lambda row: str(row[0]))
        }

    async def tables(self) -> Collection[str]:
        """The names of the tables."""
        return (await self.columns()).keys()

    async def sight(self, tables: Collection[str]) -> Sight:
        """Which of the tables are views or virtual."""
        rows = await self._all(catalogue.FORMS)
        kinds = {name: catalogue.kind_of(form, sql) for name, form, sql in rows if name in tables}
        return Sight({name: kind for name, kind in kinds.items() if kind})

    async def may_hide(self, table: str | None = None, column: str | None = None) -> bool:
        """Nothing is hidden in a file."""
        del table, column
        return False

    async def write_obstacle(self) -> NotWritableError | None:
        """Look at the file and its folder."""
        try:
            check_writable(self._path)
        except NotWritableError as error:
            return error
        return None

    async def missing_rights(
        self, tables: Collection[str], updated: Mapping[str, Collection[str]]
    ) -> Sequence[TableRight]:
        """None: whoever may write the file may write its tables."""
        del tables, updated
        return ()

    async def unfit_columns(self, uses: Sequence[ColumnUse]) -> list[UnfitColumn]:
        """Those for moments that the user has named: here every value has a type of its own, whatever the column's."""
        found = []
        for use in uses:
            if use.role is Role.STAMP:
                types = dict(await self._all(catalogue.TYPES, {"table": use.table}))
                kind = str(types.get(use.column, ""))
                if use.column in types and not kind.upper().startswith(catalogue.MOMENTS):
                    found.append(UnfitColumn(use.table, use.column, kind or "none", catalogue.MOMENTS))
        return found

    async def unique_keys(self, locations: Sequence[Location]) -> frozenset[str]:
        """The names of the locations whose key the row id or an index makes unique."""
        found = set()
        for location in locations:
            key = ",".join(sorted(location.key))
            values: dict[str, Value] = {"table": location.table, "key": key, "columns": len(location.key)}
            if await self._all(catalogue.UNIQUE, values):
                found.add(location.name)
        return frozenset(found)

    async def count_keys(self, location: Location) -> KeyCount:
        """Count rows and keys in one statement."""
        (count,) = await self._all(catalogue.count_keys(location))
        return KeyCount(*count)

    async def fetch(self, statement: str, **parameters: Value) -> list[tuple[Value, ...]]:
        """Run a named query outside any transaction."""
        return [tuple(row) for row in await self._all(self._statements[statement], parameters)]

    async def _all(self, query: str, values: Mapping[str, Value] | tuple[Value, ...] = ()) -> list[Any]:
        async def work() -> list[Any]:
            return list(await self._reader.execute_fetchall(query, values))

        return await self._read(work)

    async def shapes(self) -> list[Shape]:
        """The tables of the file."""
        unloaded = await self._unloaded()
        rows = await self._all(catalogue.SHAPES, {"unloaded": json.dumps(list(unloaded))})
        return catalogue.shapes_of(rows, unloaded)

    async def _unloaded(self) -> dict[str, str]:
        """The virtual tables that cannot be read, with their module."""
        tables = await self._all(catalogue.VIRTUAL_TABLES)
        return catalogue.unloaded(tables, await self._all(catalogue.MODULES)) if tables else {}

    async def column_limits(self, location: Location) -> tuple[ColumnLimit | None, ...]:
        """SQLite's columns have no size limit."""
        return (None,) * len(location.columns)

    async def rewrites(self, location: Location) -> bool:
        """No statement of SQLite writes to two tables."""
        del location
        return False

    async def footprint(self, rewrites: Mapping[str, Rewrites]) -> Footprint:
        """Estimate it, and ask the file system."""
        return footprint(self._path, rewrites)

    async def read_page(
        self, location: Location, after: Key | None, *, rows: int, size: int | None, until: Key | None = None
    ) -> list[Row]:
        """Read the next rows by key; the cursor is closed before returning, so that no lock stays."""
        key = ", ".join(map(quote, location.key))
        where, values = conditions(location)
        between, keys = within(location, Stretch(after, until))
        values += keys
        tail = f"FROM {quote(location.table)} WHERE {' AND '.join(where + between)} ORDER BY {key} LIMIT ?"

        async def work() -> list[Row]:
            fitting = rows
            if size is not None:
                # Lengths tell how many rows fit; a large row behind a small one then takes no memory.
                fitting = await fitting_rows(self._reader, f"SELECT {length(location)} {tail}", (*values, rows), size)
            raws = await self._reader.execute_fetchall(f"SELECT {columns(location)} {tail}", (*values, fitting))
            return to_rows(location, raws)

        # An open cursor blocks all commits, this program's included.
        return await self._read(lambda: to_the_end(work()))

    def together(self) -> AbstractAsyncContextManager[None]:
        """Do nothing: there are no round trips, and a transaction that stays open blocks all commits."""
        return nullcontext()

    async def filled(self, locations: Sequence[Location]) -> frozenset[str]:
        """Name all: to look through a large table for a row that may not be there blocks all commits."""
        return frozenset(each.name for each in locations)

    async def count_stretch(self, location: Location, after: Key | None, *, rows: int) -> tuple[int, Key | None]:
        """Find where the stretch ends, then count up to there."""
        where, values = conditions(location)

        async def work() -> tuple[int, Key | None]:
            end = await self._key(*key_ahead(location, after, rows, filled=False))
            between, keys = within(location, Stretch(after, end))
            query = f"SELECT COUNT(*) FROM {quote(location.table)} WHERE {' AND '.join(where + between)}"
            ((number,),) = await self._reader.execute_fetchall(query, (*values, *keys))
            return int(number), end

        return await self._read(lambda: to_the_end(work()))

    async def key_ahead(self, location: Location, after: Key | None, *, rows: int) -> Key | None:
        """Find it by the index of the key."""
        query, values = key_ahead(location, after, rows, filled=True)
        return await self._read(lambda: to_the_end(self._key(query, values)))

    async def _key(self, query: str, values: list[Value]) -> Key | None:
        found = list(await self._reader.execute_fetchall(query, values))
        return tuple(found[0]) if found else None

    async def read_rows(self, location: Location, keys: Sequence[Key]) -> list[Row]:
        """Read single rows again by key."""
        key = ", ".join(map(quote, location.key))
        one = f"({', '.join('?' * len(location.key))})"
        rows: list[Row] = []
        for batch in batches(keys):
            query = f"{select(location)} WHERE ({key}) IN (VALUES {', '.join([one] * len(batch))})"
            raws = await self._all(query, tuple(itertools.chain(*batch)))
            rows += to_rows(location, raws)
        return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTransaction]:
        """BEGIN IMMEDIATE, so that compare and swap see the same file."""
        async with OF_PROCESS.work(), self._writing:
            try:
                await self._locked("BEGIN IMMEDIATE")
                transaction = SqliteTransaction(self._path, self._writer, self._statements)
                yield transaction
                await transaction.written.check(transaction)
                await self._locked("COMMIT")
            except BaseException:
                # Also after a cancelled COMMIT, which may still have happened: then there is nothing to roll back.
                # The shield lets the rollback finish on a second cancellation.
                with translated(self._path):
                    await asyncio.shield(self._writer.rollback())
                raise

    async def _locked(self, statement: str) -> None:
        """Run a statement of the writer that waits for the file lock."""

        async def work() -> None:
            await self._writer.execute(statement)

        await self._retry(work)

    async def _read(self, work: Callable[[], Awaitable[_T]], *, deadline_seconds: float = _DEADLINE_SECONDS) -> _T:
        """Read outside any transaction, see `_retry`. It keeps others from committing, so that a rest waits for it."""
        async with OF_PROCESS.work():
            return await self._retry(work, deadline_seconds=deadline_seconds)

    async def _retry(self, work: Callable[[], Awaitable[_T]], *, deadline_seconds: float = _DEADLINE_SECONDS) -> _T:
        """Retry work that needs the file's lock for longer than SQLite's own handler waits."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + deadline_seconds
        teller = Teller(self._waiting)  # of its own: a read may go on while a write waits
        while True:
            try:
                with translated(self._path):
                    return await work()
            except DatabaseLockedError as error:
                # The handler has waited already; other errors, such as a full disk, are not retried.
                if loop.time() > deadline:
                    raise
                teller.failed(error.message)

    def state_statements(self, since: int = 0) -> tuple[str, ...]:
        """The schema of the state tables behind a version."""
        return load_schema("sqlite/schema.sql", since)

    async def create_state(self) -> None:
        """Make the missing steps in one transaction, so that all are made or none."""
        version = await read_state_version(self, await self.tables())
        if version == STATE_VERSION:
            return
        async with self.transaction():
            for statement in self.state_statements(version):
                with translated(self._path):
                    await self._writer.execute(statement)

    async def close(self) -> None:
        """Close both connections."""
        await asyncio.shield(self._reader.close())
        await asyncio.shield(self._writer.close())


async def _connect(uri: str, *, query_only: bool) -> aiosqlite.Connection:
    # No implicit transactions: every BEGIN is explicit.
    connection = await aiosqlite.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_SECONDS)
    try:
        if query_only:
            await connection.execute("PRAGMA query_only = ON")
    except BaseException:
        await connection.close()
        raise
    return connection
