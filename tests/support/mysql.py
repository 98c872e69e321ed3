"""A real MariaDB or MySQL server for the tests, loaded from and dumped into SQLite files."""
# ruff: noqa: S608 - names of tables and columns come from the tests

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import pymysql

from tests.grafana.manager_schema import GRAFANAS, VALUES, shape_of, tables_in, tables_of
from tests.grafana.schema import SQLITE, Dialect, create_statements
from tests.support.engine import MEDDLER, Accounts, Execute, Particulars, Triggers
from tests.support.mysql_differences import SYSTEM_VERSIONED
from tests.support.mysql_programs import Product, available, programs_or_skip
from tests.support.transfer import FAST, to_file, to_server

# Whatever a DBA may have set: silent truncation, quotes and backslashes of another meaning, small packets, and a
# character set in which a byte swallows the backslash behind it.
HOSTILE = (
    "--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH",
    "--max-allowed-packet=4M",
    "--transaction-isolation=REPEATABLE-READ",
    "--character-set-server=gbk",
    "--collation-server=gbk_chinese_ci",
)
MOST_HOSTILE: Mapping[Product, tuple[str, ...]] = {
    "mariadb": (*HOSTILE, "--skip-character-set-client-handshake"),
    "mysql": HOSTILE,  # 9.0 has dropped that option
}
USUAL = "mysql://root@127.0.0.1:3306/"
#: A killed server loses nothing of what it has handed to the system; only a machine that fails would.
QUICK = (
    "--skip-log-bin",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=nosync",
    "--skip-innodb-doublewrite",
    "--skip-name-resolve",
)


class OwnServer:
    """A server in a folder of its own, MariaDB unless told; `arguments` are added to its command line."""

    def __init__(self, *arguments: str, product: Product = "mariadb") -> None:
        self._programs = programs_or_skip(product)
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self.folder = Path(tempfile.mkdtemp(prefix=f"reencrypt-{product}-"))
        (self.folder / "temporary").mkdir()
        self._programs.create(self.folder / "data", self.folder / "temporary")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.start()

    @property
    def socket(self) -> str:
        """The Unix socket it listens on."""
        return f"{self.folder}/socket"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._programs.command(),
                    f"--datadir={self.folder}/data",
                    f"--socket={self.socket}",
                    f"--pid-file={self.folder}/pid",
                    f"--tmpdir={self.folder}/temporary",  # a server that starts clears it, another one's files included
                    f"--port={self.port}",
                    "--bind-address=127.0.0.1",
                    *QUICK,
                    *self._arguments,
                ],
                stdout=log,
                stderr=log,
            )
        self._killed = False
        deadline = time.monotonic() + 180
        while not answers("127.0.0.1", self.port):
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)  # it has no way to say that it listens

    def new_database(self) -> str:
        """The URL of a fresh empty database, as root."""
        name = f"grafana_{uuid.uuid4().hex[:12]}"
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        return f"mysql://root@127.0.0.1:{self.port}/{name}"

    def connect(self) -> pymysql.Connection[Any]:
        """Connect as root."""
        return connect(f"mysql://root@127.0.0.1:{self.port}/")

    def kill(self) -> None:
        """End it as a power failure would."""
        assert self._process is not None
        self._killed = True
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it and forget its data; one that has ended by itself says why."""
        assert self._process is not None
        died = self._process.poll() is not None and not self._killed
        said = (self.folder / "log").read_text(errors="replace")[-4000:] if died else ""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not died, said


def answers(host: str, port: int) -> bool:
    """Whether root gets in there without a password."""
    try:
        pymysql.connect(host=host, port=port, user="root", connect_timeout=5, ssl_disabled=True).close()
    except pymysql.MySQLError:
        return False
    return True


def product_of(url: str) -> Product:
    """Which of the two a server is."""
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        ((version,),) = cursor.fetchall()
    return "mariadb" if "mariadb" in version.lower() else "mysql"


class MysqlServer:
    """A server of a product: the one that `REENCRYPT_TEST_MYSQL` names, else one of our own, else the one at 3306.

    The variable may name a MariaDB or a MySQL; the other product gets a server of our own.
    """

    def __init__(self, named: str | None = None, *, product: Product = "mariadb") -> None:
        self.own: OwnServer | None = None
        self._made: list[str] = []
        in_environment = os.environ.get("REENCRYPT_TEST_MYSQL")
        if named:
            self.base = named
        elif in_environment and product_of(in_environment) == product:
            self.base = in_environment
        elif not available(product) and answers("127.0.0.1", 3306) and product_of(USUAL) == product:
            self.base = USUAL
        else:
            self.own = OwnServer(*MOST_HOSTILE[product], product=product)
            self.base = f"mysql://root@127.0.0.1:{self.own.port}/"

    def new_database(self, name: str = "") -> str:
        """The URL of a fresh empty database."""
        name = name or f"grafana_{uuid.uuid4().hex[:12]}"
        with closing(connect(self.base)) as connection, connection.cursor() as cursor:
            quoted_name = name.replace("`", "``")
            cursor.execute(f"CREATE DATABASE `{quoted_name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        self._made.append(name)
        return urlsplit(self.base)._replace(path=f"/{quote(name, safe='')}", query="").geturl()

    def stop(self) -> None:
        """Stop a server of our own; leave somebody else's as it was."""
        if self.own is not None:
            self.own.stop()
            return
        with closing(connect(self.base)) as connection, connection.cursor() as cursor:
            for name in self._made:
                quoted_name = name.replace("`", "``")
                cursor.execute(f"DROP DATABASE IF EXISTS `{quoted_name}`")


