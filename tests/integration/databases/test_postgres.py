"""What PostgreSQL does differently, against a real server."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reencrypt.catalogue.location import Key, Location, fit
from reencrypt.catalogue.locations import BY_NAME, LOCATIONS
from reencrypt.databases.paging import count_rows
from reencrypt.databases.postgres.dsn import target_of
from reencrypt.databases.postgres.engine import open_database
from reencrypt.databases.protocol import RowUpdate, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.databases.server.database import ServerDatabase, ServerTransaction
from reencrypt.errors import ConfigurationError, NotVisibleError, ReencryptError
from reencrypt.planning.column_uses import unsupported_columns
from reencrypt.settings import DatabaseSettings, load_settings
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.decryptor import read_secrets
from tests.grafana.populate import populate
from tests.grafana.schema import create_statements
from tests.support.inprocess import run_in_process
from tests.support.installed import InstalledPostgres, installed_postgres
from tests.support.postgres import POSTGRES, PostgresEngine, PostgresServer, connect

SECRETS, SESSIONS, SNAPSHOTS = BY_NAME["secrets"], BY_NAME["user_external_session"], BY_NAME["dashboard_snapshot"]
INSERT = (
    "INSERT INTO secrets (id, org_id, namespace, type, value, created, updated) "
    "VALUES ($1, 1, 'n', 't', $2, now(), now())"
)
SSO = "INSERT INTO sso_setting (id, provider, settings, created, updated) VALUES ($1, 'p', '{}', now(), now())"


@pytest.fixture(scope="module", params=["wheel", "installed"])
def postgres_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """The newest version, and the one that a distribution has."""
    programs = installed_postgres()
    if request.param == "wheel":
        server = PostgresServer()
        yield server
        server.stop()
    elif programs is None:
        pytest.skip("NOT RUN: no PostgreSQL server is installed")
    else:
        installed = InstalledPostgres(programs)
        installed.start()
        yield PostgresServer(installed.url)
        installed.stop()


def settings_of(url: str) -> DatabaseSettings:
    return load_settings(config=None, home=None, database_url=url, environ={}).database


@pytest.fixture
async def url(postgres_server: PostgresServer) -> str:
    url = await asyncio.to_thread(postgres_server.new_database)
    connection = await connect(url)
    for statement in create_statements(POSTGRES.schema):
        await connection.execute(statement)
    await connection.close()
    return url


@pytest.fixture
async def other(url: str) -> AsyncIterator[Any]:
    """Somebody else's connection."""
    connection = await connect(url)
    yield connection
    await connection.close()


@pytest.fixture
async def database(url: str) -> AsyncIterator[ServerDatabase]:
    database = await open_database(settings_of(url), write=True)
    yield database
    await database.close()


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


async def test_pages_go_through_negative_and_zero_ids_and_skip_nulls(database: ServerDatabase, other: Any) -> None:
    ids = [-(2**31), -7, 0, 1, 2, 3, 2**31 - 1]
    await other.executemany(INSERT, [(each, "text") for each in ids])
    await other.execute(INSERT, 50, None)
    for rows in (1, 2, 100):
        assert await keys_by_pages(database, SECRETS, rows=rows) == [(each,) for each in ids]


async def test_a_page_ends_where_its_bytes_do_and_holds_at_least_one_row(database: ServerDatabase, other: Any) -> None:
    await other.executemany(INSERT, [(each, "x" * 1000) for each in range(10)])
    page = await database.read_page(SECRETS, None, rows=100, size=2500)
    assert len(page) == 3
    assert len(await database.read_page(SECRETS, None, rows=100, size=1)) == 1
    assert len(await keys_by_pages(database, SECRETS, rows=100, size=2500)) == 10


