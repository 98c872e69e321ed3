"""Worlds in which the key that pages are read by may not tell rows apart."""

from __future__ import annotations

from typing import Final

from tests.grafana.manager_populate import populate_manager
from tests.support.servers import ALL_ENGINES
from tests.support.story import Story
from tests.support.worlds import MYSQLS, RIGHT, No, World, refused

_TABLE: Final = "user_auth"


def _without_key(story: Story) -> None:
    """As after a careless copy: the rows are there, the primary key is not."""
    for statement in story.engine.particulars.without_key:
        story.execute(statement.format(table=_TABLE))


def _one_key_for_all(story: Story) -> Story:
    _without_key(story)
    story.execute(f"UPDATE {_TABLE} SET id = 0")  # noqa: S608 - our own name
    return story


def _some_null_keys(story: Story) -> Story:
    _without_key(story)
    story.execute(f"UPDATE {_TABLE} SET id = NULL WHERE id = 3")  # noqa: S608 - our own name
    return story


def _unique_without_index(story: Story) -> Story:
    _without_key(story)
    return story


def _unique_index_that_allows_null(story: Story) -> Story:
    _some_null_keys(story)
    story.execute(f"CREATE UNIQUE INDEX by_id ON {_TABLE} (id)")
    return story


def _unique_where_it_matters_little(story: Story) -> Story:
    _without_key(story)
    story.execute(f"UPDATE {_TABLE} SET id = 5 WHERE id > 0")  # noqa: S608 - our own name
    story.execute(f"CREATE UNIQUE INDEX by_id ON {_TABLE} (id) WHERE id < 3")
    return story


def _unique_when_committed(story: Story) -> Story:
    _without_key(story)
    story.execute(f"ALTER TABLE {_TABLE} ALTER COLUMN id SET NOT NULL")
    story.execute(f"ALTER TABLE {_TABLE} ADD CONSTRAINT by_id UNIQUE (id) DEFERRABLE INITIALLY DEFERRED")
    return story


def _inherited_twice(story: Story) -> Story:
    """A primary key does not hold for the rows of tables that inherit."""
    story.execute(f"CREATE TABLE more () INHERITS ({_TABLE})")
    story.execute(f"INSERT INTO more SELECT * FROM {_TABLE} WHERE id > 0")  # noqa: S608 - our own name
    return story


def _text_key_by_its_beginning(story: Story) -> Story:
    story.execute("ALTER TABLE sso_setting DROP PRIMARY KEY, ADD UNIQUE KEY by_beginning (id(36))")
    return story


def _numbers_with_a_point(story: Story) -> Story:
    """As a spreadsheet or an untyped copy gives the ids back: 3.0."""
    story.execute(f"ALTER TABLE {_TABLE} RENAME TO kept")
    columns = [str(name) for (name,) in story.query("SELECT name FROM pragma_table_info('kept')") if name != "id"]
    story.execute(f"CREATE TABLE {_TABLE} (id REAL PRIMARY KEY, {', '.join(columns)})")
    listed = ", ".join(columns)
    story.execute(f"INSERT INTO {_TABLE} SELECT id, {listed} FROM kept")  # noqa: S608 - our own names
    story.execute("DROP TABLE kept")
    return story


def _manager_values_alike(story: Story) -> Story:
    """As where a copy of the secrets manager's tables has lost their key."""
    with story.builder(seed=1) as builder:
        populate_manager(story.manager(builder, "12.3"), count=20)
    name = "UQE_secret_encrypted_value_namespace_name_version"
    on_table = "ALTER TABLE secret_encrypted_value " if story.engine.kind == "mysql" else ""
    quote = story.engine.particulars.quote
    story.execute(f"{on_table}DROP INDEX {quote}{name}{quote}")
    story.execute("UPDATE secret_encrypted_value SET version = 1")
    return story


NOT_UNIQUE: Final = (
    refused(
        "manager_values_alike",
        ALL_ENGINES,
        _manager_values_alike,
        *("secret_encrypted_value.namespace", "PRIMARY KEY (namespace, name, version)"),
    ),
    World("numbers_with_a_point", ("sqlite",), _numbers_with_a_point, RIGHT),
    refused("one_key_for_all", ALL_ENGINES, _one_key_for_all, "user_auth.id", "PRIMARY KEY"),
    refused("some_null_keys", ALL_ENGINES, _some_null_keys, "user_auth.id", "PRIMARY KEY"),
    refused("unique_but_null", ALL_ENGINES, _unique_index_that_allows_null, "user_auth.id", "PRIMARY KEY"),
    refused("unique_in_part", ("sqlite", "postgres"), _unique_where_it_matters_little, "user_auth.id", "PRIMARY KEY"),
    refused("inherited", ("postgres",), _inherited_twice, "user_auth.id"),
    World("unique_without_index", ("sqlite", "postgres"), _unique_without_index, RIGHT),
    # The search has no place of a row to go by there.
    World("unique_without_index", MYSQLS, _unique_without_index, RIGHT, {"complete": No(("user_auth",))}),
    World("unique_when_committed", ("postgres",), _unique_when_committed, RIGHT),
    World("text_key_by_beginning", MYSQLS, _text_key_by_its_beginning, RIGHT, {"complete": No(("sso_setting",))}),
)
