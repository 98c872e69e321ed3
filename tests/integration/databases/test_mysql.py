"""What MySQL and MariaDB do differently, against a real server with settings that no DBA should have chosen."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql
import pytest

from reencrypt.catalogue.location import Field, Key, Location, fit
from reencrypt.catalogue.locations import BY_NAME, LOCATIONS
from reencrypt.catalogue.reason import Reason
from reencrypt.databases.mysql.engine import open_database
from reencrypt.databases.protocol import RowUpdate, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.databases.server.database import ServerDatabase, ServerTransaction
from reencrypt.errors import ConfigurationError, TransactionLostError, UnavailableError
from reencrypt.planning.column_uses import unsupported_columns
from reencrypt.settings import DatabaseSettings, load_settings
from reencrypt.state.journal import journal_entries, update_entries
from reencrypt.state.quarantine import Finding, save_findings
from tests.grafana.schema import create_statements
from tests.support.accounts import grant, new_account, url_as
from tests.support.mysql import MYSQL, MysqlEngine, MysqlServer, connect
from tests.support.mysql_differences import (
    DECIMAL_LIMIT,
    INVALID_UTF8,
    LOCK_WAITS,
    OWN_TABLE,
    REPLACED_USER,
    RESERVED_NAME,
    SYSTEM_VERSIONED,
    Difference,
)

SECRETS, SESSIONS, SNAPSHOTS = BY_NAME["secrets"], BY_NAME["user_external_session"], BY_NAME["dashboard_snapshot"]
SSO, RESOURCE = BY_NAME["sso_setting"], BY_NAME["resource"]
PASSWORD = "p@ss/w:rd#?%'\"\\ é€😀"
SECRET = "INSERT INTO secrets (id, org_id, namespace, type, value, created, updated) VALUES (?, 1, 'n', 't', ?, ?, ?)"
THEN = "2024-01-02 03:04:05"


def settings_of(url: str) -> DatabaseSettings:
    return load_settings(config=None, home=None, database_url=url, environ={}).database


def of_configuration(keys: str, tmp_path: Path) -> DatabaseSettings:
    configuration = tmp_path / "grafana.ini"
    configuration.write_text(f"[database]\ntype = mysql\n{keys}\n")
    return load_settings(config=configuration, home=None, database_url=None, environ={}).database


@pytest.fixture
def engine(mysql_server: MysqlServer) -> MysqlEngine:
    """Somebody else, with Grafana's empty tables."""
    engine = MysqlEngine(mysql_server.new_database())
    with closing(connect(engine.url)) as connection, connection.cursor() as cursor:
        for statement in create_statements(MYSQL.schema):
            cursor.execute(statement)
    return engine


@pytest.fixture
async def database(engine: MysqlEngine) -> AsyncIterator[ServerDatabase]:
    database = await open_database(settings_of(engine.url), write=True)
    yield database
    await database.close()


def add(engine: MysqlEngine, rows: dict[int, str | None]) -> None:
    with closing(connect(engine.url)) as connection, connection.cursor() as cursor:
        cursor.executemany(SECRET.replace("?", "%s"), [(key, value, THEN, THEN) for key, value in rows.items()])


async def keys_by_pages(database: ServerDatabase, location: Location, *, rows: int, size: int = 1 << 20) -> list[Key]:
    found: list[Key] = []
    while page := await database.read_page(location, found[-1] if found else None, rows=rows, size=size):
        assert len(page) <= rows
        found += [row.key for row in page]
    return found


async def update(database: ServerDatabase, location: Location, *updates: RowUpdate) -> list[Key]:
    async def body(transaction: Transaction) -> list[Key]:
        return await transaction.update_rows(location, updates)

    return await retry_transaction(database, body)


@pytest.mark.parametrize(
    "difference", [REPLACED_USER, RESERVED_NAME, INVALID_UTF8, SYSTEM_VERSIONED, OWN_TABLE, DECIMAL_LIMIT]
)
def test_mysql_does_not_take_what_mariadb_does(difference: Difference, engine: MysqlEngine) -> None:
    add(engine, {1: "x"})
    engine.execute("DROP USER IF EXISTS reencrypt_poor")
    if engine.name == "mysql":
        with pytest.raises(pymysql.MySQLError) as refused:
            engine.execute(difference.mariadb)
        assert refused.value.args[0] == difference.error
        if difference.mysql is None:
            return
    engine.execute(difference.on(engine.name))


async def test_pages_go_through_negative_and_zero_ids_and_skip_nulls(
    database: ServerDatabase, engine: MysqlEngine
) -> None:
    ids = [-(2**63), -7, 0, 1, 2, 3, 2**63 - 1]
    add(engine, {**dict.fromkeys(ids, "text"), 50: None})
    for rows in (1, 2, 100):
        assert await keys_by_pages(database, SECRETS, rows=rows) == [(each,) for each in ids]


