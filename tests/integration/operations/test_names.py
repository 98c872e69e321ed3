"""Names are read from the database at the time of display: in Grafana's words, and never in the way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reencrypt.catalogue.location import Key, KeyPart, Location, Row
from reencrypt.catalogue.stores import STORES
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.operations.names import names_of
from reencrypt.settings import load_settings
from reencrypt.state.quarantine import Place
from reencrypt.state.rowkey import key_to_text
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.manager import SecretsManagerBuilder
from tests.grafana.planting import Plain
from tests.grafana.releases import EVERY, GrafanaDatabase, databases
from tests.support.accounts import grant, new_account, tables_of, url_as
from tests.support.engine import Engine, SqliteEngine
from tests.support.servers import SERVERS, server_engine

CONFIGURATION = "alertmanager_configuration"
NEVER = b"canary-plaintext-0a51"
HOSTILE = "\x1b[31mred\r\n\u202e'\"; DROP TABLE org; --{name}[b]<b>" + "x" * 120
ESCAPED = "\\x1b[31mred\\r\\n\\u202e'\\\"; DROP TABLE org; --{name}[b]<b>"


async def read_names(engine: Engine, *places: Place, url: str | None = None) -> dict[Place, str]:
    settings = load_settings(config=None, home=None, database_url=url or engine.url, environ={})
    database = await open_database(settings.database, write=False)
    try:
        return {place: each.name for place, each in (await names_of(database, places)).items()}
    finally:
        await database.close()


def place(location: str, *key: KeyPart, field: str = "value") -> Place:
    return location, key_to_text(key), field


def key_part(value: object) -> KeyPart:
    assert isinstance(value, int | str)
    return value


@pytest.mark.every_engine
async def test_every_location_is_named_in_grafanas_words(tmp_path: Path, engine: Engine) -> None:
    fixture = tmp_path / "fixture.db"
    secret = Plain(NEVER)
    receivers = f"{CONFIGURATION}.alertmanager_config.receivers"
    with GrafanaBuilder(fixture) as builder:
        builder.add_org("Zweite ☃", org_id=2)
        builder.add_user("alice", row_id=4)
        manager = SecretsManagerBuilder(builder)
        key = manager.data_key()
        manager.add_value(key, NEVER, name="inline-token", version=3)
        sealed = manager.add_snapshot(key, NEVER)
        alerts = builder.add_alert_configuration([{"name": secret}] * 3, extra=[secret], org_id=2, other_row=True)
        repository = builder.add_repository(token=secret, name="dashboards")
        builder.add_user_auth({"o_auth_access_token": secret}, row_id=3)
        expected = {
            place("data_source", builder.add_data_source({"name": secret}, name="Prometheus prod", org_id=2)): (
                'data source "Prometheus prod" of organisation "Zweite ☃"'
            ),
            place("secrets", builder.add_secret(secret, namespace="Loki")): (
                'data source "Loki" of organisation "Main Org."'
            ),
            place("secrets", builder.add_secret(secret, namespace="app", kind="extsvc-token", org_id=9)): (
                'service account token of plugin "app" of organisation 9'
            ),
            place("secrets", builder.add_secret(secret, namespace="n", kind="t", org_id=-1)): 'secret "n" of type "t"',
            place("plugin_setting", builder.add_plugin_setting({"name": secret}, row_id=7)): (
                'plugin "vendor-7-app" of organisation "Main Org."'
            ),
            place("user_auth", 3): 'login of user "alice" by "oauth_azuread"',
            place("user_auth", builder.add_user_auth({"o_auth_access_token": secret}, row_id=8)): (
                'login of user 9 by "oauth_azuread"'
            ),
            place("sso_setting", builder.add_sso_setting({"name_secret": secret}, provider="github")): (
                'SSO settings of "github"'
            ),
            place("alert_notification", builder.add_alert_notification({"name": secret}, row_id=5)): (
                'notification channel "Channel 5" of organisation "Main Org.", type "slack"'
            ),
            place("cloud_migration_session", builder.add_cloud_migration_session(secret)): (
                'cloud migration to stack "stack" of organisation "Main Org."'
            ),
            place("setting", *builder.add_setting(secret)): 'setting "private_key" of section "auth.saml"',
            place("secret_encrypted_value", "default", "inline-token", 3): (
                'secure value "inline-token" in namespace "default", owned by "Repository/repository-inline-token"'
            ),
            place("secret_encrypted_value", "default", "gone", 1): 'secure value "gone" in namespace "default"',
            place("resource", repository): 'repository "dashboards" in namespace "default"',
        }
        for table in ("alert_configuration", "alert_configuration_history"):
            for number, integration in enumerate((0, 0, 1)):
                field = f"{receivers}[{number}].grafana_managed_receiver_configs[{integration}].secureSettings.name"
                name = f'contact point "Kontakt {number} 🔔" of organisation "Zweite ☃", integration "slack"'
                expected[place(table, alerts, field=field)] = name
            imported = f"{CONFIGURATION}.extra_config[0].alertmanager_config"
            expected[place(table, alerts, field=imported)] = (
                'imported Alertmanager configuration "mimir-0" of organisation "Zweite ☃"'
            )
            beyond = f"{receivers}[9].grafana_managed_receiver_configs[0].secureSettings.name"
            expected[place(table, alerts, field=beyond)] = 'Alertmanager configuration of organisation "Zweite ☃"'
        ((key_id,),) = builder.ground.connection.execute("SELECT name FROM resource WHERE guid = ?", (sealed,))
        of_snapshot = place("resource_snapshots", sealed, field="value.spec.dashboardEncrypted")
    engine.load(fixture)
    nowhere = [place("data_source", 999), place("oncall", 1), ("data_source", "not JSON", "value")]
    found = await read_names(engine, *expected, of_snapshot, *nowhere)
    # What the fixture calls its title is its key, too.
    assert found.pop(of_snapshot) == f'dashboard snapshot "{key_id}" in namespace "default"'
    assert found == expected
    assert NEVER.decode() not in str(found)


@pytest.mark.every_engine
async def test_what_a_row_says_is_escaped_and_bounded(tmp_path: Path, engine: Engine) -> None:
    fixture = tmp_path / "fixture.db"
    with GrafanaBuilder(fixture) as builder:
        builder.add_org(HOSTILE, org_id=2)
        source = builder.add_data_source(None, name=HOSTILE, org_id=2)
    engine.load(fixture)
    name = (await read_names(engine, place("data_source", source)))[place("data_source", source)]
    assert name.startswith(f'data source "{ESCAPED}xxx')
    assert len(name) < 300
    assert name.isprintable()


async def test_texts_that_only_sqlite_holds_are_named_too(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "grafana.db")
    with GrafanaBuilder(engine.path) as builder:
        keys = [builder.add_data_source(None) for _ in range(5)]
        rename = "UPDATE data_source SET name = ?, org_id = ? WHERE id = ?"
        contents = ["a\0b", b"\xff\xfe", "y" * 10_000_000, 42, b""]
        for key, content in zip(keys, contents, strict=True):
            builder.ground.connection.execute(rename, (content, "x" if key == keys[0] else key + 50, key))
    found = await read_names(engine, *(place("data_source", key) for key in keys), place("data_source", 2**70))
    names = [found.get(place("data_source", key)) for key in keys]
    # A number that no driver takes costs the names that were asked for with it, and nothing else.
    assert names == [None] * 5
    found = await read_names(engine, *(place("data_source", key) for key in keys))
    assert [found.get(place("data_source", key)) for key in keys] == [
        'data source "a\\x00b"',
        f'data source "\ufffd\ufffd" of organisation {keys[1] + 50}',
        f'data source "{"y" * 100}…" of organisation {keys[2] + 50}',
        f'data source "42" of organisation {keys[3] + 50}',
        None,
    ]


@pytest.mark.every_engine
async def test_what_an_older_grafana_lacks_only_makes_a_name_say_less(tmp_path: Path, engine: Engine) -> None:
    fixture = tmp_path / "fixture.db"
    with GrafanaBuilder(fixture) as builder:
        source = builder.add_data_source(None, name="Loki")
        login = builder.add_user_auth({}, module="oauth_github")
        plugin = builder.add_plugin_setting(None)
    engine.load(fixture)
    asked = [place("data_source", source), place("user_auth", login), place("plugin_setting", plugin)]
    quote = engine.particulars.quote
    engine.execute("DROP TABLE org")
    engine.execute(f"ALTER TABLE user_auth DROP COLUMN {quote}external_uid{quote}")
    assert list((await read_names(engine, *asked)).values()) == [
        'data source "Loki" of organisation 1',
        f'login of user {login + 1} by "oauth_github"',
        f'plugin "vendor-{plugin}-app" of organisation 1',
    ]
    engine.execute("ALTER TABLE data_source RENAME COLUMN org_id TO other")
    engine.execute("ALTER TABLE plugin_setting RENAME COLUMN plugin_id TO other")
    engine.execute("ALTER TABLE user_auth RENAME TO other")
    assert list((await read_names(engine, *asked)).values()) == ['data source "Loki"']


@pytest.mark.parametrize("name", SERVERS)
async def test_a_table_that_this_account_may_not_read_only_makes_a_name_say_less(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    engine = server_engine(name, request)
    with GrafanaBuilder(tmp_path / "fixture.db") as builder:
        builder.add_user("alice", row_id=4)
        builder.add_user_auth({}, row_id=3)
        builder.add_data_source(None, row_id=5, name="Loki")
    engine.load(tmp_path / "fixture.db")
    account = new_account(engine)
    for table in tables_of(engine):
        if table not in {"user", "org"}:
            grant(engine, account, "SELECT", table)
    found = await read_names(engine, place("user_auth", 3), place("data_source", 5), url=url_as(engine, account))
    assert list(found.values()) == ['login of user 4 by "oauth_azuread"', 'data source "Loki" of organisation 1']


async def test_many_places_are_few_queries(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "grafana.db")
    with GrafanaBuilder(engine.path) as builder:
        keys = [builder.add_data_source(None) for _ in range(1200)]
    database = await open_database(
        load_settings(config=None, home=None, database_url=engine.url, environ={}).database, write=False
    )
    counted = Counting(database)
    try:
        places = [place("data_source", key, field=f"f{number}") for key in keys for number in range(5)]
        assert len(await names_of(counted, places)) == 6000
    finally:
        await database.close()
    assert counted.reads == 6


class Counting:
    """The real database, and how often rows were read in it."""

    def __init__(self, real: Database) -> None:
        self._real = real
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def read_rows(self, location: Location, keys: Sequence[Key]) -> list[Row]:
        self.reads += 1
        return await self._real.read_rows(location, keys)


@pytest.mark.parametrize("release", databases(*EVERY))
async def test_every_row_of_a_release_has_a_name(release: GrafanaDatabase, tmp_path: Path) -> None:
    engine = SqliteEngine(release.write(tmp_path / "grafana.db"))
    tables = {str(name) for (name,) in engine.query("SELECT name FROM sqlite_master WHERE type = 'table'")}
    asked = [
        place(location.name, *map(key_part, key), field=location.fields[0].column)
        for store in STORES.values()
        for location in store.locations
        if location.table in tables and not location.only
        for key in engine.query(f"SELECT {', '.join(f'`{part}`' for part in location.key)} FROM {location.table}")  # noqa: S608
    ]
    found = await read_names(engine, *asked)
    assert found.keys() == set(asked)
    assert all(name.isprintable() for name in found.values())
    # Organisations are named wherever there is one.
    assert not [name for name in found.values() if " of organisation " in name and not name.endswith('"')]
