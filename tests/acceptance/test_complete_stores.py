"""`complete` answers for both of Grafana's stores: no key goes that one of them needs, and all stays readable."""

from __future__ import annotations

import base64
import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.encrypting import Recipe
from tests.grafana.manager import SHIPPED, ManagerKey, SecretsManagerBuilder
from tests.grafana.manager_schema import ManagerShape
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.managed import managed, read, rows
from tests.support.manager_story import TO_NEW
from tests.support.story import SECTIONS, TARGET, Story
from tests.support.vault import Vault

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.engines_in_turn]

ASK = ("complete", "--settle")
SECRET_KEY = "the secret_key"


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return of(tmp_path, shared_vault, engine=engine)


def of(folder: Path, vault: Vault, *, engine: Engine | None = None, secret_key: str = SECRET_KEY) -> Story:
    return managed(Story.of(folder / "grafana.db", vault, secret_key=secret_key, engine=engine))


def classic(story: Story) -> None:
    """A classic store whose every secret is under the vault's key already, but for what a run will move."""
    with story.builder() as builder:
        prod = builder.data_key(provider=TARGET, wrap=lambda dek: story.vault.wrap("prod", dek))
        populate(builder, count=12, under=[builder.data_key(key_id="local"), prod])
        builder.ground.connection.execute("DELETE FROM alert_notification")


def plant(
    story: Story, shape: ManagerShape = "12.4", *, provider: str = "secret_key.v1", unsplit: bool = False
) -> list[ManagerKey]:
    """Two namespaces of the secrets manager with values, a snapshot, and one in the history."""
    with story.builder() as builder:
        manager = SecretsManagerBuilder(builder, shape, sections=SECTIONS)
        keys = [manager.data_key(namespace, provider=provider) for namespace in ("default", "org-2")]
        for key in keys:
            for number in range(3):
                manager.add_value(key, b"a token for git %d" % number, split=False if unsplit else None)
        manager.add_snapshot(keys[0], b'{"title": "a dashboard"}')
        manager.add_snapshot(keys[1], b'{"title": "an earlier one"}', table="resource_history")
    return keys


