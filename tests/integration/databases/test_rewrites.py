"""A page that is swapped and journaled in one statement ends as one that is swapped and journaled in two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from reencrypt.catalogue.location import Key, Location
from reencrypt.catalogue.locations import BY_NAME, LOCATIONS
from reencrypt.catalogue.manager_locations import MANAGER_LOCATIONS
from reencrypt.databases.connect import open_database
from reencrypt.databases.postgres.catalogue import check_version
from reencrypt.databases.protocol import Database, RowUpdate, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.errors import ConfigurationError, RefusedError
from reencrypt.settings import load_settings
from reencrypt.state.journal import digest, entries_of, rewrite_rows
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.manager import SecretsManagerBuilder
from tests.grafana.populate import populate
from tests.support.postgres import PostgresEngine, PostgresServer

SECRETS = BY_NAME["secrets"]
VALUES = next(each for each in MANAGER_LOCATIONS if each.is_joined)
INSERT = (
    "INSERT INTO secrets (id, org_id, namespace, type, value, created, updated) "
    "VALUES (?, 1, ?, 't', ?, now()::timestamp, now()::timestamp)"
)
INSERT_VALUE = (
    "INSERT INTO secret_encrypted_value (namespace, name, version, encrypted_data, created, updated, data_key_id) "
    "VALUES (?, ?, 1, ?, 1, 1, ?)"
)
#: Of a text that is sent with others in one: what stands between them, line ends, and what is no ASCII.
ODD_TEXTS: Final = ("plain", "", "a\x1fb", "\x1f", "line\nline", "Grüße", "quote ' \" \\ %s $1 {}", "x" * 5000)
NO_ENCODING: Final = "ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
LATIN: Final = "ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
JOURNAL = "SELECT run_id, action, table_name, row_key, column_name, old_bytes, new_hash FROM reencrypt_journal"


def engine_of(server: PostgresServer, options: str = "") -> PostgresEngine:
    return PostgresEngine(server.new_database(options) if options else server.new_database())


def empty(engine: PostgresEngine, folder: Path) -> None:
    with GrafanaBuilder(folder / "empty.db", secret_key="s") as builder:
        SecretsManagerBuilder(builder)
    engine.load(folder / "empty.db")


@asynccontextmanager
async def opened(engine: PostgresEngine) -> AsyncIterator[Database]:
    settings = load_settings(config=None, home=None, database_url=engine.url, environ={})
    database = await open_database(settings.database, write=True)
    try:
        await database.create_state()
        yield database
    finally:
        await database.close()


async def rewrite(
    database: Database, location: Location, updates: Sequence[RowUpdate], *, by_server: bool = True
) -> list[Key]:
    entries = entries_of(location, updates, by_server=by_server)
    span = (min(update.key for update in updates), max(update.key for update in updates))

    async def body(transaction: Transaction) -> list[Key]:
        return await rewrite_rows(transaction, "run", location, updates, entries, span)

    return await retry_transaction(database, body)


async def in_both_ways(engines: Sequence[PostgresEngine], location: Location, updates: Sequence[RowUpdate]) -> int:
    """Rewrite in two databases that are alike; both hold the same then. Returns how many rows have changed."""
    ends: list[tuple[Any, ...]] = []
    for engine, by_server in zip(engines, (False, True), strict=True):
        async with opened(engine) as database:
            assert await database.rewrites(location)
            lost = await rewrite(database, location, updates, by_server=by_server)
            pages = await database.read_page(location, None, rows=1000, size=None)
            rows = [(row.key, row.cells) for row in pages]
        journal = sorted(await asyncio.to_thread(engine.query, JOURNAL))
        ends.append((sorted(lost), rows, journal))
        losers = set(lost)
        changed = [
            old != new
            for update in updates
            if update.key not in losers
            for old, new in zip(update.old, update.new, strict=True)
        ]
        assert len(journal) == sum(changed)
    assert ends[0] == ends[1]
    return len(updates) - len(ends[0][0])


@pytest.mark.parametrize("options", ["", NO_ENCODING, LATIN])
@pytest.mark.parametrize("number", [1, 2, len(ODD_TEXTS)])
async def test_odd_texts(postgres_server: PostgresServer, tmp_path: Path, options: str, number: int) -> None:
    engines = [engine_of(postgres_server, options) for _ in range(2)]
    held = [((index,), text.encode()) for index, text in enumerate(ODD_TEXTS[-number:], 1)]
    for engine in engines:
        await asyncio.to_thread(empty, engine, tmp_path)
        for (index,), text in held:
            await asyncio.to_thread(engine.execute, INSERT, index, str(index), text.decode())
    updates = [RowUpdate(key, (old,), (b"new" + old[:1000],)) for key, old in held]
    if number > 1:
        updates[1] = updates[1]._replace(old=(b"other",))
        updates.append(RowUpdate((99,), (b"gone",), (b"x",)))
    assert await in_both_ways(engines, SECRETS, updates) == max(1, number - 1)


@pytest.mark.parametrize("options", ["", NO_ENCODING])
async def test_values_beside_the_id_of_their_data_key(
    postgres_server: PostgresServer, tmp_path: Path, options: str
) -> None:
    engines = [engine_of(postgres_server, options) for _ in range(2)]
    held = {"a": ("k", b"one\0\xff"), "b\x1f": ("k", b""), "ü\"'\\": ("", b"\0"), "d": ("other", b"x" * 300)}
    for engine in engines:
        await asyncio.to_thread(empty, engine, tmp_path)
        for name, (key_id, data) in held.items():
            await asyncio.to_thread(engine.execute, INSERT_VALUE, "default", name, data, key_id)
    updates = [
        RowUpdate(("default", name, 1), (key_id.encode() + b"\0" + data,), (b"new\0" + data + b"!",))
        for name, (key_id, data) in held.items()
    ]
    assert await in_both_ways(engines, VALUES, updates) == len(held)


async def test_every_location(postgres_server: PostgresServer, tmp_path: Path) -> None:
    engines = [engine_of(postgres_server) for _ in range(2)]
    with GrafanaBuilder(tmp_path / "grafana.db", secret_key="s") as builder:
        populate(builder, count=300, under=[None])
    for engine in engines:
        await asyncio.to_thread(engine.load, tmp_path / "grafana.db")
    tried: dict[int, int] = {}
    for location in LOCATIONS:
        async with opened(engines[0]) as database:
            if location.table not in await database.tables():
                continue
            page = await database.read_page(location, None, rows=1000, size=None)
        # Every other cell of a row changes, its last one always.
        updates = [
            RowUpdate(
                row.key, row.cells, (*[_changed(cell, index % 2) for index, cell in enumerate(row.cells[:-1])], b"new")
            )
            for row in page
        ]
        if updates:
            number = len(location.columns)
            tried[number] = tried.get(number, 0) + await in_both_ways(engines, location, updates)
            for engine in engines:
                await asyncio.to_thread(engine.execute, "TRUNCATE reencrypt_journal")
    assert len(tried) > 2
    assert all(tried.values())


def _changed(cell: bytes | None, change: int) -> bytes | None:
    return b"new" + (cell or b"") if change else cell


async def one_row(server: PostgresServer, folder: Path) -> tuple[PostgresEngine, RowUpdate]:
    engine = engine_of(server)
    await asyncio.to_thread(empty, engine, folder)
    await asyncio.to_thread(engine.execute, INSERT, 1, "1", "old")
    return engine, RowUpdate((1,), (b"old",), (b"new",))


@pytest.mark.parametrize("action", ["ALSO SELECT 1", "INSTEAD NOTHING"])
async def test_a_table_that_gets_a_rule_is_swapped_without_the_journal_in_one_statement(
    postgres_server: PostgresServer, tmp_path: Path, action: str
) -> None:
    engine, update = await one_row(postgres_server, tmp_path)
    rule = f"CREATE RULE meddler AS ON UPDATE TO secrets WHERE false DO {action}"
    async with opened(engine) as database:
        assert await database.rewrites(SECRETS)
        await asyncio.to_thread(engine.execute, rule)
        # The rule is on: it is known to this connection by the server's refusal alone.
        assert await rewrite(database, SECRETS, [update]) == []
        assert not await database.rewrites(SECRETS)
        assert await rewrite(database, SECRETS, [RowUpdate((1,), (b"new",), (b"newest",))]) == []
    assert [row[5] for row in await asyncio.to_thread(engine.query, JOURNAL)] == [b"old", b"new"]
    async with opened(engine) as database:
        assert not await database.rewrites(SECRETS)


async def test_a_journal_that_keeps_entries_out_is_no_journal(postgres_server: PostgresServer, tmp_path: Path) -> None:
    engine, update = await one_row(postgres_server, tmp_path)
    await asyncio.to_thread(engine.execute, INSERT, 2, "2", "old")
    updates = [update, update._replace(key=(2,))]
    async with opened(engine) as database:
        body = "BEGIN IF NEW.row_key = '[1]' THEN RETURN NULL; END IF; RETURN NEW; END"
        for statement in (
            f"CREATE FUNCTION meddler() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
            "CREATE TRIGGER meddler BEFORE INSERT ON reencrypt_journal FOR EACH ROW EXECUTE FUNCTION meddler()",
        ):
            await asyncio.to_thread(engine.execute, statement)
        with pytest.raises(RefusedError, match="of 2 rows that have changed, reencrypt_journal lacks 1 entries"):
            await rewrite(database, SECRETS, updates)
        await asyncio.to_thread(
            engine.execute, "CREATE RULE meddler AS ON UPDATE TO secrets WHERE false DO ALSO SELECT 1"
        )
        with pytest.raises(RefusedError, match="the trigger meddler on reencrypt_journal"):
            await rewrite(database, SECRETS, updates)
    assert await asyncio.to_thread(engine.query, "SELECT value FROM secrets") == [("old",), ("old",)]


async def test_the_servers_own_hash_is_meant_and_only_where_the_account_may_call_it(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    engine, update = await one_row(postgres_server, tmp_path)
    for statement in (
        "CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT '\\x00'::bytea $$",
        f"ALTER DATABASE {engine.query('SELECT current_database()')[0][0]} SET search_path = public, pg_catalog",
    ):
        await asyncio.to_thread(engine.execute, statement)
    async with opened(engine) as database:
        assert await rewrite(database, SECRETS, [update]) == []
    assert [row[6] for row in await asyncio.to_thread(engine.query, JOURNAL)] == [digest(b"new")]


def test_a_server_that_is_too_old_is_refused_by_its_version() -> None:
    check_version(120_000)
    with pytest.raises(ConfigurationError, match="PostgreSQL 11, which is too old") as raised:
        check_version(110_022)
    assert "12 is the oldest" in raised.value.hint
