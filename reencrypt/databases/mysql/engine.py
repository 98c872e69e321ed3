"""Grafana's database on MySQL or MariaDB: pages in one statement each way, row locks only, strict whatever the server.

asyncmy speaks the text protocol here; every session sets its own SQL mode, so that nothing is ever truncated and a
backslash escapes wherever the server is configured otherwise.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases import shapes
from reencrypt.databases.mysql import catalogue
from reencrypt.databases.mysql.driver import MysqlDriver, fetch_all, run, run_many
from reencrypt.databases.mysql.dsn import MysqlTarget, target_of
from reencrypt.databases.mysql.errors import translated
from reencrypt.databases.mysql.rendering import Rendering, by_packet
from reencrypt.databases.paramstyle import in_order
from reencrypt.databases.protocol import ColumnLimit, LockPolicy, Swap, Value
from reencrypt.databases.retried import OPENING_SECONDS
from reencrypt.databases.server.connection import Link
from reencrypt.databases.shapes import Shape
from reencrypt.databases.sight import KeyCount, Sight
from reencrypt.databases.state_version import read_state_version
from reencrypt.databases.statements import OUR_TABLES, STATE_VERSION, TEMPORARY_TABLES, load_schema, load_statements
from reencrypt.databases.written import Causes, Cells, Written, expect_deactivated
from reencrypt.settings import DatabaseSettings

_LOCK_POLICY: Final = LockPolicy(hold_seconds=0.05, gaps=False)
_STATEMENT_SHARE: Final = 0.9  # of the largest packet

_PARAMETER: Final = re.compile(r":([a-z_]\w*)")


@cache
def _statement(name: str) -> str:
    return _PARAMETER.sub(r"%(\1)s", load_statements("common.sql", "mysql/statements.sql")[name])


class MysqlDatabase:
    """Two connections: pages are read on one while the other commits."""

    def __init__(self, target: MysqlTarget) -> None:
        self._target = target
        self._driver = MysqlDriver(target)
        self._reader = Link(self._driver, begin="BEGIN")
        self._writer = Link(self._driver, begin="BEGIN")
        self._tables: dict[str, catalogue.Table] = {}

    @classmethod
    async def open(cls, settings: DatabaseSettings, *, write: bool) -> MysqlDatabase:
        """Connect as Grafana does. Raises `ConfigurationError` or, past the deadline, `UnavailableError`."""
        del write  # reading commands send nothing but queries
        database = cls(target_of(settings))
        try:
            await database.columns(deadline_seconds=OPENING_SECONDS)
        except BaseException:
            await database.close()
            raise
        return database

    @property
    def name(self) -> str:
        """The database's URL without the password."""
        return self._target.display

    @property
    def database(self) -> str:
        """What the server calls this database."""
        return self._target.name

    @property
    def schema(self) -> str:
        """MySQL has none: a database is one."""
        return ""

    @property
    def lock_policy(self) -> LockPolicy:
        """Row locks for about 50 ms, back to back: other rows are free all the time."""
        return _LOCK_POLICY

    def now(self) -> datetime:
        """The time for a DATETIME column, in UTC, to the second."""
        return datetime.now(UTC).replace(tzinfo=None, microsecond=0)

    async def columns(self, *, deadline_seconds: float | None = None) -> Mapping[str, frozenset[str]]:
        """The tables of the database with their columns. Raises `ConfigurationError` where one has no transactions."""
        return await self._reader.read(
            lambda connection: catalogue.columns_of(connection, self.name), deadline_seconds=deadline_seconds
        )

    async def sight(self, tables: Collection[str]) -> Sight:
        """Which of the tables are views, or keep the rows of before."""
        return await self._reader.read(lambda connection: catalogue.sight_of(connection, tables))

    async def may_hide(self, table: str | None = None, column: str | None = None) -> bool:
        """Whether the server denies the table or column, which says nothing about whether it exists."""
        return await self._reader.read(lambda connection: catalogue.may_hide(connection, table, column))

    async def unique_keys(self, locations: Sequence[Location]) -> frozenset[str]:
        """The names of the locations whose key an index makes unique."""
        indexes = await self._reader.read(lambda connection: fetch_all(connection, shapes.MYSQL_KEYS))
        return catalogue.unique_keys(indexes, locations)

    async def count_keys(self, location: Location) -> KeyCount:
        """Count rows and keys in one statement."""

        async def work(connection: Any) -> KeyCount:  # noqa: ANN401
            return await catalogue.count_keys(connection, await self.rendering(location, connection), location)

        return await self._reader.read(work)

    async def shapes(self) -> list[Shape]:
        """The tables of the database."""
        columns = await self._reader.read(lambda connection: fetch_all(connection, shapes.MYSQL_COLUMNS))
        keys = await self._reader.read(lambda connection: fetch_all(connection, shapes.MYSQL_KEYS))
        gaps = await self._reader.read(lambda connection: fetch_all(connection, shapes.MYSQL_GAPS))
        if await self._reader.read(catalogue.may_hide):
            gaps.append(shapes.MYSQL_HIDDEN)
        return shapes.shapes_of(columns, keys, gaps)

    async def column_limits(self, location: Location) -> tuple[ColumnLimit | None, ...]:
        """VARCHAR counts characters; TEXT holds 65,535 bytes, MEDIUMTEXT 16 MiB."""
        rendering = await self._reader.read(lambda connection: self.rendering(location, connection))
        return tuple(rendering.types[name].limit for name in location.columns)

    async def fetch(self, statement: str, **parameters: Value) -> list[tuple[Value, ...]]:
        """Run a named query outside any transaction."""
        query = _statement(statement)
        return await self._reader.read(lambda connection: fetch_all(connection, query, parameters))

    async def read_page(self, location: Location, after: Key | None, *, rows: int, size: int | None) -> list[Row]:
        """Read the next rows by key, in one statement."""

        async def work(connection: Any) -> list[Row]:  # noqa: ANN401
            rendering = await self.rendering(location, connection)
            return rendering.to_rows(await fetch_all(connection, *rendering.page(after, rows, size)))

        return await self._reader.read(work)

    async def count_stretch(self, location: Location, after: Key | None, *, rows: int) -> tuple[int, Key | None]:
        """Find where the stretch ends, then count up to there."""

        async def work(connection: Any) -> tuple[int, Key | None]:  # noqa: ANN401
            rendering = await self.rendering(location, connection)
            found = await fetch_all(connection, *rendering.end_of_stretch(after, rows))
            end = found[0] if found else None
            ((number,),) = await fetch_all(connection, *rendering.count(after, end))
            return int(number), end

        return await self._reader.read(work)

    async def read_rows(self, location: Location, keys: Sequence[Key]) -> list[Row]:
        """Read single rows again by key, in one statement."""

        async def work(connection: Any) -> list[Row]:  # noqa: ANN401
            return await self.rows(location, keys, connection)

        return await self._reader.read(work)

    async def rows(self, location: Location, keys: Sequence[Key], connection: Any) -> list[Row]:  # noqa: ANN401
        """Read rows by key on a connection; the driver's errors are the caller's to translate."""
        if not keys:
            return []
        rendering = await self.rendering(location, connection)
        wanted = set(keys)
        found = rendering.to_rows(await fetch_all(connection, *rendering.by_keys(keys)))
        return [row for row in found if row.key in wanted]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MysqlTransaction]:
        """A transaction of the writing connection."""
        async with self._writer.transaction() as connection:
            transaction = MysqlTransaction(self, connection)
            yield transaction
            await transaction.written.check(transaction)

    def state_statements(self, since: int = 0) -> tuple[str, ...]:
        """The schema of the state tables behind a version."""
        return load_schema("mysql/schema.sql", since)

    async def create_state(self) -> None:
        """Make the steps that are missing; where none is, the account needs no right to create a table.

        Every statement is a transaction of its own here, and IF NOT EXISTS holds also between two that begin at once.
        """
        version = await read_state_version(self, (await self.columns()).keys())
        if version == STATE_VERSION:
            return

        async def work(connection: Any) -> None:  # noqa: ANN401
            for statement in self.state_statements(version):
                await run(connection, statement)

        await self._writer.read(work)

    async def close(self) -> None:
        """Close both connections."""
        await asyncio.shield(self._reader.close())
        await asyncio.shield(self._writer.close())

    @property
    def statement_bytes(self) -> int:
        """How long a statement may be."""
        return int(self._driver.largest_packet * _STATEMENT_SHARE)

    async def rendering(self, location: Location, connection: Any) -> Rendering:  # noqa: ANN401
        """The SQL of a location, with the types and indexes of its table, which are read once."""
        table = self._tables.get(location.table)
        if table is None:
            table = await catalogue.table_of(connection, self.name, location.table)
            self._tables[location.table] = table
        return Rendering(location, table.types, table.unique_index(location.key))


