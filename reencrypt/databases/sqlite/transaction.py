"""The open transaction of an SQLite database: compare and swap, row by row in one hop to the connection's thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import aiosqlite

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.joined import parted_updates
from reencrypt.databases.paramstyle import in_order
from reencrypt.databases.protocol import JournaledUpdates, RowUpdate, Span, Value
from reencrypt.databases.sqlite.errors import translated
from reencrypt.databases.sqlite.rendering import batches, holding, quote, select, to_rows
from reencrypt.databases.statements import TEMPORARY_TABLES
from reencrypt.databases.written import Cause, Causes, Cells, Written, blamed
from reencrypt.errors import SchemaChangedError


class SqliteTransaction:
    """The open transaction of a `SqliteDatabase`."""

    def __init__(self, path: Path, connection: aiosqlite.Connection, statements: Mapping[str, str]) -> None:
        self._path = path
        self._connection = connection
        self._statements = statements
        self.written = Written()

    async def fetch(self, statement: str, **parameters: Value) -> list[tuple[Value, ...]]:
        """Run a named query inside the transaction."""
        with translated(self._path):
            rows = await self._connection.execute_fetchall(self._statements[statement], parameters)
        return [tuple(row) for row in rows]

    async def execute(self, statement: str, **parameters: Value) -> int:
        """Run a named statement; returns how many rows it matched."""
        await self.written.expect_deactivated(self, statement, parameters)
        with translated(self._path):
            cursor = await self._connection.execute(self._statements[statement], parameters)
        self.written.note_statement(statement, parameters, cursor.rowcount)
        return cursor.rowcount

    async def execute_many(
        self, statement: str, names: Sequence[str], rows: Sequence[tuple[Value, ...]], **shared: Value
    ) -> None:
        """Run a named statement for each row, prepared once, in one hop to the connection's thread."""
        if rows:
            query, parameters = in_order(self._statements[statement], "?", names, rows, shared)
            with translated(self._path):
                await self._connection.executemany(query, parameters)

    async def update_rows(
        self, location: Location, updates: Sequence[RowUpdate], span: Span | None = None
    ) -> list[Key]:
        """Update each row that still holds its old bytes, by its key; look again only if the count is short."""
        del span
        # The storage class stays that of the column in this row: text or blob.
        sets = [
            f"{name} = CASE typeof({name}) WHEN 'text' THEN CAST(?{index} AS TEXT) ELSE ?{index} END"
            for index, name in enumerate(map(quote, location.stored), start=1)
        ]
        tail: tuple[Value, ...] = ()
        if location.updated:
            sets.append(f"{quote(location.updated)} = ?")
            now = datetime.now(UTC)
            in_seconds = location.updated_in_seconds
            tail = (int(now.timestamp()) if in_seconds else now.strftime("%Y-%m-%d %H:%M:%S"),)
        same = [f"CAST({quote(name)} AS BLOB) IS ?" for name in location.stored]
        by_key = " AND ".join(f"{quote(name)} = ?" for name in location.key)
        query = f"UPDATE {quote(location.table)} SET {', '.join(sets)} WHERE {by_key} AND {' AND '.join(same)}"
        parted = parted_updates(location, updates)
        parameters = [update.new + tail + update.key + update.old for update in parted]
        try:
            with translated(self._path):
                cursor = await self._connection.executemany(query, parameters)
        except SchemaChangedError as error:
            raise await blamed(location, error, self._read_again(location)) from error
        if cursor.rowcount == len(updates):
            self.written.note_updates(location, updates, [], len(updates))
            return []
        written = f"SELECT 1 FROM {quote(location.table)} WHERE {by_key} AND {' AND '.join(same)}"
        lost = []
        for update in parted:
            with translated(self._path):
                found = await self._connection.execute_fetchall(written, (*update.key, *update.new))
            if not found:
                lost.append(update.key)
        self.written.note_updates(location, updates, lost, cursor.rowcount)
        return lost

    async def rewrite_rows(self, page: JournaledUpdates) -> list[Key] | None:
        """See `SqliteDatabase.rewrites`; nor is there a round trip to save."""
        del page
        return None

    async def _read_again(self, location: Location) -> None:
        with translated(self._path):
            await self._connection.execute_fetchall(f"{select(location)} LIMIT 1")

    async def causes(self, tables: Sequence[str]) -> Causes:
        """Read the triggers of the file, of any table: there is hardly ever one."""
        del tables
        with translated(self._path):
            rows = await self._connection.execute_fetchall(
                "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
            )
        return Causes([Cause("trigger", name, table) for name, table in rows], are_all=True)

    async def check_written(self) -> None:
        """See `Transaction`."""
        await self.written.check(self)

    async def fire_deferred(self) -> None:
        """Nothing to do: every trigger fires with its statement."""

    async def count_holding(self, location: Location, rows: Mapping[Key, Cells]) -> int:
        """Count them by their bytes, a hundred in a statement."""
        found = 0
        for keys in batches(list(rows)):
            query, values = holding(location, {key: rows[key] for key in keys})
            with translated(self._path):
                ((number,),) = await self._connection.execute_fetchall(query, values)
            found += number
        return found

    async def drop_state(self) -> None:
        """Drop the state tables, except those whose facts outlast all runs."""
        for table in TEMPORARY_TABLES:
            with translated(self._path):
                await self._connection.execute(f"DROP TABLE IF EXISTS {table}")

    async def read_linked(
        self, location: Location, scope: str, value: Value, text: bytes, differs_at: int = 0
    ) -> list[Row]:
        """Find the rows with the same text."""
        del differs_at  # SQLite reads a text as a whole
        first = quote(location.columns[0])
        query = f"{select(location)} WHERE {quote(scope)} = ? AND CAST({first} AS BLOB) = ?"
        with translated(self._path):
            raws = await self._connection.execute_fetchall(query, (value, text))
        return to_rows(location, raws)