async def test_a_page_ends_where_its_bytes_do_and_holds_at_least_one_row(
    database: ServerDatabase, engine: MysqlEngine
) -> None:
    add(engine, dict.fromkeys(range(1, 11), "x" * 1000))
    assert len(await database.read_page(SECRETS, None, rows=100, size=2500)) == 3
    assert len(await database.read_page(SECRETS, None, rows=100, size=1)) == 1
    assert len(await keys_by_pages(database, SECRETS, rows=100, size=2500)) == 10


async def test_no_row_is_too_large_for_a_page_of_its_own(database: ServerDatabase, engine: MysqlEngine) -> None:
    add(engine, dict.fromkeys(range(1, 6), "x" * 1000))
    for rows in (1, 2, 100):
        for size in (1, 999, 1000, 1001, 2000):
            assert await keys_by_pages(database, SECRETS, rows=rows, size=size) == [(each,) for each in range(1, 6)]


async def test_an_index_over_an_expression_tells_no_rows_apart(database: ServerDatabase, engine: MysqlEngine) -> None:
    if engine.name == "mariadb":
        pytest.skip("NOT RUN: MariaDB has no indexes over expressions")
    engine.execute("CREATE TABLE odd (kept TEXT NOT NULL, UNIQUE KEY expression ((LEFT(kept, 10))))")
    (odd,) = [shape for shape in await database.shapes() if shape.table == "odd"]
    assert (odd.key, odd.texts) == ((), ("kept",))


@pytest.mark.parametrize("index", ["primary key", "plain index", "no index"])
async def test_keys_that_are_text_also_where_the_collation_cannot_tell_them_apart(
    index: str, database: ServerDatabase, engine: MysqlEngine
) -> None:
    keys = ["a", "b", "0", "é", "zz", "x'y\\"]
    if index != "primary key":
        engine.execute("ALTER TABLE sso_setting DROP PRIMARY KEY")
        keys += ["A", "B ", "b ", "É", "e", ""]
    if index == "plain index":
        engine.execute("CREATE INDEX i ON sso_setting (id)")
    for key in keys:
        engine.execute(
            "INSERT INTO sso_setting (id, provider, settings, created, updated) VALUES (?, 'p', '{}', ?, ?)",
            *(key, THEN, THEN),
        )
    for rows in (1, 3, 100):
        found = await keys_by_pages(database, SSO, rows=rows)
        assert sorted(str(key[0]) for key in found) == sorted(keys)
    ((row),) = await database.read_rows(SSO, [("a",)])
    assert row.key == ("a",)
    assert (
        await update(database, SSO, RowUpdate(("a",), (b"{}",), (b"{1}",)), RowUpdate(("é",), (b"{}",), (b"{2}",)))
        == []
    )
    changed = engine.query("SELECT id, settings FROM sso_setting WHERE settings <> '{}' ORDER BY settings")
    assert changed == [("a", "{1}"), ("é", "{2}")]


async def test_a_swap_wins_only_over_the_bytes_that_were_read(database: ServerDatabase, engine: MysqlEngine) -> None:
    # The column's collation takes all of these for equal.
    add(engine, {1: "old", 2: "Old", 3: "old ", 4: "old", 5: "öld"})
    updates = [RowUpdate((each,), (b"old",), (b"new",)) for each in (1, 2, 3, 4, 5, 99)]
    assert await update(database, SECRETS, *updates) == [(2,), (3,), (5,), (99,)]
    rows = engine.query("SELECT value FROM secrets ORDER BY id")
    assert [row[0] for row in rows] == ["new", "Old", "old ", "new", "öld"]


async def test_twins_are_found_by_their_bytes(database: ServerDatabase, engine: MysqlEngine) -> None:
    history = BY_NAME["alert_configuration_history"]
    for text in ("same", "Same", "same "):
        engine.execute(
            "INSERT INTO alert_configuration_history (org_id, alertmanager_configuration, configuration_hash, "
            "configuration_version, created_at) VALUES (1, ?, 'h', 'v1', 0)",
            text,
        )
    async with database.transaction() as transaction:
        found = await transaction.read_linked(history, "org_id", 1, b"same")
    assert [row.cells[0] for row in found] == [b"same"]


