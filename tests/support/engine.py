"""The database engines as the behaviour tests see them: one interface, so that each test is written once.

Fixtures are built in an SQLite file and judged in one; a server is loaded from such a file and dumped into one. What
the program works on in between is the real server.
"""
# ruff: noqa: S608 - names of tables and columns come from the tests

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from tests.grafana import schema
from tests.grafana.schema import Dialect

#: What triggers and rules of the tests are called.
MEDDLER: Final = "meddler"
SqlRow = tuple[object, ...]
Execute = Callable[..., int]


@dataclass(frozen=True, kw_only=True)
class Triggers:
    """What creates the trigger or rule `meddler`; each gives statements.

    `kinds` are the ways in which a write to a table can become another one. `damaging` takes one of them, a table, the
    column that it damages in every row that is written, the key of the table, and the event. `harmless` appends to a
    column of each row that is updated, `at_deactivation` damages the wrapping of each data key that is set inactive,
    and `refusing` raises `not allowed` for each row that is updated.
    """

    kinds: tuple[str, ...]
    damaging: Callable[[str, str, str, str, str], Sequence[str]]
    harmless: Callable[[str, str], Sequence[str]]
    at_deactivation: Sequence[str]
    refusing: Callable[[str], Sequence[str]]
    remove: Callable[[str, str], str]


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """What makes accounts on a server, with `{name}`, `{password}`, `{rights}`, `{database}` and `{table}` in it."""

    create: str
    grant: str
    grant_on_all: Sequence[str]
    schema: str


@dataclass(frozen=True, kw_only=True)
class Particulars:
    """What has to be said to an engine in its own words.

    `without_key` takes the primary key from a `{table}`. `odd` are tables of a plugin named `odd`, and how a value
    `{v}` gets into its column `kept`, with whether a search finds it, else it is named; `drop_odd` removes any of them.
    `odd_texts` are such tables and how a text gets in that is given as a value. `unsearchable` is one more, and the
    name of its part that no search can see.
    """

    schema: Dialect
    quote: str
    blob: str
    text: str
    without_key: Sequence[str]
    triggers: Triggers
    odd: Mapping[tuple[str, str], bool]
    drop_odd: Sequence[str]
    odd_texts: Mapping[str, str]
    unsearchable: tuple[str, str] | None = None
    accounts: Accounts | None = None


class Engine(Protocol):
    """A Grafana database somewhere."""

    @property
    def particulars(self) -> Particulars:
        """What has to be said to it in its own words."""
        ...

    @property
    def name(self) -> str:
        """The engine: `sqlite`, `postgres`, `mariadb` or `mysql`."""
        ...

    @property
    def kind(self) -> str:
        """The dialect: `sqlite`, `postgres` or `mysql`, which is also MariaDB's."""
        ...

    @property
    def url(self) -> str:
        """What `--database` takes."""
        ...

    def load(self, source: Path) -> None:
        """Make Grafana's tables what the SQLite file holds; state tables stay as they are."""
        ...

    def dump(self, target: Path) -> None:
        """Write Grafana's tables into a new SQLite file."""
        ...

    def digest(self) -> str:
        """A hash over everything that is stored."""
        ...

    def query(self, sql: str, *values: object) -> list[SqlRow]:
        """Run a query as somebody else would; values stand as `?`."""
        ...

    def execute(self, sql: str, *values: object) -> int:
        """Run a statement as somebody else would; returns the rows it changed."""
        ...

    def session(self) -> AbstractContextManager[Execute]:
        """`execute` for who writes often, in one thread."""
        ...


def _damaging(kind: str, table: str, column: str, key: str, event: str) -> Sequence[str]:
    timing = "BEFORE" if kind == "swallow" else "AFTER"
    body = {
        "after": f"UPDATE {table} SET {column} = {column} || 'x' WHERE {key} = NEW.{key}",
        "delete": f"DELETE FROM {table} WHERE {key} = NEW.{key}",
        "swallow": "SELECT RAISE(IGNORE)",
    }[kind]
    return _trigger(f"{timing} {event}", table, body)


def _trigger(moment: str, table: str, body: str) -> Sequence[str]:
    return (f"CREATE TRIGGER {MEDDLER} {moment} ON {table} BEGIN {body}; END",)


SQLITE: Final = Particulars(
    schema=schema.SQLITE,
    quote='"',
    blob="BLOB",
    text="TEXT",
    without_key=(
        "ALTER TABLE {table} RENAME TO kept",
        "CREATE TABLE {table} AS SELECT * FROM kept",
        "DROP TABLE kept",
    ),
    triggers=Triggers(
        kinds=("after", "swallow", "delete"),
        damaging=_damaging,
        harmless=lambda table, column: _trigger(
            "AFTER UPDATE", table, f"UPDATE {table} SET {column} = {column} || 'x' WHERE id = NEW.id"
        ),
        at_deactivation=_trigger(
            "AFTER UPDATE",
            "data_keys WHEN NOT NEW.active",
            "UPDATE data_keys SET encrypted_data = encrypted_data || 'x' WHERE name = NEW.name",
        ),
        refusing=lambda table: _trigger("BEFORE UPDATE", table, "SELECT RAISE(ABORT, 'not allowed')"),
        remove=lambda _kind, _table: f"DROP TRIGGER {MEDDLER}",
    ),
    odd={
        ("CREATE TABLE odd (kept)", "INSERT INTO odd VALUES ('{v}')"): True,
        ("CREATE TABLE odd (kept INTEGER, b BLOB)", "INSERT INTO odd VALUES ('{v}', NULL)"): True,
        ("CREATE TABLE odd (kept BLOB)", "INSERT INTO odd VALUES (CAST('{v}' AS BLOB))"): True,
        ("CREATE TABLE odd (kept PRIMARY KEY) WITHOUT ROWID", "INSERT INTO odd VALUES ('{v}')"): True,
        ("CREATE TABLE odd (rowid, oid, _rowid_, kept)", "INSERT INTO odd VALUES (1, 2, 3, '{v}')"): False,
    },
    drop_odd=("DROP TABLE odd",),
    odd_texts={
        "CREATE TABLE odd (name PRIMARY KEY, kept ANY) WITHOUT ROWID": "INSERT INTO odd VALUES (x'00ff', ?)",
        "CREATE TABLE odd (rowid TEXT, kept TEXT)": "INSERT INTO odd VALUES ('taken', ?)",
    },
)


class SqliteEngine:
    """A file; the fixture is the database itself."""

    name = kind = "sqlite"
    particulars = SQLITE

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def url(self) -> str:
        """The file's URL."""
        return f"sqlite:///{self.path}"

    def load(self, source: Path) -> None:
        """Nothing to do where the file is the fixture."""
        if source != self.path:
            shutil.copyfile(source, self.path)

    def dump(self, target: Path) -> None:
        """Copy the file as a reader sees it, whatever journal lies beside it."""
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)

    def digest(self) -> str:
        """A hash of the file: not one byte may change."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def query(self, sql: str, *values: object) -> list[SqlRow]:
        """Run a query on a connection of its own."""
        with closing(sqlite3.connect(self.path, timeout=30)) as connection:
            return connection.execute(sql, values).fetchall()

    def execute(self, sql: str, *values: object) -> int:
        """Run a statement on a connection of its own."""
        with closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
            return connection.execute(sql, values).rowcount

    @contextmanager
    def session(self) -> Iterator[Execute]:
        """A connection for each statement: one that writes without a pause starves all others, by SQLite's lock."""
        yield self.execute
