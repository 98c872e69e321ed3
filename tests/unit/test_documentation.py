"""What the README and the help say is true of the code."""

from __future__ import annotations

import re
import sqlite3
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from reencrypt.cli.main import cli
from reencrypt.cli.options import CommandFailedError
from reencrypt.cli.tree import all_commands
from reencrypt.databases.statements import OUR_TABLES, load_schema
from reencrypt.errors import ConfigurationError
from reencrypt.outcomes import ExitCode
from tests import reference

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / "docs/reference.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
FOR_DEVELOPERS = {"ARCHITECTURE.md": ARCHITECTURE, "CONTRIBUTING.md": CONTRIBUTING}
#: Where a path in them may begin.
FOLDERS = ("", "reencrypt", "tests", "tests/grafana", "tests/support")
#: What the walks create, what a benchmark writes, and what lies beside the checkout.
ELSEWHERE = {
    "NAME",
    "bench.json",
    "bench-vault.json",
    "bench-reading.json",
    "../shared/real-grafana",
    "~/.cache/reencrypt-tests",
}
ALL = dict(all_commands(cli))
#: The commands that repeat another one in many databases, with that one.
FLEET = {name: name.removeprefix(reference.FLEET) for name in ALL if name.startswith(reference.FLEET)}
SINGLE = set(ALL) - set(FLEET)


def options_of(name: str) -> list[click.Option]:
    return [parameter for parameter in ALL[name].params if isinstance(parameter, click.Option)]


def takes(name: str, option: str) -> bool:
    return any(option in each.opts for each in options_of(name))


@pytest.mark.parametrize("path", reference.FILES, ids=lambda path: path.name)
def test_the_reference_and_the_settings_file_are_what_the_program_says(path: Path) -> None:
    assert path.read_text() == reference.FILES[path](), "run `python -m tests.reference`"


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_option_is_documented(name: str) -> None:
    assert re.search(rf"`reencrypt {name}( [][A-Z.]+)?`", REFERENCE)
    for parameter in options_of(name):
        long = next(each for each in parameter.opts if each.startswith("--"))
        assert re.search(rf"`[^`]*{long}\b", REFERENCE), f"{name} {long}"


def test_every_option_in_the_documents_exists() -> None:
    known = {each for command in ALL.values() for parameter in command.params for each in parameter.opts} | {"--help"}
    others = {"--from"}  # of uvx
    for text in (README, REFERENCE):
        assert set(re.findall(r"--[a-z][a-z-]+", text)) <= known | others


def test_every_command_in_the_readme_exists() -> None:
    named = re.findall(r"`(?:reencrypt )?([a-z]+(?:-[a-z]+)*)(?: (?:-[^`]*|[A-Z]+))?`", README)
    groups = {name.split()[0] for name in ALL}
    assert {"run", "plan", "verify", "complete", "rekey-secret-key", "undo", "rewrap"} <= set(named) & groups
    for line in re.findall(r"`reencrypt ([a-z][^`]*)`", README):
        words = re.match(r"(?:quarantine |fleet |config )?[a-z-]+", line)
        assert words is not None
        assert words[0] in ALL, line


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


def test_the_reference_says_truly_which_commands_take_an_option() -> None:
    documented: dict[str, set[str]] = {}
    for line in re.findall(r"^\| `-.*$", REFERENCE, re.MULTILINE):
        options, commands, *_ = line.replace("\\|", "/").strip("| ").split(" | ")
        named = set(commands.removeprefix("all but ").split(", "))
        assert named <= set(ALL)
        for option in re.findall(r"--[a-z][a-z-]+", options):
            taken = SINGLE - named if commands.startswith("all but ") else named
            documented[option] = documented.get(option, set()) | taken
    actual = {
        option: {name for name in ALL if takes(name, option) and not (name in FLEET and takes(FLEET[name], option))}
        for option in documented
    }
    assert documented == actual


