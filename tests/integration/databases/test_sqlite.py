"""What SQLite does differently: one file lock for everybody."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from reencrypt.databases.sqlite import SqliteDatabase
from tests.grafana.builder import GrafanaBuilder

LONGER_THAN_THE_BUSY_HANDLER = 6.0


async def test_a_file_that_is_locked_for_longer_than_sqlites_own_handler_waits_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "grafana.db"
    with GrafanaBuilder(path) as builder:
        builder.data_key()
    database = await SqliteDatabase.open(path, write=True)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    asyncio.get_running_loop().call_later(LONGER_THAN_THE_BUSY_HANDLER, other.rollback)
    assert len(await database.fetch("data_keys")) == 1
    async with database.transaction() as transaction:
        assert len(await transaction.fetch("data_keys")) == 1
    other.close()
    await database.close()
