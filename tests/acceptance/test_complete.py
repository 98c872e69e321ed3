"""May the old key go? The answer counts afresh, finds what the catalogue does not know, and never loses a data key."""

from __future__ import annotations

import base64
import json
import signal
from pathlib import Path

import pytest

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.commandline import CommandLine
from tests.support.engine import Engine
from tests.support.servers import SERVERS
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault

pytestmark = pytest.mark.mysql_for_mariadb

TTL = {"GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "1s"}


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return hasty(Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine))


def hasty(story: Story) -> Story:
    """The same with a cache of a second, so that nobody waits for a quarter of an hour."""
    cli = CommandLine(story.cli.database, story.cli.configuration, story.vault, TTL)
    return Story(story.database, story.engine, story.vault, story.secret_key, cli)


def grafanas_key(story: Story, builder: GrafanaBuilder, key: str = "prod", **details: object) -> object:
    wrap = {"provider": f"azurekv.{key}", "wrap": lambda dek: story.vault.wrap(key, dek)}
    return builder.data_key(**wrap, **details)  # type: ignore[arg-type]


def fill(story: Story, *, alerting: bool = False) -> None:
    with story.builder() as builder:
        populate(builder, count=40, under=[builder.data_key(), None, grafanas_key(story, builder)])  # type: ignore[list-item]
        if not alerting:
            builder.ground.connection.execute("DELETE FROM alert_notification")


def test_no_before_the_run_and_yes_after_it(story: Story) -> None:
    fill(story)
    digest = story.digest()
    answer = story.cli.json("complete", expect=8)
    reasons = {kek["name"]: kek["reasons"] for kek in answer["keys"]}
    assert answer["outcome"] == "no"
    assert "secrets need it" in reasons["secret_key"][0]
    assert story.digest() == digest

    run = story.cli.json("run")
    # A Grafana may still write under what it had in its cache.
    slow = CommandLine(story.cli.database, story.cli.configuration, story.vault)
    assert "in its cache until" in slow.json("complete", expect=8)["blockers"][0]
    answer = story.cli.json("complete", "--settle")
    assert (answer["outcome"], answer["journal_dropped"]) == ("yes", False)
    assert answer["searched"]["tables"] > 10
    assert any("backups" in spot for spot in answer["not_seen"])
    assert story.query("SELECT COUNT(*) FROM reencrypt_journal") != [(0,)]

    assert "Nothing was changed" in story.cli("complete", "--settle").stdout
    text = story.cli("complete", "--settle", "--finish").stdout
    assert "Yes: the old key can be retired." in text
    assert "no run before this can be undone" in text
    assert story.query("SELECT COUNT(*) FROM reencrypt_journal") == [(0,)]
    assert "completed" in story.cli.json("undo", run["run_id"], expect=6)["error"]["message"]
    answer = story.cli.json("complete", "--settle", "--finish", "--drop-state")
    assert answer["state_dropped"]
    assert story.cli.json("status")["runs"] == []
    assert story.query("SELECT COUNT(*) FROM reencrypt_data_key") is not None
    assert story.cli.json("run")["outcome"] == "nothing_to_do"


@pytest.mark.one_engine
def test_secret_key_stays_while_legacy_alerting_needs_it(story: Story) -> None:
    fill(story, alerting=True)
    story.cli.json("run")
    answer = story.cli.json("complete", "--settle", expect=8)
    (secret_key,) = [kek for kek in answer["keys"] if kek["name"] == "secret_key"]
    assert list(secret_key["locations"]) == ["alert_notification"]


def test_an_envelope_in_a_place_that_nobody_knows_keeps_its_key(story: Story) -> None:
    fill(story)
    with story.builder() as builder:
        (key, *_) = builder.data_keys or [builder.data_key()]
        raw = builder.encrypt(Plain(b"kept by a plugin", key))
    story.cli.json("run")
    text = json.dumps({"token": base64.b64encode(raw).decode(), "note": "#hello# is no envelope"})
    ((row,),) = story.query("SELECT MIN(id) FROM dashboard_snapshot")
    story.execute("UPDATE dashboard_snapshot SET dashboard = ? WHERE id = ?", text, row)
    answer = story.cli.json("complete", "--settle", expect=8)
    (secret_key,) = [kek for kek in answer["keys"] if kek["name"] == "secret_key"]
    assert secret_key["reasons"] == [
        f"an envelope where the catalogue knows none: 1 in dashboard_snapshot.dashboard under data key {key.key_id}"
    ]


