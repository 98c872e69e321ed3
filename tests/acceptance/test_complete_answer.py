"""A yes contains its proof, a question changes nothing, and what may be the only copy of a secret is never dropped."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from reencrypt.errors import RefusedError
from reencrypt.events import Event, Surveyed
from reencrypt.keys.azure.client import Operation, VaultClient
from reencrypt.keys.azure.errors import BadCiphertextError
from reencrypt.keys.errors import ContradictionError
from reencrypt.operations.complete.report import CompleteReport
from reencrypt.planning.options import CompleteOptions, RunOptions
from reencrypt.settings import load_settings
from tests.grafana.datakeys import DataKey
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.commandline import CommandLine
from tests.support.engine import Engine
from tests.support.inprocess import complete, in_session
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.engines_in_turn]

TTL = {"GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "1s"}
ASK = ("complete", "--settle")
ENVELOPES_OFF = "disableEnvelopeEncryption"


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return hasty(Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine))


def hasty(story: Story, **environment: str) -> Story:
    cli = CommandLine(story.cli.database, story.cli.configuration, story.vault, TTL | environment)
    return Story(story.database, story.engine, story.vault, story.secret_key, cli)


def fill(story: Story, count: int = 40) -> DataKey:
    """Secrets under three keys, none of legacy alerting; returns the data key under `secret_key`."""
    with story.builder() as builder:
        local = builder.data_key(key_id="local")
        keys: list[DataKey | None] = [
            local,
            None,
            builder.data_key(key_id="grafanas", provider=TARGET, wrap=lambda dek: story.vault.wrap("prod", dek)),
        ]
        populate(builder, count=count, under=keys)
        builder.ground.connection.execute("DELETE FROM alert_notification")
    return local


def token_of(story: Story, at: int = 0) -> tuple[object, bytes]:
    rows = story.query("SELECT id, o_auth_access_token FROM user_auth WHERE o_auth_access_token <> '' ORDER BY id")
    row, text = rows[at]
    return row, text if isinstance(text, bytes) else str(text).encode()


def damage(story: Story, row: object, text: bytes) -> None:
    """Make a token read as nonsense, as a write under a wrong key does."""
    ciphertext = bytearray(base64.b64decode(text))
    for place in range(1, 5):
        ciphertext[-place] ^= 0xFF
    saved = base64.b64encode(ciphertext).decode()
    assert story.execute("UPDATE user_auth SET o_auth_access_token = ? WHERE id = ?", saved, row) == 1


def give_up(story: Story) -> None:
    # What is current already is decrypted only where it moves once more.
    story.cli.json("run", "--fresh-data-key", expect=3)
    story.cli.json("quarantine acknowledge", "--all")


def blockers(answer: dict[str, object]) -> str:
    return str(answer["blockers"])


def test_secrets_that_a_run_wrote_under_a_false_key_are_a_no_that_names_undo(story: Story) -> None:
    fill(story)
    before = story.plaintexts()
    run = story.cli.json("run")
    # The vault once answered with the plaintext of another: nobody has the data key that all was written under.
    false = story.vault.wrap("prod", b"no such data key")
    key = story.query("SELECT encrypted_data FROM data_keys WHERE name = ?", run["target_data_key"])
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", false, run["target_data_key"])
    assert story.cli.json("verify", expect=8)["secrets"]["unreadable"] > 20
    answer = story.cli.json(*ASK, expect=8)
    assert answer["verified"]["unreadable"] > 20
    assert "secrets do not read: `reencrypt verify` names each" in blockers(answer)
    assert f"`reencrypt undo {run['run_id']}`" in blockers(answer)
    story.cli.json(*ASK, "--finish", expect=8)
    assert story.query("SELECT COUNT(*) FROM reencrypt_journal") != [(0,)]
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", key[0][0], run["target_data_key"])
    answer = story.cli.json(*ASK)
    assert answer["outcome"] == "yes"
    assert answer["verified"]["readable"] == answer["verified"]["total"]
    assert story.plaintexts() == before


def test_an_acknowledged_secret_of_which_the_journal_has_another_text_is_a_no(story: Story) -> None:
    fill(story)
    run = story.cli.json("run")
    row, text = token_of(story)
    damage(story, row, text)
    give_up(story)
    answer = story.cli.json(*ASK, expect=8)
    (blocker,) = answer["blockers"]
    assert f"`reencrypt undo {run['run_id']}`" in blocker
    assert f"user_auth [{row}] o_auth_access_token" in blocker
    assert answer["verified"]["quarantined"] == 1
    # Grafana saves it again.
    story.execute("UPDATE user_auth SET o_auth_access_token = ? WHERE id = ?", text.decode(), row)
    assert story.cli.json(*ASK)["verified"]["quarantined"] == 0


@pytest.mark.one_engine
def test_what_was_dead_before_the_run_and_is_given_up_is_not_in_the_way(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key(key_id="local")
        populate(builder, count=40, under=[key])
        builder.data_key(key_id="grafanas", provider=TARGET, wrap=lambda dek: story.vault.wrap("prod", dek))
        builder.ground.connection.execute("DELETE FROM alert_notification")
        good = base64.b64encode(builder.encrypt(Plain(b"a neighbour that moves", key))).decode()
        source = builder.add_data_source({"a": Plain(b"a password", key)})
        # One in a row of its own, and one beside a secret that moves, so that the journal has its column.
        row = builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is longer than that", key)})
    ((text,),) = story.query("SELECT o_auth_access_token FROM user_auth WHERE id = ?", row)
    damage(story, row, str(text).encode())
    dead = base64.b64encode(b"*YWVzLWNmYg*cut off").decode()
    document = json.dumps({"a": good, "b": dead, "c": 5})
    story.execute("UPDATE data_source SET secure_json_data = ? WHERE id = ?", document, source)
    give_up(story)
    assert story.query("SELECT COUNT(*) FROM reencrypt_journal WHERE table_name = 'data_source'") != [(0,)]
    answer = story.cli.json(*ASK)
    assert (answer["outcome"], answer["verified"]["quarantined"]) == ("yes", 3)
    # A later run moves the neighbour once more.
    story.cli.json("run", "--fresh-data-key")
    assert story.cli.json(*ASK)["outcome"] == "yes"


@pytest.mark.one_engine
def test_a_document_that_was_cut_off_after_a_run_is_a_no_although_it_is_given_up(story: Story) -> None:
    fill(story)
    run = story.cli.json("run")
    ((row,), *_) = story.query(
        "SELECT row_key FROM reencrypt_journal WHERE table_name = 'data_source' AND column_name = 'secure_json_data'"
    )
    key = str(row).strip("[]")
    story.execute('UPDATE data_source SET secure_json_data = \'{"a": "Iyc\' WHERE id = ?', int(key))
    give_up(story)
    answer = story.cli.json(*ASK, expect=8)
    assert f"`reencrypt undo {run['run_id']}`" in blockers(answer)
    assert f"data_source [{key}] secure_json_data" in blockers(answer)


@pytest.mark.one_engine
def test_a_data_key_that_was_wrapped_wrongly_is_a_no_that_names_undo(story: Story) -> None:
    with story.builder() as builder:
        populate(builder, count=20, under=[builder.data_key(key_id="local")])
        builder.data_key(key_id="grafanas", provider=TARGET, wrap=lambda dek: story.vault.wrap("prod", dek))
        builder.ground.connection.execute("DELETE FROM alert_notification")
    rewrap = story.cli.json("rewrap")
    assert story.cli.json(*ASK)["outcome"] == "yes"
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = 'local'", story.vault.wrap("prod", b"?" * 16))
    answer = story.cli.json(*ASK, expect=8)
    assert f"`reencrypt undo {rewrap['run_id']}`" in blockers(answer)


@pytest.mark.one_engine
@pytest.mark.parametrize("old_journal", [False, True])
def test_a_change_of_secret_key_is_not_blamed_for_a_secret_that_dies_under_a_sound_data_key(
    story: Story, tmp_path: Path, *, old_journal: bool
) -> None:
    with story.builder() as builder:
        local = builder.data_key(key_id="local")
        populate(builder, count=20, under=[local])
        builder.ground.connection.execute("DELETE FROM alert_notification")
        row = builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is longer than that", local)})
    path = tmp_path / "next.key"
    path.write_text("the next secret_key of this Grafana")
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", "--new-secret-key-file", str(path), "--grafana-stopped")
    story.cli.json(*rekey)
    if old_journal:
        # Earlier versions kept the wrapped bytes alone.
        story.execute("DELETE FROM reencrypt_journal WHERE column_name IN ('provider', 'label')")
    after = hasty(story.with_secret_key("the next secret_key of this Grafana"))
    ((text,),) = story.query("SELECT o_auth_access_token FROM user_auth WHERE id = ?", row)
    damage(story, row, text if isinstance(text, bytes) else str(text).encode())
    answer = after.cli.json(*ASK, "--to", "secretKey.v1", expect=8)
    assert "1 secret does not read: `reencrypt verify` names each" in blockers(answer)
    assert "rekey-secret-key" not in blockers(answer)


@pytest.mark.one_engine
def test_a_rewrap_is_not_blamed_for_a_secret_that_dies_under_a_sound_data_key(story: Story) -> None:
    with story.builder() as builder:
        alone, local = builder.data_key(key_id="alone"), builder.data_key(key_id="local")
        populate(builder, count=20, under=[local])
        builder.data_key(key_id="grafanas", provider=TARGET, wrap=lambda dek: story.vault.wrap("prod", dek))
        builder.ground.connection.execute("DELETE FROM alert_notification")
        # Under one of the data keys there is nothing else; its wrappings hold the same before and after.
        rows = [
            builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is longer than that", key)})
            for key in (alone, local)
        ]
    story.cli.json("rewrap")
    for row in rows:
        ((text,),) = story.query("SELECT o_auth_access_token FROM user_auth WHERE id = ?", row)
        damage(story, row, str(text).encode())
    give_up(story)
    assert story.cli.json(*ASK)["outcome"] == "yes"


@pytest.mark.one_engine
def test_a_secret_that_no_run_has_seen_damaged_is_a_no(story: Story) -> None:
    fill(story)
    story.cli.json("run")
    story.cli.json(*ASK, "--finish")
    with story.builder() as builder:
        key = builder.data_key(key_id="later", provider=TARGET, wrap=lambda dek: story.vault.wrap("prod", dek))
        row = builder.add_user_auth({"o_auth_access_token": Plain(b"saved later, and longer than that", key)})
    rows = story.query("SELECT o_auth_access_token FROM user_auth WHERE id = ?", row)
    damage(story, row, str(rows[0][0]).encode())
    (blocker,) = story.cli.json(*ASK, expect=8)["blockers"]
    assert (
        f"1 secret does not read: `reencrypt verify` names each (user_auth [{row}] o_auth_access_token (login of"
        in blocker
    )


def test_only_the_keys_that_stay_are_used(tmp_path: Path, own_vault: Vault) -> None:
    story = hasty(Story.of(tmp_path / "grafana.db", own_vault, secret_key="the secret_key"))
    fill(story)
    story.cli.json("run")
    old = own_vault.key_version("prod")
    new = own_vault.as_owner("POST", "/keys/prod/rotate")["key"]["kid"].rpartition("/")[2]
    answer = story.cli.json(*ASK, "--retire", f"{TARGET}/{old}", expect=8)
    assert answer["verified"]["readable"] == 0
    assert {each["reason"] for each in answer["verified"]["problems"]} == {"key_retires"}
    # The others stay when only secret_key is asked about.
    answer = story.cli.json(*ASK, "--retire", "secret_key")
    assert answer["verified"]["readable"] == answer["verified"]["total"]
    story.cli.json("rewrap")
    answer = story.cli.json(*ASK, "--retire", f"{TARGET}/{old}")
    assert answer["verified"]["unreadable"] == 0
    assert answer["target"] == f"{TARGET}/{new}"


@pytest.mark.one_engine
def test_a_secret_of_legacy_alerting_that_does_not_read_keeps_every_key(story: Story) -> None:
    fill(story)
    with story.builder() as builder:
        other = builder.data_key(key_id="other", provider="azurekv.other", wrap=lambda d: story.vault.wrap("other", d))
        builder.add_user_auth({"o_auth_access_token": Plain(b"under the other vault", other)})
        row = builder.add_alert_notification({"url": Plain(b"https://hooks.example.org/that-is-long")})
    story.cli.json("run")
    name = f"azurekv.other/{story.vault.key_version('other')}"
    # It is under secret_key, which stays.
    assert story.cli.json(*ASK, "--retire", name)["outcome"] == "yes"
    story.execute("UPDATE alert_notification SET secure_settings = '{\"url\": 5}' WHERE id = ?", row)
    answer = story.cli.json(*ASK, "--retire", name, expect=8)
    assert f"alert_notification [{row}] secure_settings.url (notification channel" in blockers(answer)


@pytest.mark.one_engine
def test_a_configuration_that_grafana_cannot_read_with_is_in_the_way_of_a_yes(story: Story) -> None:
    fill(story)
    story.cli.json("run")
    assert story.cli.configuration is not None
    text = story.cli.configuration.read_text()
    changed = story.cli.configuration.with_name("changed.ini")
    cli = CommandLine(story.cli.database, changed, story.vault, TTL)
    cases = {
        "[security] available_encryption_providers": text.replace("secretKey.v1 azurekv.prod ", "secretKey.v1 "),
        "[security.encryption.azurekv.prod]": text.replace("key_id = prod", "key_id ="),
        "[feature_toggles] disableEnvelopeEncryption": f"{text}\n[feature_toggles]\nenable = {ENVELOPES_OFF}\n",
    }
    for setting, content in cases.items():
        changed.write_text(content)
        answer = cli.json(*ASK, "--retire", "secret_key", expect=2)
        assert (answer["outcome"], [each["setting"] for each in answer["configuration"]]) == ("no", [setting])
        assert f"configuration: {setting}: " in cli(*ASK, "--retire", "secret_key", expect=2).stdout
        cli.json(*ASK, "--retire", "secret_key", "--finish", expect=2)
    row, token = token_of(story)
    damage(story, row, token)
    answer = cli.json(*ASK, "--retire", "secret_key", expect=8)
    assert "disableEnvelopeEncryption" in str(answer["configuration"])
    assert "secrets do not read" in blockers(answer)
    text = cli(*ASK, "--retire", "secret_key", expect=8).stdout
    assert "configuration: [feature_toggles]" in text
    assert "no: 1 secret does not read" in text


@pytest.mark.one_engine
def test_envelope_encryption_that_is_off_is_no_yes_although_there_is_no_envelope(story: Story) -> None:
    """Grafana then writes under secret_key whatever it saves next."""
    story.cli.configuration.write_text(  # type: ignore[union-attr]
        f"{story.cli.configuration.read_text()}\n[feature_toggles]\ndisableEnvelopeEncryption = true\n"  # type: ignore[union-attr]
    )
    fill(story, 0)
    assert len(story.cli.json("complete", expect=2)["configuration"]) == 1
    assert story.cli.json("complete", "--to", "secretKey.v1", expect=None)["configuration"] == []


def test_two_rows_of_one_data_key_are_a_no(story: Story) -> None:
    fill(story)
    story.cli.json("run")
    for statement in (
        "CREATE TABLE copied AS SELECT * FROM data_keys",
        "DROP TABLE data_keys",
        "ALTER TABLE copied RENAME TO data_keys",
        "INSERT INTO data_keys SELECT * FROM data_keys WHERE name = 'grafanas'",
    ):
        story.execute(statement)
    assert "data key grafanas has more than one row" in blockers(
        story.cli.json(*ASK, "--unsearched", "data_keys", expect=8)
    )


def test_a_question_changes_nothing_and_needs_no_lease(story: Story) -> None:
    fill(story)
    tables = story.engine.digest()
    story.cli.json("complete", expect=8)
    # Where no run has been, not even state tables are made.
    assert story.engine.digest() == tables
    story.cli.json("run")
    # Somebody holds the lease, and beats.
    story.execute("UPDATE reencrypt_lease SET holder = 'somebody else', beat_seconds = 1000")
    before = story.digest(), story.query("SELECT * FROM reencrypt_lease")
    for question in (ASK, (*ASK, "--check")):
        answer = story.cli.json(*question)
        assert (answer["outcome"], answer["journal_dropped"], answer["state_dropped"]) == ("yes", False, False)
    assert (story.digest(), story.query("SELECT * FROM reencrypt_lease")) == before


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_a_role_that_may_only_read_gets_an_answer(story: Story) -> None:
    fill(story)
    story.cli.json("run")
    story.execute("DROP ROLE IF EXISTS looker")
    story.execute("CREATE ROLE looker LOGIN PASSWORD 'canary-looker'")
    story.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker")
    url = story.engine.url
    scheme, rest = url.split("://")
    looking = f"{scheme}://looker:canary-looker@{rest.rpartition('@')[2]}"
    cli = CommandLine(looking, story.cli.configuration, story.vault, TTL)
    assert cli.json(*ASK)["outcome"] == "yes"
    cli.json(*ASK, "--finish", expect=2)


@pytest.mark.one_engine
@pytest.mark.parametrize("option", [("--drop-state",), ("--delete-data-keys", "keys.json")])
def test_what_acts_needs_finish(story: Story, option: tuple[str, ...]) -> None:
    fill(story)
    story.cli.json("run")
    before = story.digest()
    error = story.cli.json("complete", *option, expect=2)["error"]
    assert option[0] in error["message"]
    assert "--finish" in error["hint"]
    assert "--finish" in story.cli.json("complete", "--check", "--finish", expect=2)["error"]["message"]
    assert story.digest() == before


#: A table that the search passes early, and one that it passes last.
EARLY, LATE = "aaa_plugin", "zzz_plugin"


def test_what_turns_up_under_a_data_key_after_the_answer_keeps_it(story: Story, tmp_path: Path) -> None:
    local = fill(story)
    with story.builder() as builder:
        raw = base64.b64encode(builder.encrypt(Plain(b"restored by a plugin", local))).decode()
    story.cli.json("run", "--fresh-data-key")
    for table in (EARLY, LATE):
        story.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, kept VARCHAR(500))")
        story.execute(f"INSERT INTO {table} VALUES (1, 'nothing')")  # noqa: S608 - the same
    keys = story.query("SELECT name FROM data_keys ORDER BY name")
    passed: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Surveyed) and event.location in (EARLY, LATE):
            passed.append(event.location)
            if passed == [EARLY, LATE]:
                story.execute(f"INSERT INTO {EARLY} VALUES (2, ?)", raw)  # noqa: S608 - the same

    with pytest.raises(RefusedError, match="came up under data key local"):
        completed(story, listen, CompleteOptions(finish=True, delete_data_keys=tmp_path / "keys.json"))
    assert passed == [EARLY, LATE] * 2
    assert story.query("SELECT name FROM data_keys ORDER BY name") == keys
    assert story.query("SELECT COUNT(*) FROM reencrypt_journal") != [(0,)]
    story.execute(f"DELETE FROM {EARLY} WHERE id = 2")  # noqa: S608 - the same
    report = completed(
        story, lambda _event: None, CompleteOptions(finish=True, delete_data_keys=tmp_path / "again.json")
    )
    assert "local" in report.deleted


def completed(story: Story, listen: Callable[[Event], None], wanted: CompleteOptions) -> CompleteReport:
    settings = load_settings(
        config=story.cli.configuration, home=None, database_url=story.engine.url, environ=dict(TTL)
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in story.vault.environment.items():
            patch.setenv(name, value)
        return asyncio.run(in_session(partial(complete, wanted=wanted), settings, RunOptions(), emit=listen))


@pytest.mark.one_engine
def test_a_wrapping_that_is_stored_as_text_is_deleted_like_any_other(story: Story, tmp_path: Path) -> None:
    with story.builder() as builder:
        prod = builder.data_key(key_id="grafanas", provider=TARGET, wrap=lambda dek: story.vault.wrap("prod", dek))
        populate(builder, count=10, under=[prod])
        builder.ground.connection.execute("DELETE FROM alert_notification")
        builder.data_key(key_id="text", active=False, provider="azurekv.gone", wrap=lambda _dek: b"vault:v1:abcdef")
    story.execute("UPDATE data_keys SET encrypted_data = 'vault:v1:abcdef' WHERE name = 'text'")
    story.cli.json("run", *WRAP)
    delete = ("complete", "--finish", "--delete-data-keys", str(tmp_path / "keys.json"))
    assert "text" in story.cli.json(*delete)["deleted_data_keys"]


@pytest.mark.one_engine
def test_data_keys_that_change_while_everything_is_counted_are_a_no(story: Story) -> None:
    fill(story)
    story.cli.json("run")
    before = story.query("SELECT name, encrypted_data FROM data_keys WHERE name = 'grafanas'")
    ((_, wrapped),) = before

    def listen(event: Event) -> None:
        # Grafana wraps it anew, as it does at an administrator's request, behind what has been looked at.
        if isinstance(event, Surveyed) and event.location == "data_source" and isinstance(wrapped, bytes):
            story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = 'grafanas'", wrapped + b"!")

    report = completed(story, listen, CompleteOptions(settle=True))
    assert report.outcome == "no"
    assert report.usage is not None
    assert "1 data key was changed or deleted during the count: run the command again (grafanas)" in (
        report.usage.blockers
    )


@pytest.mark.one_engine
@pytest.mark.parametrize("grafana_saved", [False, True])
def test_a_false_wrapping_is_told_also_of_what_was_given_up_under_a_key_that_goes(
    story: Story,
    grafana_saved: bool,  # noqa: FBT001
) -> None:
    with story.builder() as builder:
        for key_id in ("k", "t"):
            builder.data_key(key_id=key_id, provider=TARGET, wrap=lambda dek: story.vault.wrap("prod", dek))
        key, other = builder.data_keys
        populate(builder, count=20, under=[other])
        for number in range(5):
            builder.add_secret(Plain(b'{"number":"some text %d"}' % number, key))
    run_id = story.cli.json("rewrap", "--to", "azurekv.other", *WRAP)["run_id"]
    # What a version wrote that believed one answer of a vault: another data key, in the row and in the journal.
    false = story.vault.wrap("other", b"a key of nobody!")
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = 'k'", false)
    story.execute(
        "UPDATE reencrypt_journal SET new_hash = ? WHERE row_key = ? AND column_name = 'encrypted_data'",
        hashlib.sha256(false).digest(),
        '["k"]',
    )
    if grafana_saved:
        with story.builder() as builder:
            present = DataKey("k", "azurekv.other", b"a key of nobody!", false, "", active=True)
            builder.add_secret(Plain(b'{"password":"saved under the false one"}', present))
    story.cli.json("run", *WRAP, "--max-quarantine", "1", expect=3)
    story.cli("quarantine acknowledge", "--all")
    answer = story.cli.json("complete", "--settle", "--finish", expect=8)
    assert f"reencrypt undo {run_id}" in blockers(answer)
    assert story.query("SELECT COUNT(*) FROM reencrypt_journal") != [(0,)]


@pytest.mark.one_engine
async def test_the_version_that_a_data_key_needs_is_not_believed_by_one_answer(
    tmp_path: Path, own_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only an envelope of a plugin is under the data key, and one answer says that the new version unwraps it."""
    story = hasty(Story.of(tmp_path / "grafana.db", own_vault, secret_key="the secret_key"))
    with story.builder() as builder:
        builder.data_key(key_id="v1key", provider=TARGET, wrap=lambda dek: own_vault.wrap("prod", dek))
        populate(builder, count=30, under=[builder.data_key()])
        builder.ground.connection.execute("DELETE FROM alert_notification")
    old = own_vault.key_version("prod")
    newest = own_vault.as_owner("POST", "/keys/prod/rotate")["key"]["kid"].rpartition("/")[2]
    story.cli("run", "--fresh-data-key", *WRAP)
    story.execute("CREATE TABLE plugin_table (id INTEGER PRIMARY KEY, value TEXT)")
    envelope = f"#{base64.b64encode(b'v1key').decode().rstrip('=')}#*YWVzLWNmYg*abcdefgh{'x' * 40}"
    story.execute("INSERT INTO plugin_table (value) VALUES (?)", envelope)
    for name, value in own_vault.environment.items():
        monkeypatch.setenv(name, value)
    real = VaultClient.crypt
    lied: list[str] = []

    async def crypt(
        self: VaultClient,
        operation: Operation,
        algorithm: str,
        data: bytes,
        version: str = "",
        *,
        independent: bool = False,
    ) -> tuple[bytes, str]:
        try:
            return await real(self, operation, algorithm, data, version, independent=independent)
        except BadCiphertextError:
            if lied or version not in ("", newest):
                raise
            lied.append(version)
            return hashlib.sha256(data).digest()[:16], newest

    monkeypatch.setattr(VaultClient, "crypt", crypt)
    settings = load_settings(
        config=story.cli.configuration, home=None, database_url=story.engine.url, environ=story.cli.variables()
    )
    wanted = CompleteOptions(retire=(f"{TARGET}/{old}",), settle=True)
    with pytest.raises(ContradictionError, match="v1key"):
        await in_session(partial(complete, wanted=wanted), settings, RunOptions())
    assert lied


