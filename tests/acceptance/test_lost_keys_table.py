"""A secrets manager whose table of data keys is gone, as after a partial restore, is never a store that is absent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.grafana.manager import SecretsManagerBuilder
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.managed import managed
from tests.support.story import SECTIONS, TARGET, WRAP, Story
from tests.support.vault import Vault

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.engines_in_turn]

ASK = ("complete", "--settle")
CLASSIC = ("--store", "classic")
EVERY = (("plan",), ("run",), ("verify",), ASK, ("rewrap",))


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    story = managed(Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine))
    with story.builder() as builder:
        prod = builder.data_key(provider=TARGET, wrap=lambda dek: story.vault.wrap("prod", dek))
        populate(builder, count=12, under=[builder.data_key(key_id="local"), prod])
        builder.ground.connection.execute("DELETE FROM alert_notification")
    return story


def lose(story: Story, *, values: int = 0, snapshots: tuple[str, ...] = (), log: bool = True) -> None:
    """Plant secrets in a secrets manager and drop the table of its data keys; without `log` its log is empty."""
    with story.builder() as builder:
        manager = SecretsManagerBuilder(builder, sections=SECTIONS)
        key = manager.data_key()
        for _ in range(values):
            manager.add_value(key, b"a token for git")
        for table in snapshots:
            manager.add_snapshot(key, b'{"title": "a dashboard"}', table=table)
    story.execute("DROP TABLE secret_data_key")
    if not log:
        story.execute("DELETE FROM secret_migration_log")


def refusal(story: Story, *command: str) -> dict[str, Any]:
    error: dict[str, Any] = story.cli.json(*command, expect=2)["error"]
    return error


@pytest.mark.parametrize(
    ("values", "log"), [(2, True), pytest.param(2, False, marks=pytest.mark.one_engine), (0, True)]
)
def test_every_command_names_the_missing_table(story: Story, values: int, *, log: bool) -> None:
    lose(story, values=values, log=log)
    for command in EVERY:
        error = refusal(story, *command)
        assert "secret_data_key is missing" in error["message"], command
        assert ("secret_encrypted_value has values" in error["message"]) == bool(values)
        assert "Restore secret_data_key from the backup" in error["hint"]
        assert "--store classic" in error["hint"]
    assert "secret_data_key is missing" in refusal(story, "verify", "--store", "manager")["message"]
    checks = story.cli.json("doctor", expect=2)["checks"]
    (failed,) = [each for each in checks if each["name"] == "visibility"]
    assert "secret_data_key is missing" in failed["detail"]


def test_without_that_store_the_others_go_on_and_complete_does_not_say_yes(story: Story) -> None:
    lose(story, values=2, snapshots=("resource", "resource_history"))
    assert story.cli.json("verify", *CLASSIC)["outcome"] == "verified"
    run = story.cli.json("run", *CLASSIC)
    assert run["outcome"] == "done"
    places = ("resource.value", "resource_history.value", "secret_encrypted_value.encrypted_data")
    answer = story.cli.json(*ASK, *CLASSIC, expect=8)
    for place in places:
        assert any(f"{place} could not be searched" in each for each in answer["blockers"]), place
    assert "secret_data_key is missing" in " ".join(answer["blockers"])
    # Whoever knows that they are nobody's any more says so.
    given_up = [word for place in places for word in ("--unsearched", place)]
    assert story.cli.json(*ASK, *CLASSIC, *given_up)["outcome"] == "yes"
    # A run of the classic store can be undone, whatever is missing in the other.
    assert story.cli.json("undo", run["run_id"])["outcome"] == "undone"


@pytest.mark.parametrize("table", ["resource", pytest.param("resource_history", marks=pytest.mark.one_engine)])
def test_a_snapshot_alone_shows_that_the_table_is_missing(story: Story, table: str) -> None:
    lose(story, snapshots=(table,), log=False)
    error = refusal(story, "verify")
    assert "secret_data_key is missing" in error["message"]
    assert f"{table}_snapshots" in error["message"]
    story.cli.json("run")
    answer = story.cli.json(*ASK, expect=8)
    assert any(f"{table}.value could not be searched" in each for each in answer["blockers"])


@pytest.mark.one_engine
def test_tables_without_values_and_without_a_log_are_no_sign_of_a_store(story: Story) -> None:
    lose(story, log=False)
    story.cli.json("run", *WRAP)
    assert story.cli.json("verify")["outcome"] == "verified"
    assert story.cli.json(*ASK)["outcome"] == "yes"