async def test_keys_that_are_text_and_a_table_without_an_index(database: ServerDatabase, other: Any) -> None:
    await other.execute("ALTER TABLE sso_setting DROP CONSTRAINT sso_setting_pkey")
    keys = ["a", "B", "b", "Ä", "a ", "0", "", "é"]
    for key in keys:
        await other.execute(SSO, key)
    found = await keys_by_pages(database, BY_NAME["sso_setting"], rows=2)
    assert sorted(str(key[0]) for key in found) == sorted(keys)


async def test_a_swap_wins_only_over_the_bytes_that_were_read(database: ServerDatabase, other: Any) -> None:
    await other.executemany(INSERT, [(1, "old"), (2, "Old"), (3, "old "), (4, "old")])
    updates = [RowUpdate((each,), (b"old",), (b"new",)) for each in (1, 2, 3, 4, 99)]
    assert await update(database, SECRETS, *updates) == [(2,), (3,), (99,)]
    rows = await other.fetch("SELECT value FROM secrets ORDER BY id")
    assert [row[0] for row in rows] == ["new", "Old", "old ", "new"]
    # Once more, as after a commit whose answer was lost: they are read again, and not journalled twice.
    assert await update(database, SECRETS, *updates) == [each.key for each in updates]


async def test_columns_that_are_null_stay_null_and_bytea_stays_bytes(database: ServerDatabase, other: Any) -> None:
    await other.execute(
        "INSERT INTO user_external_session (user_auth_id, user_id, auth_module, access_token, created_at) "
        "VALUES (1, 1, 'm', 'token', now())"
    )
    ((row),) = await database.read_page(SESSIONS, None, rows=10, size=100)
    assert row.cells == (b"token", None, None, None, None)
    assert await update(database, SESSIONS, RowUpdate(row.key, row.cells, (b"t2", None, None, None, None))) == []
    await other.execute(
        "INSERT INTO dashboard_snapshot (name, key, delete_key, org_id, user_id, external, external_url, dashboard, "
        "expires, created, updated, dashboard_encrypted) "
        "VALUES ('n', 'k', 'd', 1, 1, false, '', '', now(), now(), now(), $1)",
        b"\x00\xff",
    )
    (snapshot,) = await database.read_page(SNAPSHOTS, None, rows=10, size=100)
    assert snapshot.cells == (b"\x00\xff",)
    assert await update(database, SNAPSHOTS, RowUpdate(snapshot.key, snapshot.cells, (b"\xff\x00",))) == []


async def test_a_column_with_a_length_says_so(database: ServerDatabase) -> None:
    limits = await database.column_limits(SESSIONS)
    assert [limit.size if limit else None for limit in limits] == [None, None, None, 1024, 1024]
    assert await database.column_limits(SNAPSHOTS) == (None,)


async def test_two_first_runs_create_the_state_tables_at_once(url: str) -> None:
    databases = [await open_database(settings_of(url), write=True) for _ in range(4)]
    await asyncio.gather(*(each.create_state() for each in databases))
    for each in databases:
        assert "reencrypt_lease" in await each.columns()
        await each.close()


async def test_a_role_that_may_not_create_tables_is_told_whom_to_ask(url: str, other: Any) -> None:
    await other.execute("CREATE ROLE grafana_poor LOGIN PASSWORD 'p@ss/w:rd#?%'")
    try:
        await other.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO grafana_poor")
        poor = url.replace("postgres@", "grafana_poor:p%40ss%2Fw%3Ard%23%3F%25@")
        database = await open_database(settings_of(poor), write=True)
        with pytest.raises(ConfigurationError) as refused:
            await database.create_state()
        assert "reencrypt plan" in refused.value.hint
        for statement in database.state_statements():
            await other.execute(statement)
        await other.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO grafana_poor")
        await database.create_state()
        # A database of an earlier version lacks one of them.
        await other.execute("DROP TABLE reencrypt_accepted")
        with pytest.raises(ConfigurationError) as refused:
            await database.create_state()
        assert "reencrypt plan" in refused.value.hint
        await other.execute(next(each for each in database.state_statements() if "reencrypt_accepted" in each))
        await database.create_state()
        await database.close()
    finally:
        await other.execute("DROP OWNED BY grafana_poor")
        await other.execute("DROP ROLE grafana_poor")


