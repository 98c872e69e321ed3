"""`complete` searches a column of any type that a plugin's table may have, or names what it cannot search."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.acceptance.test_complete import fill, hasty
from tests.acceptance.test_search import ASK, found, moved
from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.story import Story
from tests.support.vault import Vault

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.engines_in_turn]


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return hasty(Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine))


def test_a_column_of_any_type_is_searched_or_named(story: Story) -> None:
    fill(story)
    with story.builder() as builder:
        # Short enough for a label of PostgreSQL's.
        value = base64.b64encode(builder.encrypt(Plain(b"short"))).decode()
    story.cli.json("run")
    for (create, insert), seen in story.engine.particulars.odd.items():
        if "XML" in create and not story.query("SELECT 1 FROM pg_config() WHERE setting LIKE '%with-libxml%'"):
            continue
        for statement in f"{create}; {insert}".replace("{v}", value).split("; "):
            story.execute(statement)
        answer = story.cli.json(*ASK, expect=8)
        if seen:
            assert found(answer) == {("odd.kept", None): 1}, create
            assert answer["searched"]["not_searched"] == {}
        else:
            (name,) = answer["searched"]["not_searched"]
            assert name in {"odd", "odd.kept"}, create
            assert answer["blockers"][0].endswith(f"if it holds no secrets, give --unsearched {name}")
            assert story.cli.json(*ASK, "--unsearched", "odd")["outcome"] == "yes"
        for statement in story.engine.particulars.drop_odd:
            story.execute(statement)
    assert story.cli.json(*ASK)["outcome"] == "yes"


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_large_objects_are_named(story: Story) -> None:
    moved(story)
    story.query("SELECT lo_from_bytea(0, 'anything')")
    answer = story.cli.json(*ASK, expect=8)
    assert answer["searched"]["not_searched"] == {"pg_largeobject": "1 large objects"}
    assert story.cli.json(*ASK, "--unsearched", "pg_largeobject")["outcome"] == "yes"


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_rows_of_tables_that_inherit_hide_none_of_each_others(story: Story) -> None:
    (_, legacy) = moved(story)["legacy"]
    story.execute("CREATE TABLE odd (kept BYTEA)")
    for table in ("odd", "odd_a", "odd_b"):
        if table != "odd":
            story.execute(f"CREATE TABLE {table} () INHERITS (odd)")
        # Row by row they lie in the same places of their tables, and a page is full in the middle of one place.
        story.execute(f"INSERT INTO {table} SELECT ? FROM generate_series(1, 400)", legacy)  # noqa: S608 - our own names
    expected = {(f"{table}.kept", None): 400 for table in ("odd", "odd_a", "odd_b")}
    assert found(story.cli.json(*ASK, expect=8)) == expected
