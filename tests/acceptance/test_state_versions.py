"""State that an earlier version has left is read, resumed, undone and completed; that of a later one is refused.

`state_versions/vN.sql` is a database with the state of step N, as that version wrote it on SQLite: a finished run with
an acknowledged secret, and a rotation that was interrupted. Beside it are that version's tables on the other engines. A
change of a state table adds a step to the schema files, and a database of the step before to these.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reencrypt.databases.statements import OUR_TABLES, STATE_VERSION
from tests.grafana.schema import ALL, SQLITE, create_statements
from tests.support.accounts import grant, new_account, tables_of, url_as
from tests.support.commandline import CommandLine
from tests.support.engine import Engine
from tests.support.servers import SERVERS
from tests.support.story import Story
from tests.support.vault import Vault
from tests.support.worlds import through

FOLDER = Path(__file__).parent / "state_versions"
SECRET_KEY = "the secret_key of an older state"
VERSIONS = range(1, STATE_VERSION)
NO_AUDIT = 4
TO = ("--to", "secretKey.v1", "--accept-unproven", "secretKey.v1")

pytestmark = pytest.mark.mysql_for_mariadb


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key=SECRET_KEY, engine=engine)
    environment = {
        "GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "1s",
        "GF_SECURITY_ENCRYPTION_PROVIDER": "secretKey.v1",
    }
    cli = CommandLine(story.cli.database, story.cli.configuration, story.vault, environment)
    return Story(story.database, story.engine, story.vault, story.secret_key, cli)


def load(story: Story, version: int) -> str:
    """Bring the database of a version onto the engine; returns the run that was interrupted."""
    with closing(sqlite3.connect(story.database)) as connection:
        connection.executescript((FOLDER / f"v{version}.sql").read_text())
    kind = story.engine.kind
    if kind != "sqlite":
        if not list(FOLDER.glob(f"v*.{kind}.sql")):
            pytest.skip("NOT RUN: no version before this one knew the engine")
        with closing(sqlite3.connect(story.database)) as connection:
            there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            # Tables of a newer Grafana, which the engines are filled with.
            connection.executescript(";".join(create_statements(SQLITE, [t for t in ALL if t.name not in there])))
        story.engine.load(story.database)
        schema = FOLDER / f"v{version}.{kind}.sql"
        lines = [line for line in schema.read_text().splitlines() if not line.startswith("--")]
        for statement in "\n".join(lines).split(";"):
            if statement.strip():
                story.execute(statement)
        with closing(sqlite3.connect(story.database)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'reencrypt\\_%' ESCAPE '\\'")
            for (table,) in tables.fetchall():
                every = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
                # PostgreSQL numbers these itself.
                numbered = kind == "postgres" and table in ("reencrypt_journal", "reencrypt_audit")
                names = [name for name in every if not (numbered and name == "id")]
                cursor = connection.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY rowid")  # noqa: S608
                for row in cursor:
                    marks = ", ".join("?" * len(names))
                    story.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", *row)  # noqa: S608
    ((run_id,),) = story.query("SELECT id FROM reencrypt_run WHERE state = 'open'")
    return str(run_id)


def version_of(story: Story) -> object:
    ((version,),) = story.query("SELECT MAX(version) FROM reencrypt_schema")
    return version


@pytest.mark.parametrize("version", VERSIONS)
def test_an_interrupted_run_goes_on_and_is_completed(story: Story, version: int) -> None:
    run_id = load(story, version)
    before = story.plaintexts()
    assert [each["state"] for each in story.cli.json("status")["runs"]] == ["finished", "open"]
    # The statements for a DBA are those that are missing.
    printed = story.cli("plan", *TO, "--ddl").stdout
    assert "reencrypt_schema" in printed
    assert ("reencrypt_accepted (" in printed, "reencrypt_journal (" in printed) == (version < 2, False)
    assert ("reencrypt_namespace (" in printed, "reencrypt_audit (" in printed) == (version < 4, version < 5)
    assert "reencrypt_range (" in printed
    report = story.cli.json("run", *TO)
    assert (report["resumed"], report["run_id"], report["outcome"]) == (True, run_id, "done")
    assert report["secrets"]["total"] == len(before)
    assert [each["state"] for each in report["quarantine"]] == ["acknowledged"]
    assert story.plaintexts() == before
    assert version_of(story) == STATE_VERSION
    assert story.cli.json("run", *TO)["outcome"] == "nothing_to_do"
    answer = story.cli.json("complete", *TO[:2], "--settle", "--finish", expect=None)
    assert (answer["outcome"], answer["blockers"]) == ("yes", [])


@pytest.mark.parametrize("version", VERSIONS)
def test_an_interrupted_run_is_undone(story: Story, version: int) -> None:
    run_id = load(story, version)
    before = story.plaintexts()
    moved = {a for a, each in story.secrets().items() if each.key_id not in (None, "grafanas")}
    assert moved
    report = story.cli.json("undo", run_id)
    assert (report["outcome"], report["restored"] > 0) == ("undone", True)
    assert story.plaintexts() == before
    assert {each.key_id for each in story.secrets().values()} <= {None, "grafanas"}


def test_who_completes_what_an_earlier_version_did_is_on_record(story: Story) -> None:
    story.cli.json("undo", load(story, NO_AUDIT))
    answer = story.cli.json("complete", *TO[:2], "--settle", "--finish")
    assert answer["journal_dropped"]
    assert story.query("SELECT run_id, kind FROM reencrypt_audit") == [("", "completed")]


@pytest.mark.parametrize("engine", SERVERS, indirect=True)
def test_an_account_that_may_create_no_table_completes_and_is_told_that_nothing_records_it(story: Story) -> None:
    story.cli.json("undo", load(story, NO_AUDIT))
    account = new_account(story.engine)
    # On all of it MySQL shows what is not there; on all of it PostgreSQL lets the account create tables.
    tables = tables_of(story.engine) if story.engine.kind == "postgres" else ()
    grant(story.engine, account, "SELECT, INSERT, UPDATE, DELETE", *tables)
    poor = through(story, url_as(story.engine, account))
    answer = poor.cli.json("complete", *TO[:2], "--settle", "--finish")
    assert answer["journal_dropped"]
    assert [note for note in answer["notes"] if "nothing records who retired the old key" in note]
    assert version_of(story) == NO_AUDIT


@pytest.mark.parametrize(
    "command",
    [
        ("run", *TO),
        ("rollback",),
        ("rewrap", "--to", "secretKey.v1"),
        ("undo", "a-run"),
        ("plan", *TO),
        ("verify",),
        ("complete",),
        ("status",),
        ("quarantine list",),
        ("quarantine acknowledge", "--all"),
    ],
    ids=lambda command: command[0],
)
@pytest.mark.one_engine
def test_state_of_a_later_version_is_refused_by_every_command(story: Story, command: tuple[str, ...]) -> None:
    load(story, STATE_VERSION - 1)
    story.cli.json("run", *TO)
    story.execute("INSERT INTO reencrypt_schema (version) VALUES (?)", STATE_VERSION + 1)
    digest = story.digest()
    error = story.cli.json(*command, expect=6)["error"]
    assert f"version {STATE_VERSION + 1}" in error["message"]
    assert "Use the newer reencrypt" in error["hint"]
    assert story.digest() == digest


def test_every_engine_makes_the_same_steps_and_may_make_them_again(story: Story) -> None:
    load(story, 1)
    story.cli.json("run", *TO)
    for table in OUR_TABLES:
        story.query(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - our own
    # As after a crash between the last table and the mark that it is there.
    story.execute("DELETE FROM reencrypt_schema")
    assert story.cli.json("run", *TO)["outcome"] == "nothing_to_do"
    assert version_of(story) == STATE_VERSION
