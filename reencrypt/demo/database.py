"""Builds the demonstration's Grafana database on SQLite: four locations as Grafana writes them, one secret damaged.

Two of five rows are legacy, each secret with a salt of its own; every other of those has no algorithm prefix, as before
Grafana 9. The rest stand in envelopes under one data key, which `secret_key` wraps.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from reencrypt.crypto import gobase64
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Encryptor, algorithm_prefix
from reencrypt.crypto.salt import new_salt

#: The damaged secret. A run reads its location first, so it is found before the interruption.
DAMAGED_TABLE: Final = "dashboard_snapshot"
DAMAGED_ID: Final = 2
#: The tables with secrets, as the catalogue names their locations.
TABLES: Final = ("dashboard_snapshot", "data_source", "user_auth", "alert_notification")

_NOW: Final = "2025-01-31 08:00:00"
#: The columns that matter here, as in Grafana 12.3. Every table has an id before them, and the two times behind.
_COLUMNS: Final = {
    "org": "version INTEGER NOT NULL, name TEXT NOT NULL",
    "migration_log": "migration_id TEXT NOT NULL, sql TEXT NOT NULL, success INTEGER NOT NULL, error TEXT NOT NULL",
    "data_source": "org_id INTEGER NOT NULL DEFAULT 1, type TEXT NOT NULL, name TEXT NOT NULL, url TEXT NOT NULL, "
    "json_data TEXT NULL, secure_json_data TEXT NULL, uid TEXT NOT NULL",
    "user_auth": "user_id INTEGER NOT NULL, auth_module TEXT NOT NULL, auth_id TEXT NOT NULL, "
    "o_auth_access_token TEXT NULL, o_auth_refresh_token TEXT NULL, o_auth_token_type TEXT NULL, "
    "o_auth_id_token TEXT NULL",
    "dashboard_snapshot": 'name TEXT NOT NULL, "key" TEXT NOT NULL, delete_key TEXT NOT NULL, '
    "org_id INTEGER NOT NULL DEFAULT 1, dashboard TEXT NOT NULL DEFAULT '{}', dashboard_encrypted BLOB NULL",
    "alert_notification": "org_id INTEGER NOT NULL DEFAULT 1, name TEXT NOT NULL, type TEXT NOT NULL, "
    "settings TEXT NOT NULL DEFAULT '{}', secure_settings TEXT NULL, uid TEXT NULL",
}
_TIMES: Final = f"created DATETIME NOT NULL DEFAULT '{_NOW}', updated DATETIME NOT NULL DEFAULT '{_NOW}'"
_DATA_KEYS: Final = """
CREATE TABLE data_keys (name TEXT PRIMARY KEY NOT NULL, active INTEGER NOT NULL, scope TEXT NOT NULL,
    provider TEXT NOT NULL, encrypted_data BLOB NOT NULL, created DATETIME NOT NULL, updated DATETIME NOT NULL,
    label TEXT NOT NULL DEFAULT '')"""
_ALGORITHM: Final = Algorithm.AES_CFB
_BARE, _ENVELOPE, _PREFIXED = "bare", "envelope", "prefixed"
#: The ages of a table's rows, over and over.
_AGES: Final = (_BARE, _ENVELOPE, _PREFIXED, _ENVELOPE, _ENVELOPE)


@dataclass(frozen=True, slots=True)
class Built:
    """The content of the new database; `secret_key` is that of its Grafana."""

    secret_key: str = field(repr=False)
    secrets: int
    legacy: int
    data_key_id: str


@dataclass(frozen=True, slots=True)
class _Row:
    """One row to write: the columns without secrets as they are, and the secrets of one column in the clear."""

    table: str
    plain: Mapping[str, str]
    #: By column; a map of them is a JSON document with one secret for each name, bytes are stored as bytes.
    secret: Mapping[str, str | bytes | dict[str, str]]
    age: str

    @property
    def count(self) -> int:
        return sum(len(each) if isinstance(each, dict) else 1 for each in self.secret.values())


def build(path: Path, wanted: int) -> Built:
    """Create the database with `wanted` secrets, or as many more as complete the last row."""
    grafana = _Grafana()
    rows: list[_Row] = []
    total = 0
    for row in _rows():
        rows.append(row)
        total += row.count
        if total >= wanted:
            break
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(_DATA_KEYS)
        for table, columns in _COLUMNS.items():
            connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY AUTOINCREMENT, {columns}, {_TIMES})")
        connection.execute(
            "INSERT INTO data_keys VALUES (?, 1, 'root', 'secretKey.v1', ?, ?, ?, '2025-01-31/root@secretKey.v1')",
            (grafana.data_key_id, grafana.wrapped, _NOW, _NOW),
        )
        with ThreadPoolExecutor() as pool:  # PBKDF2 releases the GIL
            for row, values in zip(rows, pool.map(grafana.encrypted, rows), strict=True):
                names, marks = ", ".join(f'"{name}"' for name in values), ", ".join("?" * len(values))
                sql = f"INSERT INTO {row.table} ({names}) VALUES ({marks})"  # noqa: S608 - constant names
                connection.execute(sql, list(values.values()))
        # Cut off within its header: no key reads it, and it is no evidence about any key.
        connection.execute(
            f"UPDATE {DAMAGED_TABLE} SET dashboard_encrypted = ? WHERE id = ?",  # noqa: S608 - a constant
            (grafana.encrypt(_ENVELOPE, b"")[:-4], DAMAGED_ID),
        )
        connection.commit()
    legacy = sum(row.count for row in rows if row.age != _ENVELOPE)
    return Built(grafana.secret_key, total, legacy, grafana.data_key_id)


class _Grafana:
    """The keys of the demonstration's Grafana, and secrets encrypted as its releases did."""

    def __init__(self) -> None:
        self.secret_key = secrets.token_hex(16)
        self.data_key_id = "d" + secrets.token_hex(6)
        data_key = secrets.token_bytes(16)
        self.wrapped = self.encrypt(_PREFIXED, data_key)
        self._encryptor = _encryptor_of(self.data_key_id, data_key)

    def encrypt(self, age: str, plaintext: bytes) -> bytes:
        """Encrypt as a Grafana of that age."""
        if age == _ENVELOPE:
            return self._encryptor.encrypt(plaintext)
        value = _encryptor_of(None, self.secret_key.encode()).encrypt(plaintext)
        return value.removeprefix(algorithm_prefix(_ALGORITHM)) if age == _BARE else value

    def encrypted(self, row: _Row) -> dict[str, str | bytes]:
        """The row's columns as they are stored."""
        values: dict[str, str | bytes] = dict(row.plain)
        for column, plain in row.secret.items():
            if isinstance(plain, bytes):
                values[column] = self.encrypt(row.age, plain)
            elif isinstance(plain, str):
                values[column] = self._base64(row.age, plain)
            else:
                document = {name: self._base64(row.age, text) for name, text in plain.items()}
                values[column] = json.dumps(document, separators=(",", ":"))
        return values

    def _base64(self, age: str, text: str) -> str:
        return gobase64.encode(self.encrypt(age, text.encode()), padded=True).decode()


