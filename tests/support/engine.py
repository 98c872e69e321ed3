"""The database engines as the behaviour tests see them: one interface, so that each test is written once.

Fixtures are built in an SQLite file and judged in one; a server is loaded from such a file and dumped into one. What
the program works on in between is the real server.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

SqlRow = tuple[object, ...]
Execute = Callable[..., int]


class Engine(Protocol):
    """A Grafana database somewhere."""

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


class SqliteEngine:
    """A file; the fixture is the database itself."""

    name = kind = "sqlite"

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