async def test_null_stays_null_bytes_stay_bytes_and_grafanas_timestamp_moves(
    database: ServerDatabase, engine: MysqlEngine
) -> None:
    engine.execute(
        "INSERT INTO user_external_session (user_auth_id, user_id, auth_module, access_token, name_id, created_at) "
        "VALUES (1, 1, 'm', 'token', '', ?)",
        THEN,
    )
    ((row),) = await database.read_page(SESSIONS, None, rows=10, size=100)
    assert row.cells == (b"token", None, None, None, b"")
    assert await update(database, SESSIONS, RowUpdate(row.key, row.cells, (b"t2", None, None, b"n3", b""))) == []
    ((row),) = await database.read_page(SESSIONS, None, rows=10, size=100)
    assert row.cells == (b"t2", None, None, b"n3", b"")
    every_byte = bytes(range(256))
    engine.execute(
        "INSERT INTO dashboard_snapshot (name, `key`, delete_key, org_id, user_id, `external`, external_url, "
        "dashboard, expires, created, updated, dashboard_encrypted) "
        "VALUES ('n', 'k', 'd', 1, 1, 0, '', '', ?, ?, ?, ?)",
        *(THEN, THEN, THEN, every_byte),
    )
    (snapshot,) = await database.read_page(SNAPSHOTS, None, rows=10, size=100)
    assert snapshot.cells == (every_byte,)
    assert await update(database, SNAPSHOTS, RowUpdate(snapshot.key, snapshot.cells, (every_byte[::-1],))) == []
    ((new, age),) = engine.query(
        "SELECT dashboard_encrypted, ABS(TIMESTAMPDIFF(SECOND, updated, UTC_TIMESTAMP())) FROM dashboard_snapshot"
    )
    assert new == every_byte[::-1]
    assert isinstance(age, int)
    assert age < 60


async def test_any_bytes_are_stored_as_they_are_whatever_the_servers_character_set(
    database: ServerDatabase, engine: MysqlEngine
) -> None:
    dice = random.Random(0)
    cells = {key: dice.randbytes(120) for key in range(1, 301)}
    with closing(connect(engine.url)) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO dashboard_snapshot (id, name, `key`, delete_key, org_id, user_id, `external`, external_url, "
            "dashboard, expires, created, updated, dashboard_encrypted) "
            "VALUES (%s, 'n', %s, %s, 1, 1, 0, '', '', %s, %s, %s, %s)",
            [(key, key, key, THEN, THEN, THEN, cell) for key, cell in cells.items()],
        )
    rows = await database.read_page(SNAPSHOTS, None, rows=1000, size=1 << 20)
    assert {row.key[0]: row.cells[0] for row in rows} == cells
    new = {key: dice.randbytes(120) for key in cells}
    assert await update(database, SNAPSHOTS, *(RowUpdate((key,), (cells[key],), (new[key],)) for key in cells)) == []
    stored = engine.query("SELECT id, dashboard_encrypted FROM dashboard_snapshot")
    assert {row[0]: row[1] for row in stored} == new


async def test_text_beyond_the_basic_plane_is_read_as_its_bytes(database: ServerDatabase, engine: MysqlEngine) -> None:
    add(engine, {1: "😀 é"})
    (row,) = await database.read_page(SECRETS, None, rows=10, size=1000)
    assert row.cells == ("😀 é".encode(),)
    assert await update(database, SECRETS, RowUpdate(row.key, row.cells, (b"new",))) == []


async def test_text_that_is_no_utf8_is_read_as_its_bytes(database: ServerDatabase, engine: MysqlEngine) -> None:
    add(engine, {1: "x"})
    engine.execute(INVALID_UTF8.on(engine.name))
    (row,) = await database.read_page(SECRETS, None, rows=10, size=1000)
    assert row.cells == (b"\xed\xa0\x80",)
    assert await update(database, SECRETS, RowUpdate(row.key, row.cells, (b"new",))) == []


async def test_a_column_that_cannot_hold_every_character_is_refused(
    database: ServerDatabase, engine: MysqlEngine
) -> None:
    engine.execute("ALTER TABLE secrets CONVERT TO CHARACTER SET sjis")
    with pytest.raises(ConfigurationError, match="character set sjis"):
        await database.read_page(SECRETS, None, rows=1, size=1)


async def test_a_commit_whose_answer_was_lost_is_no_second_swap(database: ServerDatabase, engine: MysqlEngine) -> None:
    add(engine, {1: "old", 2: "old"})
    updates = [RowUpdate((key,), (b"old",), (b"new",)) for key in (1, 2)]
    assert await update(database, SECRETS, *updates) == []
    assert await update(database, SECRETS, *updates) == [(1,), (2,)]


async def test_a_lock_on_the_whole_table_is_not_waited_for_with_rows_locked(
    database: ServerDatabase, engine: MysqlEngine
) -> None:
    add(engine, {1: "old"})
    await database.read_page(SECRETS, None, rows=1, size=1)
    with closing(connect(engine.url)) as theirs, theirs.cursor() as cursor:
        cursor.execute("LOCK TABLES secrets WRITE")
        with pytest.raises(TransactionLostError):
            async with asyncio.timeout(20), database.transaction() as transaction:
                await transaction.update_rows(SECRETS, [RowUpdate((1,), (b"old",), (b"new",))])


