"""Every statement for PostgreSQL names the schema of each of its tables."""

from __future__ import annotations

import re

import pytest

from reencrypt.databases.statements import STATE_TABLES, load_schema, load_statements, qualified

STATEMENTS = {
    **load_statements("common.sql", "postgres/statements.sql"),
    **{f"schema {number}": text for number, text in enumerate(load_schema("postgres/schema.sql"))},
    **{f"drop {table}": f"DROP TABLE IF EXISTS {table}" for table in STATE_TABLES},
}
TABLES = re.compile(r"(?<![.\w'])(data_keys|secret_data_key|\w*migration_log|reencrypt_\w+)\b(?!\.)")


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_table_stands_without_its_schema(name: str) -> None:
    text = qualified(STATEMENTS[name], '"grafana"')
    assert TABLES.findall(text) == []
    assert '"grafana".' in text
    assert text.replace('"grafana".', "") == STATEMENTS[name]


def test_values_and_functions_are_no_tables() -> None:
    text = "UPDATE run SET x = 1 FROM unnest(:a::text[]) AS page WHERE old IS NOT DISTINCT FROM excluded FOR UPDATE"
    assert qualified(text, '"s"') == text.replace("UPDATE run", 'UPDATE "s".run')
    assert qualified("INSERT INTO run (id) VALUES (1)", '"s"') == 'INSERT INTO "s".run (id) VALUES (1)'
    assert qualified("ON CONFLICT (a) DO UPDATE\nSET b = 1", '"s"') == "ON CONFLICT (a) DO UPDATE\nSET b = 1"
