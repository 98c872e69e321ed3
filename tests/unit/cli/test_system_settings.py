"""The settings file of this machine: read where none is named, said, left out when asked, and refused where unsafe."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reencrypt.cli.main import run_command_line
from reencrypt.cli.settings_file import SYSTEM_FILE

NOWHERE = "sqlite:////nowhere/grafana.db"


@pytest.fixture
def system_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "reencrypt.toml"
    file.write_text(f'output = "json"\ndatabase = "{NOWHERE}"\n')
    file.chmod(0o644)
    monkeypatch.setattr("reencrypt.cli.settings_file.SYSTEM_FILE", file)
    monkeypatch.delenv("REENCRYPT_CONFIG", raising=False)
    return file


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run_command_line(arguments) == 2
    return capsys.readouterr().err


def test_its_place_is_in_etc() -> None:
    assert Path("/etc/reencrypt.toml") == SYSTEM_FILE


def test_it_gives_defaults_and_the_error_says_so(system_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["status"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert "/nowhere/grafana.db" in error["message"]
    assert f"The settings of {system_file} apply; `--config /dev/null` leaves them out." in error["hint"]


def test_the_environment_and_the_command_line_win_over_it(
    system_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert system_file.exists()
    monkeypatch.setenv("REENCRYPT_DATABASE", "sqlite:////elsewhere.db")
    assert "/elsewhere.db" in error_of(capsys, "status")
    assert "/third.db" in error_of(capsys, "status", "--database", "sqlite:////third.db")


@pytest.mark.parametrize("how", ["option", "before", "variable", "another"])
def test_a_file_that_is_named_takes_its_place(
    how: str, system_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.toml"
    other.write_text("limit = 3\n")
    if how == "variable":
        monkeypatch.setenv("REENCRYPT_CONFIG", os.devnull)
    arguments = {
        "option": ["status", "--config", os.devnull],
        "before": ["--config", os.devnull, "status"],
        "variable": ["status"],
        "another": ["status", "--config", str(other)],
    }[how]
    nothing = tmp_path / "missing.ini"
    assert run_command_line([*arguments, "--grafana-config", str(nothing)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert str(nothing) in said.err
    assert str(system_file) not in said.err


def test_where_there_is_none_nothing_is_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    error = error_of(capsys, "status", "--grafana-config", str(tmp_path / "missing.ini"))
    assert "settings" not in error


@pytest.mark.parametrize("mode", [0o666, 0o646])
def test_one_that_others_can_write_is_refused(mode: int, system_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    system_file.chmod(mode)
    error = error_of(capsys, "status")
    assert f"error: the settings file {system_file} can be written by others" in error
    assert f"`chmod go-w {system_file}`" in error
    assert "--config /dev/null" in error
    assert NOWHERE not in error


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
@pytest.mark.parametrize(
    ("owner", "group", "mode", "words"),
    [(65534, 0, 0o644, "belongs to user 65534"), (0, 65534, 0o664, "can be written by others"), (0, 0, 0o664, "")],
)
def test_only_root_and_this_user_are_trusted(
    owner: int, group: int, mode: int, words: str, system_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.chown(system_file, owner, group)
    system_file.chmod(mode)
    error = error_of(capsys, "status")
    assert (words or "/nowhere/grafana.db") in error


def test_what_is_wrong_in_it_is_told_with_its_name(system_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    system_file.write_text('limti = "3"\n')
    assert f"the settings file {system_file}: no command has an option 'limti'" in error_of(capsys, "status")


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_does_not_read_it(arguments: list[str], system_file: Path) -> None:
    system_file.write_text("nonsense\n")
    assert run_command_line(arguments) == 0


def test_config_show_names_it(system_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grafana = tmp_path / "grafana.ini"
    grafana.write_text("")
    system_file.write_text(f'grafana-config = "{grafana}"\n')
    assert run_command_line(["config", "show", "--database", NOWHERE]) == 0
    assert f"Settings file of reencrypt: {system_file}" in capsys.readouterr().out
    assert run_command_line(["config", "show", "--database", NOWHERE, "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings_file"] == str(system_file)
