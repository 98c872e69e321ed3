"""Grafana's database on PostgreSQL: pages in one statement each way, row locks only, connections that come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import asyncpg

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases import shapes
from reencrypt.databases.paramstyle import Positional, arranged
from reencrypt.databases.postgres import catalogue
from reencrypt.databases.postgres.dsn import PostgresTarget, target_of
from reencrypt.databases.postgres.errors import translated
from reencrypt.databases.postgres.rendering import Column, Rendering, quote
from reencrypt.databases.protocol import ColumnLimit, LockPolicy, Swap, Value
from reencrypt.databases.retried import OPENING_SECONDS
from reencrypt.databases.server.connection import Link
from reencrypt.databases.shapes import Shape
from reencrypt.databases.sight import KeyCount, Sight
from reencrypt.databases.state_version import read_state_version
from reencrypt.databases.statements import (
    OUR_TABLES,
    STATE_VERSION,
    TEMPORARY_TABLES,
    load_schema,
    load_statements,
    qualified,
)
from reencrypt.databases.written import Causes, Cells, Written, expect_deactivated
from reencrypt.settings import DatabaseSettings

_LOCK_POLICY: Final = LockPolicy(hold_seconds=0.05, gaps=False)
# Whatever the server's default: a swap must see what was committed before it.
# Nor is anybody kept waiting for our rows while we wait for his.
# A row policy is an error then, not a smaller answer.
_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL row_security = off; SET LOCAL lock_timeout = '5s'"
_BEGIN_READING: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL row_security = off"
_STATE_LOCK: Final = 0x7265656E  # names our advisory lock: "reen"


@cache
def _statement(name: str, schema: str) -> Positional:
    return _qualified(load_statements("common.sql", "postgres/statements.sql")[name], schema)


@cache
def _bulk_statement(name: str, schema: str) -> Positional | None:
    text = load_statements("postgres/statements.sql").get(f"{name}_in_bulk")
    return _qualified(text, schema) if text else None


def _qualified(text: str, schema: str) -> Positional:
    # The schema's name last: whatever it is, it holds no parameter.
    statement = Positional.of(text)
    return Positional(qualified(statement.text, quote(schema)), statement.names)


class _Driver:
    """asyncpg, as a link uses it."""

    def __init__(self, target: PostgresTarget) -> None:
        self._target = target

    async def connect(self) -> Any:  # noqa: ANN401 - asyncpg has no types
        """Open a connection; raises what `translated` makes of a failure."""
        with translated(self._target.display):
            return await asyncpg.connect(**self._target.arguments())

    def is_closed(self, connection: Any) -> bool:  # noqa: ANN401
        """Whether asyncpg has noticed that the connection is gone."""
        return bool(connection.is_closed())

    def cut(self, connection: Any) -> None:  # noqa: ANN401
        """Close the socket."""
        connection.terminate()

    async def leave(self, connection: Any) -> None:  # noqa: ANN401
        """Terminate in the protocol's sense."""
        await connection.close()

    async def command(self, connection: Any, command: str) -> None:  # noqa: ANN401
        """Run a statement."""
        with translated(self._target.display):
            await connection.execute(command)

    @asynccontextmanager
    async def reading(self, connection: Any) -> AsyncIterator[None]:  # noqa: ANN401
        """A short transaction: PgBouncer may give each its own server."""
        with translated(self._target.display):
            await connection.execute(_BEGIN_READING)
            try:
                yield
                await connection.execute("COMMIT")
            except Exception:
                # A cancelled read is not rolled back: its connection is cut.
                with suppress(Exception):
                    await connection.execute("ROLLBACK")
                raise


