"""The database servers by name, each started when the first test asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import pytest

from tests.support.engine import SQLITE, Engine, Particulars
from tests.support.mysql import MARIADB, MYSQL, MysqlEngine, MysqlServer
from tests.support.postgres import POSTGRES, PostgresEngine, PostgresServer


class Server(Protocol):
    """A server that runs."""

    def new_database(self) -> str:
        """The URL of a fresh empty database."""
        ...

    def stop(self) -> None:
        """Stop a server of our own."""
        ...


@dataclass(frozen=True)
class Kind:
    """What the tests know of a kind of server. `start` skips the test where that cannot be started."""

    start: Callable[[], Server]
    engine: Callable[[str], Engine]
    particulars: Particulars


#: MariaDB and MySQL itself are one dialect, `mysql`, and two engines.
SERVERS: Final[Mapping[str, Kind]] = {
    "postgres": Kind(PostgresServer, PostgresEngine, POSTGRES),
    "mariadb": Kind(partial(MysqlServer, product="mariadb"), MysqlEngine, MARIADB),
    "mysql": Kind(partial(MysqlServer, product="mysql"), MysqlEngine, MYSQL),
}
ALL_ENGINES: Final = ("sqlite", *SERVERS)
#: By engine, what has to be said to it in its own words.
PARTICULARS: Final[Mapping[str, Particulars]] = {
    "sqlite": SQLITE,
    **{name: kind.particulars for name, kind in SERVERS.items()},
}


class Servers:
    """One server of each kind, for all tests that leave it running."""

    def __init__(self) -> None:
        self._running: dict[str, Server] = {}
        self._skipped: dict[str, BaseException] = {}

    def running(self, name: str) -> Server:
        """The server, which the first call starts; skips the test where it cannot be."""
        if name in self._skipped:
            raise self._skipped[name]
        if name not in self._running:
            try:
                self._running[name] = SERVERS[name].start()
            except pytest.skip.Exception as skipped:
                self._skipped[name] = skipped
                raise
        return self._running[name]

    def stop(self) -> None:
        """Stop all of them."""
        for server in self._running.values():
            server.stop()


def server_engine(name: str, request: pytest.FixtureRequest) -> Engine:
    """A fresh database on a server of `SERVERS`."""
    servers: Servers = request.getfixturevalue("servers")
    return SERVERS[name].engine(servers.running(name).new_database())
