"""Fixtures for the tests of databases."""

from __future__ import annotations

import pytest

from tests.support.mysql import MysqlServer
from tests.support.servers import Servers


@pytest.fixture(scope="session", params=["mariadb", "mysql"])
def mysql_server(request: pytest.FixtureRequest, servers: Servers) -> MysqlServer:
    """MariaDB, and MySQL itself: one dialect, two servers."""
    server = servers.running(request.param)
    assert isinstance(server, MysqlServer)
    return server