class PostgresDatabase:
    """Two connections: pages are read on one while the other commits."""

    def __init__(self, target: PostgresTarget) -> None:
        self._target = target
        self._reader = Link(_Driver(target), begin=_BEGIN)
        self._writer = Link(_Driver(target), begin=_BEGIN)
        self._schema = ""
        self._types: dict[str, dict[str, Column]] = {}

    @classmethod
    async def open(cls, settings: DatabaseSettings, *, write: bool) -> PostgresDatabase:
        """Connect as Grafana does. Raises `ConfigurationError` or, past the deadline, `UnavailableError`."""
        del write  # reading commands send nothing but queries, in read-only transactions
        database = cls(target_of(settings))
        try:
            database._schema = await database._reader.read(catalogue.schema_of, deadline_seconds=OPENING_SECONDS)
        except BaseException:
            await database.close()
            raise
        return database

    @property
    def name(self) -> str:
        """The database's URL without the password."""
        return self._target.display

    @property
    def schema(self) -> str:
        """The schema of `data_keys`, else of the migration log: every statement names it, no session sets it."""
        return self._schema

    @property
    def lock_policy(self) -> LockPolicy:
        """Row locks for about 50 ms, back to back: other rows are free all the time."""
        return _LOCK_POLICY

    def now(self) -> datetime:
        """The time for a TIMESTAMP column, in UTC, to the second."""
        return datetime.now(UTC).replace(tzinfo=None, microsecond=0)

    async def columns(self) -> Mapping[str, frozenset[str]]:
        """The tables of the schema, with their columns."""
        return await self._reader.read(lambda connection: catalogue.columns_in(connection, self._schema))

    async def sight(self, tables: Collection[str]) -> Sight:
        """The forms of the schema's tables, their row policies, and relations of the same names elsewhere."""
        return await self._reader.read(lambda connection: catalogue.sight_of(connection, self._schema, tables))

    async def may_hide(self, table: str | None = None, column: str | None = None) -> bool:
        """PostgreSQL's own catalogue shows every role all that there is."""
        del table, column
        return False

    async def unique_keys(self, locations: Sequence[Location]) -> frozenset[str]:
        """The names of the locations whose key an index makes unique."""
        return await self._reader.read(lambda connection: catalogue.unique_keys(connection, self._schema, locations))

    async def count_keys(self, location: Location) -> KeyCount:
        """Count rows and keys in one statement."""
        return await self._reader.read(lambda connection: catalogue.count_keys(connection, self._schema, location))

    async def shapes(self) -> list[Shape]:
        """The tables of the schema."""
        columns = await self._reader.read(lambda connection: connection.fetch(shapes.POSTGRES_COLUMNS, self._schema))
        keys = await self._reader.read(lambda connection: connection.fetch(shapes.POSTGRES_KEYS, self._schema))
        gaps = await self._reader.read(lambda connection: connection.fetch(shapes.POSTGRES_GAPS, self._schema))
        place = (shapes.POSTGRES_PLACE,)
        return shapes.shapes_of(map(tuple, columns), map(tuple, keys), map(tuple, gaps), otherwise=place)

    async def column_limits(self, location: Location) -> tuple[ColumnLimit | None, ...]:
        """VARCHAR counts characters; TEXT and BYTEA hold a gigabyte."""
        rendering = await self._rendering(location)
        lengths = (rendering.types[name].length for name in location.columns)
        return tuple(None if length is None else ColumnLimit(length, in_characters=True) for length in lengths)

    async def fetch(self, statement: str, **parameters: Value) -> list[tuple[Value, ...]]:
        """Run a named query in a transaction of its own."""
        query = _statement(statement, self._schema)
        return [
            tuple(row)
            for row in await self._reader.read(
                lambda connection: connection.fetch(query.text, *query.values(parameters))
            )
        ]

    async def read_page(self, location: Location, after: Key | None, *, rows: int, size: int | None) -> list[Row]:
        """Read the next rows by key, in one statement."""
        rendering = await self._rendering(location)
        query, values = rendering.page(after, rows, size)
        found = await self._reader.read(lambda connection: connection.fetch(query, *values))
        return rendering.to_rows(found)

    async def count_stretch(self, location: Location, after: Key | None, *, rows: int) -> tuple[int, Key | None]:
        """Count to the end in one scan: to look for the end of a stretch takes ten times as long as to count it."""
        rendering = await self._rendering(location)

        async def work(connection: Any) -> int:  # noqa: ANN401 - asyncpg has no types
            # A limit on statements is meant for questions of an application; this one takes what the table takes.
            await connection.execute("SET LOCAL statement_timeout = 0")
            query, values = rendering.count(after)
            return int(await connection.fetchval(query, *values))

        del rows
        return await self._reader.read(work), None

    async def read_rows(self, location: Location, keys: Sequence[Key]) -> list[Row]:
        """Read single rows again by key, in one statement."""
        rendering = await self._rendering(location)
        arrays = [[key[index] for key in keys] for index in range(len(location.key))]
        found = await self._reader.read(lambda connection: connection.fetch(rendering.by_keys(), *arrays))
        return rendering.to_rows(found)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        """A transaction of the writing connection."""
        async with self._writer.transaction() as connection:
            transaction = PostgresTransaction(self, connection)
            yield transaction
            await transaction.written.check(transaction)

    def state_statements(self, since: int = 0) -> tuple[str, ...]:
        """The schema of the state tables behind a version."""
        return tuple(qualified(each, quote(self._schema)) for each in load_schema("postgres/schema.sql", since))

    async def create_state(self) -> None:
        """Make the steps that are missing; where none is, the role needs no right to create a table."""
        version = await read_state_version(self, (await self.columns()).keys())
        if version == STATE_VERSION:
            return
        async with self.transaction() as transaction:
            # IF NOT EXISTS is no protection against two that begin at once; this lock is, also behind PgBouncer.
            await transaction.run(f"SELECT pg_advisory_xact_lock({_STATE_LOCK})")
            for statement in self.state_statements(version):
                await transaction.run(statement)

    async def close(self) -> None:
        """Close both connections."""
        await asyncio.shield(self._reader.close())
        await asyncio.shield(self._writer.close())

    async def rendering(self, location: Location, connection: Any) -> Rendering:  # noqa: ANN401 - asyncpg has no types
        """The SQL of a location, with the types of its table's columns, which are read once."""
        if location.table not in self._types:
            with translated(self.name):
                self._types[location.table] = await catalogue.types_of(connection, self._schema, location.table)
        return Rendering(location, self._types[location.table], self._schema)

    async def _rendering(self, location: Location) -> Rendering:
        return await self._reader.read(lambda connection: self.rendering(location, connection))


