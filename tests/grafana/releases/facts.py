"""What is true of a Grafana database whoever uses it: its schema, its migrations, and the forms of its values.

Two databases with the same facts differ in what their rows say, and in nothing that a program could depend on.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.grafana.decrypting import split_envelope, split_prefix
from tests.grafana.decryptor import DecryptedSecret, SecretAddress, open_read_only, read_secrets
from tests.grafana.gobase64 import decode_std
from tests.grafana.manager_schema import GRAFANAS
from tests.grafana.releases.forms import form_of, is_kept, is_moment

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

LOGS: Final = ("migration_log", "resource_migration_log", "secret_migration_log")
#: Further tables of the features that keep secrets, some of which only one release has.
_ALSO: Final = ("api_key", "cloud_migration", "resource", "secret_")

Cell = tuple[str, tuple[int | str, ...], str]  # table, key, column
Row = tuple[object, ...]
SecretsOfCell = list[tuple[str, DecryptedSecret]]


@dataclass(frozen=True)
class Facts:
    """All facts of a database; `rows` are the forms of the values, `secrets` what the secrets are like."""

    schema: Mapping[str, tuple[object, object]]
    migrations: Mapping[str, object]
    rows: Mapping[str, object]
    secrets: Mapping[SecretAddress, object]


def facts_of(path: Path) -> Facts:
    """The facts of the SQLite database at `path`, whose `secret_key` is the one that Grafana ships."""
    cells = secret_cells(path)
    with closing(open_read_only(path)) as connection:
        tables = kept_tables(connection)
        schema = {table: (_columns(connection, table), _indexes(connection, table)) for table in tables}
        migrations: dict[str, object] = {log: migrations_in(connection, log) for log in LOGS if log in tables}
        numbers: defaultdict[object, int] = defaultdict(lambda: len(numbers))
        rows = {
            table: [
                [_shape(table, name, value, numbers, is_secret=(table, key, name) in cells) for name, value in row]
                for key, row in rows_of(connection, table)
            ]
            for table in tables
            if table not in LOGS
        }
    secrets = {
        SecretAddress(table, key, path_): (
            *how(secret),
            secret.error,
            kind_of(secret.plaintext or b""),
            numbers[secret.key_id],
        )
        for (table, key, _), found in cells.items()
        for path_, secret in found
    }
    return Facts(schema, migrations, rows, secrets)


def kept_tables(connection: sqlite3.Connection) -> list[str]:
    """The tables that concern this project, in the order in which Grafana made them."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid").fetchall()
    return [name for (name,) in names if name in GRAFANAS or name.startswith(_ALSO)]


def migrations_in(connection: sqlite3.Connection, log: str) -> list[tuple[str, bool, bool]]:
    """Each entry of a log in order: its id, whether it ran no statement here, and whether it succeeded."""
    select = f"SELECT migration_id, sql = '', success FROM {log} ORDER BY id"  # noqa: S608 - of three
    return [(name, bool(idle), bool(success)) for name, idle, success in connection.execute(select)]


def rows_of(
    connection: sqlite3.Connection, table: str
) -> Iterator[tuple[tuple[int | str, ...], list[tuple[str, object]]]]:
    """Each row as it was inserted: its primary key, and its columns with their values."""
    info = connection.execute(f"PRAGMA table_info(`{table}`)").fetchall()
    names = [name for _, name, *_ in info]
    for row in connection.execute(f"SELECT * FROM `{table}` ORDER BY rowid"):  # noqa: S608 - a table that is there
        yield tuple(row[number] for number, *_, primary in info if primary), list(zip(names, row, strict=True))


def secret_cells(path: Path) -> dict[Cell, SecretsOfCell]:
    """The columns of rows that hold secrets, each with the way into its JSON and the secret."""
    cells: defaultdict[Cell, SecretsOfCell] = defaultdict(list)
    for address, secret in read_secrets(path).items():
        cells[address.table, address.key, address.path.partition(".")[0]].append((address.path, secret))
    return dict(cells)


def how(secret: DecryptedSecret) -> tuple[str, str, bool, bool]:
    """How a secret is encrypted and encoded: algorithm, provider, whether it has a prefix, and whether it is padded."""
    text = secret.stored_text.rstrip(b"=")
    _, inside = split_envelope(decode_std(text + b"=" * (-len(text) % 4)))
    return secret.algorithm, secret.provider, inside.startswith(b"*"), len(secret.stored_text) % 4 == 0


def kind_of(plaintext: bytes) -> object:
    """What a plaintext is like: its length, or what its JSON holds."""
    text = plaintext.decode()
    if text.startswith("{"):
        return {name: len(value) for name, value in json.loads(text).items()}
    return text.partition("\n")[0] if text.startswith("-----") else len(text)


def wrapping_of(wrapped: bytes) -> str:
    """How the bytes of a data key are wrapped under `secret_key`."""
    return f"{split_prefix(wrapped).algorithm}, {len(wrapped)} bytes"


def _columns(connection: sqlite3.Connection, table: str) -> object:
    return connection.execute(
        "SELECT name, type, [notnull], dflt_value, pk FROM pragma_table_info(?)", (table,)
    ).fetchall()


def _indexes(connection: sqlite3.Connection, table: str) -> object:
    lists = connection.execute("SELECT name, [unique], origin, partial FROM pragma_index_list(?)", (table,)).fetchall()
    return {
        (*index, *connection.execute("SELECT name, desc, coll FROM pragma_index_xinfo(?) WHERE key", index[:1]))
        for index in lists
    }


def _shape(table: str, column: str, value: object, numbers: Mapping[object, int], *, is_secret: bool) -> Row:
    """A value's column, storage class and form, and a number that tells which others are the same."""
    if value is None:
        return column, "NULL"
    if isinstance(value, int):
        form = value if is_kept(column, value) else "a moment" if is_moment(value) else "a number"
        return column, "integer", form
    if (table, column) == ("data_keys", "encrypted_data") and isinstance(value, bytes):
        return column, "blob", wrapping_of(value)
    storage = "blob" if isinstance(value, bytes) else "text"
    if is_secret:
        return column, storage, "secret"
    text = value.decode() if isinstance(value, bytes) else str(value)
    # That a plugin and a data source have one name is chance.
    return column, storage, form_of(table, column, text), numbers[text if column != "type" else (column, text)]
