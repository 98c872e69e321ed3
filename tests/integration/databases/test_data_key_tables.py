"""The two tables of data keys are read and written through one store, on every engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from reencrypt.catalogue.namespace import qualified
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.errors import RefusedError
from reencrypt.keys.ring import DataKey
from reencrypt.settings import load_settings
from reencrypt.state.data_keys import (
    DataKeyStore,
    Wrapping,
    is_held,
    read_ambiguous_keys,
    read_data_keys,
    read_own,
    read_wrapped,
)
from reencrypt.state.journal import digest, read_data_key_entries, read_rewraps
from reencrypt.state.key_table import KeyTable
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.manager import SecretsManagerBuilder
from tests.support import triggers
from tests.support.engine import Engine
from tests.support.postgres import PostgresEngine, PostgresServer

RUN: Final = "20260201-000000-abcd"
WRAPPED: Final = bytes(range(64))
OTHER: Final = b"\0other" * 10

pytestmark = pytest.mark.every_engine


@dataclass(frozen=True)
class World:
    """A table, the ids of a new key and of two of Grafana's in its namespace, and of one in another."""

    table: KeyTable
    new: str
    present: tuple[str, str]
    elsewhere: tuple[str, ...]
    provider: str
    journal_key: str


async def make(engine: Engine, folder: Path, table: KeyTable) -> World:
    fixture = folder / "fixture.db"
    with GrafanaBuilder(fixture, secret_key="s") as builder:
        if table is KeyTable.CURRENT:
            ids = [builder.data_key(provider="secretKey.v1").key_id for _ in range(2)]
            world = World(table, "new/key", (ids[0], ids[1]), (), "secretKey.v1", '["new/key"]')
        else:
            manager = SecretsManagerBuilder(builder)
            keys = [manager.data_key(space) for space in ("org-2", "org-2", "default")]
            first, second, elsewhere = (qualified(key.namespace, key.uid) for key in keys)
            new = qualified("org-2", "new")
            world = World(table, new, (first, second), (elsewhere,), "secret_key.v1", '["org-2","new"]')
    await asyncio.to_thread(engine.load, fixture)
    return world


@pytest.fixture(params=[KeyTable.CURRENT, KeyTable.MANAGER], ids=["classic", "manager"])
def table(request: pytest.FixtureRequest) -> KeyTable:
    table = request.param
    assert isinstance(table, KeyTable)
    return table


@asynccontextmanager
async def opened(engine: Engine) -> AsyncIterator[Database]:
    settings = load_settings(config=None, home=None, database_url=engine.url, environ={})
    database = await open_database(settings.database, write=True)
    try:
        await database.create_state()
        yield database
    finally:
        await database.close()


async def write(
    database: Database, table: KeyTable, work: Callable[[DataKeyStore], Coroutine[Any, Any, object]]
) -> object:
    async def body(transaction: Transaction) -> object:
        return await work(DataKeyStore(database, transaction, RUN, table))

    return await retry_transaction(database, body)


async def rows(database: Database, table: KeyTable) -> dict[str, DataKey]:
    return {row.id: row for row in await read_data_keys(database, table)}