def test_a_column_of_any_type_is_searched(story: Story) -> None:
    fill(story)
    with story.builder() as builder:
        (key, *_) = builder.data_keys or [builder.data_key()]
        raw = builder.encrypt(Plain(b"kept by a plugin", key))
    story.cli.json("run")
    for table, insert in story.engine.particulars.odd_texts.items():
        for statement in table.split("; "):
            story.execute(statement)
        story.execute(insert, base64.b64encode(raw).decode())
        answer = story.cli.json("complete", "--check", "--settle", expect=8)
        (secret_key,) = [kek for kek in answer["keys"] if kek["name"] == "secret_key"]
        assert "1 in odd.kept under data key" in secret_key["reasons"][0], table
        story.execute("DROP TABLE odd")
    assert story.cli.json("complete", "--check", "--settle")["outcome"] == "yes"


@pytest.mark.parametrize("engine", SERVERS, indirect=True)
def test_what_cannot_be_searched_is_in_the_way_until_somebody_vouches_for_it(story: Story) -> None:
    fill(story)
    story.cli.json("run")
    assert story.engine.particulars.unsearchable is not None
    table, part = story.engine.particulars.unsearchable
    story.execute(table)
    answer = story.cli.json("complete", "--check", "--settle", expect=8)
    assert list(answer["searched"]["not_searched"]) == [part]
    assert answer["blockers"][0].endswith(f"if it holds no secrets, give --unsearched {part}")
    story.cli.json("complete", "--check", "--settle", "--unsearched", "even", expect=8)
    assert story.cli.json("complete", "--check", "--settle", "--unsearched", "odd")["outcome"] == "yes"


@pytest.mark.one_engine
def test_damaged_text_keeps_the_key_that_it_names_until_it_is_given_up(story: Story, tmp_path: Path) -> None:
    with story.builder() as builder:
        populate(builder, count=40, under=[grafanas_key(story, builder)])  # type: ignore[list-item]
        builder.ground.connection.execute("DELETE FROM alert_notification")
    story.cli.json("run")
    with story.builder() as builder:
        old = builder.data_key(key_id="old", active=False)
        text = base64.b64encode(builder.encrypt(Plain(b"can be repaired", old))).decode()
        # Saved since the run, whose journal knows nothing of it.
        row = builder.add_data_source({"password": Plain(b"can be repaired", old)})
    document = json.dumps({"password": text}) + ","
    story.execute("UPDATE data_source SET secure_json_data = ? WHERE id = ?", document, row)
    delete = ("complete", "--finish", "--delete-data-keys", str(tmp_path / "keys.json"))
    answer = story.cli.json(*delete, expect=8)
    assert any("1 secret in data_source is damaged" in blocker for blocker in answer["blockers"])
    (secret_key,) = [kek for kek in answer["keys"] if kek["name"] == "secret_key"]
    assert "under data key old" in secret_key["reasons"][0]
    story.cli.json("run", expect=3)
    story.cli.json("quarantine acknowledge", "--all")
    # It is given up; its data key stays all the same.
    assert "old" not in story.cli.json(*delete)["deleted_data_keys"]


