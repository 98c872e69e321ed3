"""The databases of Grafana's releases, through the real command line and a vault over TLS."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from tests.grafana.decryptor import open_read_only
from tests.grafana.manager_schema import GRAFANAS
from tests.grafana.populate import populate
from tests.grafana.releases import (
    EVERY,
    LEGACY,
    WITH_DATA_KEYS,
    WITHOUT_SECRETS,
    GrafanaDatabase,
    databases,
    real_databases,
    server_schema,
)
from tests.grafana.releases.facts import migrations_in
from tests.support.engine import Engine
from tests.support.servers import server_engine
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault
from tests.support.worlds import stored

#: The rebuilt ones show what the real ones do, so that these are for the nights.
NIGHTLY = [pytest.mark.rest_of_pairs]


def story_of(release: GrafanaDatabase, folder: Path, vault: Vault) -> Story:
    return Story.of(release.write(folder / "grafana.db"), vault)


@pytest.mark.parametrize("release", databases(*WITH_DATA_KEYS, real=NIGHTLY))
def test_every_secret_moves_under_the_vault_and_keeps_its_plaintext(
    release: GrafanaDatabase, tmp_path: Path, shared_vault: Vault
) -> None:
    story = story_of(release, tmp_path, shared_vault)
    plaintexts, rest = story.plaintexts(), story.rest()
    assert all(isinstance(each, bytes) for each in plaintexts.values())

    report = story.cli.json("run", *WRAP)
    assert report["outcome"] == "done"
    assert report["target_provider"] == TARGET
    assert report["secrets"] == {
        "total": len(plaintexts),
        "re_encrypted": len(plaintexts),
        "already_current": 0,
        "quarantined": 0,
        "left": 0,
        "not_applicable": 0,
    }
    assert story.plaintexts() == plaintexts
    assert story.off_target() == {}
    assert {each.key_id for each in story.secrets().values()} == {report["target_data_key"]}
    assert story.rest() == rest

    verified = story.cli.json("verify")
    assert verified["secrets"]["readable"] == verified["secrets"]["under_target"] == len(plaintexts)

    before = story.digest()
    again = story.cli.json("run")
    assert (again["outcome"], again["secrets"]["already_current"]) == ("nothing_to_do", len(plaintexts))
    assert story.digest() == before


@pytest.mark.parametrize("release", databases(*LEGACY, real=NIGHTLY))
def test_a_grafana_before_9_is_refused_and_left_as_it_is(
    release: GrafanaDatabase, tmp_path: Path, shared_vault: Vault
) -> None:
    story = story_of(release, tmp_path, shared_vault)
    before = story.digest()
    report = story.cli.json("run", *WRAP, expect=6)
    assert "before 9" in report["error"]["message"]
    assert "Upgrade Grafana" in report["error"]["hint"]
    assert story.digest() == before
    assert story.cli.json("plan")["exit_code"] == 0
    story.cli("plan", "--check", expect=6)


@pytest.mark.parametrize("release", databases(*WITHOUT_SECRETS, real=NIGHTLY))
def test_a_database_without_secrets_is_an_error_unless_it_is_allowed(
    release: GrafanaDatabase, tmp_path: Path, shared_vault: Vault
) -> None:
    story = story_of(release, tmp_path, shared_vault)
    before = story.digest()
    assert story.cli.json("run", *WRAP, expect=9)["outcome"] == "no_secrets"
    assert story.cli.json("run", *WRAP, "--allow-empty")["outcome"] == "nothing_to_do"
    story.cli("verify", expect=9)
    assert story.digest() == before


@pytest.mark.parametrize("release", databases(*WITH_DATA_KEYS, *LEGACY, real=NIGHTLY))
@pytest.mark.parametrize("target", [TARGET, "secretKey.v1"])
def test_a_wrong_secret_key_is_refused_and_not_one_byte_changes(
    release: GrafanaDatabase, target: str, tmp_path: Path, shared_vault: Vault
) -> None:
    right = story_of(release, tmp_path, shared_vault)
    story = Story.of(right.database, shared_vault, secret_key="not the key that wrote this")
    before = story.digest()
    report = story.cli.json("run", "--to", target, *WRAP, expect=6)
    assert story.digest() == before
    if release.name in WITH_DATA_KEYS:
        assert "secret_key" in report["error"]["message"]
        assert "GF_SECURITY_SECRET_KEY" in report["error"]["hint"]


@pytest.mark.rest_of_pairs
@pytest.mark.parametrize(
    "release",
    [
        *(pytest.param(GrafanaDatabase(name), id=name) for name in EVERY),
        # Whatever is there, also what nobody has rebuilt yet.
        *(pytest.param(GrafanaDatabase(path.stem, path), id=f"{path.stem}-real") for path in real_databases()),
    ],
)
def test_every_database_goes_there_and_back(release: GrafanaDatabase, tmp_path: Path, shared_vault: Vault) -> None:
    story = story_of(release, tmp_path, shared_vault)
    digest, texts, plaintexts, rest = story.digest(), stored(story), story.plaintexts(), story.rest()
    columns = {name for _, name, *_ in story.query("SELECT * FROM pragma_table_info('data_keys')")}
    refusal = 9 if not texts else 6 if "label" not in columns else None
    plan = story.cli.json("plan", *WRAP)
    assert story.digest() == digest
    if refusal:
        story.cli("run", *WRAP, expect=refusal)
        assert story.digest() == digest
        return
    assert plan["secrets"]["total"] == len(texts)
    # What Grafana cannot read either is in quarantine, and the rest is done.
    unreadable = sum(not isinstance(each, bytes) for each in plaintexts.values())
    run = story.cli.json("run", *WRAP, expect=3 if unreadable else 0)
    assert run["secrets"]["quarantined"] == unreadable
    assert story.plaintexts() == plaintexts
    assert story.rest() == rest
    story.cli.json("verify", expect=8 if unreadable else 0)
    assert story.cli.json("undo", run["run_id"])["outcome"] == "undone"
    assert stored(story) == texts
    assert story.rest() == rest


def test_the_tables_of_an_older_grafana_on_postgres_are_migrated(
    tmp_path: Path, shared_vault: Vault, request: pytest.FixtureRequest
) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, engine=server_engine("postgres", request))
    with story.builder() as builder:
        populate(builder, count=60, under=[builder.data_key(), None])
    as_in_release(story.engine, tmp_path)
    plaintexts, rest = story.plaintexts(), story.rest()
    assert {"dashboard_snapshot", "alert_configuration_history", "plugin_setting"} < {each.table for each in plaintexts}
    assert {"resource", "user_external_session"} & {each.table for each in plaintexts} == set()
    report = story.cli.json("run", *WRAP)
    assert (report["outcome"], report["secrets"]["left"]) == ("done", 0)
    assert (story.plaintexts(), story.rest(), story.off_target()) == (plaintexts, rest, {})
    assert story.cli.json("verify")["secrets"]["readable"] == len(plaintexts)


def as_in_release(engine: Engine, folder: Path) -> None:
    """Give the rows of a database the tables of a Grafana 10 on PostgreSQL, and the log of migrations of the time."""
    statements = server_schema("schema-postgres-2024")
    tables = re.findall(r'CREATE TABLE public\."?(\w+)', "\n".join(statements))
    gone = [f'"{name}"' for name in GRAFANAS if name != "org"]
    with engine.session() as execute:
        for table in tables:
            execute(f'CREATE TABLE kept_{table} AS TABLE "{table}"')
        execute(f"DROP TABLE IF EXISTS {', '.join(gone)}")
        for statement in statements:
            execute(statement)
        columns = "SELECT column_name FROM information_schema.columns WHERE table_name = ?"
        for table in set(tables) - {"migration_log"}:
            names = ", ".join(f'"{name}"' for (name,) in engine.query(columns, table))
            execute(f'INSERT INTO "{table}" ({names}) SELECT {names} FROM kept_{table}')  # noqa: S608 - of the release
        for table in tables:
            execute(f"DROP TABLE kept_{table}")
        log = GrafanaDatabase("grafana-11-2024").write(folder / "log.db")
        with closing(open_read_only(log)) as connection:
            for number, (migration, *_) in enumerate(migrations_in(connection, "migration_log")):
                execute(
                    "INSERT INTO migration_log (id, migration_id, sql, success, error, timestamp) "
                    "VALUES (?, ?, '-', TRUE, '', '2025-01-31 08:00:00')",
                    *(number, migration),
                )
