"""A hash of everything in a database that is not a ciphertext, to compare before and after."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from reencrypt.catalogue.codec import Codec
from reencrypt.catalogue.location import Location
from reencrypt.catalogue.locations import LOCATIONS
from reencrypt.databases.statements import OUR_TABLES

_CUT = b"\x00secret\x00"


def fingerprint(path: Path) -> str:
    """Hash Grafana's tables with the secrets cut out, storage classes included.

    It leaves out what a rewrite is meant to change: `data_keys`, `updated` of a location and the hash of a text.
    """
    by_table = {location.table: location for location in LOCATIONS}
    state = hashlib.sha256()
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        for table in _tables(connection):
            for part in _parts(connection, table, by_table.get(table)):
                state.update(len(part).to_bytes(8) + part)
    return state.hexdigest()


def _tables(connection: sqlite3.Connection) -> list[str]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in names if name not in ("data_keys", "sqlite_sequence") and name not in OUR_TABLES]


def _parts(connection: sqlite3.Connection, table: str, location: Location | None) -> Iterator[bytes]:
    changing = {location.updated, location.text_hash.column if location.text_hash else None} if location else set()
    codecs: dict[str, Codec] = {field.column: field.codec for field in location.fields} if location else {}
    every = [name for _, name, *_ in connection.execute(f'PRAGMA table_info("{table}")')]
    columns = [name for name in every if name not in changing]
    selected = ", ".join(f'typeof("{name}"), CAST("{name}" AS BLOB)' for name in columns)
    yield table.encode()
    for row in connection.execute(f'SELECT {selected} FROM "{table}" ORDER BY rowid'):  # noqa: S608 - our schema
        for name, kind, cell in zip(columns, row[::2], row[1::2], strict=True):
            yield kind.encode()
            yield _without_secrets(cell or b"", codecs.get(name))


def _without_secrets(cell: bytes, codec: Codec | None) -> bytes:
    if codec is None:
        return cell
    pieces: list[bytes] = []
    end = 0
    for slot in codec.find(cell):
        pieces.append(cell[end : slot.start])
        end = slot.end
    return _CUT.join((*pieces, cell[end:]))