@pytest.mark.parametrize("name", FLEET)
def test_a_command_of_a_fleet_takes_the_options_of_the_one_that_it_repeats(name: str) -> None:
    missing = {each for parameter in options_of(FLEET[name]) for each in parameter.opts if not takes(name, each)}
    others = {"--delete-data-keys"} if name == "fleet complete" else set()
    assert missing == {"--grafana-config", "--grafana-home", "--database"} | others


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


def test_the_exit_codes_of_the_reference_are_those_of_the_code() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d) \|", REFERENCE, re.MULTILINE)}
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
    assert isinstance(result.exception, ConfigurationError)
    assert "no command has an option 'outptu'" in str(result.exception)


def test_the_commands_on_the_first_screen_are_those_that_ci_runs() -> None:
    first_screen = "\n".join(README.splitlines()[:35])
    assert "python3 -m venv .venv && .venv/bin/pip install . ./emulator && .venv/bin/reencrypt demo" in first_screen
    assert "python3 -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox" in first_screen


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_loads_neither_azure_nor_drivers_nor_rich_nor_the_settings(arguments: list[str]) -> None:
    import subprocess  # noqa: PLC0415

    code = (
        "import sys\n"
        "from reencrypt.cli.main import run_command_line\n"
        f"run_command_line({arguments!r})\n"
        "heavy = ('asyncio', 'azure', 'aiosqlite', 'asyncpg', 'aiohttp', 'rich', 'structlog', 'cryptography',\n"
        "         'reencrypt.settings', 'reencrypt.events', 'reencrypt.fleet.listing', 'tomllib',\n"
        "         'prometheus_client', 'opentelemetry', 'reencrypt.telemetry.metrics')\n"
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


def paths_in(text: str) -> set[str]:
    """The files and folders that a document names between backticks."""
    words = set(re.findall(r"`([\w./~…-]+)`", text))
    files = {word for word in words if re.search(r"/|\w\.(?:py|sql|md|toml|yaml|ini|json)$", word)}
    return {word for word in files if word not in ELSEWHERE and "NAME" not in word and not word.startswith("…")}


@pytest.mark.parametrize("name", FOR_DEVELOPERS)
def test_every_path_in_the_documents_for_developers_exists(name: str) -> None:
    paths = paths_in(FOR_DEVELOPERS[name])
    assert len(paths) > 30
    # A name without a folder is one of many, such as `errors.py` of an engine.
    names = {path.name for folder in ("reencrypt", "tests") for path in (ROOT / folder).rglob("*.*")}
    missing = {path for path in paths if not any((ROOT / folder / path).exists() for folder in FOLDERS)}
    assert {path for path in missing if "/" in path or path not in names} == set()


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda path: path.name)
def test_every_link_in_a_document_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        file, _, heading = target.partition("#")
        if not file.startswith("https://"):
            found = path.parent / file if file else path
            assert found.exists(), target
            headings = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE) if heading else []
            assert not heading or heading in {
                re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings
            }


def test_the_state_tables_of_the_architecture_are_those_of_the_schema() -> None:
    documented: dict[str, set[str]] = {}
    table = ""
    for line in ARCHITECTURE.split("## The state tables")[1].split("\n## ")[0].splitlines():
        cells = line.strip("| ").split(" | ") if line.startswith("| `") else line.split(" | ")[1:]
        if line.startswith("| `"):
            table = cells.pop(0).strip("`")
        if line.startswith("| ") and table:
            documented.setdefault(table, set()).update(re.findall(r"`(\w+)`", cells[0]))
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in load_schema("sqlite/schema.sql"):
            connection.execute(statement)
        actual = {
            name: {column for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))}
            for name in OUR_TABLES
        }
    assert documented == actual


def test_the_picture_of_the_architecture_has_every_layer_in_the_order_that_is_enforced() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    picture = ARCHITECTURE.split("```")[1]
    names = [re.findall(r"reencrypt\.(\w+)", layer) for layer in layers]
    lines = [
        min(i for i, line in enumerate(picture.splitlines()) if re.search(rf"\b{name}\b", line))
        for part in names
        for name in part
    ]
    assert lines == sorted(lines)
