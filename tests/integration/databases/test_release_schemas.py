"""The tables that the tests make on a server are those that releases of Grafana have made there."""

from __future__ import annotations

import pytest

from tests.grafana.releases import server_schema
from tests.grafana.schema import create_statements
from tests.support.engine import Engine
from tests.support.servers import server_engine

Described = dict[tuple[str, str], tuple[object, ...]]

#: By dialect the release, its columns that later releases have changed, and those that they have added.
RELEASES: dict[str, tuple[str, Described, set[tuple[str, str]]]] = {
    "postgres": (
        "schema-postgres-2024",
        {
            ("plugin_setting", "org_id"): ("bigint", None, "YES", None),
            ("data_source", "uid"): ("character varying", 40, "NO", "0"),
        },
        {("data_source", "is_prunable"), ("data_source", "api_version"), ("user_auth", "external_uid")},
    ),
    "mysql": (
        "schema-mysql-2025",
        {},
        {
            ("cloud_migration_snapshot", name)
            for name in ("resource_storage_type", "encryption_algo", "metadata", "public_key")
        },
    ),
}
_COLUMNS = """SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = {schema} ORDER BY table_name, ordinal_position"""
_INDEXES = {
    "postgres": """SELECT tablename, indexdef LIKE 'CREATE UNIQUE%', substring(indexdef FROM 'USING .*')
        FROM pg_indexes WHERE schemaname = current_schema()""",
    "mysql": """SELECT table_name, index_name, non_unique, GROUP_CONCAT(column_name ORDER BY seq_in_index)
        FROM information_schema.statistics WHERE table_schema = DATABASE() GROUP BY 1, 2, 3""",
}


def columns_of(engine: Engine) -> Described:
    schema = "current_schema()" if engine.kind == "postgres" else "DATABASE()"
    rows = engine.query(_COLUMNS.format(schema=schema))
    return {(str(table), str(column)): tuple(rest) for table, column, *rest in rows}


def indexes_of(engine: Engine, tables: set[str]) -> set[tuple[object, ...]]:
    return {row for row in engine.query(_INDEXES[engine.kind]) if row[0] in tables}


@pytest.mark.parametrize("name", ["postgres", "mariadb", "mysql"])
def test_the_tables_of_the_tests_are_those_of_a_release(name: str, request: pytest.FixtureRequest) -> None:
    theirs, ours = server_engine(name, request), server_engine(name, request)
    release, differing, added = RELEASES[theirs.kind]
    for statement in server_schema(release):
        theirs.execute(statement)
    for statement in create_statements(ours.particulars.schema):
        ours.execute(statement)
    wanted, found = columns_of(theirs), columns_of(ours)
    tables = {table for table, _ in wanted}
    assert {key for key in found if key[0] in tables} - set(wanted) == added
    for key, column in wanted.items():
        expected = column
        if theirs.kind == "postgres" and key[1] == "id" and column[0] == "integer":
            # The dump leaves out the statements that give the ids their sequences.
            expected = (*column[:3], f"nextval('{key[0]}_id_seq'::regclass)")
        if key in differing:
            assert column == differing[key] != found[key]
        else:
            assert found[key] == expected, key
    # In the same order, and with the same indexes.
    assert [key for key in found if key in wanted] == list(wanted)
    assert indexes_of(ours, tables) == indexes_of(theirs, tables)