async def test_a_connection_that_was_closed_while_idle_is_opened_anew_without_a_retry(
    database: ServerDatabase, engine: MysqlEngine
) -> None:
    add(engine, {1: "old"})
    await update(database, SECRETS)
    kill_others(engine)
    async with database.transaction() as transaction:
        assert await transaction.update_rows(SECRETS, [RowUpdate((1,), (b"old",), (b"new",))]) == []
    assert engine.query("SELECT value FROM secrets") == [("new",)]


async def test_columns_say_how_much_they_hold_and_the_session_never_truncates(
    database: ServerDatabase, engine: MysqlEngine
) -> None:
    limits = {
        (location.name, column): limit
        for location in (SESSIONS, SECRETS, SNAPSHOTS, BY_NAME["data_source"], RESOURCE)
        for column, limit in zip(location.columns, await database.column_limits(location), strict=True)
    }
    assert limits["user_external_session", "session_id"] is not None
    assert (limits["user_external_session", "session_id"].size, limits["secrets", "value"].size) == (1024, 65535)  # type: ignore[union-attr]
    assert limits["user_external_session", "session_id"].admits(("é" * 1024).encode())
    assert not limits["user_external_session", "session_id"].admits(b"e" * 1025)
    assert not limits["secrets", "value"].admits(("é" * 40000).encode())  # type: ignore[union-attr]
    assert limits["data_source", "secure_json_data"].size == limits["dashboard_snapshot", "dashboard_encrypted"].size  # type: ignore[union-attr]
    # The server would cut it off with a warning: we are told, and nothing is written.
    ((mode,),) = engine.query("SELECT @@GLOBAL.sql_mode")
    add(engine, {1: "old"})
    if "STRICT" not in str(mode):
        with closing(connect(engine.url)) as lax, lax.cursor() as cursor:
            cursor.execute("SET sql_mode = @@GLOBAL.sql_mode")
            cursor.execute(
                "INSERT INTO org (version, name, created, updated) VALUES (1, REPEAT('x', 300), NOW(), NOW())"
            )
            cursor.execute("SELECT LENGTH(name) FROM org")
            assert cursor.fetchall() == ((190,),)
    with pytest.raises(Exception, match="too long"):
        await update(database, SECRETS, RowUpdate((1,), (b"old",), (b"x" * 65536,)))
    assert engine.query("SELECT value FROM secrets") == [("old",)]


async def test_a_page_larger_than_the_servers_packets_is_split_and_so_is_its_journal(
    mysql_server: MysqlServer, database: ServerDatabase, engine: MysqlEngine
) -> None:
    if mysql_server.own is None:
        pytest.skip("NOT RUN: needs a server with small packets")
    # 4 MiB is what a statement may have there. Every byte of these has to be escaped.
    cells = {key: str(key) + '"' * 1_000_000 for key in range(1, 7)}
    with closing(connect(engine.url)) as connection, connection.cursor() as cursor:
        for key, cell in cells.items():
            cursor.execute(
                "INSERT INTO alert_configuration_history (id, org_id, alertmanager_configuration, configuration_hash, "
                "configuration_version, created_at) VALUES (%s, 1, %s, 'h', 'v1', 0)",
                (key, cell),
            )
    await database.create_state()
    history = BY_NAME["alert_configuration_history"]
    updates = [RowUpdate((key,), (cell.encode(), b"h"), (cell[::-1].encode(), b"h2")) for key, cell in cells.items()]
    journal = [(str(each.key), "c", each.old[0], b"") for each in updates]

    async def body(transaction: Transaction) -> list[Key]:
        names = ("row_key", "column_name", "old_bytes", "new_hash")
        await transaction.execute_many(
            "journal_append", names, journal, run_id="r", action="a", table_name=history.table
        )
        return await transaction.update_rows(history, updates)

    assert await retry_transaction(database, body) == []
    rows = engine.query("SELECT id, alertmanager_configuration FROM alert_configuration_history ORDER BY id")
    assert rows == [(key, cell[::-1]) for key, cell in cells.items()]
    assert engine.query("SELECT old_bytes FROM reencrypt_journal ORDER BY id") == [
        (cell.encode(),) for cell in cells.values()
    ]


async def test_rows_are_counted_that_match_though_nothing_changes(
    database: ServerDatabase, engine: MysqlEngine
) -> None:
    await database.create_state()
    engine.execute("INSERT INTO reencrypt_lease VALUES (1, 7, 'h', 0, 1, '')")
    async with database.transaction() as transaction:
        assert await transaction.execute("lease_release", id=1, token=7) == 1
        assert await transaction.execute("lease_release", id=1, token=7) == 1
        assert await transaction.execute("lease_release", id=1, token=8) == 0


