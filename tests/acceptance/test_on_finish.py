"""`--on-finish`: a command of the operator is told every result, and can neither change nor see what it must not."""

from __future__ import annotations

import fcntl
import json
import signal
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reencrypt.cli.on_finish import FinishCommand
from tests.acceptance.test_signals import until
from tests.grafana.planting import Plain
from tests.support.fleets import Fleet
from tests.support.story import WRAP, Story
from tests.support.vault import Vault

#: Writes what it is told, its arguments and its environment into the file that it is given.
TOLD = (
    "import json, os, sys\n"
    "json.dump([json.load(sys.stdin), sys.argv[2:], dict(os.environ)], open(sys.argv[1], 'w'))\n"
    "print('printed by the command')\n"
)


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault) -> Story:
    story = Story.of(tmp_path / "grafana.db", shared_vault)
    with story.builder() as builder:
        builder.add_data_source({"password": Plain(b"a long enough password", builder.data_key())})
    return story


def program(folder: Path, text: str = TOLD) -> str:
    path = folder / "on finish.py"
    path.write_text(text)
    return f"{sys.executable} '{path}'"


def told(folder: Path) -> list[Any]:
    found: list[Any] = json.loads((folder / "told.json").read_text())
    return found


def test_it_gets_the_result_and_no_secrets_and_no_shell(story: Story, tmp_path: Path) -> None:
    command = f"{program(tmp_path)} {tmp_path}/told.json '$HOME' ';' touch {tmp_path}/made"
    secrets = {
        "GF_SECURITY_ADMIN_PASSWORD": "x",
        "AZURE_CLIENT_SECRET": "x",
        "IDENTITY_HEADER": "x",
        "OTEL_EXPORTER_OTLP_HEADERS": "x",
        "KEPT": "this",
    }
    cli = replace(story.cli, environment={**secrets, "REENCRYPT_ON_FINISH": command})
    outcome = cli("run", *WRAP, "--output", "json")
    result, arguments, environment = told(tmp_path)
    assert result == outcome.json
    assert (result["command"], result["exit_code"], result["outcome"]) == ("run", 0, "done")
    assert arguments == ["$HOME", ";", "touch", f"{tmp_path}/made"]
    assert not (tmp_path / "made").exists()
    assert environment["KEPT"] == "this"
    hidden = ("GF_", "AZURE_", "REENCRYPT_", "IDENTITY_", "OTEL_EXPORTER_")
    assert [name for name in environment if name.startswith(hidden)] == []
    assert "printed by the command" in outcome.stderr
    # As text the same is told.
    assert "Nothing to do" in cli("run", *WRAP).stdout
    assert told(tmp_path)[0]["outcome"] == "nothing_to_do"


def test_it_is_told_of_an_error_and_of_a_report_that_nobody_reads(story: Story, tmp_path: Path) -> None:
    line = ("--on-finish", f"{program(tmp_path)} {tmp_path}/told.json")
    story.cli("run", *line, expect=6)
    result, _, _ = told(tmp_path)
    assert (result["command"], result["exit_code"], result["outcome"]) == ("run", 6, "refused")
    assert result["error"]["message"]
    (tmp_path / "told.json").unlink()
    process = replace(story.cli, cold=True).start("plan", *line, "--output", "json")
    assert process.stdout is not None
    with process:
        process.stdout.close()
    assert told(tmp_path)[0]["command"] == "plan"


@pytest.mark.parametrize("command", ["plan", "verify"])
def test_it_is_told_of_an_interruption(command: str, story: Story, tmp_path: Path) -> None:
    told_to = f"{program(tmp_path)} {tmp_path}/told.json"
    line = ("--on-finish", told_to, "--output", "json", "-vv", "--log-format", "json")
    with closing(sqlite3.connect(story.database, isolation_level=None)) as other:
        # So that it does not end by itself.
        other.execute("BEGIN EXCLUSIVE")
        process = story.cli.start(command, *line)
        until(process, '"command started"')
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
    assert process.returncode == 4
    result, _, _ = told(tmp_path)
    assert result == json.loads(out)
    assert (result["command"], result["exit_code"], result["outcome"]) == (command, 4, "stopped")


def test_a_fleet_tells_of_all_its_members_once(tmp_path: Path, shared_vault: Vault) -> None:
    fleet = Fleet(tmp_path, shared_vault)
    for number in range(2):
        fleet.add(f"grafana-{number}")
    fleet.write()
    fleet.json("plan", "--on-finish", f"{program(tmp_path)} {tmp_path}/told.json")
    assert sorted(told(tmp_path)[0]["members"]) == sorted(fleet.stories)


@pytest.mark.parametrize(
    ("text", "words"),
    [("import sys; sys.exit(9)", "ended with exit code 9"), ("import os; os.kill(os.getpid(), 9)", "exit code -9")],
)
def test_it_never_changes_the_exit_code(text: str, words: str, story: Story, tmp_path: Path) -> None:
    outcome = story.cli("run", *WRAP, "--on-finish", program(tmp_path, text))
    assert f"warning: the command of --on-finish, {sys.executable}, " in outcome.stderr
    assert words in outcome.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", "it names no program"),
        ("/nowhere/at-all --now", "there is no program '/nowhere/at-all' that may be executed"),
        ("'not closed", "No closing quotation"),
    ],
)
def test_a_command_that_cannot_start_is_a_usage_error_before_anything_begins(
    command: str, words: str, story: Story
) -> None:
    before = story.database.read_bytes()
    outcome = story.cli("run", *WRAP, "--on-finish", command, expect=2)
    assert words in outcome.stderr
    assert story.database.read_bytes() == before


def test_a_command_that_does_not_end_is_ended_with_all_that_it_has_started(tmp_path: Path) -> None:
    # The child shares a lock on the file, which is free when both are gone.
    text = (
        "import fcntl, subprocess, sys, time\n"
        "file = open(sys.argv[1], 'w')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], pass_fds=[file.fileno()])\n"
        "file.write('locked')\n"
        "file.flush()\n"
        "time.sleep(600)\n"
    )
    command = FinishCommand.parse(f"{program(tmp_path, text)} {tmp_path}/lock")
    assert command.tell({}, {}, seconds=2.0) == "was still at work after 2 s and was ended"
    with (tmp_path / "lock").open() as file:
        assert file.read() == "locked"
        fcntl.flock(file, fcntl.LOCK_EX)


def test_a_command_that_does_not_read_is_no_trouble(tmp_path: Path) -> None:
    command = FinishCommand.parse(program(tmp_path, "pass"))
    assert command.tell({"long": "x" * 1_000_000}, {}) == ""
