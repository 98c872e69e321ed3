"""What is written is what the server has, or nothing of the page is committed: triggers and rules of every kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from reencrypt.errors import RefusedError
from reencrypt.events import Event
from reencrypt.operations.migrate import pipeline
from reencrypt.operations.migrate import run as operation
from reencrypt.operations.rekey.operation import rekey
from reencrypt.operations.undo.operation import undo
from reencrypt.planning.options import RotationOptions, RunOptions, TargetOptions
from reencrypt.planning.session import Session
from reencrypt.secret import Secret
from reencrypt.settings import Settings, load_settings
from tests.grafana.planting import Plain
from tests.support import triggers
from tests.support.engine import SqliteEngine
from tests.support.inprocess import in_session, run_in_process
from tests.support.raced import PLACES, SECRET_KEY, Grafana
from tests.support.servers import server_engine
from tests.support.story import CLASSIC, StoryStore

OPTIONS = RunOptions(target=TargetOptions(to="secretKey.v1"))
NEXT = Secret("the next secret_key of this test")
#: Every kind of trigger and rule on every engine that has it.
MEDDLED = [pytest.param(name, kind, id=f"{name}-{kind}") for name, kinds in triggers.KINDS.items() for kind in kinds]
#: Each of them on the two tables in turn, and on both at night.
MEDDLED_TABLES = [
    pytest.param(
        *each.values, table, id=f"{each.id}-{table}", marks=[pytest.mark.rest_of_pairs] if (turn + other) % 2 else []
    )
    for turn, each in enumerate(MEDDLED)
    for other, table in enumerate(("data_keys", "alert_notification"))
]
ENGINES = list(triggers.KINDS)

Open = Callable[..., Grafana]
#: The columns by which a data key is told, whatever it is called.
DATA_KEYS = {
    "data_keys": "SELECT name, provider, label, active, encrypted_data FROM data_keys",
    "secret_data_key": "SELECT uid, provider, label, active, encrypted_data FROM secret_data_key",
}


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Open:
    def grafana(name: str, store: StoryStore = CLASSIC) -> Grafana:
        path = tmp_path / "grafana.db"
        engine = SqliteEngine(path) if name == "sqlite" else server_engine(name, request)
        return Grafana(engine, path, monkeypatch, store)

    return grafana


def settings_of(grafana: Grafana) -> Settings:
    environ = {"GF_SECURITY_SECRET_KEY": SECRET_KEY}
    return load_settings(config=None, home=None, database_url=grafana.engine.url, environ=environ)


def ignore(_event: Event) -> None:
    return None


def stored(grafana: Grafana, table: str) -> dict[object, object]:
    return {address: each.stored_text for address, each in grafana.secrets().items() if address.table == table}


def data_keys(grafana: Grafana) -> list[tuple[object, ...]]:
    return sorted(grafana.query(DATA_KEYS[grafana.store.keys]), key=str)


def meddle(grafana: Grafana, kind: str) -> None:
    """Plant a trigger on the table with most of the secrets."""
    places = grafana.places
    triggers.plant(grafana.engine, kind, places.table, places.damaged, key=places.row_column)


def is_named(error: RefusedError, table: str, kind: str) -> None:
    word = "rule" if kind == "rule" else "trigger"
    assert error.exit_code == 6
    assert error.message.startswith(f"{table}: ")
    assert f"the {word} {triggers.NAME} on {table} changes it" in error.message
    assert "Nothing of this page was committed" in error.hint


@pytest.mark.stores_in_turn
@pytest.mark.parametrize(("name", "kind"), MEDDLED)
async def test_a_run_commits_nothing_of_a_page_that_a_trigger_changes(
    name: str, kind: str, store: StoryStore, opened: Open
) -> None:
    grafana, table = opened(name, store), PLACES[store.name].table
    meddle(grafana, kind)
    before, plaintexts = stored(grafana, table), sorted(map(str, grafana.plaintexts()))
    with pytest.raises(RefusedError) as raised:
        await grafana.run()
    is_named(raised.value, table, kind)
    assert stored(grafana, table) == before
    assert sorted(map(str, grafana.plaintexts())) == plaintexts
    journal = grafana.query("SELECT COUNT(*) FROM reencrypt_journal WHERE table_name = ?", table)
    assert journal == [(0,)]

    triggers.remove(grafana.engine, kind, table)
    report = await grafana.run()
    assert (report.outcome, report.total.re_encrypted, grafana.off_target()) == ("done", 320, 0)
    assert sorted(map(str, grafana.plaintexts())) == plaintexts


@pytest.mark.parametrize(("name", "kind"), MEDDLED)
async def test_a_trigger_on_the_journal_is_refused_whatever_it_does(name: str, kind: str, opened: Open) -> None:
    grafana = opened(name)
    table, journal = grafana.places.table, "reencrypt_journal"
    await in_session(start_and_stop, settings_of(grafana), OPTIONS)
    triggers.plant(grafana.engine, kind, journal, "old_bytes", event="INSERT")
    before = stored(grafana, table)
    with pytest.raises(RefusedError) as raised:
        await grafana.run()
    assert raised.value.exit_code == 6
    assert journal in raised.value.message
    assert "Nothing of this page was committed" in raised.value.hint
    assert stored(grafana, table) == before
    triggers.remove(grafana.engine, kind, journal)
    assert (await grafana.run()).outcome == "done"
    entries = grafana.query("SELECT COUNT(*) FROM reencrypt_journal WHERE action = 'rewrite' AND old_bytes IS NOT NULL")
    assert entries == [(320,)]


async def start_and_stop(session: Session) -> None:
    """Make the state tables."""
    await session.database.create_state()


@pytest.mark.stores_in_turn
@pytest.mark.parametrize(("name", "kind"), [each for each in MEDDLED if "rule" not in str(each.id)])
async def test_a_page_that_lost_a_row_to_somebody_else_is_checked_as_well(
    name: str, kind: str, store: StoryStore, opened: Open
) -> None:
    grafana, table = opened(name, store), PLACES[store.name].table
    meddle(grafana, kind)
    saved: list[int] = []

    def save(location: str, rows: object) -> None:
        if location == grafana.places.first and rows and not saved:
            saved.append(1)
            grafana.delete(grafana.places.row(7))

    before = stored(grafana, table)
    with pytest.raises(RefusedError) as raised:
        await grafana.run(hook=save)
    is_named(raised.value, table, kind)
    assert saved
    left = stored(grafana, table)
    assert left.items() < before.items()
    assert len(left) == len(before) - 1


@pytest.mark.parametrize("name", ["mariadb", "mysql"])
async def test_an_after_trigger_of_mysql_that_changes_a_row_written_before_is_noticed(name: str, opened: Open) -> None:
    grafana = opened(name)
    with grafana.builder() as builder:
        builder.add_alert_configuration([{"url": Plain(b"https://example.org/a-long-hook")}], other_row=True)
    before = stored(grafana, "alert_configuration"), stored(grafana, "alert_configuration_history")
    assert all(before)
    grafana.execute(
        "CREATE TRIGGER meddler AFTER UPDATE ON alert_configuration_history FOR EACH ROW "
        "UPDATE alert_configuration SET alertmanager_configuration = CONCAT(alertmanager_configuration, ' ')"
    )
    with pytest.raises(
        RefusedError, match=r"alert_configuration: .* the trigger meddler on alert_configuration_history"
    ):
        await grafana.run()
    assert (stored(grafana, "alert_configuration"), stored(grafana, "alert_configuration_history")) == before


@pytest.mark.stores_in_turn
@pytest.mark.parametrize(("name", "kind"), MEDDLED)
async def test_no_data_key_is_made_that_a_trigger_changes(
    name: str, kind: str, store: StoryStore, opened: Open
) -> None:
    grafana = opened(name, store)
    before, key = data_keys(grafana), grafana.places.key_column
    triggers.plant(grafana.engine, kind, store.keys, "encrypted_data", key=key, event="INSERT")
    with pytest.raises(RefusedError) as raised:
        await grafana.run()
    is_named(raised.value, store.keys, kind)
    assert data_keys(grafana) == before
    assert grafana.off_target() == 320


@pytest.mark.parametrize("name", ENGINES)
async def test_no_data_key_is_set_inactive_whose_wrapping_a_trigger_changes_then(name: str, opened: Open) -> None:
    grafana = opened(name)
    await grafana.run()
    before = data_keys(grafana)
    triggers.plant_at_deactivation(grafana.engine)
    options = RunOptions(target=TargetOptions(to="secretKey.v1"), rotation=RotationOptions(fresh_data_key=True))
    with pytest.raises(RefusedError) as raised:
        await in_session(operation.run, settings_of(grafana), options)
    is_named(raised.value, "data_keys", "trigger")
    assert [row for row in data_keys(grafana) if row in before] == before


@pytest.mark.stores_in_turn
@pytest.mark.parametrize(("name", "kind"), MEDDLED)
async def test_an_undo_commits_nothing_of_a_page_that_a_trigger_changes(
    name: str, kind: str, store: StoryStore, opened: Open
) -> None:
    grafana, table = opened(name, store), PLACES[store.name].table
    before = stored(grafana, table)
    run = await grafana.run()
    written = stored(grafana, table)
    meddle(grafana, kind)
    with pytest.raises(RefusedError) as raised:
        await in_session(partial(undo, run_id=str(run.run_id)), grafana.settings(), RunOptions(), store=store.name)
    is_named(raised.value, table, kind)
    assert stored(grafana, table) == written
    triggers.remove(grafana.engine, kind, table)
    report = await in_session(partial(undo, run_id=str(run.run_id)), grafana.settings(), RunOptions(), store=store.name)
    assert (report.outcome, stored(grafana, table)) == ("undone", before)


@pytest.mark.parametrize(("name", "kind", "table"), MEDDLED_TABLES)
async def test_a_change_of_secret_key_is_all_or_nothing_where_a_trigger_changes_it(
    name: str, kind: str, table: str, opened: Open
) -> None:
    grafana = opened(name)
    with grafana.builder() as builder:
        builder.add_alert_notification({"url": Plain(b"https://example.org/a-hook-of-legacy-alerting")})
    await grafana.run()
    before = data_keys(grafana), stored(grafana, "alert_notification"), grafana.plaintexts()
    column, key = ("encrypted_data", "name") if table == "data_keys" else ("secure_settings", "id")
    triggers.plant(grafana.engine, kind, table, column, key=key)

    async def change() -> str:
        change = partial(rekey, new=NEXT, grafana_stopped=True)
        return (
            await in_session(change, settings_of(grafana), RunOptions(target=TargetOptions(to="secretKey.v1")))
        ).outcome

    with pytest.raises(RefusedError) as raised:
        await change()
    is_named(raised.value, table, kind)
    assert (data_keys(grafana), stored(grafana, "alert_notification"), grafana.plaintexts()) == before
    triggers.remove(grafana.engine, kind, table)
    assert await change() == "done"


@pytest.mark.parametrize("name", ENGINES)
async def test_a_trigger_on_another_column_is_nobodys_business(name: str, opened: Open) -> None:
    grafana = opened(name)
    triggers.plant_harmless(grafana.engine, "user_auth", "auth_id")
    before = stored(grafana, "user_auth")
    run = await grafana.run()
    assert (run.outcome, run.total.re_encrypted, grafana.off_target()) == ("done", 320, 0)
    assert all(str(text).endswith("x") for (text,) in grafana.query("SELECT auth_id FROM user_auth"))
    report = await in_session(partial(undo, run_id=str(run.run_id)), settings_of(grafana), RunOptions())
    assert (report.outcome, stored(grafana, "user_auth")) == ("undone", before)


@pytest.mark.parametrize("name", ENGINES)
async def test_a_trigger_that_refuses_a_write_is_no_bug_of_ours(name: str, opened: Open) -> None:
    grafana = opened(name)
    triggers.plant_refusing(grafana.engine, "user_auth")
    with pytest.raises(RefusedError, match="not allowed") as raised:
        await grafana.run()
    assert "Nothing of this page was committed" in raised.value.hint


async def test_a_trigger_on_a_partition_and_one_that_is_switched_off(opened: Open) -> None:
    grafana = opened("postgres")
    triggers.plant(grafana.engine, "before", "user_auth", "o_auth_access_token")
    grafana.execute("ALTER TABLE user_auth DISABLE TRIGGER meddler")
    assert (await grafana.run()).outcome == "done"
    grafana.execute("ALTER TABLE user_auth RENAME TO tokens")
    grafana.execute("CREATE TABLE user_auth (LIKE tokens INCLUDING DEFAULTS, PRIMARY KEY (id)) PARTITION BY RANGE (id)")
    grafana.execute("CREATE TABLE user_auth_low PARTITION OF user_auth FOR VALUES FROM (MINVALUE) TO (200)")
    grafana.execute("CREATE TABLE user_auth_high PARTITION OF user_auth FOR VALUES FROM (200) TO (MAXVALUE)")
    grafana.execute("INSERT INTO user_auth SELECT * FROM tokens")
    grafana.execute("CREATE TRIGGER meddler BEFORE UPDATE ON user_auth_high FOR EACH ROW EXECUTE FUNCTION meddler()")
    before = grafana.query("SELECT id, o_auth_access_token FROM user_auth ORDER BY id")
    options = RunOptions(target=TargetOptions(to="secretKey.v1"), rotation=RotationOptions(fresh_data_key=True))
    with pytest.raises(RefusedError) as raised:
        await in_session(operation.run, settings_of(grafana), options)
    assert "the trigger meddler on user_auth_high changes it" in raised.value.message
    high = [row for row in before if int(str(row[0])) >= 200]
    assert grafana.query("SELECT id, o_auth_access_token FROM user_auth WHERE id >= 200 ORDER BY id") == high


@pytest.mark.parametrize(("name", "kind"), [(name, kinds[0]) for name, kinds in triggers.KINDS.items()])
async def test_a_trigger_is_noticed_on_pages_of_one_row_that_is_larger_than_a_page(
    name: str, kind: str, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "PAGE_BYTES", 1)
    grafana = opened(name)
    triggers.plant(grafana.engine, kind, "user_auth", "o_auth_access_token")
    before = stored(grafana, "user_auth")
    with pytest.raises(RefusedError, match="user_auth: 1 of 1 rows do not hold what was written") as raised:
        await grafana.run()
    is_named(raised.value, "user_auth", kind)
    assert stored(grafana, "user_auth") == before


# MariaDB names a trigger to an account without the privilege too, MySQL does not.
@pytest.mark.parametrize(
    ("name", "words"), [("mariadb", "the trigger meddler"), ("mysql", "a trigger that this account cannot see")]
)
async def test_a_trigger_is_noticed_by_an_account_without_the_privilege_to_see_it(
    name: str, words: str, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    grafana = opened(name)
    triggers.plant(grafana.engine, "before", "user_auth", "o_auth_access_token")
    parts = urlsplit(grafana.engine.url)
    user = f"blind_{name}"
    grafana.execute(f"DROP USER IF EXISTS {user}")
    grafana.execute(f"CREATE USER {user} IDENTIFIED BY 'no-trigger'")
    privileges = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER"
    grafana.execute(f"GRANT {privileges} ON `{parts.path.strip('/')}`.* TO {user}")
    before = stored(grafana, "user_auth")
    url = parts._replace(netloc=f"{user}:no-trigger@{parts.hostname}:{parts.port}").geturl()
    with pytest.raises(RefusedError, match=words) as raised:
        await run_in_process(url, SECRET_KEY, monkeypatch)
    assert raised.value.exit_code == 6
    assert stored(grafana, "user_auth") == before