async def test_two_first_runs_create_the_state_tables_at_once(engine: MysqlEngine) -> None:
    databases = [await open_database(settings_of(engine.url), write=True) for _ in range(4)]
    await asyncio.gather(*(each.create_state() for each in databases))
    for each in databases:
        assert "reencrypt_lease" in await each.columns()
        await each.close()


async def test_a_server_that_wants_a_primary_key_in_every_table_gets_one(engine: MysqlEngine) -> None:
    wanted = {"mariadb": "innodb_force_primary_key", "mysql": "sql_require_primary_key"}[engine.name]
    engine.execute(f"SET GLOBAL {wanted} = ON")
    try:
        database = await open_database(settings_of(engine.url), write=True)
        await database.create_state()
        await database.close()
    finally:
        engine.execute(f"SET GLOBAL {wanted} = OFF")


async def test_an_account_that_may_not_create_tables_is_told_whom_to_ask(engine: MysqlEngine, tmp_path: Path) -> None:
    name = engine.url.rsplit("/", 1)[1]
    engine.execute("DROP USER IF EXISTS reencrypt_poor")
    engine.execute("CREATE USER reencrypt_poor IDENTIFIED BY ?", PASSWORD)
    engine.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{name}`.* TO reencrypt_poor")
    place = engine.url.split("@")[1].rsplit("/", 1)[0]
    url = f"mysql://reencrypt_poor:{quote(PASSWORD, safe='')}@{place}/{name}"
    by_dsn = of_configuration(
        f'connection_string = """reencrypt_poor:{PASSWORD}@tcp({place})/{name}?clientFoundRows=true"""', tmp_path
    )
    try:
        for settings in (settings_of(url), by_dsn):
            database = await open_database(settings, write=True)
            with pytest.raises(ConfigurationError) as refused:
                await database.create_state()
            assert "reencrypt plan" in refused.value.hint
            assert PASSWORD not in str(refused.value)
            await database.close()
        for statement in database.state_statements():
            engine.execute(statement)
        database = await open_database(settings_of(url), write=True)
        await database.create_state()
        # A database of an earlier version lacks one of them.
        engine.execute("DROP TABLE reencrypt_accepted")
        with pytest.raises(ConfigurationError) as refused:
            await database.create_state()
        assert "reencrypt plan" in refused.value.hint
        engine.execute(next(each for each in database.state_statements() if "reencrypt_accepted" in each))
        await database.create_state()
        await database.close()
    finally:
        engine.execute("DROP USER reencrypt_poor")


async def test_a_unix_socket(mysql_server: MysqlServer, engine: MysqlEngine, tmp_path: Path) -> None:
    if mysql_server.own is None:
        pytest.skip("NOT RUN: needs a server whose socket is known")
    name = engine.url.rsplit("/", 1)[1]
    socket = mysql_server.own.socket
    for settings in (
        of_configuration(f"host = {socket}\nuser = root\nname = {name}", tmp_path),
        of_configuration(f"connection_string = root@unix({socket})/{name}", tmp_path),
        settings_of(f"mysql://root@{quote(socket, safe='')}/{name}"),
    ):
        database = await open_database(settings, write=False)
        assert "secrets" in await database.columns()
        assert socket in database.name
        await database.close()


async def test_a_table_without_transactions_is_refused(engine: MysqlEngine) -> None:
    engine.execute("ALTER TABLE secrets ENGINE = MyISAM")
    with pytest.raises(ConfigurationError, match="the table secrets uses the engine MyISAM"):
        await open_database(settings_of(engine.url), write=False)


async def test_no_session_setting_of_the_server_cuts_an_answer_short_or_shows_the_past(
    engine: MysqlEngine,
) -> None:
    add(engine, dict.fromkeys(range(1, 20), "x"))
    account = new_account(engine, prefix="past")
    grant(engine, account, "ALL")
    limit = "CAST(IF(USER() LIKE ''past%'', 7, 18446744073709551615) AS UNSIGNED)"
    setting = f"SET SESSION sql_select_limit = {limit}"
    engine.execute(f"SET GLOBAL init_connect = '{setting}'")
    database = await open_database(settings_of(url_as(engine, account)), write=True)
    try:
        assert len(await database.read_page(SECRETS, None, rows=100, size=1 << 20)) == 19
        assert (await database.count_keys(SECRETS)) == (19, 19)
    finally:
        await database.close()
        engine.execute("SET GLOBAL init_connect = ''")


async def test_no_session_setting_of_the_server_forbids_a_statement_that_no_key_bounds(engine: MysqlEngine) -> None:
    add(engine, dict.fromkeys(range(1, 20), "x"))
    account = new_account(engine, prefix="safe")
    grant(engine, account, "ALL")
    safe = "IF(USER() LIKE ''safe%'', {}, {})"
    settings = f"sql_safe_updates = {safe.format(1, 0)}, SESSION sql_big_selects = {safe.format(0, 1)}"
    rows = f"CAST({safe.format(1, '18446744073709551615')} AS UNSIGNED)"
    engine.execute(f"SET GLOBAL init_connect = 'SET SESSION {settings}, SESSION max_join_size = {rows}'")
    try:
        database = await open_database(settings_of(url_as(engine, account)), write=True)
        try:
            await database.create_state()
            assert len(await database.read_page(SECRETS, None, rows=100, size=1 << 20)) == 19
            async with database.transaction() as transaction:
                # Error 1175 under sql_safe_updates: no index helps its WHERE.
                await transaction.execute("journal_drop", run_id="of nobody")
                await transaction.execute("run_complete", id="of nobody")
        finally:
            await database.close()
    finally:
        engine.execute("SET GLOBAL init_connect = ''")


async def test_a_moment_in_the_past_is_not_the_present(engine: MysqlEngine) -> None:
    engine.execute(SYSTEM_VERSIONED.on(engine.name))
    engine.execute("INSERT INTO odd VALUES (1, 'now')")
    account = new_account(engine, prefix="past")
    grant(engine, account, "ALL")
    moment = "IF(USER() LIKE ''past%'', ''2020-01-01 00:00:00'', NOW())"
    engine.execute(f"SET GLOBAL init_connect = 'SET SESSION system_versioning_asof = {moment}'")
    database = await open_database(settings_of(url_as(engine, account)), write=True)
    try:
        shapes = {shape.table: shape for shape in await database.shapes()}
        location = Location("odd", "odd", shapes["odd"].key, (Field("kept", SECRETS.fields[0].codec),))
        assert len(await database.read_page(location, None, rows=5, size=100)) == 1
        assert "history" in shapes["odd"].gap
        assert "hidden-tables" not in shapes
    finally:
        await database.close()
        engine.execute("SET GLOBAL init_connect = ''")


async def test_what_is_denied_may_exist_and_what_is_unknown_does_not(engine: MysqlEngine) -> None:
    account = new_account(engine)
    grant(engine, account, "SELECT", "secrets")
    grant(engine, account, "SELECT (id, created)", "user_auth")
    database = await open_database(settings_of(url_as(engine, account)), write=False)
    try:
        assert not await database.may_hide("secrets", "no_such_column")
        assert await database.may_hide("user_auth", "o_auth_id_token")
        # An account with rights on some columns is not told whether there are others.
        assert await database.may_hide("user_auth", "no_such_column")
        assert await database.may_hide("sso_setting")
        assert await database.may_hide("no_such_table")
        assert await database.may_hide()
        assert [shape.table for shape in await database.shapes() if shape.gap] == ["hidden-tables"]
    finally:
        await database.close()
    grant(engine, account, "SELECT")
    database = await open_database(settings_of(url_as(engine, account)), write=False)
    try:
        assert not await database.may_hide()
        assert not await database.may_hide("no_such_table")
        assert not [shape.table for shape in await database.shapes() if shape.gap]
    finally:
        await database.close()


def kill_others(engine: MysqlEngine, *, query_only: bool = False) -> None:
    """`KILL` every other connection to the database."""
    with closing(connect(engine.url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()")
        for (number,) in cursor.fetchall():
            cursor.execute(f"KILL {'QUERY ' if query_only else ''}{number}")


@pytest.mark.parametrize("victim", ["reader", "writer"])
async def test_a_connection_that_is_killed_is_opened_anew(
    victim: str, database: ServerDatabase, engine: MysqlEngine
) -> None:
    add(engine, {1: "old"})
    await update(database, SECRETS)  # both connections are open now
    kill_others(engine)
    if victim == "reader":
        assert len(await database.read_page(SECRETS, None, rows=5, size=100)) == 1
    tries = 0

    async def body(transaction: Transaction) -> list[Key]:
        nonlocal tries
        tries += 1
        lost = await transaction.update_rows(SECRETS, [RowUpdate((1,), (b"old",), (b"new",))])
        if tries == 1:
            kill_others(engine)
        return lost

    assert await retry_transaction(database, body) == []
    assert tries > 1
    assert engine.query("SELECT value FROM secrets") == [("new",)]


async def test_a_deadlock_is_begun_again(database: ServerDatabase, engine: MysqlEngine) -> None:
    add(engine, {1: "a", 2: "b"})
    with closing(connect(engine.url)) as theirs, theirs.cursor() as cursor:
        theirs.begin()
        # Many changes make theirs the transaction that is the dearer to undo, so that ours is the victim.
        add_many = [(key, "x", THEN, THEN) for key in range(100, 400)]
        cursor.executemany(SECRET.replace("?", "%s"), add_many)
        cursor.execute("UPDATE secrets SET namespace = 'x' WHERE id = 2")
        tries = 0
        blocked: list[asyncio.Task[Any]] = []

        def they_go_on() -> None:
            cursor.execute("UPDATE secrets SET namespace = 'x' WHERE id = 1")
            theirs.commit()

        async def body(transaction: Transaction) -> list[Key]:
            nonlocal tries
            tries += 1
            await transaction.update_rows(SECRETS, [RowUpdate((1,), (b"a",), (b"A",))])
            if tries == 1:
                blocked.append(asyncio.create_task(asyncio.to_thread(they_go_on)))
            return await transaction.update_rows(SECRETS, [RowUpdate((2,), (b"b",), (b"B",))])

        assert await retry_transaction(database, body) == []
        await blocked[0]
    assert tries > 1
    assert engine.query("SELECT value, namespace FROM secrets WHERE id < 3 ORDER BY id") == [("A", "x"), ("B", "x")]


async def test_transactions_are_read_committed_whatever_the_servers_default(
    database: ServerDatabase, engine: MysqlEngine
) -> None:
    add(engine, {1: "old"})

    async def body(transaction: Transaction) -> list[Key]:
        await transaction.fetch("data_keys")
        # Committed after our transaction began: with a snapshot of its own it would not be seen.
        engine.execute("UPDATE secrets SET value = 'newer', namespace = 'b' WHERE id = 1")
        ((row),) = await database.read_page(SECRETS, None, rows=1, size=100)
        assert row.cells == (b"newer",)
        return await transaction.update_rows(SECRETS, [RowUpdate((1,), row.cells, (b"newest",))])

    assert await retry_transaction(database, body) == []


async def test_rows_outside_the_page_are_not_locked(database: ServerDatabase, engine: MysqlEngine) -> None:
    add(engine, dict.fromkeys(range(1, 50), "old"))
    with closing(connect(engine.url)) as theirs, theirs.cursor() as cursor:
        theirs.begin()
        cursor.execute("UPDATE secrets SET namespace = 'theirs' WHERE id = 1")
        async with database.transaction() as transaction:
            # A scan of the table would wait for row 1, in vain.
            assert await transaction.update_rows(SECRETS, [RowUpdate((20,), (b"old",), (b"new",))]) == []
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")
            cursor.execute("UPDATE secrets SET namespace = 'theirs' WHERE id IN (19, 21)")
            cursor.execute(SECRET.replace("?", "%s"), (1000, "between", THEN, THEN))
            with pytest.raises(pymysql.err.OperationalError, match="Lock wait timeout"):
                cursor.execute("UPDATE secrets SET namespace = 'theirs' WHERE id = 20")
        theirs.commit()


async def test_a_cancelled_transaction_leaves_the_database_usable(
    database: ServerDatabase, engine: MysqlEngine
) -> None:
    add(engine, {1: "old"})
    with closing(connect(engine.url)) as theirs, theirs.cursor() as cursor:
        theirs.begin()
        cursor.execute("SELECT * FROM secrets WHERE id = 1 FOR UPDATE")
        task = asyncio.create_task(update(database, SECRETS, RowUpdate((1,), (b"old",), (b"new",))))
        waiting = LOCK_WAITS.on(engine.name)
        while not engine.query(waiting)[0][0]:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.15)  # and MariaDB renews that table only when it was not read for 0.1 s
        if engine.name == "mysql":
            with pytest.raises(pymysql.err.OperationalError, match=str(LOCK_WAITS.error)):
                engine.query(LOCK_WAITS.mariadb)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        theirs.rollback()
    assert await update(database, SECRETS, RowUpdate((1,), (b"old",), (b"new",))) == []


async def test_the_lock_on_the_target_key_keeps_deletes_out_and_lets_readers_in(
    database: ServerDatabase, engine: MysqlEngine
) -> None:
    engine.execute(
        "INSERT INTO data_keys (name, active, scope, provider, encrypted_data, created, updated, label) "
        "VALUES ('k', 1, 'root', 'secretKey.v1', 'wrapped', ?, ?, 'l')",
        *(THEN, THEN),
    )
    async with database.transaction() as transaction:
        assert await transaction.fetch("data_key_lock", id="k", wrapped=b"wrapped")
        assert not await transaction.fetch("data_key_lock", id="k", wrapped=b"Wrapped")
        assert engine.query("SELECT name FROM data_keys") == [("k",)]
        with closing(connect(engine.url)) as theirs, theirs.cursor() as cursor:
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")
            with pytest.raises(pymysql.err.OperationalError, match="Lock wait timeout"):
                cursor.execute("DELETE FROM data_keys")


async def test_a_connection_that_is_refused_says_what_to_check(engine: MysqlEngine) -> None:
    place = engine.url.split("@")[1].rsplit("/", 1)[0]
    for url, hint in (
        (f"mysql://nobody:wrong@{place}/nothing", "Check user, password and name"),
        (f"mysql://root@{place}/no_such_database", "Check name"),
    ):
        with pytest.raises(ConfigurationError) as refused:
            await open_database(settings_of(url), write=True)
        assert hint in refused.value.hint
        assert "wrong" not in refused.value.message


async def test_a_server_that_is_not_there_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reencrypt.databases.server.database.OPENING_SECONDS", 0.5)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await open_database(settings_of("mysql://root@127.0.0.1:1/grafana"), write=True)


async def test_a_cancellation_that_meets_the_answer_is_not_lost(database: ServerDatabase) -> None:
    cancelled = 0
    for steps in range(400):
        # Most connect anew, because the one before was cut.
        reading = asyncio.create_task(database.fetch("lease_read" if steps % 2 else "data_keys"))
        for _ in range(random.randrange(60)):
            await asyncio.sleep(0)
        if reading.cancel():
            cancelled += 1
            with pytest.raises(asyncio.CancelledError):
                await reading
    assert cancelled > 50


async def test_what_comes_by_the_thousand_goes_in_few_statements(database: ServerDatabase) -> None:
    findings = [Finding((key,), "value", Reason.UNWRAP_FAILED, "no such key", b"text") for key in range(1000)]
    entries = update_entries(SECRETS, [RowUpdate((key,), (b"old",), (b"new",)) for key in range(1000)])
    counted = "SHOW SESSION STATUS LIKE 'Com_insert'"

    async def body(transaction: Transaction) -> int:
        assert isinstance(transaction, ServerTransaction)
        session = transaction._session  # noqa: SLF001 - the server counts by connection
        ((_, before),) = await session.fetch(counted)
        await save_findings(transaction, "run", 0, "secrets", findings)
        await journal_entries(transaction, "run", SECRETS, entries)
        ((_, after),) = await session.fetch(counted)
        return int(after) - int(before)

    await database.create_state()
    assert await retry_transaction(database, body) <= 4
    assert await database.fetch("journal_extents") == [("run", 1000, 1000)]


@pytest.mark.parametrize("name", ["of space", "100%25s", "a`b", 'a"b', "a?b#c"])
async def test_a_database_may_have_any_name(name: str, mysql_server: MysqlServer) -> None:
    url = await asyncio.to_thread(mysql_server.new_database, f"{name}{random.randrange(1 << 30)}")
    database = await open_database(settings_of(url), write=True)
    await database.close()


