"""An entry of the audit whose commit was answered by a lost connection is written again, and known as a copy."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from reencrypt.databases.protocol import Transaction
from reencrypt.databases.sqlite.engine import SqliteDatabase
from reencrypt.errors import TransactionLostError
from reencrypt.operations.evidence.gathering import without_copies
from reencrypt.state import audit
from reencrypt.state.audit import AuditEntry, AuditKind, read_audit
from reencrypt.state.lease import held_lease
from reencrypt.state.recording import record
from reencrypt.state.stop import StopRequest
from tests.grafana.builder import GrafanaBuilder


class Losing:
    """A database that commits, and loses the answer the first time."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._database.transaction() as transaction:
            yield transaction
        if not self.lost:
            self.lost += 1
            raise TransactionLostError("the connection is gone", hint="")


async def test_a_lost_answer_makes_a_copy_that_no_report_counts(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "grafana.db"
    with GrafanaBuilder(path) as builder:
        builder.data_key()
    # A clock that goes on between the two tries.
    times = iter(f"2026-11-28T08:00:{second:02}" for second in range(60))
    monkeypatch.setattr(audit, "stamp", lambda: next(times))
    database = await SqliteDatabase.open(path, write=True)
    await database.create_state()
    losing = Losing(database)
    stop = StopRequest()
    async with held_lease(database, timeout_seconds=60, waiting=lambda _reason: None, stop=stop) as lease:
        for number in range(2):
            await record(losing, lease, AuditEntry.now("a-run", AuditKind.BEGUN, {"process": number}))
        found = await read_audit(database, "a-run")
    await database.close()
    assert losing.lost == 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM reencrypt_audit").fetchone() == (3,)
    assert [entry.content for entry in without_copies(found)] == [{"process": 0}, {"process": 1}]