@pytest.mark.one_engine
@pytest.mark.parametrize("runs", [False, True], ids=["at-once", "after-a-run-with-nothing-to-write-under"])
def test_what_was_given_up_and_reads_again_keeps_its_key(tmp_path: Path, own_vault: Vault, *, runs: bool) -> None:
    story = hasty(Story.of(tmp_path / "grafana.db", own_vault, secret_key="the secret_key"))
    with story.builder() as builder:
        key = builder.data_key(provider=TARGET, wrap=lambda dek: own_vault.wrap("prod", dek))
        other = builder.data_key()
        for number in range(12):
            builder.add_user_auth({"o_auth_access_token": Plain(b"a token of some length %d" % number, key)})
            builder.add_user_auth({"o_auth_access_token": Plain(b"a token of another length %d" % number, other)})
    old = own_vault.key_version("prod")
    own_vault.as_owner("POST", "/keys/prod/rotate")
    ((wrapped,),) = story.query("SELECT encrypted_data FROM data_keys WHERE name = ?", key.key_id)
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", b"damaged", key.key_id)
    story.cli.json("run", *WRAP, "--fresh-data-key", expect=3)
    story.cli.json("quarantine acknowledge", "--all")
    ask = (*ASK, "--retire", f"{TARGET}/{old}")
    assert story.cli.json(*ask)["outcome"] == "yes"
    # Somebody finds a backup of the data key's row.
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", wrapped, key.key_id)
    if runs:
        story.execute("UPDATE data_keys SET active = 0")
        story.cli.json("run", *WRAP)
    answer = story.cli.json(*ask, expect=8)
    (retiring,) = [each for each in answer["keys"] if each["retiring"]]
    assert retiring["reasons"] == ["12 secrets need it (user_auth 12)"]
    assert answer["commands"] == []


