"""Protocol of every engine: pages by keyset, compare and swap in bulk, named statements, transactions.

The protocol speaks of rows as bytes. An engine decides how its columns become bytes, how it compares them exactly and
how it keeps a column's storage class.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.column_types import ColumnUse, UnfitColumn
from reencrypt.databases.footprint import Footprint, Rewrites
from reencrypt.databases.rights import TableRight
from reencrypt.databases.shapes import Shape
from reencrypt.databases.sight import KeyCount, Sight
from reencrypt.errors import NotWritableError

#: The types of values in a statement and its result.
Value = int | float | str | bytes | datetime | None


class RowUpdate(NamedTuple):
    """Change of one row, made only while the row's columns (the location's, in order) hold the `old` bytes."""

    key: Key
    old: tuple[bytes | None, ...]
    new: tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The rows of a table behind the key `after`, None for its beginning, up to the key `until`, None for its end.

    The order is the server's own.
    """

    after: Key | None = None
    until: Key | None = None


#: The first and the last key of a page, in the server's own order.
Span = tuple[Key, Key]


@dataclass(frozen=True, slots=True)
class JournaledUpdates:
    """Updates of a page's rows, and what a run's journal records of each that changes besides its bytes.

    `row_keys` are the keys of the updates, in their order, as the journal writes them. `span`: see
    `Transaction.update_rows`.
    """

    run_id: str
    location: Location
    updates: Sequence[RowUpdate]
    row_keys: Sequence[str]
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class ColumnLimit:
    """The size of a column: bytes, or characters where the engine counts those.

    Of a joined cell (see `reencrypt.databases.joined`) it is the size of the column behind the data key's id, whose own
    is `key_id`.
    """

    size: int
    in_characters: bool
    key_id: ColumnLimit | None = None

    def admits(self, cell: bytes) -> bool:
        """Whether the cell fits."""
        if self.key_id is not None:
            key_id, _, cell = cell.partition(b"\0")
            if not self.key_id.admits(key_id):
                return False
        if len(cell) <= self.size:
            return True
        return self.in_characters and len(cell.decode(errors="replace")) <= self.size

    def is_filled_by(self, cell: bytes) -> bool:
        """Whether the cell fits, and nothing more would."""
        if self.key_id is not None:
            _, _, cell = cell.partition(b"\0")
        if len(cell) < self.size or not self.in_characters:
            return len(cell) == self.size
        return len(cell.decode(errors="replace")) == self.size


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """How long a page's transaction should hold its locks, in seconds, and whether to leave equal gaps in between.

    SQLite locks the whole file and its busy handler is unfair, so it is locked briefly and left alone as long.
    """

    hold_seconds: float
    gaps: bool


class Executor(Protocol):
    """Runs named statements."""

    async def fetch(self, statement: str, **parameters: Value) -> list[tuple[Value, ...]]:
        """Run a query and return all of its rows; `statement` is a name from the `.sql` files."""
        ...


class Transaction(Executor, Protocol):
    """An open transaction, READ COMMITTED (BEGIN IMMEDIATE on SQLite)."""

    async def execute(self, statement: str, **parameters: Value) -> int:
        """Run a statement and return how many rows it matched."""
        ...

    async def execute_many(
        self, statement: str, names: Sequence[str], rows: Sequence[tuple[Value, ...]], **shared: Value
    ) -> None:
        """Run a statement for many rows in one round trip.

        `names` are the parameters that each row has values for, in its order; what all rows share is given by name.
        """
        ...

    async def check_written(self) -> None:
        """Check now that the server holds what was written, as before every commit.

        Call it where a write did not happen: it raises `RefusedError` with the name of a trigger that is the cause.
        """
        ...

    async def update_rows(
        self, location: Location, updates: Sequence[RowUpdate], span: Span | None = None
    ) -> list[Key]:
        """Compare and swap rows in bulk; returns the keys of those that no longer held the old bytes.

        `span` is that of the page that all of the rows are from: with it a server need not read the whole table.
        """
        ...

    async def rewrite_rows(self, page: JournaledUpdates) -> list[Key] | None:
        """`update_rows`, and an entry in the journal of the run for each row that changed, in one statement.

        None where `Database.rewrites` is false: nothing has happened then.
        """
        ...

    async def drop_state(self) -> None:
        """Drop the state tables, except those whose facts outlast all runs; the lease's last.

        On MySQL that commits.
        """
        ...

    async def read_linked(
        self, location: Location, scope: str, value: Value, text: bytes, differs_at: int = 0
    ) -> list[Row]:
        """Rows of the location whose `scope` column has the value and whose first column holds exactly the text.

        At `differs_at`, in bytes, the texts of most other rows are likely to differ from it.
        """
        ...


