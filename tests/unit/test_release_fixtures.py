"""The rebuilt databases of Grafana's releases are what the real ones are, in all but what their rows say."""

from __future__ import annotations

import base64
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.grafana.decryptor import open_read_only, read_secrets
from tests.grafana.releases import EVERY, FOLDER, HERE, GrafanaDatabase
from tests.grafana.releases.facts import facts_of, rows_of
from tests.grafana.releases.forms import WORDS
from tests.grafana.releases.rebuild import HEADER, rebuilt, rebuilt_schema

SCHEMAS = ("schema-mysql-2025", "schema-postgres-2024")
SHORT = 6  # so short a text may be the same by chance


def real(name: str) -> Path:
    if not FOLDER.exists():
        pytest.skip(f"NOT RUN: no real Grafana to compare the rebuilt ones with: {FOLDER} is missing")
    return FOLDER / name


@pytest.mark.parametrize("name", EVERY)
def test_a_rebuilt_database_has_the_facts_of_the_real_one(name: str, tmp_path: Path) -> None:
    ours = facts_of(GrafanaDatabase(name).write(tmp_path / "ours.db"))
    theirs = facts_of(real(f"{name}.db"))
    assert ours.schema == theirs.schema
    assert ours.migrations == theirs.migrations
    assert ours.rows == theirs.rows
    assert ours.secrets == theirs.secrets


@pytest.mark.parametrize("name", EVERY)
def test_a_rebuilt_database_is_what_the_script_makes_of_the_real_one(name: str) -> None:
    assert (HERE / f"{name}.sql").read_text() == HEADER + rebuilt(real(f"{name}.db"))


@pytest.mark.parametrize("name", EVERY)
def test_the_script_carries_every_fact_over_and_no_value(name: str, tmp_path: Path) -> None:
    first = GrafanaDatabase(name).write(tmp_path / "first.db")
    with closing(sqlite3.connect(tmp_path / "second.db")) as connection:
        connection.executescript(f"BEGIN; {rebuilt(first)} COMMIT;")
    assert facts_of(tmp_path / "second.db") == facts_of(first)
    stored = [
        {each.stored_text for each in read_secrets(tmp_path / f"{each}.db").values()} for each in ("first", "second")
    ]
    assert stored[0].isdisjoint(stored[1])


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_of_a_server_is_that_of_the_real_one(name: str) -> None:
    assert (HERE / f"{name}.sql").read_text() == HEADER + rebuilt_schema(real(f"{name}.sql"))


def test_every_fixture_has_a_name_that_the_tests_use() -> None:
    assert {path.stem for path in HERE.glob("*.sql")} == {*EVERY, *SCHEMAS}


@pytest.mark.parametrize("name", EVERY)
def test_a_rebuilt_database_says_nothing_that_the_real_one_says(name: str, tmp_path: Path) -> None:
    path = real(f"{name}.db")
    _, _, contents = (HERE / f"{name}.sql").read_text().partition("INSERT INTO `")
    assert contents
    found = [piece for piece in said_by(path) if piece in contents.replace(",\n", "")]
    assert found == []
    ours = read_secrets(GrafanaDatabase(name).write(tmp_path / "ours.db"))
    theirs = {each.plaintext or b"" for each in read_secrets(path).values()} - {b'{"password":""}'}
    assert not {each.plaintext for each in ours.values()} & {each for each in theirs if len(each) > SHORT}


def said_by(path: Path) -> set[str]:
    """Everything that the rows of a database say, as it would stand in SQL, but Grafana's own words and migrations."""
    pieces: set[str] = set()
    with closing(open_read_only(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'sqlite_sequence'")
        for (table,) in tables.fetchall():
            for _, row in rows_of(connection, table):
                for column, value in row:
                    if isinstance(value, str | bytes) and column not in {"migration_id", "sql"}:
                        pieces |= pieces_of(value)
    for secret in read_secrets(path).values():
        pieces |= pieces_of(secret.stored_text) | {str(secret.key_id)}
        payload = base64.b64decode(secret.stored_text + b"==")
        pieces |= {base64.b64encode(payload[at:])[:24].decode() for at in range(len(payload) - 18)}
    return {piece for piece in pieces if len(piece) > SHORT and piece not in WORDS}


def pieces_of(value: str | bytes) -> set[str]:
    """A value as it is, as hexadecimal digits, and the words in it that no programmer of Grafana wrote."""
    if isinstance(value, bytes):
        hexadecimal = value.hex().upper()
        wrapped = {hexadecimal[at : at + 16] for at in range(24, len(hexadecimal) - 16, 2)}
        return {hexadecimal, *wrapped, *pieces_of(value.decode(errors="replace"))}
    address = re.fullmatch(r"\w+://([^/]+).*", value)
    return {value, *(address.groups() if address else ())}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE data_source SET json_data = CAST(json_data AS BLOB)",
        "UPDATE data_source SET api_version = NULL",
        "UPDATE secrets SET namespace = 'another'",
        "UPDATE secrets SET updated = replace(updated, ' ', 'T')",
        "UPDATE secrets SET value = value || '='",
        "UPDATE signing_key SET added_at = substr(added_at, 1, 19)",
        "UPDATE data_keys SET label = ''",
        "DELETE FROM data_keys WHERE name NOT IN (SELECT MIN(name) FROM data_keys)",
        "DROP INDEX UQE_data_source_org_id_uid",
        "ALTER TABLE data_keys ADD COLUMN more TEXT",
        "DELETE FROM migration_log WHERE migration_id = 'create secrets table'",
    ],
)
def test_the_facts_tell_databases_apart(change: str, tmp_path: Path) -> None:
    path = GrafanaDatabase("grafana-12-2025").write(tmp_path / "grafana.db")
    before = facts_of(path)
    assert facts_of(path) == before
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(change)
    assert facts_of(path) != before
