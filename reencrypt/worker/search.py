"""Searches every text and blob column of a database for envelopes in places that the catalogue does not know.

An envelope names its data key in its first bytes, so it can be recognised without a key. What has no such beginning, a
legacy value without a prefix, no search can tell from noise.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor as Pool
from dataclasses import dataclass, field
from typing import Final

from reencrypt.catalogue.codec import WholeColumn
from reencrypt.catalogue.encoding import Encoding
from reencrypt.catalogue.location import Field, Key, Location, Row
from reencrypt.crypto import gobase64
from reencrypt.databases.protocol import Database
from reencrypt.databases.shapes import Shape
from reencrypt.errors import ReencryptError
from reencrypt.events import Emit, Surveyed
from reencrypt.worker.journal import digest
from reencrypt.worker.rowkey import key_to_text

_PAGE_ROWS: Final = 1000
_PAGE_BYTES: Final = 4 * 1024 * 1024
_NAMED: Final = 20

#: Tables that are left out: our own, and Grafana's cache, whose entries expire.
_OURS: Final = "reencrypt_"
CACHE: Final = "cache_data"

# A lookahead, because the mark that ends one text may begin the id behind it.
_ID: Final = re.compile(rb"(?=#([A-Za-z0-9+/]{2,200})#)")
#: Base64 of `#` and the first character of a base64 text.
# Overlapping as well: what stands before it, like a path, may be of the same alphabet.
_BASE64: Final = re.compile(rb"(?=(I[yz0-3][A-Za-z0-9+/_-]{6,400}))")
_PRESENT_ALGORITHMS: Final = (b"*YWVzLWNmYg*", b"*YWVzLWdjbQ*")
_NAME: Final = re.compile(r"[A-Za-z0-9_.:/@-]{2,100}")


@dataclass(slots=True)
class Stray:
    """Envelopes under one data key in one column that the catalogue does not know; some of the rows by name."""

    table: str
    column: str
    key_id: str
    number: int = 0
    rows: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Search:
    """What was found, and what could not be searched, TABLE or TABLE.COLUMN, each with the reason.

    `given_up` are the data keys that only damaged text names which somebody has acknowledged.
    """

    strays: dict[tuple[str, str, str], Stray] = field(default_factory=dict)
    given_up: set[str] = field(default_factory=set)
    rows: int = 0
    tables: int = 0
    unsearched: dict[str, str] = field(default_factory=dict)


async def search(
    database: Database,
    locations: Sequence[Location],
    key_ids: frozenset[str],
    given_up: frozenset[tuple[str, str, str, bytes]],
    pool: Pool,
    *,
    emit: Emit,
) -> Search:
    """Look through every table but ours and the cache. `key_ids` are the data keys there are.

    `given_up` are acknowledged secrets, each its place and the SHA-256 of its text.
    """
    found = Search()
    known = {location.table: location for location in locations}
    loop = asyncio.get_running_loop()
    for shape in await database.shapes():
        if shape.table.startswith(_OURS) or shape.table == CACHE:
            continue
        found.unsearched |= {f"{shape.table}.{column}": "its type may hold anything" for column in shape.others}
        if not shape.texts:
            continue
        if not shape.key:
            found.unsearched[shape.table] = "no unique key tells its rows apart"
            continue
        try:
            found.tables += 1
            after: Key | None = None
            while rows := await database.read_page(_whole(shape), after, rows=_PAGE_ROWS, size=_PAGE_BYTES):
                look = (shape, known.get(shape.table), key_ids, given_up, rows, found)
                await loop.run_in_executor(pool, _look, *look)
                after = rows[-1].key
                found.rows += len(rows)
                emit(Surveyed(shape.table, len(rows)))
        except ReencryptError as error:
            found.unsearched[shape.table] = error.message
    return found


def _whole(shape: Shape) -> Location:
    """The table as a location whose every text column is one secret."""
    raw = WholeColumn(Encoding(padded=None))
    return Location(shape.table, shape.table, shape.key, tuple(Field(column, raw) for column in shape.texts))


def _look(
    shape: Shape,
    known: Location | None,
    key_ids: frozenset[str],
    given_up: frozenset[tuple[str, str, str, bytes]],
    rows: Sequence[Row],
    found: Search,
) -> None:
    codecs = {each.column: each.codec for each in known.fields} if known else {}
    for row in rows:
        covered = known is not None and _is_covered(known, shape, row)
        for column, cell in zip(shape.texts, row.cells, strict=True):
            if not cell:
                continue
            rest = cell
            if known is not None and covered and column in codecs:
                for slot in reversed(codecs[column].find(cell)):
                    text = cell[slot.start : slot.end]
                    if slot.problem is not None:
                        # The census does not know what damaged text is under: it is searched like any other.
                        secret = (known.name, _shown(row.key), column + slot.path, digest(text) or b"")
                        if secret not in given_up:
                            continue
                        found.given_up |= set(envelopes_in(text, key_ids))
                    rest = rest[: slot.start] + b" " + rest[slot.end :]
            for key_id in envelopes_in(rest, key_ids):
                place = (shape.table, column, key_id)
                stray = found.strays.setdefault(place, Stray(*place))
                stray.number += 1
                if len(stray.rows) < _NAMED:
                    stray.rows.append(_shown(row.key))


def _shown(key: Key) -> str:
    """A row's key for people, of whatever type: a plugin's may be bytes, a UUID or a moment."""
    try:
        return key_to_text(key)
    except TypeError:
        parts: tuple[object, ...] = key
        return json.dumps([part.hex() if isinstance(part, bytes) else str(part) for part in parts])


def _is_covered(location: Location, shape: Shape, row: Row) -> bool:
    """Whether the row is among those that the catalogue reads."""
    for column, allowed in location.only.items():
        cell = row.cells[shape.texts.index(column)] if column in shape.texts else None
        if cell is None or cell.decode(errors="replace") not in allowed:
            return False
    return True


def envelopes_in(cell: bytes, key_ids: frozenset[str]) -> Iterator[str]:
    """Yield the data key id of each envelope in a column's bytes, be it raw or in base64.

    An id that no data key has counts only with an algorithm behind it: text between two `#` is common.
    """
    for match in _ID.finditer(cell):
        yield from _id_of(match[1], cell[match.end(1) + 1 : match.end(1) + 13], key_ids)
    for match in _BASE64.finditer(cell):
        text = match[1].replace(b"-", b"+").replace(b"_", b"/")
        try:
            start = gobase64.decode(text[: len(text) // 4 * 4])
        except ValueError:
            continue
        if (inner := _ID.match(start)) is not None:
            yield from _id_of(inner[1], start[inner.end(1) + 1 : inner.end(1) + 13], key_ids)


def _id_of(encoded: bytes, behind: bytes, key_ids: frozenset[str]) -> Iterator[str]:
    try:
        key_id = gobase64.decode(encoded).decode()
    except ValueError:
        return
    if key_id in key_ids or (_NAME.fullmatch(key_id) and behind in _PRESENT_ALGORITHMS):
        yield key_id
