"""Connects to the database that Grafana's configuration names, with the driver of its engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final, Protocol

from reencrypt.databases.protocol import Database
from reencrypt.databases.replication import Replication
from reencrypt.databases.waits import Waiting, ignore
from reencrypt.errors import ConfigurationError
from reencrypt.settings import DatabaseSettings
from reencrypt.settings.engines import DatabaseType

#: The module of each engine, with a function `open_database`. It is imported only for that engine.
_MODULES: Final[Mapping[DatabaseType, str]] = {
    "sqlite3": "reencrypt.databases.sqlite.engine",
    "postgres": "reencrypt.databases.postgres.engine",
    "mysql": "reencrypt.databases.mysql.engine",
}
#: The module of each engine that has replicas, with a function `open_replication`.
_REPLICATION: Final[Mapping[DatabaseType, str]] = {
    "postgres": "reencrypt.databases.postgres.replication",
    "mysql": "reencrypt.databases.mysql.replication",
}
#: Message and hint where an engine's optional driver is not installed.
_NOT_INSTALLED: Final[Mapping[DatabaseType, tuple[str, str]]] = {
    "mysql": (
        "MySQL and MariaDB need a driver that is not installed",
        "Run `pip install '.[mysql]'` in the checkout of reencrypt.",
    ),
}


class _Open(Protocol):
    async def __call__(self, settings: DatabaseSettings, *, write: bool, waiting: Waiting = ...) -> Database: ...


class _OpenReplication(Protocol):
    def __call__(self, settings: DatabaseSettings, addresses: Sequence[str]) -> Replication: ...


async def open_database(settings: DatabaseSettings, *, write: bool, waiting: Waiting = ignore) -> Database:
    """Connect as Grafana's configuration says; raises `ConfigurationError` where that cannot work.

    With `write` also where the database takes no writes. `waiting` is told what is waited for, where the database is
    slow, locked or away.
    """
    open_engine: _Open = _module(settings, _MODULES).open_database
    database = await open_engine(settings, write=write, waiting=waiting)
    try:
        obstacle = await database.write_obstacle() if write else None
    except BaseException:
        await asyncio.shield(database.close())
        raise
    if obstacle is not None:
        await database.close()
        raise obstacle
    return database


def open_replication(settings: DatabaseSettings, addresses: Sequence[str]) -> Replication:
    """The replicas at these addresses, or those that the server is connected to; nothing is asked yet.

    Raises `ConfigurationError` where the engine has none, or does not know them.
    """
    if settings.type not in _REPLICATION:
        raise ConfigurationError("SQLite has no replicas", hint="Leave --max-lag out.")
    open_engine: _OpenReplication = _module(settings, _REPLICATION).open_replication
    return open_engine(settings, addresses)


def _module(settings: DatabaseSettings, modules: Mapping[DatabaseType, str]) -> Any:  # noqa: ANN401 - a module
    try:
        return import_module(modules[settings.type])
    except ModuleNotFoundError as error:
        if settings.type not in _NOT_INSTALLED:
            raise
        message, hint = _NOT_INSTALLED[settings.type]
        raise ConfigurationError(message, hint=hint) from error
