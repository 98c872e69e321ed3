"""Connects to the database that Grafana's configuration names, with the driver of its engine."""

from __future__ import annotations

from reencrypt.databases.protocol import Database
from reencrypt.errors import ConfigurationError
from reencrypt.settings import DatabaseSettings


async def open_database(settings: DatabaseSettings, *, write: bool) -> Database:
    """Connect as Grafana's configuration says; raises `ConfigurationError` where that cannot work.

    An engine's driver is imported only where that engine is.
    """
    if settings.type == "postgres":
        from reencrypt.databases.postgres.engine import PostgresDatabase  # noqa: PLC0415

        return await PostgresDatabase.open(settings, write=write)
    if settings.path is None:
        try:
            from reencrypt.databases.mysql.engine import MysqlDatabase  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "MySQL and MariaDB need a driver that is not installed",
                hint="in the checkout of reencrypt: pip install '.[mysql]'",
            ) from error
        return await MysqlDatabase.open(settings, write=write)
    from reencrypt.databases.sqlite.engine import SqliteDatabase  # noqa: PLC0415

    return await SqliteDatabase.open(settings.path, write=write)