class Database(Executor, Protocol):
    """A connection to Grafana's database. All errors of its driver arrive as `ReencryptError`."""

    @property
    def name(self) -> str:
        """Its name in messages, never with a password."""
        ...

    @property
    def schema(self) -> str:
        """The schema of Grafana's tables and the state tables; empty where the engine has none."""
        ...

    @property
    def lock_policy(self) -> LockPolicy:
        """The time for which pages should lock."""
        ...

    def now(self) -> Value:
        """The present time as Grafana writes it into a timestamp column (UTC)."""
        ...

    async def columns(self) -> Mapping[str, frozenset[str]]:
        """The column names of every table."""
        ...

    async def tables(self) -> Collection[str]:
        """The names of the tables that `columns` shows, for less."""
        ...

    async def sight(self, tables: Collection[str]) -> Sight:
        """Read the form in which this session sees the tables, and what may hide rows from it."""
        ...

    async def may_hide(self, table: str | None = None, column: str | None = None) -> bool:
        """Whether a table, or a column of one, may exist although `columns` does not name it; by default any.

        False proves that it does not: the server says so, or shows everything to this account.
        """
        ...

    async def write_obstacle(self) -> NotWritableError | None:
        """Return why this database takes no writes now: a replica, a read-only server, a protected file. None: it does.

        Asks, and writes nothing.
        """
        ...

    async def missing_rights(
        self, tables: Collection[str], updated: Mapping[str, Collection[str]]
    ) -> Sequence[TableRight]:
        """The rights that this account lacks to write to `tables`, and to update the columns of those in `updated`.

        All of them exist. Asks, and writes nothing.
        """
        ...

    async def unfit_columns(self, uses: Sequence[ColumnUse]) -> list[UnfitColumn]:
        """The columns whose type this engine cannot read, compare and write exactly in their role."""
        ...

    async def unique_keys(self, locations: Sequence[Location]) -> frozenset[str]:
        """The names of the locations whose rows a valid unique index tells apart: over exactly the key, never NULL."""
        ...

    async def count_keys(self, location: Location) -> KeyCount:
        """Count the rows of the location's table and their different keys, in one statement."""
        ...

    async def shapes(self) -> list[Shape]:
        """The shape of every table, for a search of the whole database."""
        ...

    async def column_limits(self, location: Location) -> tuple[ColumnLimit | None, ...]:
        """Return the size of each of the location's columns, in order; None for no limit."""
        ...

    async def rewrites(self, location: Location) -> bool:
        """Whether `Transaction.rewrite_rows` works for this location."""
        ...

    async def footprint(self, rewrites: Mapping[str, Rewrites]) -> Footprint:
        """Estimate the bytes that a run adds by rewriting these rows of each table, and how much room there is.

        What the server or the system does not tell is not known, and never guessed.
        """
        ...

    async def read_page(
        self, location: Location, after: Key | None, *, rows: int, size: int | None, until: Key | None = None
    ) -> list[Row]:
        """The next rows behind `after`, up to `until`, in key order with a secret column that is not NULL.

        At most `rows` of them, and not many more than `size` bytes (at least one row); None is no bound on the bytes.
        Holds no transaction open. An empty page does not prove the end: read with `reencrypt.databases.paging`.
        """
        ...

    def together(self) -> AbstractAsyncContextManager[None]:
        """Let the reads of the block share round trips; for short ones that follow one another at once.

        Each sees what was committed before it, as it would alone.
        """
        ...

    async def filled(self, locations: Sequence[Location]) -> frozenset[str]:
        """The names of the locations in which `read_page` would find a row now: the server looks into all at once.

        An engine in which it would block others, or that has no round trips to save, may name all.
        """
        ...

    async def count_stretch(self, location: Location, after: Key | None, *, rows: int) -> tuple[int, Key | None]:
        """Count, in the server, what `read_page` reads in the next `rows` rows of the table behind `after`.

        An engine that can count a whole table in one scan without blocking others may ignore `rows`.
        Returns the number and the key of the last row of the stretch. With None for that key the stretch was open and
        reached the end of the table.
        """
        ...

    async def key_ahead(self, location: Location, after: Key | None, *, rows: int) -> Key | None:
        """The key of the last of the next rows behind `after` that `read_page` reads; None where there are fewer."""
        ...

    async def read_rows(self, location: Location, keys: Sequence[Key]) -> list[Row]:
        """Read the rows with these keys as they are now; deleted ones are left out."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction; it commits when the block ends and rolls back when it raises or is cancelled.

        After a cancellation the outcome is unknown: a started commit may have happened.
        """
        ...

    def state_statements(self, since: int = 0) -> tuple[str, ...]:
        """Return the statements that bring the state tables from a version to the present one, for a DBA to run."""
        ...

    async def create_state(self) -> None:
        """Bring the state tables to their present version. Two runs may do so at once.

        Raises `RefusedError` where they are of a newer one.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