@pytest.mark.one_engine
def test_the_wait_for_the_cache_excuses_no_run_that_ended_in_it(story: Story) -> None:
    fill(story)
    story.cli.json("run")
    slow = {"GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "4s"}
    cli = CommandLine(story.cli.database, story.cli.configuration, story.vault, slow)
    waiting = cli.start("complete", "--check", "--settle", "--output", "json", "-v", "--log-format", "json")
    assert waiting.stderr is not None
    assert "4 s" in waiting.stderr.readline()
    # It stands still within its wait, however long the run takes.
    waiting.send_signal(signal.SIGSTOP)
    late = cli.json("run", "--fresh-data-key")["run_id"]
    # As if it had taken until the last moment.
    story.execute("UPDATE reencrypt_run SET updated = '2999-01-01 00:00:00' WHERE id = ?", late)
    waiting.send_signal(signal.SIGCONT)
    answer = json.loads(waiting.communicate()[0])
    assert "in its cache until" in answer["blockers"][0]


def test_a_version_that_nobody_can_tell_may_be_any_vaults_but_never_secret_key(
    tmp_path: Path, shared_vault: Vault
) -> None:
    story = hasty(Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key"))
    fill(story)
    story.cli.json("run")
    with story.builder() as builder:
        unknown = [
            builder.data_key(key_id=name, provider=f"{name}.gone", wrap=lambda _dek: b"?" * 256)
            for name in ("azurekv", "awskms")
        ]
        strays = [base64.b64encode(builder.encrypt(Plain(b"kept by a plugin", key))).decode() for key in unknown]
        builder.ground.connection.execute("UPDATE data_keys SET active = 0 WHERE name IN ('azurekv', 'awskms')")
    story.execute("CREATE TABLE plugin (kept TEXT)")
    story.execute("INSERT INTO plugin VALUES (?)", strays[1])
    assert story.cli.json("complete", "--check", "--settle", "--retire", "secret_key")["outcome"] == "yes"
    story.execute("INSERT INTO plugin VALUES (?)", strays[0])
    assert story.cli.json("complete", "--check", "--settle", "--retire", "secret_key")["outcome"] == "yes"
    answer = story.cli.json("complete", "--check", "--settle", expect=8)
    (prod,) = [kek for kek in answer["keys"] if kek["name"].startswith(TARGET)]
    assert "need azurekv.gone/unknown, an unknown version" in str(prod["reasons"])


@pytest.mark.one_engine
def test_an_undo_that_is_not_over_is_in_the_way(story: Story) -> None:
    fill(story)
    run = story.cli.json("run")
    story.execute("UPDATE reencrypt_run SET state = 'undoing'")
    assert f"reencrypt undo {run['run_id']}" in str(story.cli.json("complete", "--settle", expect=8)["blockers"])
    assert story.query("SELECT state FROM reencrypt_run") == [("undoing",)]


@pytest.mark.one_engine
def test_what_is_in_quarantine_is_in_the_way_until_it_is_given_up(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=60, under=[key, grafanas_key(story, builder)])  # type: ignore[list-item]
        builder.ground.connection.execute("DELETE FROM alert_notification")
        builder.add_secret(Plain(b"no JSON object", key))
    story.cli.json("run", expect=3)
    assert "quarantine" in story.cli.json("complete", "--settle", expect=8)["blockers"][0]
    story.cli.json("quarantine acknowledge", "--all")
    assert story.cli.json("complete", "--settle")["outcome"] == "yes"


def test_data_keys_are_deleted_when_they_rest_and_saved_first(story: Story, tmp_path: Path) -> None:
    fill(story)
    before = story.plaintexts()
    story.cli.json("run", "--fresh-data-key")
    rows = story.query("SELECT name FROM data_keys WHERE active = (1 = 0)")
    saved = tmp_path / "keys.json"
    delete = ("complete", "--finish", "--delete-data-keys", str(saved))
    answer = story.cli.json(*delete)
    assert sorted(answer["deleted_data_keys"]) == sorted(str(name) for (name,) in rows)
    assert {each["name"] for each in json.loads(saved.read_text())["data_keys"]} == {str(name) for (name,) in rows}
    assert saved.stat().st_mode & 0o777 == 0o600
    assert story.query("SELECT COUNT(*) FROM data_keys") == [(1,)]
    assert story.plaintexts() == before
    assert "exists already" in story.cli.json(*delete, expect=2)["error"]["message"]


def test_a_version_is_named_with_the_command_that_disables_it(tmp_path: Path, own_vault: Vault) -> None:
    story = hasty(Story.of(tmp_path / "grafana.db", own_vault, secret_key="the secret_key"))
    fill(story)
    story.cli.json("run")
    old = own_vault.key_version("prod")
    own_vault.as_owner("POST", "/keys/prod/rotate")
    name = f"{TARGET}/{old}"
    answer = story.cli.json("complete", "--settle", "--retire", name, expect=8)
    (asked,) = [kek for kek in answer["keys"] if kek["retiring"]]
    assert "secrets need it" in asked["reasons"][0]
    assert "1 active data key that it wraps" in asked["reasons"][1]
    story.cli.json("rewrap")
    answer = story.cli.json("complete", "--settle", "--retire", name)
    kid = f"{story.vault.uri}/keys/prod/{old}"
    assert answer["commands"] == [f"az keyvault key set-attributes --id {kid} --enabled false"]
    own_vault.as_owner("PATCH", f"/keys/prod/{old}", {"attributes": {"enabled": False}})
    assert story.cli.json("verify")["outcome"] == "verified"
    assert "nothing here" in story.cli.json("complete", "--retire", name, expect=2)["error"]["message"]


@pytest.mark.one_engine
def test_an_old_vault_is_named_with_its_command(story: Story) -> None:
    with story.builder() as builder:
        populate(builder, count=20, under=[grafanas_key(story, builder), grafanas_key(story, builder, "other")])  # type: ignore[list-item]
        builder.ground.connection.execute("DELETE FROM alert_notification")
    story.cli.json("run", *WRAP)
    answer = story.cli.json("complete", "--settle")
    version = story.vault.key_version("other")
    kid = f"{story.vault.uri}/keys/other/{version}"
    assert answer["commands"] == [f"az keyvault key set-attributes --id {kid} --enabled false"]


def test_a_version_that_cannot_be_told_keeps_all_of_its_provider(tmp_path: Path, own_vault: Vault) -> None:
    story = hasty(Story.of(tmp_path / "grafana.db", own_vault, secret_key="the secret_key"))
    with story.builder() as builder:
        unused = grafanas_key(story, builder, key_id="unused")
        builder.ground.connection.execute("UPDATE data_keys SET active = 0 WHERE name = 'unused'")
    assert unused
    first = own_vault.key_version("prod")
    second = own_vault.as_owner("POST", "/keys/prod/rotate")["key"]["kid"].rpartition("/")[2]
    with story.builder() as builder:
        populate(builder, count=20, under=[None])
        builder.ground.connection.execute("DELETE FROM alert_notification")
    story.cli.json("run", *WRAP)
    own_vault.as_owner("POST", "/keys/prod/rotate")
    own_vault.as_owner("PATCH", f"/keys/prod/{first}", {"attributes": {"enabled": False}})
    answer = story.cli.json("complete", "--check", "--settle", "--retire", f"{TARGET}/{second}", expect=8)
    (asked,) = [kek for kek in answer["keys"] if kek["retiring"]]
    assert asked["secrets"] == 20
    # One data key that nobody needs does not keep the others from being wrapped anew.
    report = story.cli.json("rewrap", *WRAP, expect=3)
    assert list(report["left_because"]) == ["unused"]
    assert story.cli.json("verify")["outcome"] == "verified"


def test_a_key_that_serves_another_provider_is_not_disabled(tmp_path: Path, shared_vault: Vault) -> None:
    section = shared_vault.grafana_ini.read_text().split("[security.encryption.azurekv.prod]")[1].split("\n[")[0]
    extra = f"[security.encryption.azurekv.renamed]{section}\n"
    (tmp_path / "renamed").mkdir()
    configuration = shared_vault.configuration(tmp_path / "renamed", secret_key="the secret_key", extra=extra)
    text = configuration.read_text().replace("azurekv.other", "azurekv.other azurekv.renamed", 1)
    configuration.write_text(
        text.replace("encryption_provider = azurekv.prod", "encryption_provider = azurekv.renamed")
    )
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key")
    with story.builder() as builder:
        populate(builder, count=20, under=[grafanas_key(story, builder)])  # type: ignore[list-item]
        builder.ground.connection.execute("DELETE FROM alert_notification")
    cli = CommandLine(story.cli.database, configuration, shared_vault, TTL)
    cli.json("run", *WRAP)
    answer = cli.json("complete", "--check", "--settle", expect=8)
    (prod,) = [kek for kek in answer["keys"] if kek["name"].startswith(f"{TARGET}/")]
    assert "it is the key of azurekv.renamed/" in prod["reasons"][0]
    assert answer["commands"] == []
    newest = answer["target"]
    assert "it stays" in str(cli.json("complete", "--check", "--settle", "--retire", newest, expect=8)["keys"])


def test_deleting_works_where_no_run_has_been_and_contradicts_a_check(tmp_path: Path, shared_vault: Vault) -> None:
    story = hasty(Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key"))
    with story.builder() as builder:
        populate(builder, count=20, under=[grafanas_key(story, builder)])  # type: ignore[list-item]
        builder.ground.connection.execute("DELETE FROM alert_notification")
        builder.data_key(key_id="unused", active=False)
    saved = ("--finish", "--delete-data-keys", str(tmp_path / "keys.json"))
    assert "--check" in story.cli.json("complete", "--check", *saved, expect=2)["error"]["message"]
    # Also where no run has ever been.
    assert story.cli.json("complete", *saved)["deleted_data_keys"] == ["unused"]
