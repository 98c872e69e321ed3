"""Fixtures for the tests of the whole program."""

from __future__ import annotations

import faulthandler
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from hypothesis import settings

from tests.support.engine import Engine, SqliteEngine
from tests.support.mysql_programs import available
from tests.support.postgres import PostgresServer
from tests.support.servers import ALL_ENGINES, SERVERS, Servers, server_engine
from tests.support.story import STORES, StoryStore
from tests.support.vault import Vault

# How long an example takes on a machine that is busy is no promise of anybody's.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

#: Only what hangs takes that long: a kill at every step took 300 seconds beside twenty other processes.
LONGEST_SECONDS = 900.0
ACCEPTANCE = Path(__file__).parent / "acceptance"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nightly", action="store_true", help="the long sizes of the tests that have one")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the engines on which a test decides nothing new; the long sizes have it on all."""
    if config.getoption("--nightly"):
        return
    functions = [item for item in items if isinstance(item, pytest.Function)]
    left_out = {item for item in functions if decides_nothing_new(item)}
    left_out |= anothers_turns([item for item in functions if item not in left_out])
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On a server several writers work at the same time; the long sizes try one writer as well."""
    if "several_writers" in metafunc.fixturenames:
        tried = [True, False] if metafunc.config.getoption("--nightly") else [True]
        metafunc.parametrize("several_writers", tried, ids=lambda several: "several" if several else "one writer")


def decides_nothing_new(item: pytest.Function) -> bool:
    """Whether a test runs on another engine and need not run on this one: see the markers in `pyproject.toml`."""
    if item.get_closest_marker("rest_of_pairs"):
        return True
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    if is_anothers_turn(item, parameters):
        return True
    if item.get_closest_marker("one_engine"):
        return any(value in SERVERS for value in parameters.values() if isinstance(value, str))
    # A test that names its engines means what it says.
    named = any("engine" in names_of(mark) for mark in item.iter_markers("parametrize"))
    if named or item.get_closest_marker("every_engine"):
        return False
    instead = item.get_closest_marker("mysql_for_mariadb") and available("mysql")
    return parameters.get("engine") == ("mariadb" if instead else "mysql")


def anothers_turns(items: Iterable[pytest.Function]) -> set[pytest.Function]:
    """What the acceptance tests leave to another engine: each has its turn on one server, and all are on SQLite.

    So every server has its share of every file, and every test a server; with `engines_in_turn` a server or SQLite.
    """
    files: dict[Path, dict[object, list[pytest.Function]]] = {}
    for item in items:
        name = engine_parameter(item)
        if not name or ACCEPTANCE not in item.path.parents or item.get_closest_marker("every_server"):
            continue
        if item.callspec.params[name] in SERVERS or item.get_closest_marker("engines_in_turn"):
            others = tuple(each for each in item.callspec.id.split("-") if each != item.callspec.params[name])
            files.setdefault(item.path, {}).setdefault((item.originalname, others), []).append(item)
    return {
        each
        for alike in files.values()
        for number, group in enumerate(alike.values())
        for each in group
        if each is not group[number % len(group)]
    }


def engine_parameter(item: pytest.Function) -> str:
    """The parameter that is an engine, unless the test names its engines itself; empty where there is none."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    named = {name for mark in item.iter_markers("parametrize") for name in names_of(mark)}
    found = (name for name, value in parameters.items() if isinstance(value, str) and value in ALL_ENGINES)
    return next((name for name in found if name not in named), "")


def names_of(mark: pytest.Mark) -> list[str]:
    """The names of the parameters that a mark gives values."""
    names = mark.args[0]
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)


def is_anothers_turn(item: pytest.Function, parameters: Mapping[str, object]) -> bool:
    """Whether this is a test of the secrets manager's store that runs on another engine: each test on one of them."""
    if not item.get_closest_marker("stores_in_turn") or parameters.get("store") != "manager":
        return False
    dialects = ("sqlite", "postgres", "mysql")
    engine = next((each for each in parameters.values() if isinstance(each, str) and each in ALL_ENGINES), "sqlite")
    dialect = "mysql" if engine == "mariadb" else engine
    return dialect != dialects[zlib.crc32(item.originalname.encode()) % len(dialects)]


@pytest.fixture(autouse=True)
def _not_for_ever(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that hangs shows where, and ends its process: all others are still to run."""
    if not request.config.getoption("--nightly"):
        # The real stderr: pytest has put files of its own in the place of it.
        stderr = request.config.stash[fault_handler_stderr_fd_key]
        faulthandler.dump_traceback_later(LONGEST_SECONDS, exit=True, file=stderr)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="session")
def shared_vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """One emulator for all tests that leave it as it is; keys `prod` and `other`."""
    vault = Vault.start(tmp_path_factory.mktemp("vault"), "prod", "other")
    yield vault
    assert vault.stop() == 0


@pytest.fixture
def own_vault(tmp_path: Path) -> Iterator[Vault]:
    """An emulator for one test, which may set permissions, rotate or stop it; key `prod`."""
    folder = tmp_path / "vault"
    vault = Vault.start(folder, "prod")
    yield vault
    if vault.process.poll() is None:
        vault.stop()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """One server of each kind for all tests that leave it running."""
    servers = Servers()
    yield servers
    servers.stop()


@pytest.fixture(scope="session")
def postgres_server(servers: Servers) -> PostgresServer:
    """The PostgreSQL of all tests."""
    server = servers.running("postgres")
    assert isinstance(server, PostgresServer)
    return server


@pytest.fixture(params=ALL_ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """Each engine in turn, with a database of its own; see the markers for MySQL and MariaDB."""
    if request.param == "sqlite":
        return SqliteEngine(tmp_path / "grafana.db")
    return server_engine(request.param, request)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> StoryStore:
    """Each of Grafana's stores in turn; see the marker `stores_in_turn`."""
    return STORES[request.param]


@pytest.fixture(autouse=True)
def _forget_challenges() -> None:
    """The SDK remembers challenges by host and port for the whole process, and another test's vault gets the port."""
    cache = sys.modules.get("azure.keyvault.keys._shared.http_challenge_cache")
    if cache is not None:
        cache.clear()


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads what this machine has in /etc."""
    monkeypatch.setattr("reencrypt.cli.settings_file.SYSTEM_FILE", Path("/nonexistent/reencrypt.toml"))
