"""Accounts with fewer rights than the tests' own, on every server."""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

from tests.support.engine import Accounts, Engine

_PASSWORD = "only-for-tests"


def database_of(engine: Engine) -> str:
    """The name of the engine's database."""
    return urlsplit(engine.url).path.lstrip("/")


def new_account(engine: Engine, *, prefix: str = "limited") -> str:
    """Create an account that may connect and nothing else; returns its name."""
    name = f"{prefix}_{uuid.uuid4().hex[:8]}"
    engine.execute(_accounts(engine).create.format(name=name, password=_PASSWORD))
    return name


def _accounts(engine: Engine) -> Accounts:
    assert engine.particulars.accounts is not None
    return engine.particulars.accounts


def url_as(engine: Engine, account: str, **parameters: str) -> str:
    """The engine's URL for an account, with parameters of the driver."""
    parts = urlsplit(engine.url)
    host = parts.netloc.rpartition("@")[2]
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return parts._replace(netloc=f"{account}:{_PASSWORD}@{host}", query=query).geturl()


def grant(engine: Engine, account: str, rights: str, *tables: str) -> None:
    """Grant rights on tables of the database, on all of it where none is named."""
    accounts = _accounts(engine)
    known = {"rights": rights, "database": database_of(engine), "name": account}
    for statement in () if tables else accounts.grant_on_all:
        engine.execute(statement.format_map(known))
    for table in tables:
        engine.execute(accounts.grant.format_map({**known, "table": table}))


def tables_of(engine: Engine) -> list[str]:
    """The names of the tables in the database."""
    schema = _accounts(engine).schema
    rows = engine.query(f"SELECT table_name FROM information_schema.tables WHERE table_schema = {schema}")  # noqa: S608 - our own
    return [str(name) for (name,) in rows]
