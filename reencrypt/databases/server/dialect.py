"""Protocols of a dialect: everything that differs between database servers, except the driver."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.column_types import ColumnUse, UnfitColumn
from reencrypt.databases.footprint import Footprint, Rewrites
from reencrypt.databases.protocol import ColumnLimit, JournaledUpdates, RowUpdate, Span, Stretch, Value
from reencrypt.databases.rights import TableRight
from reencrypt.databases.server.connection import Session
from reencrypt.databases.shapes import Shape
from reencrypt.databases.sight import Sight
from reencrypt.databases.written import Causes, Cells

#: A statement in the driver's own parameter style, and its values.
Query = tuple[str, Sequence[Any]]


class Rendering(Protocol):
    """The SQL of one location, once the types of its table's columns are known."""

    def limits(self) -> tuple[ColumnLimit | None, ...]:
        """Return the size of each of the location's columns; see `Database.column_limits`."""
        ...

    def count_keys(self) -> Query:
        """How many rows the table has and how many different keys, in one statement."""
        ...

    def page(self, stretch: Stretch, rows: int, size: int | None) -> Query:
        """The first page of a stretch in key order, cut off beyond `size` bytes, in one round trip."""
        ...

    def by_keys(self, keys: Sequence[Key]) -> Query:
        """Read the rows with these keys, and possibly others that `of_keys` leaves out."""
        ...

    def linked(self, scope: str, value: Value, text: bytes, differs_at: int) -> Query:
        """The rows with a value in the column `scope` and exactly a text; see `Transaction.read_linked`."""
        ...

    def updates(
        self, updates: Sequence[RowUpdate], now: Value, span: Span | None
    ) -> Iterable[tuple[Sequence[RowUpdate], Query]]:
        """Compare and swap rows, in as few statements as the server takes: each with its row updates.

        `span` is that of the page that the rows are from, if they are from one.
        """
        ...

    def holding(self, rows: Mapping[Key, Cells]) -> Iterable[Query]:
        """Queries that count the rows which hold exactly these bytes."""
        ...

    def to_rows(self, raws: Iterable[tuple[Any, ...]]) -> list[Row]:
        """Build rows from a result of `page` or `linked`."""
        ...

    def of_keys(self, keys: Sequence[Key], raws: Iterable[tuple[Any, ...]]) -> list[Row]:
        """Build rows from a result of `by_keys`."""
        ...


class Catalogue(Protocol):
    """A server's own catalogue of its tables. The caller translates a session's errors."""

    async def columns(self, session: Session) -> Mapping[str, frozenset[str]]:
        """The tables with their columns. Raises `ConfigurationError` where one of Grafana's has no transactions."""
        ...

    async def tables(self, session: Session) -> frozenset[str]:
        """The names of the tables that `columns` shows."""
        ...

    async def sight(self, session: Session, tables: Collection[str]) -> Sight:
        """Read what is unusual about these tables."""
        ...

    async def may_hide(self, session: Session, table: str | None, column: str | None) -> bool:
        """Whether the server denies the table or column, which says nothing about whether it exists."""
        ...

    async def read_only(self, session: Session) -> str:
        """Why the server takes no writes from this account, in words that follow a colon; empty where it does."""
        ...

    async def missing_rights(self, session: Session, needed: Sequence[TableRight]) -> list[TableRight]:
        """Those of the rights that this account lacks."""
        ...

    async def unfit_columns(self, session: Session, uses: Sequence[ColumnUse]) -> list[UnfitColumn]:
        """The columns whose type does not suit their role."""
        ...

    async def unique_keys(self, session: Session, locations: Sequence[Location]) -> frozenset[str]:
        """The names of the locations whose key an index makes unique."""
        ...

    async def shapes(self, session: Session) -> list[Shape]:
        """The shape of every table that a search has to read."""
        ...

    async def footprint(self, session: Session, rewrites: Mapping[str, Rewrites]) -> Footprint:
        """Estimate the bytes that a run adds, see `Database.footprint`."""
        ...

    async def causes(self, session: Session, tables: Collection[str]) -> Causes:
        """Read what may change rows of these tables, and whether this account sees all of it."""
        ...


class Dialect(Protocol):
    """A server's SQL. The caller translates a session's errors."""

    #: The folder of the engine, where its `.sql` files are.
    folder: str
    #: See `Database`.
    schema: str
    #: Begins the one transaction that makes the state tables; None where each statement commits by itself.
    state_lock: str | None
    #: Fires deferred triggers before the commit; None where every trigger fires with its statement.
    fire_deferred: str | None

    @property
    def catalogue(self) -> Catalogue:
        """The server's own catalogue of its tables."""
        ...

    def statement(self, name: str, parameters: Mapping[str, Value]) -> Query:
        """A named statement with its values."""
        ...

    def qualified(self, statement: str) -> str:
        """Return a statement of the code with the full names of its tables."""
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
        """Return the SQL of a location; the types of its table's columns are read once."""
        ...

    async def rewrites(self, session: Session, location: Location) -> bool:
        """Whether `rewrite` has a statement for this location."""
        ...

    async def rewrite(self, session: Session, page: JournaledUpdates, now: Value) -> tuple[int, int] | None:
        """Compare, swap and journal a page in one statement; `now` is when Grafana sees its rows changed.

        Returns how many changed, and how many entries the journal has not got. None where there is no such statement.
        """
        ...

    async def key_ahead(self, session: Session, location: Location, after: Key | None, rows: int) -> Key | None:
        """Find the key of the last of the next rows; see `Database`."""
        ...

    async def filled(self, session: Session, locations: Sequence[Location]) -> frozenset[str]:
        """The names of the locations that have rows; see `Database`."""
        ...

    async def count_stretch(
        self, session: Session, location: Location, after: Key | None, rows: int
    ) -> tuple[int, Key | None]:
        """Count what pages would read of the next rows; see `Database`."""
        ...
