"""Help has the options under headings, the wanted ones first, fits into eighty columns and breaks no word."""

from __future__ import annotations

import re

import click
import pytest

from reencrypt.cli.help import HEADINGS
from reencrypt.cli.main import cli, run_command_line
from reencrypt.cli.stated_option import StatedOption
from reencrypt.cli.tree import all_commands

COMMANDS = dict(all_commands(cli))
GROUPS = ["", "quarantine", "fleet", "config"]


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def help_of(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run_command_line([*name.split(), "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPS])
def test_no_line_is_longer_than_eighty_columns(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert [line for line in help_of(name, capsys).splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_there_once_with_all_its_words(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(name, capsys)
    words = " ".join(text.split())
    for each in COMMANDS[name].params:
        if isinstance(each, StatedOption):
            option = re.escape(each.stated.name)
            assert len(re.findall(rf"^  (?:-\w, )?{option}(?: [A-Z\[]|  |$)", text, re.MULTILINE)) == 1, option
            assert " ".join(str(each.help).split()) in words


def test_the_wanted_options_stand_first(capsys: pytest.CaptureFixture[str]) -> None:
    found = re.findall(r"^(\w.*):$", help_of("run", capsys), re.MULTILINE)
    assert found[:3] == ["Target", "Rotation", "How much, and when it stops"]
    assert found[-2:] == ["Metrics", "Help"]
    assert re.findall(r"^(\w.*):$", help_of("complete", capsys), re.MULTILINE)[0] == "Question and answer"


def test_every_group_of_options_has_a_heading_and_no_heading_is_left_over() -> None:
    groups = {one.group.__name__ for each in COMMANDS.values() for one in each.params if isinstance(one, StatedOption)}
    assert groups == set(HEADINGS)


@pytest.mark.parametrize("name", GROUPS)
def test_a_list_of_commands_cuts_no_sentence_off(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(name, capsys)
    assert "..." not in text.split("Commands:")[1]
    group: click.Group = cli
    for word in name.split():
        inner = group.get_command(click.Context(group), word)
        assert isinstance(inner, click.Group)
        group = inner
    for each in group.list_commands(click.Context(group)):
        assert re.search(rf"^  {each}\b", text, re.MULTILINE)


@pytest.mark.parametrize("name", [name for name, each in COMMANDS.items() if "Example" in (each.epilog or "")])
def test_an_example_has_no_option_that_its_command_lacks(name: str) -> None:
    epilog = COMMANDS[name].epilog or ""
    lines = [line.partition("  # ")[0] for line in epilog.splitlines() if f"reencrypt {name}" in line]
    assert lines
    known = {option for each in COMMANDS[name].params for option in (*each.opts, *each.secondary_opts)}
    for line in lines:
        assert set(re.findall(r"(?<!\S)--[a-z-]+", line.partition(f"reencrypt {name}")[2])) <= known, line
