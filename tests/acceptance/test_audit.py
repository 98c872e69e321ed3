"""The audit in the state tables: it says what happened, commits with what it is about, and a kill leaves it true."""

from __future__ import annotations

import getpass
import json
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reencrypt.databases.protocol import Database, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.keys.request_ids import prefix_of
from reencrypt.operations.complete import operation
from reencrypt.planning.options import CompleteOptions, RunOptions
from reencrypt.settings import load_settings
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.inprocess import complete, in_session
from tests.support.story import WRAP, Story
from tests.support.vault import Vault

pytestmark = pytest.mark.mysql_for_mariadb


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    story = Story.of(tmp_path / "grafana.db", shared_vault, engine=engine)
    with story.builder() as builder:
        populate(builder, count=40, under=[None, builder.data_key()])
    return story


def audit(story: Story, run_id: str) -> list[tuple[str, dict[str, Any]]]:
    """The entries of a run, by kind."""
    rows = story.query("SELECT run_id, kind, content FROM reencrypt_audit ORDER BY id")
    return [(str(kind), json.loads(str(content))) for of_run, kind, content in rows if of_run == run_id]


def requests_of(vault: Vault) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = vault.control("GET", "requests")
    return found


def test_a_run_says_who_began_it_with_what_and_how_it_ended(story: Story) -> None:
    result = story.cli.json("run", *WRAP, "--max-quarantine", "0.5")
    (first, begun), *pace, (last, ended) = audit(story, result["run_id"])
    assert (first, last) == ("begun", "ended")
    assert {kind for kind, _ in pace} <= {"pace"}
    assert (begun["user"], begun["host"]) == (getpass.getuser(), socket.gethostname())
    assert begun["options"] == {"--wrap-format": "raw/RSA-OAEP-256", "--max-quarantine": 0.5}
    assert (begun["operation"], begun["target_provider"], begun["resumed"]) == ("run", "azurekv.prod", False)
    secrets = begun["inventory"]["secrets"]
    assert sum(each["secrets"] for each in secrets) == result["secrets"]["total"]
    assert {each["provider"] for each in secrets if each["state"] == "old"} == {"secretKey.v1", "secret_key"}
    assert (ended["outcome"], ended["exit_code"], ended["stop_reason"]) == ("done", 0, None)
    assert sum(each["re_encrypted"] for each in ended["locations"].values()) == result["secrets"]["re_encrypted"]
    # A row that follows another one is counted where it is looked at.
    assert 0 < ended["moved"] <= result["secrets"]["re_encrypted"]


@pytest.mark.one_engine
def test_the_vault_finds_every_call_of_a_run_by_its_id_and_counts_as_many(story: Story) -> None:
    asked = len(requests_of(story.vault))
    run_id = story.cli.json("run", *WRAP)["run_id"]
    calls = [each for each in requests_of(story.vault)[asked:] if each["client_request_id"]]
    vaults = [
        each for each in calls if each["operation"] in ("get", "list", "encrypt", "decrypt", "wrapKey", "unwrapKey")
    ]
    assert vaults
    assert [each for each in vaults if not each["client_request_id"].startswith(prefix_of(run_id))] == []
    # A request that is answered by a challenge is sent again with the same id.
    answered = [each for each in vaults if each["status"] != 401]
    assert len({each["client_request_id"] for each in answered}) == len(answered)
    crypto = ("encrypt", "decrypt", "wrapkey", "unwrapkey")
    seen = Counter((each["operation"].lower(), each["version"]) for each in answered)
    *_, (_, ended) = audit(story, run_id)
    told = {(each["operation"], each["version"]): each["calls"] for each in ended["vault_calls"]}
    assert {key: n for key, n in told.items() if key[0] in crypto} == {
        key: n for key, n in seen.items() if key[0] in crypto
    }
    assert told.keys() == seen.keys()
    # What asks without a run, and what comes later, has another id.
    asked = len(requests_of(story.vault))
    story.cli.json("verify")
    later = [each["client_request_id"] for each in requests_of(story.vault)[asked:] if each["client_request_id"]]
    assert later
    assert [each for each in later if each.startswith(prefix_of(run_id))] == []


