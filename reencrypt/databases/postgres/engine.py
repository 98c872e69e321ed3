"""Grafana's database on PostgreSQL: the dialect of this server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from asyncpg import FeatureNotSupportedError

from reencrypt.catalogue.location import Key, Location
from reencrypt.databases.paramstyle import Positional, arranged
from reencrypt.databases.postgres.catalogue import Place, PostgresCatalogue, find_grafana
from reencrypt.databases.postgres.driver import PostgresDriver
from reencrypt.databases.postgres.dsn import target_of
from reencrypt.databases.postgres.rendering import Column, Rendering, in_zone, quote
from reencrypt.databases.protocol import JournaledUpdates, Stretch, Value
from reencrypt.databases.server.connection import Session
from reencrypt.databases.server.database import ServerDatabase
from reencrypt.databases.server.dialect import Query
from reencrypt.databases.statements import load_statements, qualified
from reencrypt.databases.waits import Waiting, ignore
from reencrypt.errors import TransactionLostError
from reencrypt.settings import DatabaseSettings

#: The tables whose moments named statements write. No name of another table of theirs contains one of these.
_WITH_MOMENTS: Final = ("data_keys", "secret_data_key")
# A limit on statements is meant for an application's queries; what goes over a whole table may take as long as that
# needs.
_NO_LIMIT: Final = "SET LOCAL statement_timeout = 0"
_STATE_LOCK: Final = 0x7265656E  # the key of the advisory lock: "reen"


async def open_database(settings: DatabaseSettings, *, write: bool, waiting: Waiting = ignore) -> ServerDatabase:
    """Connect as Grafana does; `waiting` is told what is waited for.

    Raises `ConfigurationError` or, past the deadline, `UnavailableError`.
    """
    del write  # reading commands send nothing but queries, in read-only transactions
    return await ServerDatabase.open(PostgresDriver(target_of(settings)), _look, waiting)


async def _look(session: Session) -> PostgresDialect:
    place = await find_grafana(session, _WITH_MOMENTS)
    return PostgresDialect(place)


@cache
def _statement(name: str, schema: str) -> Positional:
    return _qualified(load_statements("common.sql", "postgres/statements.sql")[name], schema)


@cache
def _bulk_statement(name: str, schema: str) -> Positional | None:
    text = load_statements("postgres/statements.sql").get(f"{name}_in_bulk")
    return _qualified(text, schema) if text else None


def _qualified(text: str, schema: str) -> Positional:
    # The schema's name last, because it may look like a parameter.
    statement = Positional.of(text)
    return Positional(qualified(statement.text, quote(schema)), statement.names)


class PostgresDialect:
    """PostgreSQL with a schema, that of `data_keys`, else of the migration log: every statement names it."""

    folder = "postgres"
    #: IF NOT EXISTS does not protect against two runs that start at once; this lock does, also behind PgBouncer.
    state_lock: str | None = f"SELECT pg_advisory_xact_lock({_STATE_LOCK})"
    fire_deferred: str | None = "SET CONSTRAINTS ALL IMMEDIATE"

    def __init__(self, place: Place) -> None:
        self.schema = place.schema
        self._place = place
        self.catalogue = PostgresCatalogue(place.schema)
        self._ruled: set[str] = set()  # the tables that have got a rule meanwhile
        self._types: dict[str, dict[str, Column]] = {}

    def statement(self, name: str, parameters: Mapping[str, Value]) -> Query:
        """A named statement with its values."""
        statement = _statement(name, self.schema)
        if any(table in statement.text for table in self._place.zoned):
            parameters = {name: in_zone(value) for name, value in parameters.items()}
        return statement.text, statement.values(parameters)

    def qualified(self, statement: str) -> str:
        """A statement with the schema before the name of every table."""
        return qualified(statement, quote(self.schema))

    async def execute_many(
        self,
        session: Session,
        statement: str,
        names: Sequence[str],
        rows: Sequence[tuple[Value, ...]],
        shared: Mapping[str, Value],
    ) -> None:
        """Run a named statement for many rows in one round trip, in its form with arrays where it has one."""
        query = _bulk_statement(statement, self.schema)
        if query is None:
            query = _statement(statement, self.schema)
            await session.execute_many(query.text, arranged(query.names, names, rows, shared))
            return
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        values: list[Any] = [shared[name] if name in shared else columns[name] for name in query.names]
        await session.execute(query.text, values)

    async def rendering(self, session: Session, location: Location) -> Rendering:
        """Return the SQL of a location; the types of its table's columns are read once."""
        types = self._types.get(location.table)
        if types is None:
            types = self._types[location.table] = await self.catalogue.types(session, location.table)
        return Rendering(
            location, types, self.schema, self._place.is_raw, self._place.has_sha256 and self._place.is_utf8
        )

    async def rewrites(self, session: Session, location: Location) -> bool:
        """On servers that make hashes."""
        if not self._place.has_sha256 or location.table in self._ruled:
            return False
        # The server rejects a statement that changes a table with rules and does more.
        return not await self.catalogue.has_rules(session, location.table)

    async def rewrite(self, session: Session, page: JournaledUpdates, now: Value) -> tuple[int, int] | None:
        """Compare, swap and journal a page in one statement."""
        location = page.location
        if not await self.rewrites(session, location):
            return None
        rendering = await self.rendering(session, location)
        try:
            (counts,) = await session.fetch(*rendering.rewrite(page, now))
        except FeatureNotSupportedError as error:
            self._ruled.add(location.table)
            raise TransactionLostError(f"{location.table} has got a rule", hint="Start again.") from error
        rows, cells, entries = map(int, counts)
        return rows, cells - entries

    async def key_ahead(self, session: Session, location: Location, after: Key | None, rows: int) -> Key | None:
        """Find the key by its index."""
        rendering = await self.rendering(session, location)
        await session.command(_NO_LIMIT)
        found = await session.fetch(*rendering.key_ahead(after, rows))
        return rendering.to_key(found[0]) if found else None

    async def filled(self, session: Session, locations: Sequence[Location]) -> frozenset[str]:
        """Look into all of them with one statement."""
        values: list[Value] = []
        parts = [(await self.rendering(session, each)).is_filled(values) for each in locations]
        await session.command(_NO_LIMIT)
        (found,) = await session.fetch(f"SELECT {', '.join(parts)}", values)
        return frozenset(each.name for each, is_filled in zip(locations, found, strict=True) if is_filled)

    async def count_stretch(
        self, session: Session, location: Location, after: Key | None, rows: int
    ) -> tuple[int, Key | None]:
        """Count to the end in one scan: to find the end of a stretch takes ten times as long as to count it."""
        del rows
        rendering = await self.rendering(session, location)
        await session.command(_NO_LIMIT)
        ((number,),) = await session.fetch(*rendering.count(Stretch(after)))
        return int(number), None
