"""The next command that a result names is the one that goes on, and text and JSON name the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.grafana.planting import Plain
from tests.support.story import MANAGER, WRAP, Story
from tests.support.vault import Vault
from tests.support.worlds import fill


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault) -> Story:
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key")
    fill(story, count=20)
    # Nobody waits for a quarter of an hour.
    environment = {"GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "1s"}
    return replace(story, cli=replace(story.cli, environment=environment))


def following(story: Story, command: str, *arguments: str) -> str:
    """The next command, which the text has in its last line or lines and JSON in its fields."""
    text = story.cli(command, *arguments, expect=None)
    content = story.cli.json(command, *arguments, expect=text.exit_code)
    said = [each["command"] for each in content["next"]]
    assert said == content["next_commands"]
    assert content["next_command"] == said[0]
    assert text.stdout.splitlines()[-len(said) :] == [
        f"Next: {each['command']}  # {each['why']}" for each in content["next"]
    ]
    return str(content["next_command"])


def test_where_nothing_has_moved_the_plan_comes_next(story: Story) -> None:
    assert following(story, "doctor") == "reencrypt doctor"
    assert following(story, "verify") == "reencrypt plan"
    assert following(story, "complete") == "reencrypt plan"
    assert following(story, "quarantine list") == "reencrypt status"
    assert following(story, "status") == "reencrypt plan"


def test_an_unfinished_run_is_finished_first(story: Story) -> None:
    story.cli("run", *WRAP, "--limit", "5", expect=4)
    assert following(story, "complete") == "reencrypt status"
    assert following(story, "status") == "reencrypt run"


def test_what_is_in_quarantine_comes_before_the_question_about_the_old_key(story: Story) -> None:
    with story.builder() as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"a token that was cut off")})
        builder.damage(builder.planted[-1], "bad-base64")
    assert following(story, "run", *WRAP) == "reencrypt quarantine list"
    assert following(story, "verify") == "reencrypt quarantine list"
    assert following(story, "complete", "--settle") == "reencrypt quarantine list"
    assert following(story, "quarantine list") == "reencrypt quarantine retry"
    assert following(story, "quarantine acknowledge", "--all") == "reencrypt status"
    assert following(story, "verify") == "reencrypt complete"


def test_after_a_yes_the_journal_is_dropped_and_the_evidence_written(story: Story, tmp_path: Path) -> None:
    story.cli("run", *WRAP)
    assert following(story, "complete", "--settle") == "reencrypt complete --settle --finish"
    report = following(story, "complete", "--settle", "--finish")
    assert report == "reencrypt report --file report.html"
    story.cli("report", "--file", str(tmp_path / "report.html"))


def test_without_a_journal_nobody_is_asked_to_drop_one(story: Story) -> None:
    story.cli("run", *WRAP)
    story.cli("complete", "--settle", "--finish", "--drop-state")
    for options in ((), ("--finish",)):
        answer = story.cli("complete", *options).stdout
        assert "there is no journal to drop" in answer
        assert "--finish" not in answer
        assert following(story, "complete", *options) == "reencrypt verify"


def test_what_only_the_operator_knows_is_marked_in_json(story: Story, tmp_path: Path) -> None:
    (tmp_path / "next.key").write_text("the next secret_key of this Grafana\n")
    done = story.cli.json("rekey-secret-key", "--new-secret-key-file", str(tmp_path / "next.key"), *WRAP, expect=None)
    assert (done["next_command"], done["next_commands"]) == (None, [])
    assert [each["fill_in"] for each in done["next"]] == ["FILE"]
    assert story.cli.json("status")["next_command"] is None


def test_a_key_that_nothing_proves_is_named_with_what_to_do(tmp_path: Path, shared_vault: Vault) -> None:
    """One short secret in the whole database: `plan` says that a run leaves it, and how to move it."""
    story = Story.of(tmp_path / "grafana.db", shared_vault)
    with story.builder() as builder:
        key = builder.data_key(key_id="lonely")
        builder.add_dashboard_snapshot(Plain(b"17", key))
    plan = story.cli.json("plan", *WRAP)
    assert (plan["unproven_keys"], plan["secrets"]["to_move"], plan["pilot"]) == ({"lonely": 1}, 0, None)
    text = story.cli("plan", *WRAP).stdout
    assert "leave it (unproven)" in text
    assert "--accept-unproven lonely" in text
    run = story.cli("run", *WRAP, expect=3).stdout
    assert "left as is: 1 (unproven_key lonely): too little shows" in run
    command = following(story, "plan", *WRAP)
    assert command == "reencrypt run --wrap-format raw/RSA-OAEP-256 --accept-unproven lonely"
    assert story.cli.json(*command.split()[1:])["outcome"] == "done"


def test_a_plan_does_not_say_that_a_run_leaves_nothing_where_a_key_is_unproven(
    tmp_path: Path, shared_vault: Vault
) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault)
    with story.builder() as builder:
        builder.add_dashboard_snapshot(Plain(b"17", builder.data_key()))
    _, run = story.cli.json("plan", *WRAP)["roads"]
    assert (run["rows"], run["leaves"]) == (0, "1 secret where it is")
    assert "no secret that it moves stays" in run["protects"]
    before = len(shared_vault.control("GET", "requests"))
    story.cli("run", *WRAP, expect=3)
    asked = [
        each
        for each in shared_vault.control("GET", "requests")[before:]
        if each["client_request_id"] and each["status"] < 400
    ]
    assert run["vault_calls"] == len(asked)


def test_the_store_that_is_not_done_comes_first(tmp_path: Path, shared_vault: Vault) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, store=MANAGER)
    story.fill(6)
    classic = story.cli.json("plan", "--store", "classic", *WRAP)["secrets"]["to_move"]
    stopped = story.cli.json("run", *WRAP, "--fresh-data-key", "--limit", str(classic + 2), "--store", "all", expect=4)
    assert {name: each["outcome"] for name, each in stopped["stores"].items()} == {
        "classic": "done",
        "manager": "stopped",
    }
    assert stopped["next_commands"] == [stopped["resume"]]
    assert stopped["stores"]["classic"]["next_command"] == "reencrypt verify"


def test_the_plan_that_comes_after_a_verification_asks_about_the_same_target(story: Story) -> None:
    assert following(story, "verify", "--to", "azurekv.other") == "reencrypt plan --to azurekv.other"
    story.cli("run", *WRAP)
    # Out of a key service into secret_key a run moves nothing without --to.
    settings = {"GF_SECURITY_ENCRYPTION_PROVIDER": "secretKey.v1"}
    elsewhere = replace(story, cli=replace(story.cli, environment={**(story.cli.environment or {}), **settings}))
    assert following(elsewhere, "verify") == "reencrypt complete"
    assert following(elsewhere, "verify", "--to", "secretKey.v1") == "reencrypt plan --to secretKey.v1"
