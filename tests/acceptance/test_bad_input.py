"""Bad input gets a clear error that says what, where and what to do, and changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.grafana.populate import populate
from tests.support.commandline import CommandLine, Outcome
from tests.support.story import WRAP, Story
from tests.support.terminal import on_terminal
from tests.support.vault import Vault


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault) -> Story:
    story = Story.of(tmp_path / "grafana.db", shared_vault)
    with story.builder() as builder:
        populate(builder, count=60, under=[None, builder.data_key()])
    return story


def assert_clear(outcome: Outcome, *words: str, hint: str) -> None:
    """An error in one line with all the words, and a hint; on stdout the same as one object."""
    error = outcome.json["error"]
    for word in words:
        assert word in error["message"]
    assert hint in error["hint"]
    assert f"error: {error['message']}" in outcome.stderr
    assert f"hint: {error['hint']}" in outcome.stderr


@pytest.mark.parametrize("command", ["plan", "run", "verify", "status", "config show"])
def test_a_configuration_file_that_is_not_there(command: str, tmp_path: Path) -> None:
    cli = CommandLine(configuration=tmp_path / "missing.ini")
    assert_clear(cli(command, "--output", "json", expect=2), "missing.ini", "does not exist", hint="--grafana-config")


def test_a_configuration_file_that_cannot_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "folder.ini"
    folder.mkdir()
    outcome = CommandLine(configuration=folder)("plan", "--output", "json", expect=2)
    assert_clear(outcome, "folder.ini", hint="")


def test_an_unknown_database_type(tmp_path: Path) -> None:
    configuration = tmp_path / "grafana.ini"
    configuration.write_text("[database]\ntype = oracle\n")
    outcome = CommandLine(configuration=configuration)("run", "--output", "json", expect=2)
    assert_clear(outcome, "oracle", hint="sqlite3")


@pytest.mark.parametrize("command", ["doctor", "plan", "run", "verify"])
def test_a_key_version_that_can_be_none(command: str, story: Story) -> None:
    digest = story.digest()
    outcome = story.cli(command, "--key-version", "newest", "--output", "json", expect=2)
    assert_clear(outcome, "'newest' is not a version of a key in Key Vault", hint="32 hexadecimal digits")
    assert story.digest() == digest


def test_a_key_version_that_can_be_none_does_not_wait_for_a_database(story: Story) -> None:
    story.database.unlink()
    outcome = story.cli("plan", "--key-version", "newest", "--output", "json", expect=2)
    assert_clear(outcome, "'newest' is not a version of a key in Key Vault", hint="32 hexadecimal digits")


@pytest.mark.parametrize("command", ["plan", "run", "verify", "status"])
def test_a_database_that_is_not_there(command: str, story: Story) -> None:
    story.database.unlink()
    outcome = story.cli(command, "--output", "json", expect=2)
    assert_clear(outcome, str(story.database), "does not exist", hint="[database] path")
    assert not story.database.exists()


@pytest.mark.parametrize("command", ["plan", "run", "verify", "status"])
def test_a_database_that_is_not_grafanas(command: str, story: Story) -> None:
    story.database.unlink()
    with sqlite3.connect(story.database) as connection:
        connection.execute("CREATE TABLE secrets (id INTEGER PRIMARY KEY, value TEXT)")
    connection.close()
    before = story.digest()
    outcome = story.cli(command, "--output", "json", expect=2)
    assert_clear(outcome, "not a Grafana database", hint="--database")
    assert story.digest() == before


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to look at" * 40])
def test_a_file_that_is_no_database(content: bytes, story: Story) -> None:
    story.database.write_bytes(content)
    outcome = story.cli("run", "--output", "json", expect=2)
    assert_clear(outcome, str(story.database), hint="--database")
    assert story.database.read_bytes() == content


@pytest.mark.parametrize("command", ["plan", "run", "verify"])
@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_a_damaged_database(command: str, damage: str, story: Story) -> None:
    data = bytearray(story.database.read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    else:
        middle = len(data) // 2
        data[middle : middle + 8192] = b"\xa5" * 8192
    story.database.write_bytes(bytes(data))
    outcome = story.cli(command, *(WRAP if command != "verify" else ()), "--output", "json", expect=2)
    assert_clear(outcome, "damaged", hint="backup")
    assert story.database.read_bytes() == bytes(data)


@pytest.mark.parametrize("line", [("run", *WRAP), ("plan", "--check", *WRAP), ("doctor",)], ids=lambda line: line[0])
@pytest.mark.parametrize("protected", ["file", "folder"])
def test_a_database_that_may_not_be_written(protected: str, line: tuple[str, ...], story: Story) -> None:
    # Root may write anything, unless it gives that capability up.
    root = os.geteuid() == 0
    setpriv = shutil.which("setpriv")
    if root and not setpriv:
        pytest.skip("NOT RUN: root needs setpriv to be denied anything")
    before = story.database.read_bytes()
    story.database.chmod(0o444 if protected == "file" else 0o644)
    story.database.parent.chmod(0o555 if protected == "folder" else 0o755)
    command = story.cli.arguments(*line, "--output", "json")
    if root and setpriv:
        command = [setpriv, "--bounding-set", "-dac_override", *command]
    done = subprocess.run(command, env=story.cli.variables(), capture_output=True, text=True, check=False)
    story.database.parent.chmod(0o755)
    assert done.returncode == 2, done.stderr
    answer = json.loads(done.stdout)
    said = str(answer.get("error") or answer.get("refusals") or answer["checks"])
    what = f"{'folder' if protected == 'folder' else 'database'} {story.database.parent}"
    assert f"the {what}" in said
    assert "is read-only for this user" in said
    assert "user that owns it" in said
    assert story.database.read_bytes() == before


def test_a_driver_that_is_not_installed_is_named_with_what_installs_it(tmp_path: Path) -> None:
    # An extra: whoever runs on PostgreSQL does not have it.
    (tmp_path / "asyncmy.py").write_text("raise ModuleNotFoundError(name='asyncmy')")
    command = CommandLine().arguments("plan", "--database", "mysql://grafana@localhost/grafana", "--output", "json")
    environment = {**CommandLine().variables(), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    error = json.loads(done.stdout)["error"]
    assert "MySQL" in error["message"]
    assert "'.[mysql]'" in error["hint"]


@pytest.mark.parametrize("option", ["--skip-key", "--accept-unproven"])
def test_a_key_that_does_not_exist(option: str, story: Story) -> None:
    before = story.digest()
    outcome = story.cli("run", *WRAP, option, "azurekv.prdo", "--output", "json", expect=2)
    assert_clear(outcome, "azurekv.prdo", hint="reencrypt plan")
    assert story.digest() == before


def test_a_location_that_does_not_exist(story: Story) -> None:
    before = story.digest()
    outcome = story.cli("run", *WRAP, "--location", "nowhere", "--output", "json", expect=2)
    assert_clear(outcome, "nowhere", hint="data_source")
    assert story.digest() == before


@pytest.mark.parametrize(
    "arguments",
    [("--no-such-option",), ("--limit", "0"), ("--output", "xml"), ("surplus",), ("--config", "/nowhere.toml")],
)
def test_a_command_line_that_is_wrong(arguments: tuple[str, ...]) -> None:
    outcome = CommandLine()("run", *arguments, expect=2)
    assert outcome.stderr.startswith("error: ")
    assert "--help" in outcome.stderr
    assert outcome.stdout == ""


def test_usage_errors_too_are_one_object_where_json_is_asked_for() -> None:
    outcome = CommandLine()("run", "--output", "json", "--limit", "x", expect=2)
    assert outcome.json["outcome"] == "usage"
    in_environment = CommandLine(environment={"REENCRYPT_OUTPUT": "json"})("run", "--limit", "x", expect=2)
    assert in_environment.json["outcome"] == "usage"


def test_envelope_encryption_that_is_switched_off(story: Story) -> None:
    before = story.digest()
    cli = CommandLine(
        story.cli.database,
        story.cli.configuration,
        story.vault,
        {"GF_FEATURE_TOGGLES_disableEnvelopeEncryption": "true"},
    )
    outcome = cli("run", *WRAP, "--output", "json", expect=6)
    assert_clear(outcome, "disableEnvelopeEncryption", hint="restart Grafana")
    assert story.digest() == before


def test_a_value_that_only_grafanas_own_expander_knows(story: Story) -> None:
    cli = CommandLine(
        story.cli.database, story.cli.configuration, story.vault, {"GF_SECURITY_SECRET_KEY": "$__vault{secret/grafana}"}
    )
    outcome = cli("run", *WRAP, "--output", "json", expect=2)
    assert_clear(outcome, "vault", "secret_key", hint="")


def test_json_in_a_settings_file_counts_on_failure_too(tmp_path: Path) -> None:
    settings = tmp_path / "reencrypt.toml"
    settings.write_text('output = "json"\ngrafana-config = "/nowhere/grafana.ini"\n')
    outcome = CommandLine()("run", "--config", str(settings), expect=2)
    assert "/nowhere/grafana.ini" in outcome.json["error"]["message"]
    assert CommandLine()("run", "--output", "text", "--output", "json", "--limit", "x", expect=2).json


@pytest.mark.parametrize(
    ("command", "option", "typed", "meant"),
    [
        ("run", "--location", "data_sorce", "data_source"),
        ("run", "--to", "azurekv.prd", "azurekv.prod"),
        ("run", "--skip-key", "azurekv.prd", "azurekv.prod"),
        ("complete", "--retire", "secret_kei", "secret_key"),
    ],
)
def test_a_mistyped_name_gets_a_suggestion(command: str, option: str, typed: str, meant: str, story: Story) -> None:
    digest = story.digest()
    outcome = story.cli(command, option, typed, "--output", "json", expect=2)
    assert_clear(outcome, typed, hint=f"Did you mean `{meant}`")
    assert story.digest() == digest


def test_a_name_in_the_database_does_not_control_the_terminal(story: Story) -> None:
    story.execute("UPDATE data_keys SET provider = 'evil' || char(27) || ']0;owned' || char(7) || char(8238)")
    for command in ("plan", "status", "verify", "doctor", "complete", "run"):
        outcome = story.cli(command, expect=None)
        said = outcome.stdout + outcome.stderr
        assert [each for each in said if not each.isprintable() and each != "\n"] == [], (command, said)
    screen = on_terminal(story.cli, "plan")
    assert r"evil\x1b]0;owned\x07\u202e" in screen.raw
    assert not {"\x07", "\u202e"} & set(screen.raw)
    assert "\x1b]0;" not in screen.raw


@pytest.mark.parametrize("command", ["plan", "run", "verify", "status", "doctor"])
def test_a_machine_without_a_configuration_of_grafana(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = CommandLine()(command, expect=2)
    said = outcome.stderr + outcome.stdout
    assert "no configuration of Grafana was found" in said
    assert "--grafana-config" in said


def test_a_missing_choice_is_named_in_a_line_without_tabs() -> None:
    outcome = CommandLine()("completion", expect=2)
    assert outcome.stderr.splitlines()[0] == "error: Missing argument 'SHELL'. Choose from: bash, zsh, fish"
