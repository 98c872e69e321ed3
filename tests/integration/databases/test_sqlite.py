"""What SQLite does differently: one file lock for everybody."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import pytest

from reencrypt.catalogue.locations import BY_NAME
from reencrypt.databases.sqlite.engine import SqliteDatabase
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.decryptor import read_secrets
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.inprocess import run_in_process

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


async def test_a_page_that_is_cancelled_twice_leaves_no_cursor_open(tmp_path: Path) -> None:
    with GrafanaBuilder(tmp_path / "grafana.db") as builder:
        for number in range(2000):
            builder.add_user_auth({"o_auth_access_token": Plain(b"token %d" % number)})
    database = await SqliteDatabase.open(tmp_path / "grafana.db", write=True)
    for _ in range(20):
        reading = asyncio.ensure_future(database.read_page(BY_NAME["user_auth"], None, rows=2000, size=1 << 30))
        await asyncio.sleep(0.002)
        for _ in range(3):
            reading.cancel()
            await asyncio.sleep(0)
        with suppress(asyncio.CancelledError):
            await reading
        # Whoever was told that it is over may rely on it.
        with closing(sqlite3.connect(tmp_path / "grafana.db", timeout=0)) as other, other:
            other.execute("UPDATE user_auth SET auth_id = 'changed' WHERE id = 1")
    await database.close()


async def test_a_page_ends_where_its_bytes_do_and_holds_at_least_one_row(tmp_path: Path) -> None:
    with GrafanaBuilder(tmp_path / "grafana.db"):
        pass
    sizes = [10] * 300 + [1000] * 40 + [0, 7]
    with closing(sqlite3.connect(tmp_path / "grafana.db")) as connection, connection:
        connection.executemany(
            "INSERT INTO secrets (org_id, namespace, type, value, created, updated) VALUES (1, ?, 't', ?, '', '')",
            [(f"{number}", "x" * size) for number, size in enumerate(sizes)],
        )
    database = await SqliteDatabase.open(tmp_path / "grafana.db", write=False)
    for limit in (1, 999, 2500, 4000, 1 << 20):
        found: list[int] = []
        after = None
        while page := await database.read_page(BY_NAME["secrets"], after, rows=333, size=limit):
            lengths = [len(cell or b"") for row in page for cell in row.cells]
            assert sum(lengths[:-1]) < limit
            assert len(page) <= 333
            found += lengths
            after = page[-1].key
        assert found == sizes
    await database.close()


async def test_keys_and_types_that_somebody_stored_as_bytes_are_read_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "grafana.db"
    with GrafanaBuilder(path, secret_key="s") as builder:
        populate(builder, count=120, under=[None, builder.data_key(provider="secretKey.v1")])
    before = {address: each.plaintext for address, each in read_secrets(path, secret_key="s").items()}
    with closing(sqlite3.connect(path)) as connection, connection:
        guids = [guid for (guid,) in connection.execute("SELECT guid FROM resource_history ORDER BY guid")]
        # Every second one, so that texts come behind bytes in the file, and before them in key order.
        connection.executemany(
            "UPDATE resource_history SET guid = CAST(guid AS BLOB) WHERE guid = ?", [(each,) for each in guids[::2]]
        )
        connection.execute(
            "UPDATE secrets SET type = CAST(x'ff' || type AS TEXT) WHERE id = 1 AND type <> 'datasource'"
        )
        connection.execute("UPDATE data_keys SET label = CAST(x'ff' || label AS TEXT)")
        connection.execute("UPDATE data_keys SET provider = CAST(provider AS BLOB)")
    assert len(guids) > 2
    report = await run_in_process(f"sqlite:///{path}", "s", monkeypatch)
    assert report.outcome == "done"
    with closing(sqlite3.connect(path)) as connection, connection:
        written = connection.execute("SELECT COUNT(*) FROM reencrypt_journal WHERE row_key LIKE '[{\"bytes\":%'")
        assert written.fetchone() != (0,)
        connection.execute("UPDATE resource_history SET guid = CAST(guid AS TEXT)")
        connection.execute("UPDATE data_keys SET provider = CAST(provider AS TEXT)")
        connection.execute("UPDATE secrets SET type = SUBSTR(CAST(type AS BLOB), 2) WHERE CAST(type AS BLOB) >= x'ff'")
    after = read_secrets(path, secret_key="s")
    assert {address: each.plaintext for address, each in after.items()} == before
    assert {each.provider for address, each in after.items() if address.table != "alert_notification"} == {
        "secretKey.v1"
    }


_OTHER: Final = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    connection.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
else:
    print("no lock")
"""


def _another_writer(path: Path) -> str:
    other = [sys.executable, "-c", _OTHER, str(path)]
    return subprocess.run(other, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
async def test_to_ask_whether_a_file_takes_writes_gives_up_none_of_its_locks(journal: str, tmp_path: Path) -> None:
    path = tmp_path / "grafana.db"
    with GrafanaBuilder(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
    database = await SqliteDatabase.open(path, write=True)
    try:
        async with database.transaction():
            assert await database.write_obstacle() is None
            answer = _another_writer(path)
    finally:
        await database.close()
    assert answer == "database is locked\n"