class MysqlTransaction:
    """The open transaction of a `MysqlDatabase`."""

    def __init__(self, database: MysqlDatabase, connection: Any) -> None:  # noqa: ANN401
        self._database = database
        self._connection = connection
        self.written = Written()

    async def fetch(self, statement: str, **parameters: Value) -> list[tuple[Value, ...]]:
        """Run a named query inside the transaction."""
        with translated(self._database.name):
            return await fetch_all(self._connection, _statement(statement), parameters)

    async def execute(self, statement: str, **parameters: Value) -> int:
        """Run a named statement; returns how many rows it matched, changed or not."""
        await expect_deactivated(self, self.written, statement, parameters)
        with translated(self._database.name):
            matched = int((await run(self._connection, _statement(statement), parameters)).rowcount)
        self.written.note_statement(statement, parameters, matched)
        return matched

    async def execute_many(
        self, statement: str, names: Sequence[str], rows: Sequence[tuple[Value, ...]], **shared: Value
    ) -> None:
        """Run a named INSERT for many rows: as one statement, or as few as the largest packet allows."""
        if rows:
            text = load_statements("common.sql", "mysql/statements.sql")[statement]
            query, parameters = in_order(text, "%s", names, rows, shared)
            with translated(self._database.name):
                await run_many(self._connection, query, parameters, size=self._database.statement_bytes)

    async def swap_rows(self, location: Location, swaps: Sequence[Swap]) -> list[Key]:
        """Compare and swap a page in one statement; look again only if the count is short."""
        lost: list[Key] = []
        with translated(self._database.name):
            rendering = await self._database.rendering(location, self._connection)
            for batch in by_packet(swaps, self._database.statement_bytes):
                cursor = await run(self._connection, *rendering.swap(batch, self._database.now()))
                losers: list[Key] = []
                if cursor.rowcount == 0:
                    # Also those that hold the new bytes already, from a commit whose answer was lost.
                    losers = [swap.key for swap in batch]
                elif cursor.rowcount < len(batch):
                    losers = await self._losers(location, batch)
                self.written.note_swaps(location, batch, losers, cursor.rowcount)
                lost += losers
        return lost

    async def _losers(self, location: Location, swaps: Sequence[Swap]) -> list[Key]:
        # Ciphertexts never repeat, so whatever holds the new bytes has been swapped just now.
        rows = await self._database.rows(location, [swap.key for swap in swaps], self._connection)
        cells = {row.key: row.cells for row in rows}
        return [swap.key for swap in swaps if cells.get(swap.key) != swap.new]

    async def causes(self, tables: Sequence[str]) -> Causes:
        """The triggers of these tables and of our own; accounts without the TRIGGER privilege are shown none."""
        with translated(self._database.name):
            return await catalogue.causes_of(self._connection, self._database.database, [*tables, *OUR_TABLES])

    async def check_written(self) -> None:
        """See `Transaction`."""
        await self.written.check(self)

    async def fire_deferred(self) -> None:
        """Nothing: here every trigger fires with its statement."""

    async def count_holding(self, location: Location, rows: Mapping[Key, Cells]) -> int:
        """Count them by their digests, some hundreds in a statement."""
        found = 0
        with translated(self._database.name):
            rendering = await self._database.rendering(location, self._connection)
            for query, values in rendering.holding(rows):
                ((number,),) = await fetch_all(self._connection, query, values)
                found += int(number)
        return found

    async def drop_state(self) -> None:
        """Drop the state tables, but not the list of the data keys that we made; here each commits."""
        for table in TEMPORARY_TABLES:
            with translated(self._database.name):
                await run(self._connection, f"DROP TABLE IF EXISTS {table}")

    async def read_twins(self, location: Location, scope: str, value: Value, text: bytes) -> list[Row]:
        """Find the rows with the same text."""
        with translated(self._database.name):
            rendering = await self._database.rendering(location, self._connection)
            raws = await fetch_all(self._connection, rendering.twins(scope), (value, text))
        return rendering.to_rows(raws)
