"""The lease as its holder sees it: kept while the block runs, and given back whatever the driver does."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from reencrypt.databases.protocol import Transaction
from reencrypt.databases.sqlite.engine import SqliteDatabase
from reencrypt.databases.statements import STATE_VERSION
from reencrypt.errors import RefusedError
from reencrypt.state.lease import held_lease
from reencrypt.state.stop import StopRequest
from tests.grafana.builder import GrafanaBuilder


class Deaf:
    """A database whose driver loses a cancellation to an answer it came with, as `asyncio.wait_for` may in 3.11."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self.beaten = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._database.transaction() as transaction:
            yield transaction
        self.beaten.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)


async def test_a_cancellation_that_a_driver_loses_does_not_make_the_end_wait_for_ever(tmp_path: Path) -> None:
    with GrafanaBuilder(tmp_path / "grafana.db") as builder:
        builder.data_key()
    database = await SqliteDatabase.open(tmp_path / "grafana.db", write=True)
    await database.create_state()
    deaf = Deaf(database)
    async with asyncio.timeout(60):
        async with held_lease(
            deaf,
            timeout_seconds=0.1,
            waiting=lambda _reason: None,
            stop=StopRequest(),
        ):
            deaf.beaten.clear()
            await deaf.beaten.wait()
    assert (await database.fetch("lease_read"))[0][1] == ""
    await database.close()


async def test_a_newer_program_that_was_at_work_while_the_lease_was_waited_for_is_noticed(tmp_path: Path) -> None:
    with GrafanaBuilder(tmp_path / "grafana.db") as builder:
        builder.data_key()
    database = await SqliteDatabase.open(tmp_path / "grafana.db", write=True)
    await database.create_state()
    with closing(sqlite3.connect(tmp_path / "grafana.db")) as other, other:
        other.execute("INSERT INTO reencrypt_schema (version) VALUES (?)", (STATE_VERSION + 1,))
    with pytest.raises(RefusedError, match=f"version {STATE_VERSION + 1}"):
        async with held_lease(database, timeout_seconds=0.1, waiting=lambda _reason: None, stop=StopRequest()):
            pytest.fail("it works on state that it does not know")
    assert (await database.fetch("lease_read"))[0][1] == ""
    await database.close()