async def test_the_life_of_a_data_key(table: KeyTable, engine: Engine, tmp_path: Path) -> None:
    world = await make(engine, tmp_path, table)
    new, provider = world.new, world.provider
    async with opened(engine) as database:
        before = await rows(database, table)
        assert set(before) == {*world.present, *world.elsewhere}
        assert all(row.active for row in before.values())
        made = Wrapping(WRAPPED, provider, f"2026-02-02@{provider}")
        await write(database, table, lambda store: store.insert(new, made))
        row = (await rows(database, table))[new]
        assert (row.active, row.provider, row.wrapped, row.label) == (False, provider, WRAPPED, made.label)
        assert row.namespace == ("org-2" if table is KeyTable.MANAGER else "")
        assert await read_own(database) == {new: RUN}
        assert not await write(database, table, lambda store: store.activate(new, OTHER))
        assert await write(database, table, lambda store: store.activate(new, WRAPPED))
        assert await read_wrapped(database, new, table) == WRAPPED
        # Other data keys of its namespace alone.
        assert await write(database, table, lambda store: store.deactivate_all_but(new)) == 2
        assert {row.id for row in (await rows(database, table)).values() if row.active} == {new, *world.elsewhere}
        assert not await write(database, table, lambda store: store.discard(new, WRAPPED))
        changed = made._replace(wrapped=OTHER)
        assert not await write(database, table, lambda store: store.rewrap(new, OTHER, lambda _: changed))
        assert await write(database, table, lambda store: store.rewrap(new, WRAPPED, lambda _: changed))
        assert await read_wrapped(database, new, table) == OTHER
        assert await write(database, table, lambda store: store.deactivate(new, OTHER))
        async with database.transaction() as transaction:
            assert await is_held(transaction, new, OTHER, table)
            assert not await is_held(transaction, new, WRAPPED, table)
        # What Grafana's keys hold is untouched.
        after = await rows(database, table)
        assert {key: after[key].wrapped for key in before} == {key: row.wrapped for key, row in before.items()}

        assert [each[1:] for each in await read_rewraps(database, table)] == [
            (new, "encrypted_data", WRAPPED),
            (new, "provider", provider.encode()),
            (new, "label", made.label.encode()),
        ]
        entries = await read_data_key_entries(database, RUN, table)
        assert sorted(each.key_id for each in entries if each.action == "deactivate") == sorted([*world.present, new])
        assert [each.new_hash for each in entries if each.column == "encrypted_data"][-1] == digest(OTHER)
        other = KeyTable.MANAGER if table is KeyTable.CURRENT else KeyTable.CURRENT
        assert await read_rewraps(database, other) == []
        assert await read_data_key_entries(database, RUN, other) == []
    journal = await asyncio.to_thread(
        engine.query, "SELECT DISTINCT table_name FROM reencrypt_journal WHERE row_key = ?", world.journal_key
    )
    assert journal == [(table.table_name,)]


async def test_a_key_that_was_never_active_is_discarded_and_one_of_the_manager_is_never_deleted(
    table: KeyTable, engine: Engine, tmp_path: Path
) -> None:
    world = await make(engine, tmp_path, table)
    async with opened(engine) as database:
        wrapping = Wrapping(WRAPPED, world.provider, "label")
        await write(database, table, lambda store: store.insert(world.new, wrapping))
        assert not await write(database, table, lambda store: store.discard(world.new, OTHER))
        assert await write(database, table, lambda store: store.discard(world.new, WRAPPED))
        assert await read_own(database) == {}
        assert world.new not in await rows(database, table)
        await write(database, table, lambda store: store.insert(world.new, wrapping))
        if table is KeyTable.MANAGER:
            with pytest.raises(ValueError, match="never deleted"):
                await write(database, table, lambda store: store.delete(world.new, WRAPPED))
            assert world.new in await rows(database, table)
        else:
            assert await write(database, table, lambda store: store.delete(world.new, WRAPPED))


async def test_two_rows_with_one_id_are_told(table: KeyTable, engine: Engine, tmp_path: Path) -> None:
    world = await make(engine, tmp_path, table)
    name = table.table_name
    async with opened(engine) as database:
        assert await read_ambiguous_keys(database, table) == set()
    without_key = {
        "sqlite": engine.particulars.without_key,
        "postgres": ["ALTER TABLE {table} DROP CONSTRAINT {table}_pkey"],
        "mysql": ["ALTER TABLE {table} DROP PRIMARY KEY"],
    }
    for statement in without_key[engine.kind]:
        await asyncio.to_thread(engine.execute, statement.format(table=name))
    await asyncio.to_thread(engine.execute, f"INSERT INTO {name} SELECT * FROM {name}")  # noqa: S608 - of two
    async with opened(engine) as database:
        assert await read_ambiguous_keys(database, table) == {*world.present, *world.elsewhere}


