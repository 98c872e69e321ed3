"""Accounts with fewer rights than the tests' own, on both servers."""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

from tests.support.engine import Engine
from tests.support.mysql import MysqlEngine

_PASSWORD = "only-for-tests"


def database_of(engine: Engine) -> str:
    """The name of the engine's database."""
    return urlsplit(engine.url).path.lstrip("/")


def new_account(engine: Engine, *, prefix: str = "limited") -> str:
    """Create an account that may connect and nothing else; returns its name."""
    name = f"{prefix}_{uuid.uuid4().hex[:8]}"
    if isinstance(engine, MysqlEngine):
        engine.execute(f"CREATE USER '{name}'@'%' IDENTIFIED BY '{_PASSWORD}'")
    else:
        engine.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{_PASSWORD}'")
    return name


def url_as(engine: Engine, account: str, **parameters: str) -> str:
    """The engine's URL for an account, with parameters of the driver."""
    parts = urlsplit(engine.url)
    host = parts.netloc.rpartition("@")[2]
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return parts._replace(netloc=f"{account}:{_PASSWORD}@{host}", query=query).geturl()


def grant(engine: Engine, account: str, rights: str, *tables: str) -> None:
    """Grant rights on tables of the database, on all of it where none is named."""
    if isinstance(engine, MysqlEngine):
        for table in tables or ("*",):
            name = table if table == "*" else f"`{table}`"
            engine.execute(f"GRANT {rights} ON `{database_of(engine)}`.{name} TO '{account}'@'%'")
        return
    if not tables:
        engine.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {account}")
        engine.execute(f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO {account}")
    for table in tables:
        engine.execute(f'GRANT {rights} ON "{table}" TO {account}')


def tables_of(engine: Engine) -> list[str]:
    """The names of the tables in the database."""
    schema = "DATABASE()" if isinstance(engine, MysqlEngine) else "'public'"
    rows = engine.query(f"SELECT table_name FROM information_schema.tables WHERE table_schema = {schema}")  # noqa: S608 - of two
    return [str(name) for (name,) in rows]