def connect(url: str) -> pymysql.Connection[Any]:
    """Connect to a URL as somebody who writes what Grafana writes, strictly and each statement on its own."""
    parts = urlsplit(url)
    return pymysql.connect(
        host=unquote(parts.hostname or ""),
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.lstrip("/") or None,
        charset="utf8mb4",
        autocommit=True,
        sql_mode="STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO",
        # Tests connect often, and reading the system's certificates takes longer than all else.
        ssl_disabled=True,
    )


def _trigger(event: str, table: str, body: str) -> Sequence[str]:
    return (f"CREATE TRIGGER {MEDDLER} BEFORE {event} ON {table} FOR EACH ROW {body}",)


_ALIKE: Final = Particulars(
    schema=Dialect(
        types={
            "id": "BIGINT(20) PRIMARY KEY AUTO_INCREMENT",
            "bigint": "BIGINT(20)",
            "int": "INT",
            "bool": "TINYINT(1)",
            "datetime": "DATETIME",
            "nvarchar": "VARCHAR",
            "char": "CHAR",
            # NVARCHAR of a MODIFY, which MySQL reads as its three-byte character set.
            "national": "NATIONAL VARCHAR",
            "text": "TEXT",  # 64 KiB
            "mediumtext": "MEDIUMTEXT",
            "longtext": "LONGTEXT",
            "blob": "BLOB",  # 64 KiB
            "mediumblob": "MEDIUMBLOB",
        },
        modified=True,
        tail=" ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
    ),
    quote="`",
    blob="LONGBLOB",
    text="LONGTEXT",
    without_key=("ALTER TABLE {table} MODIFY id BIGINT NULL, DROP PRIMARY KEY",),
    triggers=Triggers(
        kinds=("before",),
        # A trigger here can change the row that is written, and no other of its table.
        damaging=lambda _kind, table, column, _key, event: _trigger(
            event, table, f"SET NEW.{column} = CONCAT(NEW.{column}, 'x')"
        ),
        harmless=lambda table, column: _trigger("UPDATE", table, f"SET NEW.{column} = CONCAT(NEW.{column}, 'x')"),
        at_deactivation=_trigger(
            "UPDATE",
            "data_keys",
            "SET NEW.encrypted_data = IF(NEW.active, NEW.encrypted_data, CONCAT(NEW.encrypted_data, 'x'))",
        ),
        refusing=lambda table: _trigger("UPDATE", table, "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not allowed'"),
        remove=lambda _kind, _table: f"DROP TRIGGER {MEDDLER}",
    ),
    odd={
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
    drop_odd=("DROP TABLE odd",),
    odd_texts={
        "CREATE TABLE odd (id INT PRIMARY KEY, kept JSON)": "INSERT INTO odd VALUES (1, JSON_QUOTE(?))",
        "CREATE TABLE odd (id VARCHAR(40) PRIMARY KEY, kept TINYBLOB)": "INSERT INTO odd VALUES ('a', ?)",
    },
    unsearchable=("CREATE TABLE odd (kept TEXT)", "odd"),
    accounts=Accounts(
        create="CREATE USER '{name}'@'%' IDENTIFIED BY '{password}'",
        grant="GRANT {rights} ON `{database}`.`{table}` TO '{name}'@'%'",
        grant_on_all=("GRANT {rights} ON `{database}`.* TO '{name}'@'%'",),
        schema="DATABASE()",
    ),
)
MYSQL: Final = replace(
    _ALIKE,
    odd={
        **_ALIKE.odd,
        (
            "CREATE TABLE odd (id INT NOT NULL, kept TEXT, UNIQUE KEY ((id + 1)))",
            "INSERT INTO odd VALUES (1, '{v}')",
        ): False,
        ("CREATE TABLE odd (id INT PRIMARY KEY, kept VECTOR(3))", "INSERT INTO odd VALUES (1, NULL)"): False,
        (
            "CREATE TABLE odd (id INT PRIMARY KEY, kept TEXT INVISIBLE)",
            "INSERT INTO odd (id, kept) VALUES (1, '{v}')",
        ): True,
    },
)
MARIADB: Final = replace(
    _ALIKE,
    odd={
        **_ALIKE.odd,
        (SYSTEM_VERSIONED.mariadb, "INSERT INTO odd VALUES (1, '{v}'); UPDATE odd SET kept = ''"): False,
    },
    odd_texts={**_ALIKE.odd_texts, SYSTEM_VERSIONED.mariadb: "INSERT INTO odd VALUES (1, ?)"},
)


class MysqlEngine:
    """A Grafana database on a MariaDB or MySQL server; both speak the dialect `mysql`."""

    kind = "mysql"

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def name(self) -> Product:
        """Which of the two the server is."""
        return product_of(self._url)

    @property
    def particulars(self) -> Particulars:
        """What has to be said to it in its own words."""
        return MARIADB if self.name == "mariadb" else MYSQL

    @property
    def url(self) -> str:
        """What `--database` takes."""
        return self._url

    def load(self, source: Path) -> None:
        """Create Grafana's tables anew and copy the rows of an SQLite file."""
        with (
            closing(connect(self._url)) as connection,
            connection.cursor() as cursor,
            closing(sqlite3.connect(source)) as file,
        ):
            cursor.execute(f"DROP TABLE IF EXISTS {', '.join(f'`{name}`' for name in GRAFANAS)}")
            file.text_factory = bytes
            tables = tables_in(file)
            for statement in create_statements(MYSQL.schema, tables):
                cursor.execute(statement)
            connection.begin()
            all_types = _types(cursor)
            for table in tables:
                types = all_types[table.name]
                names = [name for name in table.column_names() if name in types]
                columns, marks = ", ".join(f"`{name}`" for name in names), ", ".join(["%s"] * len(names))
                rows = [
                    [to_server(value, types[name]) for name, value in zip(names, row, strict=True)]
                    for row in file.execute(f"SELECT {columns} FROM `{table.name}`")
                ]
                cursor.executemany(f"INSERT INTO `{table.name}` ({columns}) VALUES ({marks})", rows)
            connection.commit()

    def dump(self, target: Path) -> None:
        """Copy Grafana's tables into a new SQLite file."""
        with (
            closing(connect(self._url)) as connection,
            connection.cursor() as cursor,
            closing(sqlite3.connect(target)) as file,
            file,
        ):
            file.execute(FAST)
            all_types = _types(cursor)
            tables = tables_of(shape_of(all_types.get(VALUES, {}), keyed=_is_keyed(cursor, VALUES)))
            for statement in create_statements(SQLITE, tables):
                file.execute(statement)
            for table in tables:
                types = all_types.get(table.name, {})
                names = [name for name in table.column_names() if name in types]
                if not names:
                    file.execute(f"DROP TABLE `{table.name}`")
                    continue
                columns, marks = ", ".join(f"`{name}`" for name in names), ", ".join("?" * len(names))
                cursor.execute(f"SELECT {columns} FROM `{table.name}` ORDER BY 1")
                file.executemany(
                    f"INSERT INTO `{table.name}` ({columns}) VALUES ({marks})",
                    [tuple(map(to_file, row)) for row in cursor.fetchall()],
                )

    def digest(self) -> str:
        """A hash over all rows of all tables."""
        digest = hashlib.sha256()
        with closing(connect(self._url)) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW TABLES")
            for (table,) in sorted(cursor.fetchall()):
                name = table.replace("`", "``")
                cursor.execute(f"SELECT * FROM `{name}` ORDER BY 1")
                digest.update(repr((table, cursor.fetchall())).encode())
        return digest.hexdigest()

    def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Run a query as somebody else would."""
        with closing(connect(self._url)) as connection, connection.cursor() as cursor:
            cursor.execute(_dialect(sql), values)
            return [tuple(row) for row in cursor.fetchall()]

    def execute(self, sql: str, *values: object) -> int:
        """Run a statement as somebody else would."""
        with closing(connect(self._url)) as connection, connection.cursor() as cursor:
            return int(cursor.execute(_dialect(sql), values))

    @contextmanager
    def session(self) -> Iterator[Execute]:
        """Run statements on one connection, each on its own."""
        with closing(connect(self._url)) as connection, connection.cursor() as cursor:
            yield lambda sql, *values: int(cursor.execute(_dialect(sql), values))


def _dialect(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


def _is_keyed(cursor: Any, table: str) -> bool:
    cursor.execute(
        "SELECT 1 FROM information_schema.table_constraints WHERE constraint_type = 'PRIMARY KEY' "
        "AND table_schema = DATABASE() AND table_name = %s",
        (table,),
    )
    return bool(cursor.fetchall())


def _types(cursor: Any) -> dict[str, dict[str, str]]:
    """The type of each column, by table."""
    cursor.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = DATABASE()"
    )
    found: dict[str, dict[str, str]] = {}
    for table, column, data_type in cursor.fetchall():
        found.setdefault(table, {})[column] = data_type
    return found


def quoted(password: str) -> str:
    """A password as it stands in a URL."""
    return quote(password, safe="")