async def test_a_uid_of_another_namespace_is_another_key(engine: Engine, tmp_path: Path) -> None:
    world = await make(engine, tmp_path, KeyTable.MANAGER)
    uid = world.elsewhere[0].partition("/")[2]
    async with opened(engine) as database:
        wrapped = await read_wrapped(database, world.elsewhere[0], KeyTable.MANAGER)
        assert wrapped is not None
        stranger = qualified("org-2", uid)
        assert await read_wrapped(database, stranger, KeyTable.MANAGER) is None
        assert not await write(database, KeyTable.MANAGER, lambda store: store.deactivate(stranger, wrapped))
        changed = Wrapping(OTHER, "secret_key.v1", "label")
        assert not await write(
            database, KeyTable.MANAGER, lambda store: store.rewrap(stranger, wrapped, lambda _: changed)
        )


@pytest.mark.parametrize(
    ("engine", "kind"), [(name, kind) for name, kinds in triggers.KINDS.items() for kind in kinds], indirect=["engine"]
)
@pytest.mark.parametrize("event", ["INSERT", "UPDATE"])
async def test_a_trigger_on_the_managers_data_keys_is_found_before_the_commit(
    kind: str, event: str, engine: Engine, tmp_path: Path
) -> None:
    table = KeyTable.MANAGER
    world = await make(engine, tmp_path, table)
    async with opened(engine) as database:
        first = world.present[0]
        wrapped = await read_wrapped(database, first, table)
        assert wrapped is not None
        await asyncio.to_thread(
            triggers.plant, engine, kind, table.table_name, "encrypted_data", key="uid", event=event
        )
        wrapping = Wrapping(OTHER, world.provider, "label")
        works: list[Callable[[DataKeyStore], Coroutine[Any, Any, object]]] = (
            [lambda store: store.insert(world.new, wrapping)]
            if event == "INSERT"
            else [
                lambda store: store.rewrap(first, wrapped, lambda _: wrapping),
                lambda store: store.deactivate(first, wrapped),
                lambda store: store.deactivate_all_but(first),
            ]
        )
        for work in works:

            async def body(
                transaction: Transaction, work: Callable[[DataKeyStore], Coroutine[Any, Any, object]] = work
            ) -> None:
                done = await work(DataKeyStore(database, transaction, RUN, table))
                # Where nothing was matched, the caller asks why.
                if not done:
                    await transaction.check_written()

            if kind in {"swallow", "rule"} and works.index(work) > 0:
                continue  # nothing is changed, and nothing is said to be
            with pytest.raises(RefusedError, match="meddler"):
                await retry_transaction(database, body)
        assert await read_wrapped(database, first, table) == wrapped
        assert world.new not in await rows(database, table)


@pytest.mark.one_engine
@pytest.mark.parametrize("zoned", ["data_keys", "secret_data_key"])
async def test_moments_with_a_zone_in_one_table_alone(
    zoned: str, table: KeyTable, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    engine = PostgresEngine(await asyncio.to_thread(postgres_server.new_database))
    world = await make(engine, tmp_path, KeyTable.MANAGER)
    world = world if table is KeyTable.MANAGER else World(table, "new", ("", ""), (), "secretKey.v1", "")
    for column in ("created", "updated"):
        statement = f"ALTER TABLE {zoned} ALTER {column} TYPE timestamptz"
        await asyncio.to_thread(engine.execute, statement)
    async with opened(engine) as database:
        wrapping = Wrapping(WRAPPED, world.provider, "label")
        await write(database, table, lambda store: store.insert(world.new, wrapping))
        assert await write(database, table, lambda store: store.activate(world.new, WRAPPED))
    age = f"SELECT abs(extract(epoch FROM created) - extract(epoch FROM now())) FROM {table.table_name}"  # noqa: S608
    where = "WHERE encrypted_data = ?"
    ((seconds,),) = await asyncio.to_thread(engine.query, f"{age} {where}", WRAPPED)
    assert float(str(seconds)) < 60 or zoned != table.table_name
