"""`complete` searches a column of any type that a plugin's table may have, or names what it cannot search."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.acceptance.test_complete import fill, hasty
from tests.acceptance.test_search import ASK, found, moved
from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.mysql_differences import SYSTEM_VERSIONED
from tests.support.story import Story
from tests.support.vault import Vault

pytestmark = pytest.mark.mysql_for_mariadb


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return hasty(Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine))


#: By engine: a table of a plugin, how a value gets into it, and whether it is found; else it is named.
ODD = {
    "sqlite": {
        ("CREATE TABLE odd (kept)", "INSERT INTO odd VALUES ('{v}')"): True,
        ("CREATE TABLE odd (kept INTEGER, b BLOB)", "INSERT INTO odd VALUES ('{v}', NULL)"): True,
        ("CREATE TABLE odd (kept BLOB)", "INSERT INTO odd VALUES (CAST('{v}' AS BLOB))"): True,
        ("CREATE TABLE odd (kept PRIMARY KEY) WITHOUT ROWID", "INSERT INTO odd VALUES ('{v}')"): True,
        ("CREATE TABLE odd (rowid, oid, _rowid_, kept)", "INSERT INTO odd VALUES (1, 2, 3, '{v}')"): False,
    },
    "postgres": {
        ("CREATE TABLE odd (kept JSON)", "INSERT INTO odd VALUES (to_json('{v}'::text))"): True,
        ("CREATE TABLE odd (kept JSONB)", "INSERT INTO odd VALUES (jsonb_build_object('a', '{v}'))"): True,
        ("CREATE TABLE odd (kept TEXT[])", "INSERT INTO odd VALUES (ARRAY['a', '{v}'])"): True,
        ("CREATE TABLE odd (kept BYTEA[])", "INSERT INTO odd VALUES (ARRAY[decode('{v}', 'base64')])"): True,
        ("CREATE TABLE odd (kept CHAR(200))", "INSERT INTO odd VALUES ('{v}')"): True,
        ("CREATE DOMAIN odd_d AS TEXT; CREATE TABLE odd (kept odd_d)", "INSERT INTO odd VALUES ('{v}')"): True,
        ("CREATE DOMAIN odd_j AS JSONB; CREATE TABLE odd (kept odd_j)", "INSERT INTO odd VALUES ('[\"{v}\"]')"): True,
        (
            "CREATE TYPE odd_e AS ENUM ('a', '{v}'); CREATE TABLE odd (kept odd_e)",
            "INSERT INTO odd VALUES ('{v}')",
        ): True,
        ("CREATE TABLE odd (kept TSVECTOR)", "INSERT INTO odd VALUES ('{v}'::tsvector)"): True,
        (
            "CREATE TYPE odd_r AS RANGE (subtype = text); CREATE TABLE odd (kept odd_r)",
            "INSERT INTO odd VALUES (odd_r('{v}', NULL))",
        ): True,
        ("CREATE TABLE odd (kept XML)", "INSERT INTO odd VALUES ('<a>{v}</a>')"): True,
        (
            (
                "CREATE TABLE odd_p (id INT, kept TEXT) PARTITION BY RANGE (id); "
                "CREATE TABLE odd PARTITION OF odd_p FOR VALUES FROM (1) TO (9)"
            ),
            "INSERT INTO odd_p VALUES (1, '{v}')",
        ): True,
        (
            "CREATE TABLE odd_p (kept TEXT); CREATE TABLE odd () INHERITS (odd_p)",
            "INSERT INTO odd VALUES ('{v}')",
        ): True,
        (
            "CREATE TABLE odd_t (kept TEXT); CREATE MATERIALIZED VIEW odd AS SELECT kept FROM odd_t",
            "INSERT INTO odd_t VALUES ('{v}'); REFRESH MATERIALIZED VIEW odd; DELETE FROM odd_t",
        ): True,
        ("CREATE UNLOGGED TABLE odd (kept TEXT)", "INSERT INTO odd VALUES ('{v}')"): True,
        (
            "CREATE TYPE odd_c AS (kept TEXT); CREATE TABLE odd (kept odd_c)",
            "INSERT INTO odd VALUES (ROW('{v}'))",
        ): False,
        ("CREATE TABLE odd (kept BIT VARYING)", "INSERT INTO odd VALUES (B'0')"): False,
        (
            (
                "CREATE FOREIGN DATA WRAPPER odd_w; CREATE SERVER odd_s FOREIGN DATA WRAPPER odd_w; "
                "CREATE FOREIGN TABLE odd (kept TEXT) SERVER odd_s"
            ),
            "SELECT 1",
        ): False,
        (
            (
                "CREATE TABLE odd (id INT, kept TEXT) PARTITION BY RANGE (id); CREATE SCHEMA elsewhere; "
                "CREATE TABLE elsewhere.odd PARTITION OF odd FOR VALUES FROM (1) TO (9)"
            ),
            "INSERT INTO odd VALUES (1, '{v}')",
        ): False,
    },
    "mysql": {
        ("CREATE TABLE odd (id INT PRIMARY KEY, kept JSON)", "INSERT INTO odd VALUES (1, JSON_QUOTE('{v}'))"): True,
        ("CREATE TABLE odd (id INT PRIMARY KEY, kept ENUM('a', '{v}'))", "INSERT INTO odd VALUES (1, '{v}')"): True,
        ("CREATE TABLE odd (id INT PRIMARY KEY, kept SET('a', '{v}'))", "INSERT INTO odd VALUES (1, 'a,{v}')"): True,
        ("CREATE TABLE odd (id VARCHAR(9) PRIMARY KEY, kept TINYBLOB)", "INSERT INTO odd VALUES ('a', '{v}')"): True,
        ("CREATE TABLE odd (kept VARBINARY(200) PRIMARY KEY)", "INSERT INTO odd VALUES ('{v}')"): True,
        (
            "CREATE TABLE odd (id INT PRIMARY KEY, kept TEXT) PARTITION BY HASH (id) PARTITIONS 3",
            "INSERT INTO odd VALUES (1, '{v}')",
        ): True,
        ("CREATE TABLE odd (kept TEXT)", "INSERT INTO odd VALUES ('{v}')"): False,
        ("CREATE TABLE odd (id FLOAT PRIMARY KEY, kept TEXT)", "INSERT INTO odd VALUES (0.1, '{v}')"): False,
        ("CREATE TABLE odd (id ENUM('b', 'a') PRIMARY KEY, kept TEXT)", "INSERT INTO odd VALUES ('a', '{v}')"): False,
        ("CREATE TABLE odd (id INT PRIMARY KEY, kept GEOMETRY)", "INSERT INTO odd VALUES (1, POINT(1, 2))"): False,
    },
}
ODD["mariadb"] = {
    **ODD["mysql"],
    (SYSTEM_VERSIONED.mariadb, "INSERT INTO odd VALUES (1, '{v}'); UPDATE odd SET kept = ''"): False,
}
ODD["mysql"] |= {
    (
        "CREATE TABLE odd (id INT NOT NULL, kept TEXT, UNIQUE KEY ((id + 1)))",
        "INSERT INTO odd VALUES (1, '{v}')",
    ): False,
    ("CREATE TABLE odd (id INT PRIMARY KEY, kept VECTOR(3))", "INSERT INTO odd VALUES (1, NULL)"): False,
    (
        "CREATE TABLE odd (id INT PRIMARY KEY, kept TEXT INVISIBLE)",
        "INSERT INTO odd (id, kept) VALUES (1, '{v}')",
    ): True,
}
DROP = {
    "sqlite": ("DROP TABLE odd",),
    "postgres": (
        "DROP FOREIGN DATA WRAPPER IF EXISTS odd_w CASCADE",
        "DROP SCHEMA IF EXISTS elsewhere CASCADE",
        "DROP TABLE IF EXISTS odd_p, odd_t CASCADE",
        "DROP TABLE IF EXISTS odd CASCADE",
        "DROP DOMAIN IF EXISTS odd_d, odd_j",
        "DROP TYPE IF EXISTS odd_e, odd_r, odd_c",
    ),
    "mysql": ("DROP TABLE odd",),
}


def test_a_column_of_any_type_is_searched_or_named(story: Story) -> None:
    fill(story)
    with story.builder() as builder:
        # Short enough for a label of PostgreSQL's.
        value = base64.b64encode(builder.encrypt(Plain(b"short"))).decode()
    story.cli.json("run")
    for (create, insert), seen in ODD[story.engine.name].items():
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
        for statement in DROP[story.engine.kind]:
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
