"""The rights that statements need are read from the statements."""

from __future__ import annotations

import pytest

from reencrypt.databases.rights import Right, TableRight, rights_of
from reencrypt.databases.statements import OUR_TABLES, VERSION_TABLE, load_statements


@pytest.mark.parametrize(
    ("statement", "rights"),
    [
        ("SELECT id FROM a WHERE id = :id FOR SHARE", []),
        ("INSERT INTO a (id) VALUES (:id)", [Right.INSERT]),
        ("INSERT INTO a (id) VALUES (1)\nON CONFLICT (id) DO UPDATE\nSET id = 2", [Right.INSERT, Right.UPDATE]),
        ("INSERT INTO a (id) VALUES (:id)\nON CONFLICT DO NOTHING", [Right.INSERT]),
        ("INSERT INTO a (id) VALUES (:id)\nON DUPLICATE KEY UPDATE id = id", [Right.INSERT, Right.UPDATE]),
        ("UPDATE a SET id = 1 WHERE id IN (SELECT id FROM b)", [Right.UPDATE]),
        ("DELETE FROM a\nWHERE id = :id", [Right.DELETE]),
        ("DELETE FROM b WHERE id = :id", []),
    ],
)
def test_a_statement_says_what_it_writes(statement: str, rights: list[Right]) -> None:
    assert rights_of([statement], ["a"]) == [TableRight("a", each) for each in rights]


@pytest.mark.parametrize("engine", ["postgres", "mysql"])
def test_every_state_table_is_written_by_a_statement_with_a_name(engine: str) -> None:
    statements = load_statements("common.sql", f"{engine}/statements.sql").values()
    inserted = {each.table for each in rights_of(statements, OUR_TABLES) if each.right is Right.INSERT}
    # The version is written by the statements that make the tables.
    assert inserted == set(OUR_TABLES) - {VERSION_TABLE}