#: Alterations, and the column that is refused because of each; none where the type gives back what it got.
TYPES = {
    "secrets MODIFY value BINARY(200)": "secrets.value",
    "secrets MODIFY value CHAR(200)": "secrets.value",
    "secrets MODIFY value INT": "secrets.value",
    "secrets MODIFY value MEDIUMBLOB": None,
    "secrets MODIFY value VARCHAR(500)": None,
    "secrets MODIFY id DECIMAL(20)": "secrets.id",
    "secrets MODIFY id DOUBLE": "secrets.id",
    "secrets MODIFY id MEDIUMINT UNSIGNED": None,
    "secrets MODIFY type ENUM('a', 'b')": "secrets.type",
    "secrets MODIFY updated TIMESTAMP NULL": None,
    "secrets MODIFY updated VARCHAR(30)": "secrets.updated",
    "dashboard_snapshot MODIFY dashboard_encrypted TEXT": "dashboard_snapshot.dashboard_encrypted",
    "data_keys MODIFY encrypted_data TEXT": "data_keys.encrypted_data",
    "data_keys MODIFY active BIT(1)": "data_keys.active",
    "resource MODIFY guid VARBINARY(36)": "resource.guid",
    "user_auth DROP o_auth_id_token, ADD o_auth_id_token TEXT AS (LOWER('A'))": "user_auth.o_auth_id_token",
}


async def test_a_type_that_does_not_give_back_what_it_got_is_refused_by_name(
    database: ServerDatabase, engine: MysqlEngine
) -> None:
    for alteration, refused in TYPES.items():
        table = alteration.split()[0]
        engine.execute(f"CREATE TABLE kept LIKE {table}")
        engine.execute(f"ALTER TABLE {alteration}")
        columns = await database.columns()
        found = await unsupported_columns(database, "data_keys", fit(LOCATIONS, columns).locations, columns)
        assert [each.message.split()[1] for each in found] == ([refused] if refused else []), alteration
        engine.execute(f"DROP TABLE {table}")
        engine.execute(f"RENAME TABLE kept TO {table}")
