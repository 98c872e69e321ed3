"""Grafana's database on MySQL or MariaDB: the dialect of these servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from reencrypt.catalogue.location import Key, Location
from reencrypt.databases.mysql.catalogue import MysqlCatalogue, Table
from reencrypt.databases.mysql.driver import MysqlDriver
from reencrypt.databases.mysql.dsn import target_of
from reencrypt.databases.mysql.rendering import Rendering
from reencrypt.databases.paramstyle import Positional, in_order
from reencrypt.databases.protocol import JournaledUpdates, Stretch, Value
from reencrypt.databases.server.connection import Session
from reencrypt.databases.server.database import ServerDatabase
from reencrypt.databases.server.dialect import Query
from reencrypt.databases.statements import load_statements
from reencrypt.databases.waits import Waiting, ignore
from reencrypt.settings import DatabaseSettings

_MARK: Final = "%s"


async def open_database(settings: DatabaseSettings, *, write: bool, waiting: Waiting = ignore) -> ServerDatabase:
    """Connect as Grafana does; `waiting` is told what is waited for.

    Raises `ConfigurationError` or, past the deadline, `UnavailableError`.
    """
    del write  # reading commands send nothing but queries
    target = target_of(settings)
    catalogue = MysqlCatalogue(target.display, target.name)

    async def look(session: Session) -> MysqlDialect:
        await catalogue.columns(session)
        return MysqlDialect(catalogue)

    return await ServerDatabase.open(MysqlDriver(target), look, waiting)


def _text(name: str) -> str:
    return load_statements("common.sql", "mysql/statements.sql")[name]


@cache
def _statement(name: str) -> Positional:
    return Positional.marked(_text(name), _MARK)


class MysqlDialect:
    """MySQL and MariaDB."""

    folder = "mysql"
    schema = ""  # a database is its own schema
    state_lock: str | None = None  # IF NOT EXISTS also holds between two runs that start at once
    fire_deferred: str | None = None

    def __init__(self, catalogue: MysqlCatalogue) -> None:
        self.catalogue = catalogue
        self._tables: dict[str, Table] = {}

    def statement(self, name: str, parameters: Mapping[str, Value]) -> Query:
        """A named statement with its values."""
        statement = _statement(name)
        return statement.text, statement.values(parameters)

    def qualified(self, statement: str) -> str:
        """The statement: the session is in the one database."""
        return statement

    async def execute_many(
        self,
        session: Session,
        statement: str,
        names: Sequence[str],
        rows: Sequence[tuple[Value, ...]],
        shared: Mapping[str, Value],
    ) -> None:
        """Run a named INSERT for many rows."""
        await session.execute_many(*in_order(_text(statement), _MARK, names, rows, shared))

    async def rendering(self, session: Session, location: Location) -> Rendering:
        """Return the SQL of a location; the types and indexes of its table are read once."""
        table = self._tables.get(location.table)
        if table is None:
            table = await self.catalogue.table(session, location.table)
            self._tables[location.table] = table
        return Rendering(location, table.types, table.unique_index(location.key), session.statement_bytes)

    async def rewrites(self, session: Session, location: Location) -> bool:
        """No statement of this server changes rows of two tables and tells of both."""
        del session, location
        return False

    async def rewrite(self, session: Session, page: JournaledUpdates, now: Value) -> tuple[int, int] | None:
        """See `rewrites`."""
        del session, page, now
        return None

    async def key_ahead(self, session: Session, location: Location, after: Key | None, rows: int) -> Key | None:
        """Find the key by its index."""
        rendering = await self.rendering(session, location)
        found = await session.fetch(*rendering.key_ahead(after, rows))
        return tuple(found[0]) if found else None

    async def filled(self, session: Session, locations: Sequence[Location]) -> frozenset[str]:
        """Look into all of them with one statement."""
        parts = [(await self.rendering(session, each)).is_filled() for each in locations]
        values = [value for _, of_part in parts for value in of_part]
        (found,) = await session.fetch(f"SELECT {', '.join(part for part, _ in parts)}", values)
        return frozenset(each.name for each, is_filled in zip(locations, found, strict=True) if is_filled)

    async def count_stretch(
        self, session: Session, location: Location, after: Key | None, rows: int
    ) -> tuple[int, Key | None]:
        """Find where the stretch ends, then count up to there."""
        rendering = await self.rendering(session, location)
        found = await session.fetch(*rendering.end_of_stretch(after, rows))
        end = tuple(found[0]) if found else None
        ((number,),) = await session.fetch(*rendering.count(Stretch(after, end)))
        return int(number), end