async def test_a_row_policy_that_comes_later_is_an_error_in_every_read_and_write(url: str, other: Any) -> None:
    await other.execute(INSERT, 1, "old")
    await other.execute("CREATE ROLE grafana_policy LOGIN PASSWORD 'only for tests'")
    try:
        await other.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO grafana_policy")
        role = url.replace("postgres@", "grafana_policy:only%20for%20tests@")
        database = await open_database(settings_of(role), write=True)
        assert len(await database.read_page(SECRETS, None, rows=5, size=100)) == 1
        assert (await database.sight(["secrets", "data_keys"])).policies == {}
        await other.execute("ALTER TABLE secrets ENABLE ROW LEVEL SECURITY")
        await other.execute("CREATE POLICY nobody ON secrets USING (false)")
        # The server's own language is no matter.
        await other.execute("ALTER ROLE grafana_policy SET lc_messages = 'C'")
        assert (await database.sight(["secrets", "data_keys"])).policies == {"secrets": ("nobody",)}
        with pytest.raises(NotVisibleError, match="secrets") as refused:
            await database.read_page(SECRETS, None, rows=5, size=100)
        assert "BYPASSRLS" in refused.value.hint
        with pytest.raises(NotVisibleError, match="secrets"):
            await update(database, SECRETS, RowUpdate((1,), (b"old",), (b"new",)))
        # The connections are of use afterwards.
        assert await database.read_page(SESSIONS, None, rows=5, size=100) == []
        assert await update(database, SESSIONS) == []
        await database.close()
    finally:
        await other.execute("DROP OWNED BY grafana_policy")
        await other.execute("DROP ROLE grafana_policy")
    assert await other.fetchval("SELECT value FROM secrets") == "old"


async def test_every_statement_names_the_schema_whatever_it_is_called(url: str, other: Any) -> None:
    schema = 'ev"il :id $1'
    quoted = schema.replace('"', '""')
    await other.execute(f'CREATE SCHEMA "{quoted}"')
    for table in ("secrets", "data_keys", "migration_log", "user_external_session"):
        await other.execute(f'ALTER TABLE "{table}" SET SCHEMA "{quoted}"')
    await other.execute(f'SET search_path = "{quoted}"')
    await other.execute(INSERT, 1, "old")
    name = await other.fetchval("SELECT current_database()")
    await other.execute(f'ALTER DATABASE "{name}" SET search_path = "{quoted}", public')
    database = await open_database(settings_of(url), write=True)
    assert database.schema == schema
    await database.create_state()
    assert {"secrets", "reencrypt_lease"} <= set(await database.columns())
    assert "sso_setting" not in await database.columns()
    assert await database.fetch("lease_read") == []
    assert await update(database, SECRETS, RowUpdate((1,), (b"old",), (b"new",))) == []
    assert (await database.read_page(SECRETS, None, rows=5, size=100))[0].cells == (b"new",)
    assert "reencrypt_journal" in {shape.table for shape in await database.shapes()}
    async with database.transaction() as transaction:
        await transaction.drop_state()
    assert "reencrypt_lease" not in await database.columns()
    await database.close()


INVALID = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass"
UNIQUE = {
    "ALTER TABLE secrets ADD PRIMARY KEY (id)": True,
    "CREATE UNIQUE INDEX i ON secrets (id)": True,
    "CREATE UNIQUE INDEX i ON secrets (id) INCLUDE (value)": True,
    "CREATE UNIQUE INDEX i ON secrets (id) WHERE id > 0": False,
    "CREATE UNIQUE INDEX i ON secrets ((id + 1))": False,
    "CREATE UNIQUE INDEX i ON secrets (id, value)": False,
    "CREATE INDEX i ON secrets (id)": False,
    "ALTER TABLE secrets ADD CONSTRAINT i UNIQUE (id) DEFERRABLE": False,
    "CREATE UNIQUE INDEX i ON secrets (id); ALTER TABLE secrets ALTER id DROP NOT NULL": False,
    "ALTER TABLE secrets ADD PRIMARY KEY (id); CREATE TABLE more () INHERITS (secrets)": False,
    f"CREATE UNIQUE INDEX i ON secrets (id); {INVALID}": False,
}