def keys(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {kek["name"]: kek for kek in answer["keys"]}


def journals(story: Story) -> set[str]:
    """The stores of the runs that have a journal."""
    ours = {run_id for (run_id,) in story.query("SELECT run_id FROM reencrypt_namespace")}
    return {
        "manager" if run_id in ours else "classic"
        for (run_id,) in story.query("SELECT DISTINCT run_id FROM reencrypt_journal")
    }


@pytest.mark.parametrize(
    ("shape", "unsplit"),
    [("12.2", False), ("12.4", False), pytest.param("12.3", True, marks=pytest.mark.one_engine)],
)
def test_a_section_goes_when_no_data_key_is_under_it_any_more(
    story: Story, shape: ManagerShape, *, unsplit: bool
) -> None:
    classic(story)
    plant(story, shape, unsplit=unsplit)
    before = {place: secret.plaintext for place, secret in read(story).items()}
    story.cli.json("run", "--store", "classic")
    # Everything is where it shall stay.
    answer = story.cli.json(*ASK)
    assert (answer["outcome"], answer["targets"]["manager"]) == ("yes", "secret_key.v1")
    assert answer["verified"]["readable"] == answer["verified"]["total"]
    assert keys(answer)["secret_key.v1"]["store"] == "manager"
    assert keys(answer)["secret_key"]["store"] == "classic"
    # Then the operator adds a section.
    story = managed(story, provider="secret_key.v2")
    answer = story.cli.json(*ASK, expect=8)
    first = keys(answer)["secret_key.v1"]
    assert (first["secrets"], first["data_keys"], first["retiring"]) == (8, 2, True)
    assert "8 secrets need it" in first["reasons"][0]
    assert "`reencrypt rewrap --store manager` takes them along" in first["reasons"][1]
    assert answer["verified"]["unreadable"] == 8
    assert {(each["store"], each["reason"]) for each in answer["verified"]["problems"]} == {("manager", "key_retires")}
    assert "no: secret_key.v1 of the secrets manager: 8 secrets need it" in story.cli(*ASK, expect=8).stdout
    story.cli.json("rewrap", "--store", "manager", *TO_NEW)
    answer = story.cli.json(*ASK)
    assert (keys(answer)["secret_key.v1"]["data_keys"], keys(answer)["secret_key.v1"]["reasons"]) == (0, [])
    assert any("nothing needs [secrets_manager.encryption.secret_key.v1] any more" in note for note in answer["notes"])
    assert story.cli.json(*ASK, "--retire", "secret_key.v1")["outcome"] == "yes"
    assert {place: secret.plaintext for place, secret in read(story).items()} == before


@pytest.mark.one_engine
def test_a_data_key_without_secrets_keeps_its_section_all_the_same(story: Story) -> None:
    classic(story)
    with story.builder() as builder:
        SecretsManagerBuilder(builder, sections=SECTIONS).data_key(active=False)
    story.cli.json("run", "--store", "classic")
    story = managed(story, provider="secret_key.v2")
    reasons = keys(story.cli.json(*ASK, expect=8))["secret_key.v1"]["reasons"]
    assert "1 data key of Grafana's secrets manager under it, and nothing ever deletes one" in reasons[0]
    # It is not in the way of another key, and other keys are not in its way.
    assert story.cli.json(*ASK, "--retire", "secret_key")["outcome"] == "yes"
    assert story.cli.json(*ASK, "--store", "classic")["outcome"] == "yes"
    assert story.cli.json(*ASK, "--store", "manager", expect=8)["stores"] == ["manager"]
    error = story.cli.json(*ASK, "--retire", "secret_key.v9", expect=2)["error"]
    assert "secret_key.v1" in error["hint"]


@pytest.mark.one_engine
def test_a_section_with_the_text_of_secret_key_keeps_it(tmp_path: Path, shared_vault: Vault) -> None:
    story = of(tmp_path, shared_vault, secret_key=SHIPPED["secret_key.v1"])
    classic(story)
    plant(story)
    story.cli.json("run", "--store", "classic")
    for stores in ((), ("--store", "classic")):
        answer = story.cli.json(*ASK, *stores, expect=8)
        assert keys(answer)["secret_key"]["reasons"] == [
            "2 data keys of Grafana's secrets manager, under secret_key.v1, may need it"
        ]
    story.cli.json("rewrap", "--store", "manager", *TO_NEW)
    assert story.cli.json(*ASK, "--store", "classic")["outcome"] == "yes"


def test_a_vaults_key_that_both_stores_use_stays_while_one_of_them_needs_it(tmp_path: Path, own_vault: Vault) -> None:
    story = of(tmp_path, own_vault)
    classic(story)
    with story.builder() as builder:
        manager = SecretsManagerBuilder(builder, sections=SECTIONS)
        key = manager.data_key(provider="azure_keyvault.prod", wrap=lambda dek: own_vault.wrap("prod", dek))
        manager.add_value(key, b"a token that the vault keeps")
    story.cli.json("run", "--store", "classic")
    old = f"{TARGET}/{own_vault.key_version('prod')}"
    own_vault.as_owner("POST", "/keys/prod/rotate")
    story.cli.json("rewrap", "--store", "classic")
    # Nobody has said which key it is: it may be this one.
    answer = story.cli.json(*ASK, "--retire", old, expect=8)
    assert keys(answer)[old]["reasons"] == [
        "1 data keys of Grafana's secrets manager, under azure_keyvault.prod, may need it"
    ]
    assert answer["verified"]["not_covered"] == 1
    assert any("not covered: 1 secret in secret_encrypted_value" in note for note in answer["notes"])
    story.cli.json(*ASK, "--store", "classic", "--retire", old, expect=8)
    # Then it is known, and which version.
    vault = ("--manager-vault", "azure_keyvault.prod=azurekv.prod")
    for stores in ((), ("--store", "classic")):
        answer = story.cli.json(*ASK, *vault, *stores, "--retire", old, expect=8)
        (reason,) = keys(answer)[old]["reasons"][:1]
        assert f"it is the key of azure_keyvault.prod/{old.partition('/')[2]} too" in reason
    # A wrong answer to that question does not let it go either.
    own_vault.as_owner("POST", "/keys/other/create", {"kty": "RSA", "key_size": 2048})
    assert story.cli.configuration is not None
    text = story.cli.configuration.read_text()
    section = text[text.index("[security.encryption.azurekv.prod]") :].split("[", 2)[1]
    changed = f"[{section}".replace("azurekv.prod", "azurekv.other").replace("key_id = prod", "key_id = other")
    story.cli.configuration.write_text(text.replace("[secrets_manager]", f"{changed}\n[secrets_manager]"))
    for stores in ((), ("--store", "classic")):
        wrong = ("--manager-vault", "azure_keyvault.prod=azurekv.other")
        answer = story.cli.json(*ASK, *wrong, *stores, "--retire", old, expect=8)
        assert "azure_keyvault.prod, may need it" in str(keys(answer)[old]["reasons"])


def test_a_document_anywhere_that_names_a_data_key_of_the_manager_is_found(story: Story) -> None:
    classic(story)
    (key, _) = plant(story)
    story.cli.json("run", "--store", "classic")
    assert story.cli.json(*ASK)["searched"]["finds"] == []
    ((document,),) = story.query("SELECT value FROM resource_history WHERE value LIKE '%dataKeyId%'")
    story.execute(f"CREATE TABLE a_copy (id INT PRIMARY KEY, kept {story.engine.particulars.text})")
    story.execute("INSERT INTO a_copy VALUES (1, ?)", json.dumps({"a": {"dataKeyId": key.uid}}))
    story.execute("INSERT INTO a_copy VALUES (2, ?)", json.dumps({"a": json.dumps({"dataKeyId": key.uid})}))
    story.execute("INSERT INTO a_copy VALUES (3, ?)", json.dumps({"a": {"dataKeyId": "of nobody"}}))
    answer = story.cli.json(*ASK)
    (find,) = answer["searched"]["finds"]
    assert (find["table"], find["data_key"], find["stores"], find["number"]) == ("a_copy", key.uid, ["manager"], 2)
    story.execute("INSERT INTO a_copy VALUES (4, ?)", str(document))
    finds = {each["data_key"]: each["number"] for each in story.cli.json(*ASK, expect=8)["searched"]["finds"]}
    # What it encrypts begins like a legacy value.
    assert finds[None] == 1


@pytest.mark.one_engine
def test_places_of_the_manager_that_hold_something_else_are_searched(story: Story) -> None:
    classic(story)
    plant(story)
    with story.builder() as builder:
        local = builder.data_key(key_id="another")
        value = builder.encrypt(Plain(b"kept by a plugin", local))
        legacy = builder.encrypt(Plain(b"kept by a plugin"))
    story.cli.json("run", "--store", "classic", "--fresh-data-key")
    change = "UPDATE secret_encrypted_value SET encrypted_data = ? WHERE namespace = ? AND name = ?"
    names = story.query("SELECT namespace, name FROM secret_encrypted_value WHERE namespace = 'default' ORDER BY name")
    story.execute(change, value, *names[0])
    story.execute("UPDATE secret_encrypted_value SET data_key_id = '' WHERE name = ?", names[0][1])
    story.execute(change, b"." + legacy, *names[1])
    ((document,),) = story.query("SELECT value FROM resource WHERE value LIKE '%dataKeyId%'")
    changed = json.loads(str(document))
    changed["spec"]["dashboardEncrypted"]["encryptedData"] = base64.b64encode(value).decode()
    story.execute("UPDATE resource SET value = ? WHERE value LIKE '%dataKeyId%'", json.dumps(changed))
    for stores in ((), ("--store", "classic")):
        answer = story.cli.json(*ASK, *stores, expect=8)
        assert {(f"{each['table']}.{each['column']}", each["data_key"]) for each in answer["searched"]["finds"]} >= {
            ("secret_encrypted_value.encrypted_data", local.key_id),
            ("secret_encrypted_value.encrypted_data", None),
            ("resource.value", local.key_id),
        }


def test_no_data_key_of_the_manager_is_ever_deleted(story: Story, tmp_path: Path) -> None:
    classic(story)
    with story.builder() as builder:
        SecretsManagerBuilder(builder, sections=SECTIONS).data_key(active=False)
    plant(story)
    story.cli.json("run", "--store", "classic", "--fresh-data-key")
    before = story.query("SELECT uid FROM secret_data_key ORDER BY uid")
    path = ("--delete-data-keys", str(tmp_path / "keys.json"))
    assert "local" in story.cli.json("complete", "--finish", *path)["deleted_data_keys"]
    assert story.query("SELECT uid FROM secret_data_key ORDER BY uid") == before
    assert rows(story, "data_keys") == 1
    again = ("--delete-data-keys", str(tmp_path / "again.json"))
    error = story.cli.json("complete", "--store", "manager", "--finish", *again, expect=2)["error"]
    assert "no data key of the secrets manager is ever deleted" in error["message"]


@pytest.mark.one_engine
def test_the_journal_of_a_store_that_nobody_looks_at_is_not_dropped(story: Story) -> None:
    classic(story)
    plant(story)
    before = {place: secret.plaintext for place, secret in read(story).items()}
    run = story.cli.json("rewrap", "--store", "manager", *TO_NEW)["run_id"]
    story.cli.json("run", "--store", "classic")
    # The tables are those of both.
    error = story.cli.json(*ASK, "--store", "classic", "--finish", "--drop-state", expect=2)["error"]
    assert run in error["message"]
    assert journals(story) == {"classic", "manager"}
    answer = story.cli.json(*ASK, "--store", "classic", "--finish")
    assert (answer["journal_dropped"], answer["journal_kept"]) == (True, [run])
    assert f"the journal of {run} stays: the question is not about the secrets manager" in answer["notes"]
    assert journals(story) == {"manager"}
    assert "no run in the classic store before this" in story.cli(*ASK, "--store", "classic", "--finish").stdout
    assert story.cli.json("undo", run)["outcome"] == "undone"
    assert {place: secret.plaintext for place, secret in read(story).items()} == before
    story = managed(story, provider="secret_key.v2")
    story.cli.json("rewrap", "--store", "manager", *TO_NEW)
    answer = story.cli.json(*ASK, "--finish", "--drop-state")
    assert (answer["journal_dropped"], answer["journal_kept"], answer["state_dropped"]) == (True, [], True)


@pytest.mark.one_engine
def test_an_interrupted_run_of_the_other_store_goes_on_after_complete(story: Story) -> None:
    classic(story)
    plant(story)
    before = {place: secret.plaintext for place, secret in read(story).items()}
    story.cli.json("run", "--store", "classic")
    fresh = ("run", "--store", "manager", "--fresh-data-key")
    run = story.cli.json(*fresh, "--limit", "2", expect=4)["run_id"]
    assert story.cli.json(*ASK, "--store", "classic", "--finish")["journal_kept"] == [run]
    assert story.query("SELECT state FROM reencrypt_run WHERE id = ?", run) == [("open",)]
    assert journals(story) == {"manager"}
    answer = story.cli.json(*fresh)
    assert (answer["run_id"], answer["exit_code"]) == (run, 0)
    assert story.cli.json("undo", run)["outcome"] == "undone"
    assert {place: secret.plaintext for place, secret in read(story).items()} == before


@pytest.mark.one_engine
def test_a_run_of_the_other_store_during_the_wait_can_be_undone(story: Story) -> None:
    classic(story)
    plant(story)
    before = {place: secret.plaintext for place, secret in read(story).items()}
    story.cli.json("run", "--store", "classic")
    patient = replace(story.cli, environment={"GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "4s"})
    process = patient.start(*ASK, "--store", "classic", "--finish", "--output", "json")
    assert process.stderr is not None
    assert "4 s" in process.stderr.readline()
    # It stands still within its wait, however long the run takes.
    process.send_signal(signal.SIGSTOP)
    run = story.cli.json("run", "--store", "manager", "--fresh-data-key")["run_id"]
    process.send_signal(signal.SIGCONT)
    stdout, _ = process.communicate()
    answer = json.loads(stdout)
    assert (answer["outcome"], answer["journal_kept"]) == ("yes", [run])
    assert story.cli.json("undo", run)["outcome"] == "undone"
    assert {place: secret.plaintext for place, secret in read(story).items()} == before


@pytest.mark.one_engine
def test_a_secrets_manager_that_moved_to_a_service_keeps_its_journal_and_stops_nothing(story: Story) -> None:
    classic(story)
    plant(story)
    story.cli.json("run", "--store", "classic")
    run = story.cli.json("rewrap", "--store", "manager", *TO_NEW)["run_id"]
    assert story.cli.configuration is not None
    text = story.cli.configuration.read_text()
    story.cli.configuration.write_text(
        text.replace("data_keys_cache_ttl", "grpc_client_enable = true\ndata_keys_cache_ttl")
    )
    answer = story.cli.json(*ASK, "--finish")
    assert (answer["outcome"], answer["journal_kept"], journals(story)) == ("yes", [run], {"manager"})
    (note,) = [note for note in answer["notes"] if run in note]
    assert "grpc_client_enable" in note
    error = story.cli.json(*ASK, "--finish", "--drop-state", expect=2)["error"]
    assert "grpc_client_enable" in error["message"]
    assert "--store" not in error["hint"]


@pytest.mark.one_engine
def test_a_data_key_that_its_section_does_not_open_keeps_it_only_for_secrets(story: Story) -> None:
    classic(story)
    plant(story)
    with story.builder() as builder:
        manager = SecretsManagerBuilder(builder, sections=SECTIONS)
        # As Grafana wrapped it before somebody changed the text of the section.
        former = Recipe("aes-gcm", b"saltsalt", b"a nonce of 1")
        dead = manager.data_key(active=False, wrap=lambda dek: former.encrypt(dek, b"a former secret"))
    story.cli.json("run", "--store", "classic")
    story = managed(story, provider="secret_key.v2")
    reasons = keys(story.cli.json(*ASK, expect=8))["secret_key.v1"]["reasons"]
    assert "2 data keys of Grafana's secrets manager under it" in reasons[1]
    story.cli.json("rewrap", "--store", "manager", *TO_NEW, expect=None)
    answer = story.cli.json(*ASK)
    kek = keys(answer)["secret_key.v1"]
    assert (answer["outcome"], kek["data_keys"], kek["retiring"], kek["reasons"]) == ("yes", 1, True, [])
    (note,) = [note for note in answer["notes"] if dead.uid in note]
    assert "does not unwrap under the configured secret and no secret names it" in note
    assert "[secrets_manager.encryption.secret_key.v1]" in note
    # Once a secret names it, that cannot be read.
    story.execute(
        "UPDATE secret_encrypted_value SET data_key_id = ? WHERE namespace = 'default' AND name = "
        "(SELECT MIN(name) FROM secret_encrypted_value WHERE namespace = 'default')",
        dead.uid,
    )
    answer = story.cli.json(*ASK, expect=8)
    assert answer["verified"]["unreadable"] == 1
    assert not [note for note in answer["notes"] if dead.uid in note]
    assert "1 secret needs it" in keys(answer)["secret_key.v1"]["reasons"][0]
    assert "rewrap" not in str(keys(answer)["secret_key.v1"]["reasons"])


@pytest.mark.one_engine
def test_a_data_key_that_nobody_can_wrap_anew_keeps_its_section_without_that_promise(story: Story) -> None:
    classic(story)
    with story.builder() as builder:
        manager = SecretsManagerBuilder(builder, sections=SECTIONS)
        manager.data_key(active=False, wrap=lambda _dek: b"no wrapped data key")
        manager.data_key(active=False)
    story.cli.json("run", "--store", "classic")
    story = managed(story, provider="secret_key.v2")
    reasons = keys(story.cli.json(*ASK, expect=8))["secret_key.v1"]["reasons"]
    assert [reason.rpartition(": ")[2] for reason in reasons] == [
        "`reencrypt rewrap --store manager` takes them along",
        "they do not unwrap, so that nobody can wrap them again",
    ]
    assert all("1 data key of Grafana's secrets manager under it" in reason for reason in reasons)


@pytest.mark.one_engine
def test_a_vault_that_only_the_other_store_needs_may_be_away(tmp_path: Path, own_vault: Vault) -> None:
    story = of(tmp_path, own_vault)
    classic(story)
    with story.builder() as builder:
        manager = SecretsManagerBuilder(builder, sections=SECTIONS)
        manager.add_value(manager.data_key(provider="secret_key.v2"), b"a token for git")
    story.cli.json("run", "--store", "classic")
    story = managed(story, provider="secret_key.v2")
    own_vault.stop()
    ask = (*ASK, "--vault-deadline", "1")
    answer = story.cli.json(*ask, "--store", "manager", "--retire", "secret_key.v1")
    assert (answer["outcome"], answer["verified"]["readable"]) == ("yes", 1)
    # It may be the same key.
    borrowed = ("--manager-vault", "azure_keyvault.prod=azurekv.prod")
    story.cli.json(*ask, "--store", "manager", *borrowed, expect=7)
    story.cli.json(*ask, "--store", "classic", expect=7)


@pytest.mark.one_engine
def test_what_is_in_the_way_in_one_store_is_said_of_it_and_keeps_every_key(story: Story) -> None:
    classic(story)
    plant(story)
    story.cli.json("run", "--store", "classic")
    story.execute("UPDATE secret_encrypted_value SET data_key_id = 'nosuchkey' WHERE namespace = 'org-2'")
    answer = story.cli.json(*ASK, expect=8)
    (blocker,) = answer["blockers"]
    assert blocker.startswith("the secrets manager: 3 secrets do not read: `reencrypt verify` names each")
    assert story.cli.json(*ASK, "--store", "classic")["outcome"] == "yes"
    changed = managed(story, SHIPPED, provider="secret_key.v2", name="changed")
    answer = changed.cli.json(*ASK, expect=8)
    assert [(each["store"], each["setting"]) for each in answer["configuration"]] == [
        ("manager", "[secrets_manager.encryption.secret_key.v2]")
    ]
    encoded = base64.b64encode(b"nosuchkey").decode()
    assert encoded not in str(answer)
