"""The seam between what all database servers do alike and what each does in its own way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.protocol import ColumnLimit, RowUpdate, Value
from reencrypt.databases.server.connection import Session
from reencrypt.databases.shapes import Shape
from reencrypt.databases.sight import Sight
from reencrypt.databases.written import Causes, Cells

#: A statement in the driver's own parameter style, and its values.
Query = tuple[str, Sequence[Any]]


class Rendering(Protocol):
    """The SQL of one location, once the types of its table's columns are known."""

    def limits(self) -> tuple[ColumnLimit | None, ...]:
        """How much each of the location's columns holds; see `Database.column_limits`."""
        ...

    def count_keys(self) -> Query:
        """How many rows the table has and how many different keys, in one statement."""
        ...

    def page(self, after: Sequence[Value] | None, rows: int, size: int | None) -> Query:
        """The next page in key order, cut off where it has grown beyond `size` bytes, in one round trip."""
        ...

    def by_keys(self, keys: Sequence[Key]) -> Query:
        """The rows with these keys; others may be among them that `of_keys` has to leave out."""
        ...

    def linked(self, scope: str, value: Value, text: bytes) -> Query:
        """The rows with a value in the column `scope` and exactly a text."""
        ...

    def updates(self, updates: Sequence[RowUpdate], now: Value) -> Iterable[tuple[Sequence[RowUpdate], Query]]:
        """Compare and swap rows, in as few statements as the server takes: each with the swaps that it makes."""
        ...

    def holding(self, rows: Mapping[Key, Cells]) -> Iterable[Query]:
        """Queries that count the rows which hold exactly these bytes."""
        ...

    def to_rows(self, raws: Iterable[tuple[Any, ...]]) -> list[Row]:
        """Build rows from a result of `page` or `twins`."""
        ...

    def of_keys(self, keys: Sequence[Key], raws: Iterable[tuple[Any, ...]]) -> list[Row]:
        """Build rows from a result of `by_keys`."""
        ...


class Catalogue(Protocol):
    """What a server tells about its tables. What fails in a session is for the caller to translate."""

    async def columns(self, session: Session) -> Mapping[str, frozenset[str]]:
        """The tables with their columns. Raises `ConfigurationError` where one of Grafana's has no transactions."""
        ...

    async def sight(self, session: Session, tables: Collection[str]) -> Sight:
        """What is odd about these tables."""
        ...

    async def may_hide(self, session: Session, table: str | None, column: str | None) -> bool:
        """Whether the server denies the table or column, which says nothing about whether it exists."""
        ...

    async def unique_keys(self, session: Session, locations: Sequence[Location]) -> frozenset[str]:
        """The names of the locations whose key an index makes unique."""
        ...

    async def shapes(self, session: Session) -> list[Shape]:
        """The shape of every table that a search has to read."""
        ...

    async def causes(self, session: Session, tables: Collection[str]) -> Causes:
        """What may change rows of these tables, and whether this account sees all of it."""
        ...


class Dialect(Protocol):
    """A server's SQL. What fails in a session is for the caller to translate."""

    #: The folder of the engine, where its `.sql` files are.
    folder: str
    #: See `Database`.
    schema: str
    #: What begins the one transaction that makes the state tables; None where each statement commits by itself.
    state_lock: str | None
    #: Lets triggers fire now that would fire at the commit; None where every trigger fires with its statement.
    fire_deferred: str | None

    @property
    def catalogue(self) -> Catalogue:
        """What the server tells about its tables."""
        ...

    def statement(self, name: str, parameters: Mapping[str, Value]) -> Query:
        """A named statement with its values."""
        ...

    def qualified(self, statement: str) -> str:
        """A statement that stands in the code, with what its tables have to be called."""
        ...

    async def execute_many(
        self,
        session: Session,
        statement: str,
        names: Sequence[str],
        rows: Sequence[tuple[Value, ...]],
        shared: Mapping[str, Value],
    ) -> None:
        """Run a named statement for many rows; see `Transaction`."""
        ...

    async def rendering(self, session: Session, location: Location) -> Rendering:
        """The SQL of a location, with the types of its table's columns, which are read once."""
        ...

    async def count_stretch(
        self, session: Session, location: Location, after: Key | None, rows: int
    ) -> tuple[int, Key | None]:
        """Count what pages would read of the next rows; see `Database`."""
        ...