@pytest.mark.one_engine
def test_a_resumed_run_asks_under_its_own_id_from_the_first_call(story: Story) -> None:
    first = story.cli.json("run", *WRAP, "--limit", "5", expect=4)
    asked = len(requests_of(story.vault))
    again = story.cli.json("run", *WRAP)
    assert (again["resumed"], again["run_id"]) == (True, first["run_id"])
    calls = [each["client_request_id"] for each in requests_of(story.vault)[asked:] if each["client_request_id"]]
    assert calls
    assert [each for each in calls if not each.startswith(prefix_of(first["run_id"]))] == []
    kinds = [kind for kind, _ in audit(story, first["run_id"]) if kind != "pace"]
    assert kinds == ["begun", "ended", "begun", "ended"]
    stopped = next(content for kind, content in audit(story, first["run_id"]) if kind == "ended")
    assert (stopped["outcome"], stopped["exit_code"]) == ("stopped", 4)
    assert "limit of 5" in stopped["stop_reason"]


def test_a_killed_run_has_a_beginning_and_no_end(story: Story, tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    for step in range(20, 2000, 40):
        killed = story.cli.run("run", *WRAP, "--lease-timeout", "0.2", kill_at=(step, steps))
        if killed.returncode == 0:
            pytest.fail("it was done before it was killed with some pages committed")
        if [row for row in _rows(story) if row[1] == "pace"]:
            break
    run_id = str(_rows(story)[0][0])
    kinds = [kind for _, kind in _rows(story)]
    assert "ended" not in kinds
    result = story.cli.json("run", *WRAP, "--lease-timeout", "0.2")
    assert result["run_id"] == run_id
    assert [kind for kind, _ in audit(story, run_id) if kind != "pace"][-2:] == ["begun", "ended"]


def _rows(story: Story) -> list[tuple[object, ...]]:
    exists = story.cli.json("status")["runs"]
    return story.query("SELECT run_id, kind FROM reencrypt_audit ORDER BY id") if exists else []


@pytest.mark.one_engine
def test_a_failure_is_an_end_with_its_reason(story: Story) -> None:
    story.execute("CREATE TRIGGER refusing BEFORE UPDATE ON secrets BEGIN SELECT RAISE(ABORT, 'not today'); END")
    failed = story.cli.json("run", *WRAP, expect=None)
    (run,) = story.cli.json("status")["runs"]
    assert run["state"] == "open"
    *_, (kind, ended) = audit(story, run["run_id"])
    assert (kind, ended["exit_code"], ended["error"]) == ("ended", failed["exit_code"], failed["error"]["message"])


def test_who_gave_a_secret_up_is_on_record(story: Story) -> None:
    with story.builder() as builder:
        lost = builder.data_key()
        builder.add_data_source({"password": Plain(b"a long enough password", lost)})
    story.execute("DELETE FROM data_keys WHERE name = ?", lost.key_id)
    story.cli("run", *WRAP, "--max-quarantine", "1", expect=3)
    story.cli("quarantine acknowledge", "--all")
    ((kind, content),) = audit(story, "")
    assert (kind, content["user"], content["location"]) == ("acknowledged", getpass.getuser(), "data_source")
    assert content["reason"] == "unknown_data_key"


def test_an_undo_is_on_the_record_of_its_run(story: Story) -> None:
    run_id = story.cli.json("run", *WRAP)["run_id"]
    undone = story.cli.json("undo", run_id)
    *_, (first, begun), (last, ended) = audit(story, run_id)
    assert (first, begun["operation"], last, ended["operation"]) == ("begun", "undo", "ended", "undo")
    assert (ended["outcome"], ended["restored"]) == ("undone", undone["restored"])


@pytest.mark.one_engine
def test_a_rewrap_is_on_record_with_the_version_of_the_key(story: Story) -> None:
    story.cli.json("run", *WRAP)
    result = story.cli.json("rewrap", "--to", "secretKey.v1", "--accept-unproven", "secretKey.v1")
    (_, begun), (_, ended) = audit(story, result["run_id"])
    keys = {each["provider"]: each for each in begun["inventory"]["data_keys"]}
    assert keys["azurekv.prod"]["version"] == story.vault.key_version("prod")
    assert (ended["data_keys"], ended["outcome"]) == (result["data_keys"]["rewrapped"], "done")


@pytest.mark.one_engine
def test_an_undo_that_fails_has_an_end_with_the_reason(story: Story) -> None:
    run_id = story.cli.json("run", *WRAP)["run_id"]
    story.execute("CREATE TRIGGER refusing BEFORE UPDATE ON secrets BEGIN SELECT RAISE(ABORT, 'not today'); END")
    failed = story.cli.json("undo", run_id, "--lease-timeout", "3", expect=None)
    *_, (first, begun), (last, ended) = audit(story, run_id)
    assert (first, begun["operation"], last, ended["operation"]) == ("begun", "undo", "ended", "undo")
    assert begun["options"] == {"--lease-timeout": 3.0}
    assert (ended["exit_code"], ended["error"]) == (failed["exit_code"], failed["error"]["message"])


@pytest.mark.one_engine
def test_a_change_of_secret_key_that_fails_has_an_end_and_counts_its_own_work_alone(
    story: Story, tmp_path: Path
) -> None:
    """Its first half is a run of its own, which puts legacy secrets into envelopes."""
    (tmp_path / "next.key").write_text("the next secret_key of this Grafana")
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", "--new-secret-key-file", str(tmp_path / "next.key"))
    refusing = "CREATE TRIGGER refusing BEFORE UPDATE ON data_keys BEGIN SELECT RAISE(ABORT, 'not today'); END"
    story.cli.json(*rekey, expect=4)
    story.execute(refusing)
    failed = story.cli.json(*rekey, "--grafana-stopped", expect=None)
    (run_id,) = [each["run_id"] for each in story.cli.json("status")["runs"] if each["operation"] == "rekey"]
    (first, _), (last, ended) = audit(story, run_id)
    assert (first, last, ended["error"]) == ("begun", "ended", failed["error"]["message"])
    story.execute("DROP TRIGGER refusing")
    with story.builder() as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"saved meanwhile, and legacy")})
    done = story.cli.json(*rekey, "--grafana-stopped")
    assert done["legacy"]["secrets"]["re_encrypted"] == 1
    *_, (_, of_first_half) = audit(story, done["legacy"]["run_id"])
    *_, (_, ended) = audit(story, done["run_id"])
    assert (of_first_half["moved"], ended["moved"], ended["data_keys"]) == (1, 0, done["data_keys_rewrapped"])