def _encryptor_of(key_id: str | None, password: bytes) -> Encryptor:
    return Encryptor.create(
        key_id=key_id, password=password, algorithm=_ALGORITHM, salt=new_salt(), cache=DerivedKeyCache(1)
    )


def _rows() -> Iterator[_Row]:
    """Rows without end, the tables in turn."""
    for number in count():
        age = _AGES[number % len(_AGES)]
        if number % 3 == 0:
            # A table's rows take their ages in turn, so the damaged row has neighbours of each age.
            board = json.dumps({"title": f"Snapshot {number}", "panels": [{"id": each} for each in range(20)]})
            names = {"name": f"Snapshot {number}", "key": secrets.token_hex(16), "delete_key": secrets.token_hex(16)}
            yield _Row("dashboard_snapshot", names, {"dashboard_encrypted": board.encode()}, _AGES[number // 3 % 5])
        source = {"type": "prometheus", "name": f"Source {number} ☃", "url": "http://prometheus:9090"}
        passwords = {"basicAuthPassword": f"pässword {secrets.token_hex(4)}", "httpHeaderValue1": f"Bearer {_token()}"}
        yield _Row("data_source", {**source, "uid": f"source{number}"}, {"secure_json_data": passwords}, age)
        login = {"user_id": str(number + 1), "auth_module": "oauth_azuread", "auth_id": f"auth-{number}"}
        tokens = {"access_token": _token(), "refresh_token": _token(), "token_type": "Bearer", "id_token": ""}
        yield _Row("user_auth", login, {f"o_auth_{name}": text for name, text in tokens.items()}, age)
        if number % 6 == 0:
            channel = {"name": f"Channel {number}", "type": "slack", "uid": f"channel{number}"}
            hook = {"token": _token(), "url": "https://hooks.example.org/" + _token()}
            yield _Row("alert_notification", channel, {"secure_settings": hook}, _PREFIXED)


def _token() -> str:
    return secrets.token_urlsafe(30)