@pytest.mark.parametrize("statements", UNIQUE)
async def test_only_a_valid_unique_index_over_the_key_alone_tells_rows_apart(
    statements: str, database: ServerDatabase, other: Any
) -> None:
    await other.execute("ALTER TABLE secrets DROP CONSTRAINT secrets_pkey")
    assert await database.unique_keys([SECRETS, SNAPSHOTS]) == {"dashboard_snapshot"}
    await other.execute("SET allow_system_table_mods = on; " + statements)
    assert (await database.unique_keys([SECRETS]) == {"secrets"}) is UNIQUE[statements]


#: Alterations, and the column that is refused because of each; none where the type gives back what it got.
TYPES = {
    "TABLE secrets ALTER value TYPE JSON USING to_json(value)": "secrets.value",
    "TABLE secrets ALTER value TYPE JSONB USING to_jsonb(value)": "secrets.value",
    "TABLE secrets ALTER value TYPE TEXT[] USING ARRAY[value]": "secrets.value",
    "TABLE secrets ALTER value TYPE CHAR(100)": "secrets.value",
    "TABLE secrets ALTER value TYPE INT USING 1": "secrets.value",
    "TABLE secrets DROP value, ADD value TEXT GENERATED ALWAYS AS ('x') STORED": "secrets.value",
    "TABLE secrets ALTER value TYPE BYTEA USING convert_to(value, 'UTF8')": None,
    "TABLE secrets ALTER value TYPE VARCHAR(5000)": None,
    "TABLE secrets ALTER id TYPE NUMERIC": "secrets.id",
    "TABLE secrets ALTER id TYPE FLOAT": "secrets.id",
    "TABLE secrets ALTER id TYPE BIGINT": None,
    "TABLE secrets ALTER type TYPE CHAR(30)": None,
    "TABLE secrets ALTER updated TYPE TEXT": "secrets.updated",
    "TABLE secrets ALTER updated TYPE TIMESTAMPTZ": None,
    "TABLE dashboard_snapshot ALTER dashboard_encrypted TYPE TEXT USING 'x'": "dashboard_snapshot.dashboard_encrypted",
    "TABLE data_keys ALTER encrypted_data TYPE TEXT USING 'x'": "data_keys.encrypted_data",
    "TABLE data_keys ALTER active DROP DEFAULT, ALTER active TYPE INT USING 1": "data_keys.active",
    "TABLE alert_configuration ALTER org_id DROP DEFAULT, ALTER org_id TYPE TEXT": "alert_configuration.org_id",
    "TABLE resource ALTER guid TYPE UUID USING guid::uuid": None,
    "DOMAIN words SET DEFAULT 'x'; ALTER TABLE secrets ALTER value TYPE words": None,
    "DOMAIN hexes SET DEFAULT 'x'; ALTER TABLE secrets ALTER value TYPE hexes USING 'x'::bytea": None,
    "DOMAIN numbers SET DEFAULT 1; ALTER TABLE secrets ALTER value TYPE numbers USING 1": "secrets.value",
    "TYPE kinds ADD VALUE 'b'; ALTER TABLE secrets ALTER type TYPE kinds USING 'a'::kinds": "secrets.type",
}


