"""Runs in either store, their target data keys, and declared locations, in the state tables of every engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from reencrypt.catalogue.codec import WholeColumn
from reencrypt.catalogue.encoding import RAW
from reencrypt.catalogue.location import Field, Key, Location
from reencrypt.catalogue.namespace import qualified
from reencrypt.catalogue.reason import Reason
from reencrypt.catalogue.store_name import StoreName
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database, RowUpdate, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.databases.state_version import read_state_version
from reencrypt.databases.statements import (
    AUDIT_TABLE,
    DECLARED_TABLE,
    NAMESPACE_TABLE,
    OUR_TABLES,
    RANGE_TABLE,
    STATE_VERSION,
    TEMPORARY_TABLES,
)
from reencrypt.outcomes import RunState
from reencrypt.settings import load_settings
from reencrypt.state.damaged import DamagedStateError
from reencrypt.state.data_keys import DataKeyStore, read_own
from reencrypt.state.declared import read_declared, save_declared
from reencrypt.state.journal import journal_updates, read_entries
from reencrypt.state.lease import take_lease
from reencrypt.state.quarantine import Finding, read_quarantine, save_findings
from reencrypt.state.rowkey import key_to_text
from reencrypt.state.runs import (
    Run,
    TargetRecord,
    close_run,
    find_open,
    insert_run,
    read_runs,
    record_target_key,
)
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.manager import SecretsManagerBuilder
from tests.support.engine import Engine

MANAGER: Final = StoreName.MANAGER
VALUES: Final = Location(
    "secret_encrypted_value",
    "secret_encrypted_value",
    ("namespace", "name", "version"),
    (Field("encrypted_data", WholeColumn(RAW), key_id="data_key_id"),),
)

pytestmark = pytest.mark.every_engine


@asynccontextmanager
async def opened(engine: Engine) -> AsyncIterator[Database]:
    settings = load_settings(config=None, home=None, database_url=engine.url, environ={})
    database = await open_database(settings.database, write=True)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def filled(engine: Engine, folder: Path) -> AsyncIterator[Database]:
    """A Grafana with state tables."""
    with GrafanaBuilder(folder / "fixture.db", secret_key="s") as builder:
        SecretsManagerBuilder(builder)
    await asyncio.to_thread(engine.load, folder / "fixture.db")
    async with opened(engine) as database:
        await database.create_state()
        yield database


async def to_version_3(engine: Engine) -> None:
    """Take the steps since then back."""
    statements = [f"DROP TABLE {table}" for table in (NAMESPACE_TABLE, DECLARED_TABLE, AUDIT_TABLE, RANGE_TABLE)]
    statements.append("DELETE FROM reencrypt_schema WHERE version > 3")
    if engine.kind == "mysql":
        tables = ("journal", "quarantine", "accepted")
        statements += [f"ALTER TABLE reencrypt_{name} MODIFY row_key VARCHAR(512) NOT NULL" for name in tables]
        statements.append("ALTER TABLE reencrypt_data_key MODIFY id VARCHAR(100) NOT NULL")
    for statement in statements:
        await asyncio.to_thread(engine.execute, statement)


def run_in(store: StoreName, *namespaces: str) -> Run:
    return Run.begin(
        "run", "secret_key.v2", "aes-gcm", salt=b"saltsalt", wrap_format="", store=store, namespaces=namespaces
    )


async def begin(database: Database, *runs: Run) -> None:
    lease = await take_lease(database, timeout_seconds=30, waiting=print)
    try:
        for run in runs:
            await insert_run(database, lease, run)
    finally:
        await lease.release(database)


async def record(database: Database, run: Run, key_id: str, state: str, namespace: str = "") -> None:
    async def body(transaction: Transaction) -> None:
        await record_target_key(transaction, run, key_id, state, namespace)

    await retry_transaction(database, body)


async def test_a_run_has_a_target_key_in_each_namespace_of_the_manager(engine: Engine, tmp_path: Path) -> None:
    async with filled(engine, tmp_path) as database:
        assert await read_runs(database) == []
        classic, manager = run_in(StoreName.CLASSIC), run_in(MANAGER, "default", "org-2")
        await begin(database, classic, manager)
        found = {run.id: run for run in await read_runs(database)}
        assert (found[classic.id].store, found[classic.id].targets) == (StoreName.CLASSIC, {})
        assert found[manager.id].store is MANAGER
        assert found[manager.id].targets == {"default": TargetRecord(), "org-2": TargetRecord("", "none")}
        assert find_open(list(found.values())) is found[classic.id]
        assert find_open(list(found.values()), MANAGER) is found[manager.id]

        await record(database, classic, "abc", "active")
        await record(database, manager, "org-2/x", "made", "org-2")
        # One that Grafana has begun to use since.
        await record(database, manager, "org-3/y", "active", "org-3")
        expected = {
            "default": TargetRecord(),
            "org-2": TargetRecord("org-2/x", "made"),
            "org-3": TargetRecord("org-3/y", "active"),
        }
        assert manager.targets == expected
        found = {run.id: run for run in await read_runs(database)}
        assert found[manager.id].targets == expected
        assert (found[manager.id].target_key, found[manager.id].target_key_state) == ("", "none")
        assert (found[classic.id].target_key, found[classic.id].target_key_state) == ("abc", "active")
        async with database.transaction() as transaction:
            assert {run.id: run.targets for run in await read_runs(transaction)}[manager.id] == expected

        lease = await take_lease(database, timeout_seconds=30, waiting=print)
        await close_run(database, lease, manager, RunState.FINISHED, "done")
        runs = await read_runs(database)
        assert find_open(runs, MANAGER) is None
        open_run = find_open(runs)
        assert open_run is not None
        assert open_run.id == classic.id


async def test_a_run_without_a_store_of_its_kind_is_not_begun(engine: Engine, tmp_path: Path) -> None:
    async with filled(engine, tmp_path) as database:
        for run in (run_in(MANAGER), run_in(StoreName.CLASSIC, "default")):
            with pytest.raises(ValueError, match="namespaces"):
                await begin(database, run)
        assert await read_runs(database) == []


async def test_a_store_that_nobody_has_written_is_damage(engine: Engine, tmp_path: Path) -> None:
    async with filled(engine, tmp_path) as database:
        await begin(database, run_in(MANAGER, "default"))
        await asyncio.to_thread(engine.execute, "UPDATE reencrypt_namespace SET store = 'third'")
        with pytest.raises(DamagedStateError, match="reencrypt_namespace"):
            await read_runs(database)


async def test_state_of_the_version_before_is_read_as_it_is_and_brought_on_by_two_at_once(
    engine: Engine, tmp_path: Path
) -> None:
    namespace, name = "n" * 253, "s" * 253
    row_key: Key = (namespace, name, 2**63 - 1)
    key_id = qualified(namespace, "u" * 100)
    async with filled(engine, tmp_path) as database:
        classic = run_in(StoreName.CLASSIC)
        await begin(database, classic)
        await to_version_3(engine)
        columns = await database.columns()
        assert await read_state_version(database, columns.keys()) == 3
        assert [run.id for run in await read_runs(database)] == [classic.id]
        async with database.transaction() as transaction:
            assert [run.id for run in await read_runs(transaction)] == [classic.id]
        async with opened(engine) as other:
            await asyncio.gather(database.create_state(), other.create_state())
        columns = await database.columns()
        assert await read_state_version(database, columns.keys()) == STATE_VERSION
        # And once more, as after a crash between the last statement and the mark.
        await asyncio.to_thread(engine.execute, "DELETE FROM reencrypt_schema")
        await database.create_state()

        # The longest key of a row, and the longest id of a data key.
        async def body(transaction: Transaction) -> None:
            updates = [RowUpdate(row_key, (b"a\0old",), (b"b\0new",))]
            await journal_updates(transaction, classic.id, VALUES, updates)
            finding = Finding(row_key, "encrypted_data", Reason.IMPLAUSIBLE_PLAINTEXT, "", b"")
            await save_findings(transaction, classic.id, 0, VALUES.name, [finding])
            await transaction.execute_many(
                "accepted_save",
                ("location", "row_key", "field", "secret_hash"),
                [(VALUES.name, key_to_text(row_key), "encrypted_data", b"h" * 32)],
                run_id=classic.id,
                at="",
            )
            await DataKeyStore(database, transaction, classic.id).remember(key_id, "secret_key.v1")

        await retry_transaction(database, body)
        (entry,) = await read_entries(database, classic.id)
        assert (entry.key, entry.old) == (row_key, b"a\0old")
        (quarantined,) = await read_quarantine(database)
        assert quarantined.row_key == key_to_text(row_key)
        assert set(await read_own(database)) == {key_id}


async def test_a_step_that_was_made_in_part_is_made_to_its_end(engine: Engine, tmp_path: Path) -> None:
    """As after a crash on MySQL, which commits each statement, or by a DBA who stopped."""
    async with filled(engine, tmp_path) as database:
        statements = database.state_statements(3)
        for number in range(len(statements)):
            await to_version_3(engine)
            for statement in statements[:number]:
                await asyncio.to_thread(engine.execute, statement)
            await database.create_state()
            columns = await database.columns()
            assert await read_state_version(database, columns.keys()) == STATE_VERSION
            assert set(OUR_TABLES) <= set(columns)


async def test_declared_locations_stay_when_the_state_is_dropped(engine: Engine, tmp_path: Path) -> None:
    async with filled(engine, tmp_path) as database:
        assert await read_declared(database) == {}
        await begin(database, run_in(MANAGER, "default"))

        async def body(transaction: Transaction) -> None:
            await save_declared(transaction, "a run", "plugin.token", '{"table":"plugin"}')
            await save_declared(transaction, "a run", "another", "{}")
            await save_declared(transaction, "a later run", "plugin.token", '{"table":"plugin_2"}')

        await retry_transaction(database, body)
        declared = {"another": "{}", "plugin.token": '{"table":"plugin_2"}'}
        assert await read_declared(database) == declared
        async with database.transaction() as transaction:
            await transaction.drop_state()
        columns = await database.columns()
        assert {name for name in columns if name in OUR_TABLES} == set(OUR_TABLES) - set(TEMPORARY_TABLES)
        assert await read_state_version(database, columns.keys()) == 0
        assert await read_declared(database) == declared
        await database.create_state()
        assert await read_runs(database) == []
        assert await read_declared(database) == declared
