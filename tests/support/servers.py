"""The database servers by name, each started when the first test asks for it."""

from __future__ import annotations

import pytest

from tests.support.engine import Engine
from tests.support.mysql import MysqlEngine, MysqlServer
from tests.support.postgres import PostgresEngine, PostgresServer

#: By engine, its fixture. MariaDB and MySQL itself are one dialect, `mysql`, and two engines.
FIXTURES = {"postgres": "postgres_server", "mariadb": "mariadb_server", "mysql": "mysql9_server"}


def server_engine(name: str, request: pytest.FixtureRequest) -> Engine:
    """A fresh database on the server for `postgres`, `mariadb` or `mysql`."""
    server: PostgresServer | MysqlServer = request.getfixturevalue(FIXTURES[name])
    return (PostgresEngine if name == "postgres" else MysqlEngine)(server.new_database())
