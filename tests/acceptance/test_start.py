"""A command that has little to do starts fast: it imports what its work needs, and asks the server seldom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.silent import silent_proxy
from tests.support.story import Story
from tests.support.vault import Vault

ROOT = Path(__file__).parents[2]
MOVE = ("--to", "secretKey.v1")
SECRETS = 100
#: What takes milliseconds to import, and what a command without a vault, without metrics and in a pipe has no use for.
HEAVY = (
    *("azure", "aiohttp", "jinja2", "prometheus_client", "opentelemetry", "keyvault_emulator"),
    *("importlib.metadata", "importlib.resources", "email", "http", "zipfile", "shutil", "tempfile"),
    *("logging.config", "multiprocessing", "statistics", "unittest", "xml"),
    *("reencrypt.keys.azure.credential", "reencrypt.keys.azure.client", "reencrypt.fleet", "reencrypt.reports"),
    *("reencrypt.operations.complete", "reencrypt.operations.undo", "reencrypt.operations.rekey", "reencrypt.demo"),
    *("reencrypt.telemetry.metrics", "reencrypt.operations.doctor"),
)
COMMANDS = {
    "plan": ("plan", *MOVE),
    "verify": ("verify",),
    "status": ("status",),
    "run with nothing to do": ("run", *MOVE),
    "run": ("run", *MOVE, "--fresh-data-key"),
}
OF_ENGINES = {
    "sqlite": ("asyncpg", "asyncmy"),
    "postgres": ("aiosqlite", "asyncmy", "sqlite3"),
    "mysql": ("aiosqlite", "asyncpg", "sqlite3"),
}


#: Round trips, those of signing in and of leaving included: a little more than there are.
MOST = {
    "postgres": {"plan": 105, "verify": 105, "status": 72, "run with nothing to do": 110, "run": 440},
    "mysql": {"plan": 78, "verify": 75, "status": 32, "run with nothing to do": 79, "run": 225},
}


@pytest.fixture
def story(engine: Engine, shared_vault: Vault, tmp_path: Path) -> Story:
    """A hundred secrets under one data key, and the state of an earlier run."""
    story = Story.of(tmp_path / "grafana.db", shared_vault, engine=engine)
    with story.builder() as builder:
        key = builder.data_key()
        for number in range(SECRETS):
            builder.add_data_source({"password": Plain(f"secret number {number} of them all".encode(), key)})
    story.cli("run", *MOVE, "--fresh-data-key")
    return story


@pytest.mark.parametrize("engine", ["sqlite", "postgres", "mariadb"], indirect=True)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_imports_nothing_that_its_work_has_no_use_for(story: Story, tmp_path: Path, name: str) -> None:
    site = tmp_path / "site"
    site.mkdir()
    # The other two drivers ask for their own version.
    versions = ("importlib.metadata", "importlib.resources", "email", "zipfile", "shutil", "tempfile")
    allowed = () if story.engine.kind == "postgres" else versions
    # A run writes lines, whose library colours some.
    of_lines = () if name.startswith("run") else ("structlog", "rich", "pygments")
    heavy = sorted({*HEAVY, *of_lines, *OF_ENGINES[story.engine.kind]} - {*allowed})
    (site / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "before = set(sys.modules)\n"
        f"heavy = {heavy!r}\n"
        "atexit.register(lambda: print('LOADED', [each for each in heavy if each in sys.modules.keys() - before]))\n"
    )
    cli = replace(story.cli, cold=True, environment={"PYTHONPATH": f"{site}:{ROOT}"})
    assert cli(*COMMANDS[name]).stdout.splitlines()[-1] == "LOADED []"


@pytest.mark.parametrize("engine", ["postgres", "mariadb"], indirect=True)
def test_the_round_trips_of_a_small_database_are_few(story: Story) -> None:
    most = MOST[story.engine.kind]
    found = {}
    for name, command in COMMANDS.items():
        with silent_proxy(story.engine.url) as proxy:
            replace(story.cli, database=proxy.url)(*command)
            found[name] = proxy.round_trips
    assert {name: number for name, number in found.items() if number > most[name]} == {}, found
