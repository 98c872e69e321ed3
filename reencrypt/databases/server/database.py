"""Grafana's database on a server: one statement per page each way, row locks only, self-healing connections.

The driver and the dialect hold what differs between servers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.column_types import ColumnUse, UnfitColumn
from reencrypt.databases.footprint import Footprint, Rewrites
from reencrypt.databases.protocol import ColumnLimit, JournaledUpdates, LockPolicy, RowUpdate, Span, Stretch, Value
from reencrypt.databases.retry import OPENING_SECONDS
from reencrypt.databases.rights import Right, TableRight, rights_of
from reencrypt.databases.server.connection import Connection, Driver, Session
from reencrypt.databases.server.dialect import Dialect
from reencrypt.databases.server.writers import Writers
from reencrypt.databases.shapes import Shape
from reencrypt.databases.sight import KeyCount, Sight
from reencrypt.databases.state_version import read_state_version
from reencrypt.databases.statements import (
    OUR_TABLES,
    STATE_VERSION,
    TEMPORARY_TABLES,
    load_schema,
    load_statements,
)
from reencrypt.databases.waits import Waiting
from reencrypt.databases.written import Causes, Cells, Written, blamed
from reencrypt.errors import NotWritableError, RefusedError, SchemaChangedError

_LOCK_POLICY: Final = LockPolicy(hold_seconds=0.05, gaps=False)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _updated(location: Location) -> Value:
    """The time for the location's `updated` column."""
    return int(datetime.now(UTC).timestamp()) if location.updated_in_seconds else _now()


