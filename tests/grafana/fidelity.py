"""Everything in a Grafana database that is not a ciphertext, so that a test can hold before against after."""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from typing import TYPE_CHECKING, Final

from tests.grafana.decryptor import open_read_only, present_places
from tests.grafana.jsonspans import JsonError, parse
from tests.grafana.locations import CRYPTO_PREFIX, Place

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

#: Columns that a rewrite is meant to change.
CHANGING: Final = frozenset({"updated", "configuration_hash"})
#: Tables that a run writes by itself.
IGNORED: Final = ("data_keys", "sqlite_", "reencrypt_")
CUT: Final = b"\x00secret\x00"

Cell = tuple[str, bytes]  # storage class, bytes
Snapshot = dict[tuple[str, tuple[object, ...], str], Cell]


def snapshot_non_secret_bytes(path: Path) -> Snapshot:
    """Return for each table, primary key and column the storage class and the bytes, the secrets cut out."""
    with closing(open_read_only(path)) as connection:
        places: defaultdict[str, dict[str, Place]] = defaultdict(dict)
        for place in present_places(connection):
            places[place.table][place.column] = place
        snapshot: Snapshot = {}
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if not table.startswith(IGNORED):
                snapshot |= _table(connection, table, places[table])
        return snapshot


def _table(connection: sqlite3.Connection, table: str, places: dict[str, Place]) -> Snapshot:
    info = connection.execute(f"PRAGMA table_info(`{table}`)").fetchall()
    columns = [row[1] for row in info]
    key = [index for index, row in enumerate(info) if row[5]]
    selected = ", ".join(f"`{name}`, typeof(`{name}`)" for name in columns)
    snapshot: Snapshot = {}
    for number, row in enumerate(connection.execute(f"SELECT {selected} FROM `{table}` ORDER BY rowid")):  # noqa: S608
        values, kinds = row[::2], row[1::2]
        row_key = tuple(values[index] for index in key) or (number,)
        inside = _is_repository(table, dict(zip(columns, values, strict=True)))
        for name, value, kind in zip(columns, values, kinds, strict=True):
            if name not in CHANGING:
                place = places.get(name) if inside else None
                snapshot[table, row_key, name] = (kind, _cut(value, place))
    return snapshot


def _is_repository(table: str, row: dict[str, object]) -> bool:
    if not table.startswith("resource"):
        return True
    return (row.get("group"), row.get("resource")) == ("provisioning.grafana.app", "repositories")


def _cut(value: object, place: Place | None) -> bytes:
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    if place is None or value is None or not data:
        return data
    return CUT if place.find is None else _cut_json(data, place)


def _cut_json(data: bytes, place: Place) -> bytes:
    try:
        text = data.decode()
        found = place.find(place.column, parse(text)) if place.find else ()
    except (JsonError, UnicodeDecodeError):
        return data
    pieces, position = [], 0
    for start, end in sorted((node.start, node.end) for _, node in found if node.string):
        kept = start + len(CRYPTO_PREFIX) if text.startswith(CRYPTO_PREFIX, start) else start
        pieces.append(text[position:kept])
        position = end
    pieces.append(text[position:])
    return CUT.join(piece.encode() for piece in pieces)