async def test_a_type_that_does_not_give_back_what_it_got_is_refused_by_name(
    database: ServerDatabase, other: Any
) -> None:
    anew = f"DROP SCHEMA public CASCADE; CREATE SCHEMA public; {'; '.join(create_statements(POSTGRES.schema))}"
    types = "CREATE DOMAIN words AS VARCHAR(9); CREATE DOMAIN hexes AS BYTEA; CREATE DOMAIN numbers AS INT"
    for alteration, refused in TYPES.items():
        await other.execute(f"{anew}; {types}; CREATE TYPE kinds AS ENUM ('a')")
        await other.execute(f"ALTER {alteration}")
        columns = await database.columns()
        found = await unsupported_columns(database, "data_keys", fit(LOCATIONS, columns).locations, columns)
        assert [each.message.split()[1] for each in found] == ([refused] if refused else []), alteration
        assert all(each.exit_code == 2 and "supported are" in each.message for each in found)


async def test_a_domain_is_read_and_written_as_what_it_is_made_of(database: ServerDatabase, other: Any) -> None:
    await other.execute("CREATE DOMAIN hexes AS BYTEA; ALTER TABLE secrets ALTER value TYPE hexes USING ''::bytea")
    await other.execute(INSERT.replace("$2", "$2::bytea"), 1, b"\x00\xff")
    (row,) = await database.read_page(SECRETS, None, rows=10, size=100)
    assert row.cells == (b"\x00\xff",)
    assert await update(database, SECRETS, RowUpdate(row.key, row.cells, (b"\xff\x00",))) == []
    assert (await other.fetchval("SELECT value FROM secrets")) == b"\xff\x00"


