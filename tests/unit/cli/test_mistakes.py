"""A mistyped command, option or value is told what may have been meant, in words and in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from reencrypt.cli.main import cli, run_command_line
from reencrypt.cli.tree import all_commands

#: Command line → what the message says, and what the hint says.
MISTAKES = {
    "rum": ("No such command 'rum'. Did you mean `run`?", "See `reencrypt --help`."),
    "-v --config x.toml rum": ("Did you mean `run`?", ""),
    "list": ("Did you mean `quarantine list`?", ""),
    "quarantine lst": ("Did you mean `list`?", "See `reencrypt quarantine --help`."),
    "fleet pla": ("Did you mean `plan`?", ""),
    "config shwo": ("Did you mean `show`?", ""),
    "run --outptu json": ("No such option '--outptu'. Did you mean `--output`?", "See `reencrypt run --help`."),
    "--outptu json run": ("Did you mean `--output`?", ""),
    "run --output jsn": ("Did you mean `json`?", ""),
    "run --store clasic": ("Did you mean `classic`?", ""),
    "run --algorithm aes-gmc": ("Did you mean `aes-gcm` or `aes-cfb`?", ""),
    "quarantine list --reason value_to_long": ("Did you mean `value_too_long`?", ""),
    "status --bogus": ("No such option '--bogus'.", "See `reencrypt status --help`."),
    "run --force": ("No such option '--force'.", "See `reencrypt run --help`."),
    "status --verbos": ("Did you mean `--verbose`?", ""),
    "run --retire x": ("No such option '--retire'.", "It is an option of `complete`. See"),
    "--limit 5 run": (
        "No such option '--limit'.",
        "It is an option of `run` and `rollback`: give it after the command.",
    ),
    "demo -v": ("No such option '-v'.", "Most commands have it, and demo has not."),
    "zzzzzz": ("No such command 'zzzzzz'.", "See `reencrypt --help`."),
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_told_what_may_have_been_meant(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    message, hint = MISTAKES[line]
    assert run_command_line(line.split()) == 2
    said = capsys.readouterr()
    error, second = said.err.splitlines()
    assert message in error
    assert ("Did you mean" in error) == ("Did you mean" in message)
    assert hint in second
    assert said.out == ""


@pytest.mark.parametrize("words", [["rum", "--output", "json"], ["--output=json", "rum"], ["quarantine", "lst"]])
def test_a_mistake_is_one_object_where_json_is_asked_for(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REENCRYPT_OUTPUT", "json")
    assert run_command_line(words) == 2
    said = json.loads(capsys.readouterr().out)
    assert (said["exit_code"], said["error"]["code"]) == (2, "usage")
    assert "Did you mean" in said["error"]["message"]


#: What stands before the command, and what after it, with what then holds.
PLACES: dict[tuple[str, str], Callable[[dict[str, object]], bool]] = {
    ("-v", ""): lambda given: given["verbose"] == 1,
    ("-v", "-v"): lambda given: given["verbose"] == 2,
    ("-vv --output json", ""): lambda given: (given["verbose"], given["output"]) == (2, "json"),
    ("--output json", "--output text"): lambda given: given["output"] == "text",
    ("--output text", "--output json"): lambda given: given["output"] == "json",
    ("--trust-vault a", "--trust-vault b"): lambda given: given["trust_vault"] == ("a", "b"),
    ("--config {file}", ""): lambda given: given["log_format"] == "json",
    ("--config {file}", "--log-format console"): lambda given: given["log_format"] == "console",
    ("--", ""): lambda given: given["verbose"] == 0,
}


@pytest.mark.parametrize("command", ["status", "quarantine list"])
@pytest.mark.parametrize("place", PLACES, ids=" … ".join)
def test_an_option_of_every_command_may_stand_before_it(
    place: tuple[str, str],
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    got: list[dict[str, object]] = []

    def call(**given: object) -> int:
        got.append(given)
        return 0

    monkeypatch.setattr(dict(all_commands(cli))[command], "callback", call)
    file = tmp_path_factory.mktemp("settings") / "settings.toml"
    file.write_text('log-format = "json"\n')
    first, second = (each.format(file=file) for each in place)
    assert run_command_line([*first.split(), *command.split(), *second.split()]) == 0
    assert PLACES[place](got[0])


def test_an_option_may_stand_between_a_group_and_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = "sqlite:////nowhere/grafana.db"
    assert run_command_line(["--database", nowhere, "quarantine", "--output", "json", "list"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert said["command"] == "quarantine list"
    assert "/nowhere/grafana.db" in said["error"]["message"]


def test_a_bad_variable_is_no_matter_of_a_command_that_does_not_read_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REENCRYPT_LOG_FORMAT", "nonsense")
    assert run_command_line(["demo", "--help"]) == 0
    assert run_command_line(["status"]) == 2
    assert "nonsense" in capsys.readouterr().err


def test_help_says_that_options_may_stand_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["--help"]) == 0
    assert "before or after the command" in " ".join(capsys.readouterr().out.split())
