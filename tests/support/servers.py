"""The database servers by name, each started when the first test asks for it."""

from __future__ import annotations

import pytest

from tests.support.engine import Engine
from tests.support.mysql import MysqlEngine, MysqlServer
from tests.support.postgres import PostgresEngine, PostgresServer


def server_engine(kind: str, request: pytest.FixtureRequest) -> Engine:
    """A fresh database on the server for `postgres` or `mysql`."""
    server: PostgresServer | MysqlServer = request.getfixturevalue(f"{kind}_server")
    return (PostgresEngine if kind == "postgres" else MysqlEngine)(server.new_database())
