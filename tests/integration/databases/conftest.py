"""Fixtures for the tests of databases."""

from __future__ import annotations

import pytest

from tests.support.mysql import MysqlServer
from tests.support.servers import FIXTURES


@pytest.fixture(scope="session", params=["mariadb", "mysql"])
def mysql_server(request: pytest.FixtureRequest) -> MysqlServer:
    """MariaDB, and MySQL itself: one dialect, two servers."""
    server: MysqlServer = request.getfixturevalue(FIXTURES[request.param])
    return server