def test_what_a_retry_accepts_is_among_its_options(story: Story) -> None:
    with story.builder() as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"\x00\x01\x02 no text at all \xff\xfe")})
    story.cli("run", *WRAP, expect=3)
    retry = ("quarantine retry", "--accept-implausible", "--location", "user_auth", *WRAP)
    result = story.cli.json(*retry)
    (_, begun), *_ = audit(story, result["run_id"])
    assert begun["options"] == {
        "--accept-implausible": True,
        "--location": "user_auth",
        "--wrap-format": "raw/RSA-OAEP-256",
    }


@pytest.mark.one_engine
def test_an_age_is_recorded_as_it_was_typed(story: Story) -> None:
    result = story.cli.json("run", *WRAP, "--fresh-data-key", "--if-older-than", "36h")
    (_, begun), *_ = audit(story, result["run_id"])
    assert begun["options"]["--if-older-than"] == "36h"


def test_who_has_retired_the_old_key_is_on_record(story: Story, tmp_path: Path) -> None:
    story.execute("DELETE FROM alert_notification")
    run_id = story.cli.json("run", *WRAP)["run_id"]
    story.execute("UPDATE data_keys SET active = (1 = 0) WHERE provider = ?", "secretKey.v1")
    cli = replace(story.cli, environment={"GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "1s"})
    saved = tmp_path / "keys.json"
    answer = cli.json("complete", "--finish", "--delete-data-keys", str(saved))
    assert (answer["outcome"], answer["journal_dropped"]) == ("yes", True)
    (deleted, keys), (completed, content) = audit(story, "")
    assert (deleted, completed) == ("data_keys_deleted", "completed")
    assert [each["id"] for each in keys["data_keys"]] == answer["deleted_data_keys"]
    assert {each["provider"] for each in keys["data_keys"]} == {"secretKey.v1"}
    assert keys["saved_to"] == str(saved)
    assert (content["user"], content["runs"]) == (getpass.getuser(), [run_id])
    assert content["retiring"] == [each["name"] for each in answer["keys"] if each["retiring"]]
    assert content["options"] == {"--finish": True, "--delete-data-keys": str(saved)}
    # Nothing is left to drop: nothing more is recorded.
    cli.json("complete", "--finish")
    assert len(audit(story, "")) == 2
    found = json.loads(cli("report", "--format", "json").stdout)["retirement"]
    assert [each["kind"] for each in found] == ["data_keys_deleted", "completed"]
    for form in ("html", "md"):
        page = cli("report", "--format", form).stdout
        assert "deleted data keys that were inactive and unused" in page
        assert "dropped the journal of" in page


@pytest.mark.one_engine
def test_each_key_that_is_retired_is_on_record_once(tmp_path: Path, own_vault: Vault) -> None:
    story = Story.of(tmp_path / "grafana.db", own_vault)
    with story.builder() as builder:
        populate(builder, count=20, under=[None, builder.data_key()])
    story.execute("DELETE FROM alert_notification")
    cli = replace(story.cli, environment={"GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "1s"})
    runs = [cli.json("run", *WRAP)["run_id"]]
    old = f"azurekv.prod/{own_vault.key_version('prod')}"
    own_vault.as_owner("POST", "/keys/prod/rotate")
    runs.append(cli.json("rewrap", *WRAP)["run_id"])
    with story.builder() as builder:
        builder.data_key(key_id="unused", active=False)
    for key in ("secret_key", old, old, "secret_key"):
        cli.json("complete", "--settle", "--finish", "--retire", key)
    entries = [content for _, content in audit(story, "")]
    assert [(each["retiring"], each["runs"]) for each in entries] == [(["secret_key"], runs), ([old], [])]
    page = cli("report", "--format", "md").stdout
    assert "): no journal was left to drop |" in page
    # Another run may have brought the key back: its retirement is news again.
    runs.append(cli.json("run", *WRAP, "--fresh-data-key")["run_id"])
    cli.json("complete", "--settle", "--finish", "--retire", old)
    *_, (_, content) = audit(story, "")
    assert (content["retiring"], content["runs"]) == ([old], runs[2:])


@pytest.mark.one_engine
async def test_a_retirement_whose_answer_was_lost_is_on_record_once(
    tmp_path: Path, own_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def again(database: Database, body: Callable[[Transaction], Awaitable[None]]) -> None:
        # The commit took effect, and its answer did not come.
        await retry_transaction(database, body)
        await retry_transaction(database, body)

    story = Story.of(tmp_path / "grafana.db", own_vault)
    with story.builder() as builder:
        populate(builder, count=20, under=[builder.data_key()])
    story.execute("DELETE FROM alert_notification")
    runs = [story.cli.json("run", *WRAP)["run_id"]]
    old = f"azurekv.prod/{own_vault.key_version('prod')}"
    own_vault.as_owner("POST", "/keys/prod/rotate")
    runs.append(story.cli.json("rewrap", *WRAP)["run_id"])
    with story.builder() as builder:
        builder.data_key(key_id="unused", active=False)
    environ = {"GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "1s"}
    settings = load_settings(config=story.cli.configuration, home=None, database_url=story.engine.url, environ=environ)
    for name, value in own_vault.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(operation, "retry_transaction", again)
    for key in ("secret_key", old):
        wanted = CompleteOptions(retire=(key,), finish=True, settle=True)
        report = await in_session(partial(complete, wanted=wanted), settings, RunOptions())
        assert report.outcome == "yes"
    entries = [(each["retiring"], each["runs"]) for _, each in audit(story, "")]
    assert entries == [(["secret_key"], runs), ([old], [])]
