"""The secrets manager's tables as each release leaves them: none, empty, filled in every form, and the first trial."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.grafana.manager import SecretsManagerBuilder
from tests.grafana.manager_populate import populate_manager
from tests.grafana.manager_schema import ManagerShape
from tests.grafana.populate import populate
from tests.grafana.releases import GrafanaDatabase, databases
from tests.support.engine import Engine
from tests.support.story import CLASSIC, MANAGER, NOT_APPLICABLE, SECTIONS, WRAP, Story
from tests.support.vault import Vault

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.engines_in_turn]

REFUSED, EMPTY = 6, 9


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key="a secret_key", engine=engine, store=MANAGER)


def classic_alone(story: Story, shape: ManagerShape | None) -> None:
    """Fill the classic store, beside the empty tables of a release, or none."""
    with story.builder() as builder:
        populate(builder, count=30, under=[builder.data_key()])
        if shape:
            story.manager(builder, shape)


@pytest.mark.parametrize("shape", [None, "12.2", "12.4"])
def test_a_manager_without_secrets_is_said_to_be_empty_and_stops_nobody(
    shape: ManagerShape | None, story: Story
) -> None:
    classic_alone(story, shape)
    before = story.digest()
    error = story.cli.json("plan", "--check", *MANAGER.move, expect=EMPTY)
    assert "no secrets at all in the secrets manager" in str(error)
    story.cli.json("plan", "--check", *WRAP)
    story.cli.json("run", *MANAGER.move, expect=EMPTY)
    assert story.digest() == before
    report = story.cli.json("run", *WRAP)
    assert report["outcome"] == "done"
    assert story.other.off_target() == {}


@pytest.mark.parametrize(
    ("shape", "split"),
    # Before 12.3 nothing is split: there is no column for the ids.
    [("12.2", False), ("12.2.4", False), ("12.3", False), ("12.3", True), ("12.4", False), ("12.4", True)],
)
def test_every_shape_is_moved_in_the_form_that_its_release_reads(
    shape: ManagerShape,
    split: bool,  # noqa: FBT001 - a case
    story: Story,
) -> None:
    has_column = shape in {"12.3", "12.4"}
    with story.builder() as builder:
        manager = story.manager(builder, shape)
        for namespace in ("default", "org-2"):
            key = manager.data_key(namespace)
            for number in range(10):
                manager.add_value(key, b"value %d" % number, split=split)
    plaintexts, classic = story.plaintexts(), story.other.rows()
    plan = story.cli.json("plan", "--check", *MANAGER.move)
    assert any("data_key_id" in warning for warning in plan["warnings"]) == (has_column and not split)
    assert story.cli.json("run", *MANAGER.move)["secrets"]["re_encrypted"] == 20
    assert (story.plaintexts(), story.off_target(), story.other.rows()) == (plaintexts, {}, classic)
    if has_column:
        ids = story.query("SELECT COUNT(*) FROM secret_encrypted_value WHERE data_key_id = ''")
        assert ids == [(0,)]


def test_the_first_trial_is_refused_and_the_classic_store_goes_on_without_it(story: Story) -> None:
    classic_alone(story, "experimental")
    columns = "uid, namespace, encrypted_data, created, updated"
    insert = f"INSERT INTO secret_encrypted_value ({columns}) VALUES ('u', 'default', ?, 1, 1)"  # noqa: S608
    story.execute(insert, b"#dQ#*YWVzLWNmYg*what no Grafana reads")
    before = story.digest()
    for command in (("plan", "--check"), ("run",), ("rewrap",)):
        for arguments in (MANAGER.move, WRAP):
            answer = story.cli.json(*command, *arguments, expect=REFUSED)
            refusal = answer["refusals"][0] if "plan" in command else answer["error"]
            assert "secret_encrypted_value" in refusal["message"]
            assert "12.2" in refusal["hint"]
        assert "plan" in command or "--store classic" in refusal["hint"]
    # A store that shows no secrets in the plan's text, and still what stops a run there.
    assert f"A run would refuse (exit {REFUSED}): " in story.cli("plan", *WRAP).stdout
    # Nobody knows what they need, so no yes can be given.
    for question in ("verify", "complete"):
        for chosen in (MANAGER.only, ()):
            error = story.cli.json(question, *chosen, expect=REFUSED)["error"]
            assert "secret_encrypted_value" in error["message"]
        assert "--store classic" in error["hint"]
    assert story.cli.json("verify", *CLASSIC.only)["outcome"] == "verified"
    assert story.digest() == before
    report = story.cli.json("run", *CLASSIC.move)
    assert (report["outcome"], report["store"]) == ("done", "classic")
    assert story.other.off_target() == {}
    assert story.query("SELECT COUNT(*) FROM secret_encrypted_value") == [(1,)]


def test_an_empty_table_of_the_first_trial_is_no_reason(story: Story) -> None:
    classic_alone(story, "experimental")
    assert story.cli.json("run", *WRAP)["outcome"] == "done"
    story.cli.json("run", *MANAGER.move, expect=EMPTY)


@pytest.mark.parametrize("release", databases("grafana-12-2026", real=[pytest.mark.rest_of_pairs]))
def test_the_manager_of_a_release_is_empty_and_works(
    release: GrafanaDatabase, tmp_path: Path, shared_vault: Vault
) -> None:
    path = release.write(tmp_path / "grafana.db")
    story = Story.of(path, shared_vault, store=MANAGER)
    assert "no secrets at all in the secrets manager" in str(story.cli.json("run", *MANAGER.move, expect=EMPTY))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = delete")
    with story.builder() as builder:
        keys = populate_manager(SecretsManagerBuilder(builder, sections=SECTIONS), count=40)
    assert len(keys) == 4
    plaintexts, classic = story.plaintexts(), story.other.plaintexts()
    assert len(plaintexts) == 40
    assert story.cli.json("run", *MANAGER.move)["secrets"]["re_encrypted"] == 40
    assert (story.plaintexts(), story.off_target(), story.other.plaintexts()) == (plaintexts, {}, classic)
    assert all(address.table != NOT_APPLICABLE for address in plaintexts)
