"""Worlds in which columns have other types than those that Grafana creates, as after a conversion between databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Final

from tests.support.servers import ALL_ENGINES
from tests.support.story import Story
from tests.support.worlds import MYSQLS, RIGHT, No, World, refused

_POSTGRES: Final = ("postgres",)


def _altered(story: Story, *alterations: str) -> Story:
    for each in alterations:
        story.execute(f"ALTER TABLE {each}")
    return story


def _documents_as_jsonb(story: Story) -> Story:
    return _altered(story, "sso_setting ALTER settings TYPE JSONB USING settings::jsonb")


def _decimal_keys(story: Story) -> Story:
    return _altered(story, "user_auth MODIFY id DECIMAL(20) NOT NULL")


def _types_that_give_back_what_they_got(story: Story) -> Story:
    story.execute("CREATE DOMAIN token AS TEXT")
    story.execute("ALTER TABLE secrets ALTER value TYPE BYTEA USING convert_to(value, 'UTF8')")
    moments = [(table, column) for table in ("data_source", "data_keys") for column in ("created", "updated")]
    return _altered(
        story,
        "user_auth ALTER o_auth_access_token TYPE token",
        "migration_log ALTER success TYPE INT USING success::int",
        *(f"{table} ALTER guid TYPE UUID USING guid::uuid" for table in ("resource", "resource_history")),
        *(f"{table} ALTER {column} TYPE TIMESTAMPTZ USING {column} AT TIME ZONE 'UTC'" for table, column in moments),
    )


def _unknown_virtual_table(story: Story) -> Story:
    """As an extension leaves it that this SQLite does not have."""
    with closing(sqlite3.connect(story.database)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "INSERT INTO sqlite_master VALUES ('table', 'words', 'words', 0, ?)",
            ("CREATE VIRTUAL TABLE words USING spellfix1",),
        )
    return story


def _odd_names(story: Story) -> Story:
    """A table, column and index with every character that quoting or a driver's own marks could trip over."""
    mark = story.engine.particulars.quote
    other = "" if story.engine.kind == "postgres" else "`"  # the tests' own engine takes it for a quote there
    table, column, index = (
        f"{mark}{name.replace(mark, mark * 2)}{mark}"
        for name in (f'o{other}d"d 100%s; :a', f'c{other}o"l %(x)s 50%', f'i{other}n"d $1 %d')
    )
    kind = "VARCHAR(40)" if story.engine.kind == "mysql" else "TEXT"
    with story.engine.session() as execute:
        # No value is given, so that no driver of the tests looks for marks.
        execute(f"CREATE TABLE {table} ({column} {kind} NOT NULL)")
        execute(f"CREATE UNIQUE INDEX {index} ON {table} ({column})")
    return story


TYPES: Final = (
    refused("documents_as_jsonb", _POSTGRES, _documents_as_jsonb, "sso_setting.settings", "jsonb", "the type text"),
    refused("decimal_keys", MYSQLS, _decimal_keys, "user_auth.id", "decimal(20,0)", "the type bigint"),
    World("equivalent_types", _POSTGRES, _types_that_give_back_what_they_got, RIGHT),
    World("odd_names", ALL_ENGINES, _odd_names, RIGHT),
    World(
        "unknown_virtual_table",
        ("sqlite",),
        _unknown_virtual_table,
        RIGHT,
        {"complete": No(("words", "spellfix1"))},
    ),
)
