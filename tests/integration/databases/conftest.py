"""Fixtures for the tests of databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.settings import load_settings
from tests.grafana.builder import GrafanaBuilder
from tests.support.engine import Engine
from tests.support.mysql import MysqlServer
from tests.support.servers import Servers


@pytest.fixture(scope="session", params=["mariadb", "mysql"])
def mysql_server(request: pytest.FixtureRequest, servers: Servers) -> MysqlServer:
    """MariaDB, and MySQL itself: one dialect, two servers."""
    server = servers.running(request.param)
    assert isinstance(server, MysqlServer)
    return server


#: Opens a process's database; each has connections of its own.
Opening = Callable[[], Awaitable[Database]]


@pytest.fixture
async def opening(engine: Engine, tmp_path: Path) -> AsyncIterator[Opening]:
    """Opens a process's database; each has connections of its own."""
    with GrafanaBuilder(tmp_path / "grafana.db"):
        pass
    engine.load(tmp_path / "grafana.db")
    settings = load_settings(config=None, home=None, database_url=engine.url, environ={})
    opened: list[Database] = []

    async def one() -> Database:
        opened.append(await open_database(settings.database, write=True))
        return opened[-1]

    await (await one()).create_state()
    yield one
    for each in opened:
        await each.close()
