"""Writes a fixture for each database of a real Grafana: its schema and migrations, and contents of our own.

`python -m tests.grafana.releases.rebuild FOLDER` reads the `*.db` and `schema-*.sql` of a folder, such as
`../shared/real-grafana`, and writes a file of SQL beside this module for each. Nothing that a row says is carried over,
only what `facts.py` calls a fact. The same database gives the same file.

A new release: start it with the `secret_key` that Grafana ships, save some settings, stop it, put a copy of its
database into the folder, and its name into `__init__.py`. What cannot be rebuilt is an error that says so.
"""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.grafana.decrypting import split_prefix
from tests.grafana.decryptor import DEFAULT_SECRET_KEY, LEGACY, DecryptedSecret, open_read_only
from tests.grafana.encrypting import Algorithm, Recipe, envelope, make_nonce, make_salt
from tests.grafana.jsontext import render
from tests.grafana.locations import PLACES
from tests.grafana.releases import forms
from tests.grafana.releases.facts import (
    LOGS,
    Cell,
    SecretsOfCell,
    how,
    kept_tables,
    migrations_in,
    rows_of,
    secret_cells,
)
from tests.grafana.releases.invention import Inventor

HERE: Final = Path(__file__).parent
_PASSWORD: Final = DEFAULT_SECRET_KEY.encode()
_ALGORITHMS: Final[dict[str, Algorithm]] = {"aes-cfb": "aes-cfb", "aes-gcm": "aes-gcm"}
HEADER: Final = (
    "-- Made by `python -m tests.grafana.releases.rebuild`: the schema of a real Grafana, contents of our own.\n"
)
_WHOLE_COLUMNS: Final = frozenset((place.table, place.column) for place in PLACES if place.find is None)

SqlValue = str | int | bytes | None


def rebuilt(source: Path) -> str:
    """The SQL of a fixture with the facts of the SQLite database at `source`."""
    with closing(open_read_only(source)) as connection:
        return "".join(f"{statement};\n" for statement in _Rebuilder(connection, source).statements())


def rebuilt_schema(source: Path) -> str:
    """The statements of a server's schema without its counters, which tell how many rows there were."""
    return re.sub(r" AUTO_INCREMENT=\d+", "", source.read_text()).rstrip() + "\n"


