"""A hash of everything in a database that is not a ciphertext, so that before can be held against after."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from reencrypt.catalogue.codec import Codec
from reencrypt.catalogue.location import Location
from reencrypt.catalogue.locations import LOCATIONS
from reencrypt.demo import schema
from reencrypt.demo.schema import Table

_CUT = b"\x00secret\x00"


def fingerprint(path: Path) -> str:
    """Hash Grafana's tables with the secrets cut out, storage classes included.

    Left out is what a rewrite is meant to change: `data_keys`, `updated` of a location and the hash of a text.
    """
    by_table = {location.table: location for location in LOCATIONS}
    state = hashlib.sha256()
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        for table in schema.ALL:
            if table is not schema.DATA_KEYS:
                for part in _parts(connection, table, by_table.get(table.name)):
                    state.update(len(part).to_bytes(8) + part)
    return state.hexdigest()


def _parts(connection: sqlite3.Connection, table: Table, location: Location | None) -> Iterator[bytes]:
    changing = {location.updated, location.text_hash.column if location.text_hash else None} if location else set()
    codecs: dict[str, Codec] = {field.column: field.codec for field in location.fields} if location else {}
    columns = [name for name in table.column_names() if name not in changing]
    quoted = [schema.quote(name, "sqlite") for name in columns]
    selected = ", ".join(f"typeof({name}), CAST({name} AS BLOB)" for name in quoted)
    yield table.name.encode()
    source = schema.quote(table.name, "sqlite")
    for row in connection.execute(f"SELECT {selected} FROM {source} ORDER BY rowid"):  # noqa: S608 - our schema
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