class PostgresTransaction:
    """The open transaction of a `PostgresDatabase`."""

    def __init__(self, database: PostgresDatabase, connection: Any) -> None:  # noqa: ANN401 - asyncpg has no types
        self._database = database
        self._connection = connection
        self.written = Written()

    async def run(self, statement: str) -> None:
        """Run a statement that is not a named one: the schema's."""
        with translated(self._database.name):
            await self._connection.execute(statement)

    async def fetch(self, statement: str, **parameters: Value) -> list[tuple[Value, ...]]:
        """Run a named query inside the transaction."""
        query = _statement(statement, self._database.schema)
        with translated(self._database.name):
            return [tuple(row) for row in await self._connection.fetch(query.text, *query.values(parameters))]

    async def execute(self, statement: str, **parameters: Value) -> int:
        """Run a named statement; returns how many rows it matched."""
        query = _statement(statement, self._database.schema)
        await expect_deactivated(self, self.written, statement, parameters)
        with translated(self._database.name):
            status = await self._connection.execute(query.text, *query.values(parameters))
        matched = int(status.rsplit(" ", 1)[-1])
        self.written.note_statement(statement, parameters, matched)
        return matched

    async def execute_many(
        self, statement: str, names: Sequence[str], rows: Sequence[tuple[Value, ...]], **shared: Value
    ) -> None:
        """Run a named statement for many rows in one round trip: with arrays where there is such a form of it."""
        if not rows:
            return
        query = _bulk_statement(statement, self._database.schema)
        with translated(self._database.name):
            if query is not None:
                columns = dict(zip(names, zip(*rows, strict=True), strict=True))
                values = [shared[name] if name in shared else columns[name] for name in query.names]
                await self._connection.execute(query.text, *values)
            else:
                query = _statement(statement, self._database.schema)
                await self._connection.executemany(query.text, arranged(query.names, names, rows, shared))

    async def swap_rows(self, location: Location, swaps: Sequence[Swap]) -> list[Key]:
        """Compare and swap a page in one statement; look again only if the count is short."""
        if not swaps:
            return []
        rendering = await self._database.rendering(location, self._connection)
        arguments: list[Any] = [*rendering.swap_arrays(swaps), *rendering.swap_range(swaps)]
        if location.updated:
            arguments.append(self._database.now())
        with translated(self._database.name):
            status = await self._connection.execute(rendering.swap(), *arguments)
            count = int(status.rsplit(" ", 1)[-1])
            if count in (0, len(swaps)):
                # None at all: also those that hold the new bytes already, from a commit whose answer was lost.
                lost = [] if count else [swap.key for swap in swaps]
                self.written.note_swaps(location, swaps, lost, count)
                return lost
            keys = ([swap.key[index] for swap in swaps] for index in range(len(location.key)))
            rows = rendering.to_rows(await self._connection.fetch(rendering.by_keys(), *keys))
        # Ciphertexts never repeat, so whatever holds the new bytes has been swapped just now.
        cells = {row.key: row.cells for row in rows}
        lost = [swap.key for swap in swaps if cells.get(swap.key) != swap.new]
        self.written.note_swaps(location, swaps, lost, count)
        return lost

    async def causes(self, tables: Sequence[str]) -> Causes:
        """Triggers and rules of these tables and of our own, their partitions and children among them."""
        with translated(self._database.name):
            seen = await catalogue.causes_of(self._connection, self._database.schema, [*tables, *OUR_TABLES])
        return Causes(seen, are_all=True)

    async def check_written(self) -> None:
        """See `Transaction`."""
        await self.written.check(self)

    async def fire_deferred(self) -> None:
        """Deferred constraint triggers fire now, and from here on with their statement."""
        await self.run("SET CONSTRAINTS ALL IMMEDIATE")

    async def count_holding(self, location: Location, rows: Mapping[Key, Cells]) -> int:
        """Count them by their bytes, in one statement."""
        if not rows:
            return 0
        rendering = await self._database.rendering(location, self._connection)
        with translated(self._database.name):
            return int(await self._connection.fetchval(rendering.holding(), *rendering.holding_arrays(rows)))

    async def drop_state(self) -> None:
        """Drop the state tables, but not the list of the data keys that we made."""
        for table in TEMPORARY_TABLES:
            await self.run(qualified(f"DROP TABLE IF EXISTS {table}", quote(self._database.schema)))

    async def read_twins(self, location: Location, scope: str, value: Value, text: bytes) -> list[Row]:
        """Find the rows with the same text."""
        rendering = await self._database.rendering(location, self._connection)
        wanted = rendering.value(location.columns[0], text)
        with translated(self._database.name):
            rows = await self._connection.fetch(rendering.twins(scope), value, wanted)
        return rendering.to_rows(rows)