class ServerDatabase:
    """One connection reads pages while others commit."""

    def __init__(self, driver: Driver, dialect: Dialect, reader: Connection, writers: Writers) -> None:
        self._driver = driver
        self._dialect = dialect
        self._reader = reader
        self._writers = writers

    @classmethod
    async def open(
        cls, driver: Driver, look: Callable[[Session], Awaitable[Dialect]], waiting: Waiting
    ) -> ServerDatabase:
        """Connect as Grafana does; `look` reads in the first session what the dialect needs.

        `waiting` is told what is waited for. Raises `ConfigurationError` or, past the deadline, `UnavailableError`.
        """
        reader = Connection(driver, waiting)
        try:
            dialect = await reader.read(look, deadline_seconds=OPENING_SECONDS)
            return cls(driver, dialect, reader, Writers(lambda: Connection(driver, waiting)))
        except BaseException:
            await asyncio.shield(reader.close())
            raise

    @property
    def name(self) -> str:
        """The database's URL without the password."""
        return self._driver.name

    @property
    def schema(self) -> str:
        """The schema of Grafana's tables, empty where the database has none."""
        return self._dialect.schema

    @property
    def lock_policy(self) -> LockPolicy:
        """Row locks for about 50 ms, back to back: other rows stay free."""
        return _LOCK_POLICY

    def now(self) -> datetime:
        """The time for a Grafana column, in UTC, to the second."""
        return _now()

    async def columns(self) -> Mapping[str, frozenset[str]]:
        """The tables with their columns. Raises `ConfigurationError` where one has no transactions."""
        return await self._reader.read(self._dialect.catalogue.columns)

    async def tables(self) -> Collection[str]:
        """The names of the tables."""
        return await self._reader.read(self._dialect.catalogue.tables)

    async def sight(self, tables: Collection[str]) -> Sight:
        """Read what is unusual about these tables."""
        return await self._reader.read(lambda session: self._dialect.catalogue.sight(session, tables))

    async def may_hide(self, table: str | None = None, column: str | None = None) -> bool:
        """Whether the server denies the table or column, which says nothing about whether it exists."""
        return await self._reader.read(lambda session: self._dialect.catalogue.may_hide(session, table, column))

    async def write_obstacle(self) -> NotWritableError | None:
        """Ask the server's own settings."""
        reason = await self._reader.read(self._dialect.catalogue.read_only)
        if not reason:
            return None
        return NotWritableError(
            f"{self.name} takes no writes: {reason}",
            hint="Give the address of the primary in [database], or make this server take writes.",
        )

    async def missing_rights(
        self, tables: Collection[str], updated: Mapping[str, Collection[str]]
    ) -> Sequence[TableRight]:
        """Ask the server for each right that the statements to these tables, and updates of these columns, need."""
        statements = load_statements("common.sql", f"{self._dialect.folder}/statements.sql").values()
        needed = rights_of(statements, tables)
        needed += [TableRight(table, Right.UPDATE, tuple(columns)) for table, columns in updated.items()]
        return await self._reader.read(lambda session: self._dialect.catalogue.missing_rights(session, needed))

    async def unfit_columns(self, uses: Sequence[ColumnUse]) -> list[UnfitColumn]:
        """The columns whose type does not suit their role."""
        return await self._reader.read(lambda session: self._dialect.catalogue.unfit_columns(session, uses))

    async def unique_keys(self, locations: Sequence[Location]) -> frozenset[str]:
        """The names of the locations whose key an index makes unique."""
        return await self._reader.read(lambda session: self._dialect.catalogue.unique_keys(session, locations))

    async def count_keys(self, location: Location) -> KeyCount:
        """Count rows and keys in one statement."""

        async def work(session: Session) -> KeyCount:
            rendering = await self._dialect.rendering(session, location)
            (count,) = await session.fetch(*rendering.count_keys())
            return KeyCount(*count)

        return await self._reader.read(work)

    async def shapes(self) -> list[Shape]:
        """The tables that a search has to read."""
        return await self._reader.read(self._dialect.catalogue.shapes)

    async def column_limits(self, location: Location) -> tuple[ColumnLimit | None, ...]:
        """Return the size of each of the location's columns."""
        rendering = await self._reader.read(lambda session: self._dialect.rendering(session, location))
        return rendering.limits()

    async def rewrites(self, location: Location) -> bool:
        """Ask the dialect."""
        return await self._reader.read(lambda session: self._dialect.rewrites(session, location))

    async def footprint(self, rewrites: Mapping[str, Rewrites]) -> Footprint:
        """Estimate it from the server's own settings."""
        return await self._reader.read(lambda session: self._dialect.catalogue.footprint(session, rewrites))

    async def fetch(self, statement: str, **parameters: Value) -> list[tuple[Value, ...]]:
        """Run a named query in a read of its own."""
        query, values = self._dialect.statement(statement, parameters)
        return await self._reader.read(lambda session: session.fetch(query, values))

    async def read_page(
        self, location: Location, after: Key | None, *, rows: int, size: int | None, until: Key | None = None
    ) -> list[Row]:
        """Read the next rows by key, in one statement."""

        async def work(session: Session) -> list[Row]:
            rendering = await self._dialect.rendering(session, location)
            return rendering.to_rows(await session.fetch(*rendering.page(Stretch(after, until), rows, size)))

        return await self._reader.read(work)

    async def count_stretch(self, location: Location, after: Key | None, *, rows: int) -> tuple[int, Key | None]:
        """Count what pages would read of the next rows."""
        return await self._reader.read(lambda session: self._dialect.count_stretch(session, location, after, rows))

    async def key_ahead(self, location: Location, after: Key | None, *, rows: int) -> Key | None:
        """Find it by the index of the key."""
        return await self._reader.read(lambda session: self._dialect.key_ahead(session, location, after, rows))

    async def read_rows(self, location: Location, keys: Sequence[Key]) -> list[Row]:
        """Read single rows again by key, in one statement."""
        return await self._reader.read(lambda session: _rows(session, self._dialect, location, keys))

    def together(self) -> AbstractAsyncContextManager[None]:
        """Let the reads of the block share one transaction."""
        return self._reader.together()

    async def filled(self, locations: Sequence[Location]) -> frozenset[str]:
        """The names of the locations that have rows, by one statement."""
        if not locations:
            return frozenset()
        return await self._reader.read(lambda session: self._dialect.filled(session, locations))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[ServerTransaction]:
        """A transaction of its own; several may be open at the same time, each on a connection of its own."""
        async with self._writers.transaction() as session:
            transaction = ServerTransaction(self._driver, self._dialect, session)
            yield transaction
            await transaction.written.check(transaction)

    def state_statements(self, since: int = 0) -> tuple[str, ...]:
        """The schema of the state tables behind a version."""
        return tuple(map(self._dialect.qualified, load_schema(f"{self._dialect.folder}/schema.sql", since)))

    async def create_state(self) -> None:
        """Make the missing steps; without any, the account needs no right to create a table."""
        async with self.together():
            version = await read_state_version(self, await self.tables())
        if version == STATE_VERSION:
            return
        lock, statements = self._dialect.state_lock, self.state_statements(version)

        async def work(session: Session) -> None:
            for statement in statements:
                await session.command(statement)

        if lock is None:
            # Every statement is its own transaction, so a retry is harmless.
            async with self._writers.connection() as connection:
                await connection.read(work)
            return
        async with self._writers.transaction() as session:
            with self._driver.translated():
                await session.command(lock)
                await work(session)

    async def close(self) -> None:
        """Close every connection, at once: each may have to wait for a server that does not answer."""
        await asyncio.shield(asyncio.gather(self._reader.close(), self._writers.close()))