@pytest.mark.one_engine
def test_a_change_of_secret_key_that_is_half_done_is_in_the_way(story: Story, tmp_path: Path) -> None:
    story = hasty(story, GF_SECURITY_ENCRYPTION_PROVIDER="secretKey.v1")
    with story.builder() as builder:
        populate(builder, count=20, under=[None, builder.data_key()])
        builder.ground.connection.execute("DELETE FROM alert_notification")
    path = tmp_path / "next.key"
    path.write_text("the next secret_key of this Grafana")
    rekey = ("rekey-secret-key", "--new-secret-key-file", str(path))
    story.cli.json(*rekey, expect=4)
    (run,) = story.cli.json("status")["runs"]
    (blocker,) = story.cli.json("complete", "--settle", expect=8)["blockers"]
    assert "a change of secret_key is half done" in blocker
    assert "FILE --grafana-stopped`" in blocker
    assert f"`reencrypt undo {run['run_id']}`" in blocker
    assert "- Can the old key be retired? No." in story.cli("report", "--format", "md").stdout
    story.cli.json(*rekey, "--grafana-stopped")
    after = hasty(story.with_secret_key(path.read_text()), GF_SECURITY_ENCRYPTION_PROVIDER="secretKey.v1")
    assert "Yes: there is no other key to retire." in after.cli("complete", "--settle").stdout
    page = after.cli("report", "--format", "md").stdout
    assert "- Can the old key be retired? There is no other key to retire." in page


@pytest.mark.one_engine
def test_a_change_of_secret_key_that_was_taken_back_is_not_in_the_way(story: Story, tmp_path: Path) -> None:
    story = hasty(story, GF_SECURITY_ENCRYPTION_PROVIDER="secretKey.v1")
    with story.builder() as builder:
        populate(builder, count=20, under=[None, builder.data_key()])
        builder.ground.connection.execute("DELETE FROM alert_notification")
    path = tmp_path / "next.key"
    path.write_text("the next secret_key of this Grafana")
    story.cli.json("rekey-secret-key", "--new-secret-key-file", str(path), expect=4)
    (run,) = story.cli.json("status")["runs"]
    story.cli.json("undo", run["run_id"])
    assert story.cli.json("complete", "--settle")["outcome"] == "yes"
