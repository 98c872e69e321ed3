"""Worlds with several schemas on the search path of PostgreSQL, and in them more than one Grafana, or half of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from tests.support.accounts import grant, new_account, tables_of, url_as
from tests.support.postgres import PostgresEngine
from tests.support.story import Story
from tests.support.worlds import RIGHT, World, fill, refused, through

_POSTGRES: Final = ("postgres",)
_LOGIN_TRIGGERS: Final = 170000
#: What a Grafana 9 does not have yet.
NEWER_TABLES: Final = (
    "sso_setting",
    "user_external_session",
    "signing_key",
    "resource",
    "resource_history",
    "resource_migration_log",
    "cloud_migration_session",
)
_NEWER_MIGRATIONS: Final = (
    "create signing_key table",
    "create sso_setting table",
    "create cloud_migration_session v2",
    "create user_external_session table",
)


def make_older(story: Story, schema: str = "public") -> None:
    """Take from the Grafana of a schema what came after Grafana 9."""
    for table in NEWER_TABLES:
        story.execute(f'DROP TABLE "{schema}"."{table}"')
    for migration in _NEWER_MIGRATIONS:
        story.execute(f'DELETE FROM "{schema}".migration_log WHERE migration_id = ?', migration)  # noqa: S608 - our own


def account_with_schema(story: Story) -> str:
    """An account with a schema of its own name, which comes first on its search path, and all rights on both."""
    account = new_account(story.engine, prefix="owner")
    story.execute(f"CREATE SCHEMA {account} AUTHORIZATION {account}")
    grant(story.engine, account, "ALL")
    story.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {account}")
    return account


def move(story: Story, account: str, *tables: str) -> None:
    """Move tables into the account's schema."""
    for table in tables:
        story.execute(f'ALTER TABLE public."{table}" SET SCHEMA {account}')
        story.execute(f'ALTER TABLE {account}."{table}" OWNER TO {account}')


def fill_schema(story: Story, account: str) -> Story:
    """Put another Grafana into the account's schema; `story` is still to be filled. Returns the other one.

    Its engine sees that schema alone, its commands run as the account.
    """
    first = replace(story, database=story.database.with_name("first.db"))
    fill(first)
    tables = tables_of(story.engine)
    move(story, account, *tables)
    engine = PostgresEngine(f"{story.engine.url}?search_path={account}")
    return through(replace(first, engine=engine), url_as(story.engine, account))


def _an_empty_schema_first(story: Story) -> Story:
    return through(story, url_as(story.engine, account_with_schema(story)))


def _table_in_another_schema(story: Story) -> Story:
    story.execute("CREATE SCHEMA other")
    story.execute("ALTER TABLE sso_setting SET SCHEMA other")
    return through(story, f"{story.engine.url}?search_path=public,other")


def _shadowing_table(story: Story) -> Story:
    account = account_with_schema(story)
    story.execute(f"CREATE TABLE {account}.user_auth (LIKE public.user_auth)")
    return through(story, url_as(story.engine, account))


def _state_of_before(story: Story) -> Story:
    """An earlier version created the state tables where the first schema of the search path was."""
    account = account_with_schema(story)
    kept = [table for table in tables_of(story.engine) if table.startswith("reencrypt_")]
    if kept:
        move(story, account, *kept)
    else:
        story.execute(f"CREATE TABLE {account}.reencrypt_lease (id INT PRIMARY KEY)")
    return through(story, url_as(story.engine, account))


def _log_and_keys_apart(story: Story) -> Story:
    account = account_with_schema(story)
    story.execute(f"CREATE TABLE {account}.migration_log (LIKE public.migration_log)")
    story.execute(f"ALTER TABLE {account}.migration_log OWNER TO {account}")
    return through(story, url_as(story.engine, account))


def _shadowing_temporary_table(story: Story) -> Story:
    """What creates a temporary table at each login, or a pooler that hands one on."""
    ((version,),) = story.query("SELECT current_setting('server_version_num')::int")
    if int(str(version)) < _LOGIN_TRIGGERS:
        pytest.skip("NOT RUN: this PostgreSQL has no triggers on logins")
    account = new_account(story.engine, prefix="shadowed")
    grant(story.engine, account, "ALL")
    story.execute(
        "CREATE FUNCTION shadow() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF session_user LIKE 'shadowed%' THEN CREATE TEMPORARY TABLE user_auth (id INT); END IF; END $$"
    )
    story.execute("CREATE EVENT TRIGGER shadow ON login EXECUTE FUNCTION shadow()")
    return through(story, url_as(story.engine, account))


SCHEMAS: Final = (
    World("an_empty_schema_first", _POSTGRES, _an_empty_schema_first, RIGHT),
    refused("table_in_another_schema", _POSTGRES, _table_in_another_schema, "other.sso_setting", "SET SCHEMA public"),
    refused("shadowing_table", _POSTGRES, _shadowing_table, ".user_auth", "search_path"),
    refused("shadowing_temporary_table", _POSTGRES, _shadowing_temporary_table, "pg_temp", "user_auth", "trigger"),
    refused("state_of_before", _POSTGRES, _state_of_before, ".reencrypt_", "SET SCHEMA public"),
    refused("log_and_keys_apart", _POSTGRES, _log_and_keys_apart, ".migration_log", "search_path"),
)
