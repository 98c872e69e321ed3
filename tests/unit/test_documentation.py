"""What the README and the help say is true of the code."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from reencrypt.cli.main import COMMANDS, cli
from reencrypt.cli.options import CommandFailedError
from reencrypt.outcomes import ExitCode

README = (Path(__file__).parents[2] / "README.md").read_text()


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {each}", inner) for each, inner in command.commands.items())
        else:
            yield name, command


ALL = dict(commands())


def options_of(name: str) -> list[click.Option]:
    return [parameter for parameter in ALL[name].params if isinstance(parameter, click.Option)]


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_option_is_in_the_readme(name: str) -> None:
    assert re.search(rf"`reencrypt {name}( [A-Z]+)?`", README)
    for parameter in options_of(name):
        long = next(each for each in parameter.opts if each.startswith("--"))
        assert re.search(rf"`[^`]*{long}\b", README), f"{name} {long}"


def test_every_option_in_the_readme_exists() -> None:
    known = {each for command in ALL.values() for parameter in command.params for each in parameter.opts}
    table = README.split("### Options")[1].split("### Exit codes")[0]
    assert set(re.findall(r"--[a-z][a-z-]+", table)) <= known


def test_the_readme_says_truly_which_commands_take_an_option() -> None:
    table = README.split("### Options")[1].split("### Exit codes")[0]
    taken: set[str] = set()
    documented: dict[str, set[str]] = {}
    for line in re.findall(r"^\| `-.*$", table, re.MULTILINE):
        options, commands, _ = line.replace("\\|", "/").strip("| ").split(" | ")
        if commands != "the same":
            named = commands.split(", ")
            taken = {name for name in ALL if name in named or name.split()[0] in named}
        for option in re.findall(r"--[a-z][a-z-]+", options):
            documented[option] = documented.get(option, set()) | taken
    actual = {
        option: {name for name in ALL if any(option in each.opts for each in options_of(name))} for option in documented
    }
    assert documented == actual


@pytest.mark.parametrize("name", ["", *ALL])
def test_every_help_ends_with_an_example(name: str) -> None:
    command = ALL[name] if name else cli
    assert command.epilog
    assert "Example" in command.epilog
    assert f"reencrypt {name}".strip() in command.epilog.split("Example")[1]


@pytest.mark.parametrize("name", ALL)
def test_every_option_may_stand_in_the_environment(name: str) -> None:
    for parameter in options_of(name):
        if "--verbose" not in parameter.opts and "--help" not in parameter.opts:
            assert str(parameter.envvar).startswith("REENCRYPT_"), parameter.opts


def test_the_exit_codes_of_the_readme_are_those_of_the_code() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d) \|", README, re.MULTILINE)}
    assert listed == set(ExitCode)
    assert cli.epilog is not None
    assert {int(code) for code in re.findall(r"^  (\d)  ", cli.epilog, re.MULTILINE)} == listed


def said(result: Result) -> str:
    error = result.exception
    assert isinstance(error, CommandFailedError)
    return str(error.error)


def test_a_settings_file_gives_defaults_and_the_command_line_wins(tmp_path: Path) -> None:
    settings = tmp_path / "reencrypt.toml"
    settings.write_text('output = "json"\ngrafana-config = "/nowhere/grafana.ini"\nlimit = 5\n')
    runner = CliRunner()
    result = runner.invoke(cli, ["status", "--config", str(settings)])
    assert "/nowhere/grafana.ini" in said(result)
    result = runner.invoke(cli, ["status", "--config", str(settings), "--grafana-config", "/elsewhere.ini"])
    assert "/elsewhere.ini" in said(result)
    result = runner.invoke(
        cli, ["status", "--config", str(settings)], env={"REENCRYPT_GRAFANA_CONFIG": "/environment.ini"}
    )
    assert "/environment.ini" in said(result)
    settings.write_text('outptu = "json"\n')
    result = runner.invoke(cli, ["status", "--config", str(settings)])
    assert "outptu" in result.output
    assert result.exit_code == 2


def test_the_commands_on_the_first_screen_are_those_that_ci_runs() -> None:
    first_screen = "\n".join(README.splitlines()[:35])
    assert "python3 -m venv .venv && .venv/bin/pip install . ./emulator && .venv/bin/reencrypt demo" in first_screen
    assert "python3 -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox" in first_screen


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_loads_neither_azure_nor_drivers_nor_rich(arguments: list[str]) -> None:
    import subprocess  # noqa: PLC0415

    code = (
        "import sys\n"
        "from reencrypt.cli.main import run_command_line\n"
        f"run_command_line({arguments!r})\n"
        "heavy = ('asyncio', 'azure', 'aiosqlite', 'asyncpg', 'aiohttp', 'rich', 'structlog', 'cryptography')\n"
        "print('LOADED', [name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout


def test_every_promise_of_security_names_a_test_that_exists() -> None:
    text = (Path(__file__).parents[2] / "SECURITY.md").read_text()
    table = text.split("## What it protects against")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 20
    for row in rows:
        named = re.findall(r"`([\w/]+\.py)`", row.strip("| ").split(" | ")[-1])
        assert named, row
        for name in named:
            assert (Path(__file__).parents[1] / name).exists(), name