async def test_a_moment_with_a_zone_is_the_present_wherever_this_program_runs(
    url: str, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await other.execute("ALTER TABLE secrets ALTER updated TYPE TIMESTAMPTZ")
    for column in ("created", "updated"):
        await other.execute(f"ALTER TABLE data_keys ALTER {column} TYPE TIMESTAMPTZ")
    await other.execute(INSERT, 1, "old")
    await other.execute("INSERT INTO data_keys VALUES ('k', true, 'root', 'p', 'x', '2025-01-01', '2025-01-01', 'l')")
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    database = await open_database(settings_of(url), write=True)
    try:
        assert await update(database, SECRETS, RowUpdate((1,), (b"old",), (b"new",))) == []
        async with database.transaction() as transaction:
            await transaction.execute("data_key_deactivate", id="k", active=False, now=database.now())
    finally:
        await database.close()
        monkeypatch.undo()
        time.tzset()
    written = await other.fetch("SELECT updated FROM secrets UNION ALL SELECT updated FROM data_keys")
    assert all(abs(datetime.now(UTC) - moment) < timedelta(minutes=1) for (moment,) in written)
    assert len(written) == 2


@pytest.mark.parametrize("name", ["of space", "100%25s", "a`b", 'a"b', "a?b#c/d", "ü"])
async def test_a_database_may_have_any_name(name: str, postgres_server: PostgresServer) -> None:
    url = await asyncio.to_thread(postgres_server.new_database, name=name + uuid.uuid4().hex[:8])
    database = await open_database(settings_of(url), write=True)
    await database.close()


async def test_a_database_in_an_older_encoding_is_read_as_grafana_reads_it(postgres_server: PostgresServer) -> None:
    options = "ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    url = await asyncio.to_thread(postgres_server.new_database, options)
    other = await connect(url)
    for statement in create_statements(POSTGRES.schema):
        await other.execute(statement)
    await other.execute(INSERT, 1, "Grüße")
    database = await open_database(settings_of(url), write=True)
    (row,) = await database.read_page(SECRETS, None, rows=10, size=1000)
    assert row.cells == ("Grüße".encode(),)
    assert await update(database, SECRETS, RowUpdate(row.key, row.cells, ("Grüße!".encode(),))) == []
    assert await other.fetchval("SELECT value FROM secrets") == "Grüße!"
    await database.close()
    await other.close()


_NO_ENCODING = "ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"


@pytest.fixture
async def without_encoding(postgres_server: PostgresServer) -> str:
    """A database in which a text is any bytes."""
    return await asyncio.to_thread(postgres_server.new_database, _NO_ENCODING)


async def test_texts_of_a_database_without_encoding_are_read_and_written_as_their_bytes(without_encoding: str) -> None:
    other = await connect(without_encoding)
    for statement in create_statements(POSTGRES.schema):
        await other.execute(statement)
    raw = "convert_from('\\xff6f6c64'::bytea, 'SQL_ASCII')"
    await other.execute(INSERT.replace("'t'", raw).replace("$2", raw), 1)
    await other.execute(INSERT, 2, "Grüße")
    database = await open_database(settings_of(without_encoding), write=True)
    rows = await database.read_page(SECRETS, None, rows=10, size=1000)
    assert [row.cells for row in rows] == [(b"\xffold",), ("Grüße".encode(),)]
    assert rows[0].extras[0] == b"\xffold"
    assert rows == await database.read_rows(SECRETS, [row.key for row in rows])
    updates = [RowUpdate(row.key, row.cells, (b"\xfe" + (row.cells[0] or b""),)) for row in rows]
    assert await update(database, SECRETS, *updates, RowUpdate((2,), (b"other",), (b"x",))) == [(2,)]
    async with database.transaction() as transaction:
        assert [row.key for row in await transaction.read_linked(SECRETS, "org_id", 1, b"\xfe\xffold")] == [(1,)]
        assert await transaction.count_holding(SECRETS, {(1,): (b"\xfe\xffold",), (2,): (b"x",)}) == 1
    await database.close()
    await other.close()


async def test_one_bad_byte_in_a_database_without_encoding_spoils_no_other_row(
    without_encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GrafanaBuilder(tmp_path / "grafana.db", secret_key="s") as builder:
        populate(builder, count=60, under=[None])
    engine = PostgresEngine(without_encoding)
    await asyncio.to_thread(engine.load, tmp_path / "grafana.db")
    before = read_secrets(tmp_path / "grafana.db", secret_key="s")
    raw = "convert_from('\\xff'::bytea || convert_to(secure_json_data, 'SQL_ASCII'), 'SQL_ASCII')"
    engine.execute(f"UPDATE data_source SET secure_json_data = {raw} WHERE id = 1")  # noqa: S608 - our own
    report = await run_in_process(engine.url, "s", monkeypatch)
    assert report.outcome == "partly_done"
    assert {(entry.location, entry.row_key) for entry in report.quarantine} == {("data_source", "[1]")}
    engine.execute("UPDATE data_source SET secure_json_data = substr(secure_json_data, 2) WHERE id = 1")
    engine.dump(tmp_path / "judged.db")
    after = read_secrets(tmp_path / "judged.db", secret_key="s")
    assert {address: each.plaintext for address, each in after.items()} == {
        address: each.plaintext for address, each in before.items()
    }


async def test_rows_and_keys_are_counted_and_null_is_no_key(database: ServerDatabase, other: Any) -> None:
    await other.execute("ALTER TABLE secrets DROP CONSTRAINT secrets_pkey")
    await other.execute("ALTER TABLE secrets ALTER id DROP NOT NULL")
    await other.executemany(INSERT, [(1, "a"), (1, "b"), (None, "c"), (2, "d")])
    assert await database.count_keys(SECRETS) == (4, 2)


async def test_what_a_search_cannot_see_is_named(database: ServerDatabase, other: Any) -> None:
    await other.execute("CREATE FOREIGN DATA WRAPPER nothing")
    await other.execute("CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing")
    await other.execute("CREATE FOREIGN TABLE far (kept TEXT) SERVER nowhere")
    await other.execute("CREATE TABLE big (id INT, kept TEXT) PARTITION BY LIST (id)")
    await other.execute("CREATE SCHEMA parts")
    await other.execute("CREATE TABLE parts.one PARTITION OF big FOR VALUES IN (1)")
    await other.execute("CREATE TABLE two PARTITION OF big FOR VALUES IN (2)")
    await other.execute("CREATE TABLE parent (kept TEXT)")
    await other.execute("CREATE TABLE child () INHERITS (parent)")
    shapes = {shape.table: shape for shape in await database.shapes()}
    assert {name for name, shape in shapes.items() if shape.gap} == {"far", "big"}
    assert "parts.one" in shapes["big"].gap
    assert shapes["two"].texts == shapes["child"].texts == ("kept",)


@pytest.mark.parametrize("victim", ["reader", "writer"])
async def test_a_connection_that_is_terminated_is_opened_anew(
    victim: str, database: ServerDatabase, other: Any
) -> None:
    await other.execute(INSERT, 1, "old")
    await update(database, SECRETS)  # both connections are open now
    terminate = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await other.execute(terminate)
    if victim == "reader":
        assert len(await database.read_page(SECRETS, None, rows=5, size=100)) == 1
    tries = 0

    async def body(transaction: Transaction) -> list[Key]:
        nonlocal tries
        tries += 1
        lost = await transaction.update_rows(SECRETS, [RowUpdate((1,), (b"old",), (b"new",))])
        if tries == 1:
            await other.execute(terminate)
        return lost

    assert await retry_transaction(database, body) == []
    assert tries > 1
    assert await other.fetchval("SELECT value FROM secrets") == "new"


async def test_a_deadlock_is_begun_again(database: ServerDatabase, other: Any) -> None:
    await other.executemany(INSERT, [(1, "a"), (2, "b")])
    theirs = other.transaction()
    await theirs.start()
    await other.execute("UPDATE secrets SET namespace = 'x' WHERE id = 2")
    tries = 0
    blocking: list[asyncio.Task[Any]] = []
    waiting = asyncio.Event()

    async def body(transaction: Transaction) -> list[Key]:
        nonlocal tries
        tries += 1
        await transaction.update_rows(SECRETS, [RowUpdate((1,), (b"a",), (b"A",))])
        if tries == 1:
            # They wait for our row, and we go on to wait for theirs: one of the two is chosen as the victim.
            blocking.append(asyncio.create_task(other.execute("UPDATE secrets SET namespace = 'x' WHERE id = 1")))
            waiting.set()
        return await transaction.update_rows(SECRETS, [RowUpdate((2,), (b"b",), (b"B",))])

    async def let_them_go() -> None:
        await waiting.wait()
        try:
            await blocking[0]
            await theirs.commit()
        except Exception:  # noqa: BLE001 - they were the victim
            await theirs.rollback()

    async with asyncio.TaskGroup() as group:
        group.create_task(let_them_go())
        lost = await retry_transaction(database, body)
    assert lost == []
    assert [row[0] for row in await other.fetch("SELECT value FROM secrets ORDER BY id")] == ["A", "B"]


async def test_transactions_are_read_committed_whatever_the_servers_default(url: str, other: Any) -> None:
    name = await other.fetchval("SELECT current_database()")
    await other.execute(f'ALTER DATABASE "{name}" SET default_transaction_isolation = serializable')
    await other.execute(INSERT, 1, "old")
    database = await open_database(settings_of(url), write=True)

    async def body(transaction: Transaction) -> list[Key]:
        await transaction.fetch("data_keys")
        # Committed after our transaction began: read committed sees it, serializable would fail.
        await other.execute("UPDATE secrets SET value = 'newer' WHERE id = 1")
        return await transaction.update_rows(SECRETS, [RowUpdate((1,), (b"newer",), (b"newest",))])

    assert await retry_transaction(database, body) == []
    await database.close()


async def test_a_cancelled_transaction_leaves_the_database_usable(database: ServerDatabase, other: Any) -> None:
    await other.execute(INSERT, 1, "old")
    lock = other.transaction()
    await lock.start()
    await other.execute("SELECT * FROM secrets WHERE id = 1 FOR UPDATE")
    task = asyncio.create_task(update(database, SECRETS, RowUpdate((1,), (b"old",), (b"new",))))
    waiting = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted"
    while not await other.fetchval(waiting):  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await lock.rollback()
    assert await update(database, SECRETS, RowUpdate((1,), (b"old",), (b"new",))) == []


async def test_the_lock_on_the_target_key_keeps_deletes_out_and_lets_readers_in(
    database: ServerDatabase, other: Any
) -> None:
    await other.execute(
        "INSERT INTO data_keys (name, active, scope, provider, encrypted_data, created, updated, label) "
        "VALUES ('k', true, 'root', 'secretKey.v1', $1, now(), now(), 'l')",
        b"wrapped",
    )
    async with database.transaction() as transaction:
        assert await transaction.fetch("data_key_lock", id="k", wrapped=b"wrapped")
        assert not await transaction.fetch("data_key_lock", id="k", wrapped=b"other")
        assert await other.fetchval("SELECT name FROM data_keys") == "k"
        await other.execute("SET lock_timeout = '100ms'")
        with pytest.raises(Exception, match="lock timeout"):
            await other.execute("DELETE FROM data_keys")


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("postgresql://nobody:wrong@{host}/nothing", "user, password and name"),
        ("postgresql://postgres@{host}/no_such_database", "user, password and name"),
    ],
)
async def test_a_connection_that_is_refused_says_what_to_check(
    url: str, hint: str, postgres_server: PostgresServer
) -> None:
    database_url = await asyncio.to_thread(postgres_server.new_database)
    host = database_url.split("@", 1)[1].rsplit("/", 1)[0]
    with pytest.raises(ReencryptError) as refused:
        await open_database(settings_of(url.format(host=host)), write=True)
    assert hint in refused.value.hint
    assert "wrong" not in refused.value.message


