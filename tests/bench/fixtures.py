"""Databases of a size: many rows of `secrets`, written fast, each ciphertext as Grafana or an earlier run made it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from reencrypt.crypto import gobase64
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Encryptor
from reencrypt.crypto.salt import new_salt
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.manager import SecretsManagerBuilder
from tests.grafana.manager_schema import VALUES
from tests.grafana.planting import Plain
from tests.support.engine import Engine, SqliteEngine
from tests.support.mysql import MysqlEngine, MysqlServer
from tests.support.mysql import connect as connect_mysql
from tests.support.postgres import PostgresEngine, PostgresServer, connect, run_in_thread

SECRET_KEY = "the secret_key of the benchmark"
DATA_KEY_ID = "benchmarkkey01"
THEN = "2026-01-01 00:00:00"
COLUMNS = ("id", "org_id", "namespace", "type", "value", "created", "updated")
MANAGER_COLUMNS = ("namespace", "name", "version", "encrypted_data", "created", "updated", "data_key_id")
_BATCH = 2000
_MIB = 1 << 20


@dataclass(frozen=True)
class Bench:
    """The servers and a folder."""

    folder: Path
    postgres: PostgresServer
    mysql: MysqlServer | None

    def engine(self, kind: str) -> Engine:
        """A fresh database."""
        if kind == "sqlite":
            return SqliteEngine(self.folder / f"bench-{os.urandom(4).hex()}.db")
        if kind == "postgres":
            return PostgresEngine(self.postgres.new_database())
        assert self.mysql is not None
        return MysqlEngine(self.mysql.new_database())


def plaintext(number: int) -> bytes:
    """45 bytes of JSON, as most data sources have them."""
    return b'{"basicAuthPassword":"%021d"}' % number


def data_key_rows(engine: Engine, folder: Path) -> bytes:
    """Load Grafana's tables with one active data key; returns the key in the clear."""
    scratch = engine.path if isinstance(engine, SqliteEngine) else folder / f"scratch-{os.urandom(4).hex()}.db"
    with GrafanaBuilder(scratch, secret_key=SECRET_KEY) as builder:
        key = builder.data_key(key_id=DATA_KEY_ID, active=False)
    engine.load(scratch)
    return key.dek


def document_rows(engine: Engine, folder: Path, name: str, count: int) -> None:
    """Load so many alerting documents, each with 2,000 secrets, or snapshots, each one secret, of 1 MiB."""
    scratch = folder / f"scratch-{os.urandom(4).hex()}.db"
    with GrafanaBuilder(scratch, secret_key=SECRET_KEY) as builder:
        key = builder.data_key(key_id=DATA_KEY_ID, active=False)
        for _ in range(count):
            if name == "snapshots":
                builder.add_dashboard_snapshot(Plain(b'{"title":"%s"}' % (b"x" * _MIB), key))
            else:
                secret = Plain(b"https://hooks.example.org/" + b"x" * 180, key)
                builder.add_alert_configuration([{"url": secret}] * 2000)
    engine.load(scratch)
    scratch.unlink()


def manager_rows(engine: PostgresEngine, folder: Path, count: int) -> None:
    """Load the secrets manager's tables with so many values, as an earlier run left them: one data key, one salt."""
    scratch = folder / f"scratch-{os.urandom(4).hex()}.db"
    with GrafanaBuilder(scratch, secret_key=SECRET_KEY) as builder:
        key = SecretsManagerBuilder(builder).data_key()
    engine.load(scratch)
    scratch.unlink()
    encryptor = Encryptor.create(
        key_id=None, password=key.dek, algorithm=Algorithm.AES_GCM, salt=new_salt(), cache=DerivedKeyCache()
    )
    rows = (
        (key.namespace, f"inline-{number:08d}", 1, encryptor.encrypt(plaintext(number)), 1, 1, key.uid)
        for number in range(count)
    )
    run_in_thread(lambda: _copy_into(engine.url, VALUES, MANAGER_COLUMNS, rows))


def legacy_values(count: int) -> list[bytes]:
    """Legacy ciphertexts, each with a salt of its own, made on all processors."""

    def encrypt(numbers: range) -> list[bytes]:
        cache = DerivedKeyCache()
        password = SECRET_KEY.encode()
        return [
            Encryptor.create(
                key_id=None, password=password, algorithm=Algorithm.AES_CFB, salt=new_salt(), cache=cache
            ).encrypt(plaintext(number))
            for number in numbers
        ]

    with ThreadPoolExecutor() as pool:
        parts = pool.map(encrypt, [range(start, min(count, start + 500)) for start in range(0, count, 500)])
        return [value for part in parts for value in part]


def run_values(count: int, data_key: bytes) -> Iterator[bytes]:
    """Ciphertexts as an earlier run wrote them: one salt for all."""
    encryptor = Encryptor.create(
        key_id=DATA_KEY_ID, password=data_key, algorithm=Algorithm.AES_CFB, salt=new_salt(), cache=DerivedKeyCache()
    )
    return (encryptor.encrypt(plaintext(number)) for number in range(count))


def insert(engine: Engine, values: Iterable[bytes]) -> None:
    """Insert a row of `secrets` for each ciphertext."""
    rows = (
        (number, 1, f"source{number}", "datasource", gobase64.encode(value, padded=False).decode(), THEN, THEN)
        for number, value in enumerate(values, 1)
    )
    if engine.kind == "sqlite":
        path = engine.url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany(f"INSERT INTO secrets ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608
    elif engine.kind == "postgres":
        then = datetime.fromisoformat(THEN)
        records = ((*row[:5], then, then) for row in rows)
        run_in_thread(lambda: _copy_into(engine.url, "secrets", COLUMNS, records))
    else:
        with closing(connect_mysql(engine.url)) as connection, connection.cursor() as cursor:
            statement = f"INSERT INTO secrets ({', '.join(COLUMNS)}) VALUES (%s, %s, %s, %s, %s, %s, %s)"  # noqa: S608
            cursor.executemany(statement, list(rows))
            connection.commit()


async def _copy_into(url: str, table: str, columns: Sequence[str], records: Iterable[tuple[Any, ...]]) -> None:
    connection = await connect(url)
    rest = iter(records)
    while batch := list(islice(rest, _BATCH)):
        await connection.copy_records_to_table(table, records=batch, columns=columns)
    await connection.execute(f"ANALYZE {table}")
    await connection.close()