class ServerTransaction:
    """The open transaction of a `ServerDatabase`."""

    def __init__(self, driver: Driver, dialect: Dialect, session: Session) -> None:
        self._driver = driver
        self._dialect = dialect
        self._session = session
        self.written = Written()

    async def fetch(self, statement: str, **parameters: Value) -> list[tuple[Value, ...]]:
        """Run a named query inside the transaction."""
        with self._driver.translated():
            return await self._session.fetch(*self._dialect.statement(statement, parameters))

    async def execute(self, statement: str, **parameters: Value) -> int:
        """Run a named statement; returns how many rows it matched, changed or not."""
        await self.written.expect_deactivated(self, statement, parameters)
        with self._driver.translated():
            matched = await self._session.execute(*self._dialect.statement(statement, parameters))
        self.written.note_statement(statement, parameters, matched)
        return matched

    async def execute_many(
        self, statement: str, names: Sequence[str], rows: Sequence[tuple[Value, ...]], **shared: Value
    ) -> None:
        """Run a named statement for many rows, in as few round trips as the server allows."""
        if rows:
            with self._driver.translated():
                await self._dialect.execute_many(self._session, statement, names, rows, shared)

    async def update_rows(
        self, location: Location, updates: Sequence[RowUpdate], span: Span | None = None
    ) -> list[Key]:
        """Compare and swap a page in one statement; look again only if the count is short."""
        if not updates:
            return []
        try:
            return await self._swap(location, updates, span)
        except SchemaChangedError as error:
            raise await blamed(location, error, self._read_again(location, updates)) from error

    async def _read_again(self, location: Location, updates: Sequence[RowUpdate]) -> None:
        with self._driver.translated():
            await _rows(self._session, self._dialect, location, [updates[0].key])

    async def _swap(self, location: Location, updates: Sequence[RowUpdate], span: Span | None) -> list[Key]:
        lost: list[Key] = []
        with self._driver.translated():
            rendering = await self._dialect.rendering(self._session, location)
            for batch, query in rendering.updates(updates, _updated(location), span):
                count = await self._session.execute(*query)
                lost += await self._counted(location, batch, count)
        return lost

    async def rewrite_rows(self, page: JournaledUpdates) -> list[Key] | None:
        """Compare, swap and journal a page in one statement; look again only if the count is short."""
        location, updates = page.location, page.updates
        if not updates:
            return []
        try:
            with self._driver.translated():
                counts = await self._dialect.rewrite(self._session, page, _updated(location))
                if counts is None:
                    return None
                changed, missing = counts
                losers = await self._counted(location, updates, changed)
        except SchemaChangedError as error:
            raise await blamed(location, error, self._read_again(location, updates)) from error
        if missing:
            raise RefusedError(
                f"{location.table}: of {changed} rows that have changed, reencrypt_journal lacks {missing} entries: a "
                "trigger on it keeps them out",
                hint="Nothing of this page was committed. Drop the trigger, then start again.",
            )
        return losers

    async def _counted(self, location: Location, updates: Sequence[RowUpdate], count: int) -> list[Key]:
        """Return which of some row updates did not happen, by the server's count of those that did."""
        losers: list[Key] = []
        if count == 0:
            # Including rows that hold the new bytes already, from a commit whose answer was lost.
            losers = [update.key for update in updates]
        elif count != len(updates):
            losers = await self._losers(location, updates)
        self.written.note_updates(location, updates, losers, count)
        return losers

    async def _losers(self, location: Location, updates: Sequence[RowUpdate]) -> list[Key]:
        # Ciphertexts never repeat, so a row with the new bytes was updated just now.
        rows = await _rows(self._session, self._dialect, location, [update.key for update in updates])
        cells = {row.key: row.cells for row in rows}
        return [update.key for update in updates if cells.get(update.key) != update.new]

    async def causes(self, tables: Sequence[str]) -> Causes:
        """Read what may change rows of these tables and of the state tables."""
        with self._driver.translated():
            return await self._dialect.catalogue.causes(self._session, [*tables, *OUR_TABLES])

    async def check_written(self) -> None:
        """See `Transaction`."""
        await self.written.check(self)

    async def fire_deferred(self) -> None:
        """Fire deferred triggers now, where a server has any, and from here on with their statement."""
        if self._dialect.fire_deferred is not None:
            with self._driver.translated():
                await self._session.command(self._dialect.fire_deferred)

    async def count_holding(self, location: Location, rows: Mapping[Key, Cells]) -> int:
        """Count them in the server."""
        found = 0
        if not rows:
            return found
        with self._driver.translated():
            rendering = await self._dialect.rendering(self._session, location)
            for query in rendering.holding(rows):
                ((number,),) = await self._session.fetch(*query)
                found += int(number)
        return found

    async def drop_state(self) -> None:
        """Drop the state tables, except those whose facts outlast all runs."""
        for table in TEMPORARY_TABLES:
            with self._driver.translated():
                await self._session.command(self._dialect.qualified(f"DROP TABLE IF EXISTS {table}"))

    async def read_linked(
        self, location: Location, scope: str, value: Value, text: bytes, differs_at: int = 0
    ) -> list[Row]:
        """Find the rows with the same text."""
        with self._driver.translated():
            rendering = await self._dialect.rendering(self._session, location)
            return rendering.to_rows(await self._session.fetch(*rendering.linked(scope, value, text, differs_at)))


async def _rows(session: Session, dialect: Dialect, location: Location, keys: Sequence[Key]) -> list[Row]:
    """Read rows by key in a session."""
    if not keys:
        return []
    rendering = await dialect.rendering(session, location)
    return rendering.of_keys(keys, await session.fetch(*rendering.by_keys(keys)))