class _Rebuilder:
    """One database on its way to SQL."""

    def __init__(self, connection: sqlite3.Connection, source: Path) -> None:
        self._connection = connection
        self._tables = kept_tables(connection)
        self._cells = secret_cells(source)
        texts = [value for table in self._contents() for _, row in rows_of(connection, table) for _, value in row]
        times = [text for text in texts if isinstance(text, str) and re.match(r"\d{4}-\d\d-\d\d \d\d:", text)]
        self._inventor = Inventor(source.stem, times)
        self._keys: dict[str, tuple[str, bytes]] = {}  # by the id that was found: ours, and the key in the clear

    def statements(self) -> Iterator[str]:
        """Schema, migrations, then rows: data keys before what is encrypted under them."""
        marks = ", ".join("?" * len(self._tables))
        select = f"SELECT sql FROM sqlite_master WHERE sql != '' AND tbl_name IN ({marks}) ORDER BY rowid"  # noqa: S608
        for (statement,) in self._connection.execute(select, self._tables):
            yield re.sub(r"\s*\n\s*,?\s*", lambda found: ", " if "," in found[0] else "", statement)
        for log in LOGS:
            if log in self._tables:
                yield from self._migrations(log)
        for table in sorted(self._contents(), key=lambda name: name != "data_keys"):
            for key, row in rows_of(self._connection, table):
                yield self._row(table, key, row)

    def _contents(self) -> list[str]:
        return [table for table in self._tables if table not in LOGS]

    def _migrations(self, log: str) -> Iterator[str]:
        entries = migrations_in(self._connection, log)
        if not entries:
            return
        names = ",\n".join(f"({self._literal(name)})" for name, *_ in entries)
        yield (
            f"INSERT INTO {log} (migration_id, sql, success, error, timestamp)\n"
            f"SELECT column1, '-', 1, '', '2025-01-31 08:00:00' FROM (VALUES\n{names}\n)"
        )
        idle = [str(number) for number, (_, is_idle, _) in enumerate(entries, 1) if is_idle]
        failed = [str(number) for number, (*_, success) in enumerate(entries, 1) if not success]
        for change, numbers in (("sql = ''", idle), ("success = 0", failed)):
            if numbers:
                yield f"UPDATE {log} SET {change} WHERE id IN ({', '.join(numbers)})"  # noqa: S608 - the same

    def _row(self, table: str, key: tuple[int | str, ...], row: list[tuple[str, object]]) -> str:
        found = dict(row)
        if table == "data_keys":
            self._wrap_another(found)
        values: dict[str, SqlValue] = {}
        for column, value in row:
            values[column] = self._value((table, key, column), value, found, values)
        columns = ", ".join(f"`{name}`" for name in values)
        literals = ", ".join(map(self._literal, values.values()))
        return f"INSERT INTO `{table}` ({columns}) VALUES\n({literals})"

    def _value(self, cell: Cell, value: object, found: dict[str, object], ours: dict[str, SqlValue]) -> SqlValue:
        table, _, column = cell
        if value is None:
            return None
        if isinstance(value, int):
            return self._inventor.number(column, value)
        if (table, column) == ("data_keys", "encrypted_data"):
            return self._wrapped
        text = value.decode() if isinstance(value, bytes) else str(value)
        if cell in self._cells:
            new = self._secrets(cell, text, self._cells[cell])
        elif column == "configuration_hash":
            new = self._inventor.hash_of(text, str(ours["alertmanager_configuration"]))
        elif forms.form_of(table, column, text) == forms.SIGNING_KEY:
            new = self._inventor.signing_key_id(str(found["added_at"]))
        elif (table, column) == ("data_keys", "name"):
            new = self._keys[text][0]
        else:
            new = self._inventor.text(table, column, text)
        return new.encode() if isinstance(value, bytes) else new

    def _wrap_another(self, found: dict[str, object]) -> None:
        """Invent a data key in the place of the one in this row."""
        name, wrapped = found["name"], found["encrypted_data"]
        if not isinstance(name, str) or not isinstance(wrapped, bytes) or found["provider"] != "secretKey.v1":
            raise ValueError(f"the data key {name!r} is of a form that nobody has seen")
        key = self._inventor.rng.randbytes(16)
        self._keys[name] = self._inventor.text("data_keys", "name", name), key
        self._wrapped = self._encrypt(key, _PASSWORD, split_prefix(wrapped).algorithm, has_prefix=wrapped[:1] == b"*")

    def _secrets(self, cell: Cell, text: str, secrets: SecretsOfCell) -> str:
        table, _, column = cell
        if (table, column) in _WHOLE_COLUMNS:
            ((_, secret),) = secrets
            return self._secret(secret)
        names = json.loads(text)
        if [path for path, _ in secrets] != [f"{column}.{self._inventor.field(name)}" for name in names]:
            raise ValueError(f"{cell} is no object of secrets alone: only those can be rebuilt")
        return render({name: self._secret(secret) for name, (_, secret) in zip(names, secrets, strict=True)}, "plain")

    def _secret(self, secret: DecryptedSecret) -> str:
        if secret.plaintext is None:
            raise ValueError(f"a secret does not decrypt: {secret.error}")
        algorithm, provider, has_prefix, is_padded = how(secret)
        plaintext = self._inventor.plaintext(secret.plaintext)
        if provider == LEGACY:
            payload = self._encrypt(plaintext, _PASSWORD, algorithm, has_prefix=has_prefix)
        else:
            name, key = self._keys[str(secret.key_id)]
            payload = envelope(name, self._encrypt(plaintext, key, algorithm, has_prefix=has_prefix))
        encoded = base64.b64encode(payload).decode()
        return encoded if is_padded else encoded.rstrip("=")

    def _encrypt(self, plaintext: bytes, password: bytes, name: str, *, has_prefix: bool) -> bytes:
        rng, algorithm = self._inventor.rng, _ALGORITHMS[name]
        return Recipe(algorithm, make_salt(rng), make_nonce(algorithm, rng), bare=not has_prefix).encrypt(
            plaintext, password
        )

    def _literal(self, value: SqlValue) -> str:
        ((literal,),) = self._connection.execute("SELECT quote(?)", (value,))
        return str(literal)


def main(folder: Path) -> None:
    """Write a fixture for each database and each schema in a folder."""
    for source in sorted(folder.glob("*.db")):
        (HERE / f"{source.stem}.sql").write_text(HEADER + rebuilt(source))
    for source in sorted(folder.glob("schema-*.sql")):
        (HERE / source.name).write_text(HEADER + rebuilt_schema(source))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
