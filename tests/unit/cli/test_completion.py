"""`completion`: the scripts, in the shells themselves where they are installed, and what they are answered."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from reencrypt.cli.main import cli, run_command_line
from reencrypt.databases.statements import load_schema
from tests.support.vault import clean_environment

RUNS = ("20261125-093000-a1b2", "20261126-093000-c3d4")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with two runs, and a configuration with a provider."""
    file = tmp_path / "grafana.db"
    with closing(sqlite3.connect(file)) as connection:
        for statement in load_schema("sqlite/schema.sql"):
            connection.execute(statement)
        for number, name in enumerate(RUNS, start=1):
            connection.execute(
                "INSERT INTO reencrypt_run VALUES (?, ?, 'run', 'finished', 'azurekv.prod', 'aes-cfb', x'00', '', "
                "'', '', 0, 'done', '2026-11-25T09:30:00+00:00', '2026-11-25T09:30:00+00:00', '{}', 0)",
                (name, number),
            )
        connection.commit()
    ini = tmp_path / "grafana.ini"
    ini.write_text("[security.encryption.azurekv.prod]\nvault_uri = https://localhost\n")
    monkeypatch.setenv("REENCRYPT_GRAFANA_CONFIG", str(ini))
    monkeypatch.setenv("REENCRYPT_DATABASE", f"sqlite:///{file}")
    # How long it takes on a machine that is busy is no matter here.
    monkeypatch.setattr("reencrypt.cli.candidates.LONGEST_SECONDS", 60.0)
    return str(file)


def completed(line: str) -> list[str]:
    """What the protocol of click answers for the last word of a line."""
    *words, last = line.split(" ")
    found = BashComplete(cli, {}, "reencrypt", "_REENCRYPT_COMPLETE").get_completions(words, last)
    return [each.value for each in found]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("ru", ["run"]),
        ("-v ru", ["run"]),
        ("quarantine re", ["retry"]),
        ("completion z", ["zsh"]),
        ("run --outp", ["--output"]),
        ("--outp", ["--output"]),
        ("run --output ", ["text", "json"]),
        ("--output js", ["json"]),
        ("run --location data_s", ["data_source"]),
        ("quarantine list --location data_s", ["data_source"]),
        ("run --to azure", ["azurekv.prod"]),
        ("run --skip-key secret", ["secretKey.v1", "secret_key.v1"]),
        ("undo 20261", list(reversed(RUNS))),
        ("report ", list(reversed(RUNS))),
        ("undo 20261126", [RUNS[1]]),
        ("undo --database sqlite:////nowhere.db 2", []),
        ("--database sqlite:////nowhere.db undo 2", []),
        ("--config /nowhere.toml run --location data_s", ["data_source"]),
    ],
)
def test_a_line_is_completed(line: str, wanted: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    found = completed(line)
    assert [each for each in found if each in wanted] == wanted
    assert len(found) == len(wanted) or wanted == ["secretKey.v1", "secret_key.v1"]
    assert capfd.readouterr() == ("", "")


def test_a_name_with_control_characters_is_not_proposed(database: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE reencrypt_run SET id = id || char(27) || ']0;owned' || char(7) WHERE number = 2")
        connection.commit()
    assert completed("undo 20261") == [RUNS[0]]


def test_a_completion_leaves_the_database_as_it_is(database: str) -> None:
    before = Path(database).read_bytes()
    assert completed("undo ")
    assert Path(database).read_bytes() == before


def test_a_server_that_does_not_answer_is_given_up_without_a_word() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://grafana@127.0.0.1:{silent.getsockname()[1]}/grafana"
        done = answered({"REENCRYPT_DATABASE": url}, "reencrypt undo ", 2)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def answered(environment: dict[str, str], words: str, number: int) -> subprocess.CompletedProcess[str]:
    """Ask as the script for bash does. A server is waited for for ten seconds elsewhere."""
    protocol = {"_REENCRYPT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(number)}
    return subprocess.run(
        [sys.executable, "-m", "reencrypt"],
        env=clean_environment() | environment | protocol,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_for_the_shell(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_REENCRYPT_COMPLETE={shell}_complete" in script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    file = tmp_path / "script"
    file.write_text(script)
    subprocess.run([program, "-n", str(file)], check=True, timeout=60)


def test_bash_completes_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    assert run_command_line(["completion", "bash"]) == 0
    program = tmp_path / "reencrypt"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reencrypt "$@"\n')
    program.chmod(0o755)
    script = capsys.readouterr().out + (
        "COMP_WORDS=(reencrypt run --location data_sour); COMP_CWORD=3\n"
        '_reencrypt_completion reencrypt run data_sour\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environment = clean_environment() | {"PATH": path, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [bash, "--norc"], input=script, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("data_source\n", "")
