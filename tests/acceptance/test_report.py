"""`reencrypt report`: the evidence is true, complete, sealed, and the same in every form; nothing is written for it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reencrypt.keys.request_ids import prefix_of
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.fleets import Fleet
from tests.support.story import MANAGER, WRAP, Story
from tests.support.vault import Vault

STATE_OF_VERSION_4 = Path(__file__).parent / "state_versions" / "v4.sql"
FORMS = ("html", "md", "json")
PLAINTEXT = "canary-plaintext-9c1d"


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault) -> Story:
    return filled(Story.of(tmp_path / "grafana.db", shared_vault))


def filled(story: Story) -> Story:
    with story.builder() as builder:
        populate(builder, count=40, under=[None, builder.data_key()])
    return story


def report(story: Story, *arguments: str) -> dict[str, Any]:
    """The data of a report, whose seal fits."""
    document: dict[str, Any] = json.loads(story.cli("report", *arguments, "--format", "json").stdout)
    assert seal_of(document) == document["sha256"]
    return document


def of_store(document: dict[str, Any], store: str = "classic") -> dict[str, Any]:
    """What a report says of the run in a store, with the verification of that store and what all have in common."""
    (section,) = [each for each in document["runs"] if each["run"]["store"] == store]
    (verified,) = [each for each in document["verify"] if each["store"] == store]
    return {**document, **section, "verify": verified}


def seal_of(document: dict[str, Any]) -> str:
    unsealed = {name: value for name, value in document.items() if name != "sha256"}
    text = json.dumps(unsealed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.mysql_for_mariadb
def test_it_says_what_was_before_and_what_is_now_and_writes_nothing(
    tmp_path: Path, shared_vault: Vault, engine: Engine
) -> None:
    story = filled(Story.of(tmp_path / "grafana.db", shared_vault, engine=engine))
    secrets = story.secrets()
    result = story.cli.json("run", *WRAP)
    digest = story.digest()
    found = of_store(report(story, result["run_id"], "--cryptoperiod", "90d"))
    assert story.digest() == digest
    assert (found["run"]["id"], found["run"]["outcome"], found["run"]["state"]) == (
        result["run_id"],
        "done",
        "finished",
    )
    rows = found["secrets"]
    assert sum(each["before"] for each in rows) == sum(each["after"] for each in rows) == len(secrets)
    moved = result["secrets"]["re_encrypted"]
    assert sum(each["before"] for each in rows if each["state"] == "old") == moved
    assert sum(each["after"] for each in rows if each["state"] == "current") == moved
    assert {each["provider"] for each in rows if each["state"] == "current"} == {"azurekv.prod"}
    (invocation,) = found["invocations"]
    assert (invocation["resumed"], invocation["end"]["outcome"]) == (False, "done")
    assert invocation["options"] == {"--wrap-format": "raw/RSA-OAEP-256"}
    version = story.vault.key_version("prod")
    keys = {(each["provider"], each["version"]): each for each in found["key_versions"]}
    of_vault = keys["azurekv.prod", version]
    assert (of_vault["data_keys_before"], of_vault["data_keys_after"]) == (0, 1)
    created = story.vault.as_owner("GET", f"/keys/prod/{version}")["attributes"]["created"]
    assert (
        of_vault["created"]
        == sqlite3.connect(":memory:")
        .execute("SELECT strftime('%Y-%m-%dT%H:%M:%SZ', ?, 'unixepoch')", (created,))
        .fetchone()[0]
    )
    assert (found["cryptoperiod"]["days"], found["cryptoperiod"]["within"]) == (90, 2)
    assert found["verify"]["outcome"] == "verified"
    assert found["complete"]["outcome"] in ("yes", "no")
    assert found["complete"]["searched"]["tables"] > 0
    assert found["vault"]["request_id_prefix"] == prefix_of(result["run_id"])
    assert {(each["operation"], each["version"]) for each in found["vault"]["calls"]} >= {("decrypt", version)}
    assert found["not_seen"]


def test_a_key_past_its_period_and_one_of_unknown_age_are_named(story: Story) -> None:
    """Grafana has made its data key long ago, and nobody knows the age of secret_key."""
    story.cli.json("run", "--to", "secretKey.v1", "--accept-unproven", "secretKey.v1")
    found = of_store(report(story, "--cryptoperiod", "90d"))["cryptoperiod"]
    verdicts = {(each["key"].split()[0], each["verdict"]) for each in found["keys"]}
    assert ("data", "exceeded") in verdicts
    assert ("key", "unknown") in verdicts
    assert (found["exceeded"] > 0, found["unknown"] > 0) == (True, True)
    assert of_store(report(story))["cryptoperiod"] is None


@pytest.mark.parametrize("form", FORMS)
def test_each_report_names_the_seal_of_the_one_before(story: Story, tmp_path: Path, form: str) -> None:
    story.cli.json("run", *WRAP)
    first, second = tmp_path / f"first.{form}", tmp_path / f"second.{form}"
    printed = story.cli("report", "--format", form, "--file", str(first)).stdout
    seal = printed.split("SHA-256: ")[1].strip()
    assert seal in first.read_text()
    story.cli("report", "--format", form, "--file", str(second), "--previous", str(first))
    assert seal in second.read_text()
    assert report(story, "--previous", str(first))["previous"] == seal


def test_a_secret_that_does_not_read_in_the_other_store_is_no_green_verdict(
    tmp_path: Path, shared_vault: Vault
) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, store=MANAGER)
    story.fill(20)
    run_id = story.cli.json("run", *story.store.move)["run_id"]
    with story.builder() as builder:
        lost = builder.data_key()
        builder.add_data_source({"password": Plain(b"a long enough password", lost)})
    story.execute("DELETE FROM data_keys WHERE name = ?", lost.key_id)
    found = report(story, run_id)
    verified = {each["store"]: each["secrets"]["unreadable"] for each in found["verify"]}
    assert verified == {"manager": 0, "classic": 1}
    assert "Secrets of the classic store that read now: 20 of 21" in story.cli("report", run_id).stdout


def test_secrets_directly_under_secret_key_are_of_unknown_age(story: Story) -> None:
    story.cli.json("run", *WRAP, "--limit", "5", expect=4)
    judged = of_store(report(story, "--cryptoperiod", "90d"))["cryptoperiod"]
    assert {"key": "secret_key", "provider": "secret_key", "age_days": None, "verdict": "unknown"} in judged["keys"]


def test_a_name_that_is_no_text_spoils_no_report(story: Story) -> None:
    environment = {"SUDO_USER": "m\udcfcller"}
    replace(story.cli, cold=True, environment=environment)("run", *WRAP)
    for form in FORMS:
        assert "m?ller" in story.cli("report", "--format", form).stdout


@pytest.mark.parametrize("form", ["html", "json"])
def test_a_report_without_its_data_or_with_more_of_it_is_refused(story: Story, tmp_path: Path, form: str) -> None:
    story.cli.json("run", *WRAP)
    first = tmp_path / f"first.{form}"
    story.cli("report", "--format", form, "--file", str(first))
    text = first.read_text()
    changed = (
        text.replace('<pre id="canonical">', "<pre>") if form == "html" else text.replace("{", '{"made": "now",', 1)
    )
    assert changed != text
    first.write_text(changed)
    assert "is not a report" in story.cli("report", "--previous", str(first), expect=2).stderr


@pytest.mark.parametrize("form", ["html", "json"])
def test_a_report_that_somebody_has_changed_is_refused(story: Story, tmp_path: Path, form: str) -> None:
    story.cli.json("run", *WRAP)
    first = tmp_path / f"first.{form}"
    story.cli("report", "--format", form, "--file", str(first))
    first.write_text(first.read_text().replace("azurekv.prod", "azurekv.else"))
    outcome = story.cli("report", "--previous", str(first), expect=2)
    assert "somebody has changed it" in outcome.stderr
    assert outcome.stdout == ""


def test_what_the_program_prints_as_a_result_is_a_report_too(story: Story, tmp_path: Path) -> None:
    story.cli.json("run", *WRAP)
    result = story.cli("report", "--output", "json")
    (tmp_path / "result.json").write_text(result.stdout)
    found = report(story, "--previous", str(tmp_path / "result.json"))
    assert found["previous"] == result.json["report"]["sha256"] == seal_of(result.json["report"])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("no-such-run",), "there is no run no-such-run"),
        (("--file", "{folder}/there.html"), "exists already"),
        (("--file", "/nowhere/a.html"), "cannot be written"),
        (("--previous", "/nowhere/a.html"), "cannot be read"),
        (("--previous", "{folder}/there.html"), "is not a report"),
        (("--cryptoperiod", "ninety"), "is not a number of days"),
    ],
)
def test_bad_input_is_said_and_nothing_is_written(
    story: Story, tmp_path: Path, line: tuple[str, ...], words: str
) -> None:
    story.cli.json("run", *WRAP)
    (tmp_path / "there.html").write_text("something else")
    outcome = story.cli("report", *(each.format(folder=tmp_path) for each in line), expect=2)
    assert words in outcome.stderr
    assert (tmp_path / "there.html").read_text() == "something else"


def test_a_database_without_a_run_has_nothing_to_report(story: Story) -> None:
    assert "there has been no run" in story.cli("report", expect=2).stderr


def test_the_report_of_a_killed_run_is_as_true_as_that_of_a_finished_one(story: Story, tmp_path: Path) -> None:
    for step in range(60, 3000, 60):
        killed = story.cli.run("run", *WRAP, "--lease-timeout", "0.2", kill_at=(step, tmp_path / "steps"))
        assert killed.returncode != 0, "it was done before it was killed in the middle"
        if any(each.provider == "azurekv.prod" for each in story.secrets().values()):
            break
    found = of_store(report(story))
    secrets = story.secrets()
    under = [address for address, each in secrets.items() if each.provider == "azurekv.prod"]
    assert 0 < len(under) < len(secrets)
    assert (found["run"]["state"], found["run"]["outcome"]) == ("open", None)
    assert found["invocations"][-1]["end"] is None
    assert found["vault"]["complete"] is False
    rows = found["secrets"]
    assert sum(each["after"] for each in rows if each["state"] == "current") == len(under)
    assert sum(each["after"] for each in rows) == len(secrets)
    page = story.cli("report", "--format", "html").stdout
    assert "no end is recorded" in page
    # And after it was resumed, both times are there.
    story.cli.json("run", *WRAP, "--lease-timeout", "0.2")
    found = of_store(report(story))
    assert found["run"]["outcome"] == "done"
    assert [each["end"] is None for each in found["invocations"]][-2:] == [True, False]
    assert sum(each["before"] for each in found["secrets"] if each["state"] == "old") > 0


def test_a_run_of_a_version_that_kept_no_audit_has_a_report_too(tmp_path: Path, shared_vault: Vault) -> None:
    with closing(sqlite3.connect(tmp_path / "grafana.db")) as connection:
        connection.executescript(STATE_OF_VERSION_4.read_text())
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key of an older state")
    cli = replace(story.cli, environment={"GF_SECURITY_ENCRYPTION_PROVIDER": "secretKey.v1"})
    found = of_store(json.loads(cli("report", "--format", "json").stdout))
    assert found["invocations"] == []
    assert found["secrets"]
    assert {each["before"] for each in found["secrets"]} == {None}
    for form in ("html", "md"):
        assert "kept no audit" in cli("report", "--format", form).stdout


def test_what_is_in_quarantine_and_who_gave_it_up_is_named(story: Story) -> None:
    with story.builder() as builder:
        lost = builder.data_key()
        builder.add_data_source({"password": Plain(b"a long enough password", lost)})
    story.execute("DELETE FROM data_keys WHERE name = ?", lost.key_id)
    story.cli("run", *WRAP, "--max-quarantine", "1", expect=3)
    assert of_store(report(story))["acknowledgements"] == []
    story.cli("quarantine acknowledge", "--all")
    found = of_store(report(story))
    (entry,) = found["quarantine"]
    assert (entry["location"], entry["state"], entry["reason"]) == ("data_source", "acknowledged", "unknown_data_key")
    (given_up,) = found["acknowledgements"]
    assert (given_up["location"], given_up["row_key"]) == (entry["location"], entry["key"])
    assert given_up["user"]
    assert given_up["at"].endswith("Z")


def test_an_undo_is_part_of_the_story_of_its_run(story: Story) -> None:
    run_id = story.cli.json("run", *WRAP)["run_id"]
    story.cli.json("undo", run_id)
    found = of_store(report(story, run_id))
    assert found["run"]["state"] == "undone"
    assert [each["operation"] for each in found["invocations"]] == ["run", "undo"]
    for form in ("html", "md"):
        assert "undo" in story.cli("report", run_id, "--format", form).stdout
    assert sum(each["after"] for each in found["secrets"] if each["state"] == "current") == 0


def test_a_rewrap_is_judged_before_and_after_by_the_same(story: Story) -> None:
    story.cli.json("run", *WRAP)
    result = story.cli.json("rewrap", "--to", "secretKey.v1", "--accept-unproven", "secretKey.v1")
    found = of_store(report(story, result["run_id"]))
    by_state = {when: Counter[str]() for when in ("before", "after")}
    for each in found["secrets"]:
        for when, counter in by_state.items():
            counter[each["state"]] += each[when]
    assert by_state["before"].total() == by_state["after"].total()
    assert by_state["after"]["old"] == 0 < by_state["before"]["old"]
    providers = {
        each["provider"]: (each["data_keys_before"], each["data_keys_after"]) for each in found["key_versions"]
    }
    assert providers == {"azurekv.prod": (1, 0), "secretKey.v1": (0, 1)}


def test_a_run_in_the_secrets_manager_is_reported_for_its_store(tmp_path: Path, shared_vault: Vault) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, store=MANAGER)
    story.fill(20)
    result = story.cli.json("run", *story.store.move)
    found = of_store(report(story, result["run_id"]), "manager")
    assert "secret_encrypted_value" in {each["location"] for each in found["secrets"]}
    assert "data_source" not in {each["location"] for each in found["secrets"]}
    assert sum(each["after"] for each in found["secrets"] if each["state"] == "current") == len(story.secrets())


def test_without_a_run_it_is_about_the_last_one_of_each_store(tmp_path: Path, shared_vault: Vault) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, store=MANAGER)
    story.fill(20)
    with story.builder() as builder:
        populate(builder, count=10, under=[None])
    ids = {
        "manager": story.cli.json("run", *story.store.move, "--store", "manager")["run_id"],
        "classic": story.cli.json("run", "--store", "classic", *WRAP)["run_id"],
    }
    document = report(story, "--cryptoperiod", "90d")
    assert [each["run"]["id"] for each in document["runs"]] == [ids["classic"], ids["manager"]]
    for store in ids:
        found = of_store(document, store)
        assert (found["run"]["outcome"], len(found["invocations"])) == ("done", 1)
        assert sum(each["after"] for each in found["secrets"] if each["state"] == "current") > 0
        assert found["cryptoperiod"]["keys"]
    for form in ("html", "md"):
        page = story.cli("report", "--format", form).stdout
        assert f"Run {ids['classic']} in the classic store" in page
        assert f"Run {ids['manager']} in the secrets manager" in page


@pytest.mark.parametrize("form", FORMS)
def test_nothing_secret_is_in_it_and_nothing_of_a_database_becomes_markup(
    tmp_path: Path, shared_vault: Vault, form: str
) -> None:
    story = filled(Story.of(tmp_path / "grafana.db", shared_vault, secret_key="canary-secret-key-4b2a"))
    hostile = "<script>alert(1)</script>|`*_[x](http://x)\n# heading"
    with story.builder() as builder:
        lost = builder.data_key()
        builder.add_data_source({hostile: Plain(PLAINTEXT.encode(), lost), "good": Plain(PLAINTEXT.encode())})
    story.execute("DELETE FROM data_keys WHERE name = ?", lost.key_id)
    story.cli("run", *WRAP, "--max-quarantine", "1", expect=3)
    text = story.cli("report", "--format", form).stdout
    for canary in (PLAINTEXT, "canary-secret-key-4b2a", story.vault.client_secret):
        assert canary not in text
    if form == "html":
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert "http://x" not in text.split('<pre id="canonical">')[0].replace("(http://x)", "")
    elif form == "md":
        assert "<script" not in text.replace("\\<script", "")
        assert "\n# heading" not in text
    else:
        json.loads(text)


def test_a_fleet_has_a_row_for_each_member(tmp_path: Path, shared_vault: Vault) -> None:
    fleet = Fleet(tmp_path, shared_vault)
    for name in ("moved", "untouched", "gone"):
        fleet.add(name)
    fleet.write()
    fleet.stories["moved"].cli("run", *WRAP)
    Path(str(fleet.stories["gone"].cli.database).removeprefix("sqlite://")).unlink()
    document = json.loads(fleet("report", "--format", "json", "--cryptoperiod", "90d", expect=2).stdout)
    assert seal_of(document) == document["sha256"]
    assert list(document["members"]) == ["moved", "untouched", "gone"]
    moved = of_store(document["members"]["moved"])
    assert (moved["run"]["outcome"], moved["verify"]["outcome"]) == ("done", "verified")
    assert "there has been no run" in document["members"]["untouched"]["error"]["message"]
    assert (document["without_evidence"], document["verified"]) == (2, 1)
    file = tmp_path / "fleet.html"
    outcome = fleet("report", "--file", str(file), "--previous", str(tmp_path / "nothing"), expect=2)
    assert "cannot be read" in outcome.stderr
    assert not file.exists()
    fleet("report", "--file", str(file), expect=2)
    assert all(name in file.read_text() for name in fleet.stories)
    assert "moved" in fleet("report", "--format", "md", expect=2).stdout


def test_it_says_what_was_typed(story: Story, tmp_path: Path) -> None:
    (tmp_path / "next.key").write_text("the next secret_key of this Grafana")
    with story.builder() as builder:
        builder.data_key(key_id="gone")
        builder.data_key(key_id="lost")
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", "--new-secret-key-file", str(tmp_path / "next.key"))
    given = ("--skip-key", "gone", "--skip-key", "lost", "--grafana-stopped")
    run_id = story.cli.json(*rekey, *given, expect=3)["run_id"]
    (invocation,) = of_store(report(story, run_id))["invocations"]
    assert invocation["options"] == {"--to": "secretKey.v1", "--skip-key": ["gone", "lost"], "--grafana-stopped": True}
    for form, quote in (("md", "`{}`"), ("html", "<code>{}</code>")):
        page = story.cli("report", run_id, "--format", form).stdout
        typed = ("--to secretKey.v1", "--skip-key gone", "--skip-key lost", "--grafana-stopped")
        assert "rekey-secret-key " + " ".join(map(quote.format, typed)) in page
        assert "The rekey-secret-key in the classic store: partly done" in page


def test_a_run_in_a_store_that_another_service_keeps_now_is_left_out_and_named(
    tmp_path: Path, shared_vault: Vault
) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, store=MANAGER)
    story.fill(20)
    moved = story.cli.json("run", *story.store.move)["run_id"]
    assert story.cli.configuration is not None
    changed = tmp_path / "remote.ini"
    changed.write_text(f"{story.cli.configuration.read_text()}\n[secrets_manager]\ngrpc_client_enable = true\n")
    remote = replace(story, cli=replace(story.cli, configuration=changed))
    # Nothing is left to report on.
    assert "which is not in this database now" in remote.cli("report", expect=2).stderr
    run_id = story.cli.json("run", "--store", "classic", *WRAP)["run_id"]
    document = report(remote)
    assert [each["run"]["id"] for each in document["runs"]] == [run_id]
    assert f"the last run in the secrets manager, {moved}" in document["not_seen"][0]
    assert "which is not in this database now" in remote.cli("report", moved, expect=2).stderr


def test_the_headline_of_an_undo_that_kept_secrets_says_so(story: Story) -> None:
    run_id = story.cli.json("run", *WRAP)["run_id"]
    ((row,), *_) = story.query("SELECT id FROM user_auth WHERE o_auth_access_token <> '' ORDER BY id")
    story.execute("UPDATE user_auth SET o_auth_access_token = 'bm8gc2VjcmV0IGF0IGFsbCwgYW5kIGxvbmc=' WHERE id = ?", row)
    story.cli.json("undo", run_id, expect=3)
    (_, undo) = of_store(report(story, run_id))["invocations"]
    assert undo["end"]["outcome"] == "partly_done"
    for form in ("html", "md"):
        page = story.cli("report", run_id, "--format", form).stdout
        headline = next(line for line in page.splitlines() if "The run in the classic store" in line)
        assert "; the last undo: partly done (exit code 3)." in headline


def test_a_superseded_run_is_the_last_one_only_where_there_is_no_other(story: Story) -> None:
    first = story.cli.json("run", "--to", "secretKey.v1", "--limit", "3", expect=4)["run_id"]
    story.execute("CREATE TRIGGER refusing BEFORE INSERT ON reencrypt_run BEGIN SELECT RAISE(ABORT, 'not now'); END")
    # Another run takes its place, and cannot begin.
    story.cli.json("run", *WRAP, expect=None)
    assert of_store(report(story))["run"] | {"id": first, "state": "superseded"} == of_store(report(story))["run"]
    story.execute("DROP TRIGGER refusing")
    finished = story.cli.json("run", *WRAP)["run_id"]
    later = story.cli.json("run", "--to", "secretKey.v1", "--limit", "3", expect=4)["run_id"]
    assert of_store(report(story))["run"]["id"] == later
    story.execute("CREATE TRIGGER refusing BEFORE INSERT ON reencrypt_run BEGIN SELECT RAISE(ABORT, 'not now'); END")
    story.cli.json("run", *WRAP, expect=None)
    assert of_store(report(story))["run"]["id"] == finished