@pytest.mark.parametrize("dialect", ["keywords", "url"])
async def test_a_connection_string_of_either_dialect_reaches_the_server(dialect: str, url: str, tmp_path: Path) -> None:
    target = target_of(settings_of(url))
    text = f"host='{target.host}' port={target.port} user={target.user} dbname={target.name} sslmode=disable"
    if dialect == "url":
        text = f"{url}?sslmode=disable"
    configuration = tmp_path / "grafana.ini"
    configuration.write_text(f'[database]\ntype = postgres\nconnection_string = """{text}"""\n')
    settings = load_settings(config=configuration, home=None, database_url=None, environ={}).database
    database = await open_database(settings, write=False)
    assert "secrets" in await database.columns()
    await database.close()


@pytest.mark.parametrize("rows", [3000, 60_000])
async def test_a_swap_reads_its_page_and_not_the_table(database: ServerDatabase, other: Any, rows: int) -> None:
    await other.execute(
        "INSERT INTO secrets (id, org_id, namespace, type, value, created, updated) "
        "SELECT n, 1, n, 't', repeat('x', 100), now(), now() FROM generate_series(1, $1) AS n",
        rows,
    )
    await other.execute("ANALYZE secrets")
    updates = [RowUpdate((rows - key,), (b"x" * 100,), (b"y" * 100,)) for key in range(500)]
    looks = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'secrets'"

    async def body(transaction: Transaction) -> list[Key]:
        lost = await transaction.update_rows(SECRETS, updates)
        assert isinstance(transaction, ServerTransaction)
        ((read,),) = await transaction._session.fetch(looks)  # noqa: SLF001 - told inside the transaction alone
        assert read <= 2 * len(updates)
        return lost

    assert await retry_transaction(database, body) == []


async def test_a_limit_on_the_time_of_statements_stops_no_count(url: str, other: Any) -> None:
    await other.execute(
        "INSERT INTO secrets (id, org_id, namespace, type, value, created, updated) "
        "SELECT i, 1, 'n', 't', 'text', now(), now() FROM generate_series(1, 300000) AS i"
    )
    name = await other.fetchval("SELECT current_database()")
    # What a page or a look at the catalogue takes is far less, a scan of the table more.
    await other.execute('ALTER DATABASE "' + name + "\" SET statement_timeout = '15ms'")
    database = await open_database(settings_of(url), write=False)
    try:
        assert await count_rows(database, SECRETS) == 300_000
    finally:
        await database.close()
