"""Finds the names of what holds a secret, for people: read at the time of display, stored nowhere, and never an error.

Where a table, column or row is missing, or this account may not read it, a name says less, or there is none: the
location and the key stay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from reencrypt.catalogue.codec import WholeColumn
from reencrypt.catalogue.encoding import RAW
from reencrypt.catalogue.jsonscan import parse
from reencrypt.catalogue.location import Field, Key, KeyPart, Location
from reencrypt.catalogue.naming import Document, Link, Named, Naming, named
from reencrypt.catalogue.namings import NAMINGS
from reencrypt.catalogue.stores import STORES
from reencrypt.crypto.gobase64 import MalformedEncodingError
from reencrypt.databases.protocol import Database
from reencrypt.errors import ReencryptError
from reencrypt.state.quarantine import Place
from reencrypt.state.rowkey import key_from_text

#: Names by place; a place without one has none.
Names = Mapping[Place, Named]

_ROWS: Final = 500
_CLIP: Final = 1024  # bytes of a column that becomes a part of a name
_DOCUMENT_ROWS: Final = 10
_DOCUMENT_BYTES: Final = 8 * 1024 * 1024
#: Documents of a location that are read for names: the history of the alerting configurations may have thousands.
_MOST_DOCUMENTS: Final = 1000
#: What a key in a state table may do to a driver that somebody else has written there, besides our own errors.
_NOT_READ: Final = (ReencryptError, ValueError, OverflowError, TypeError)

_LOCATIONS: Final = {location.name: location for store in STORES.values() for location in store.locations}


async def names_of(database: Database, places: Iterable[Place]) -> dict[Place, Named]:
    """Name the places that can be named. Reads only; raises nothing for what the database holds or lacks."""
    by_location: dict[str, dict[Key, list[Place]]] = {}
    for place in places:
        name, row_key, _ = place
        if name in NAMINGS and (key := _key_of(row_key)) is not None:
            by_location.setdefault(name, {}).setdefault(key, []).append(place)
    found: dict[Place, Named] = {}
    if not by_location:
        return found
    try:
        columns = await database.columns()
    except ReencryptError:
        return found
    for name, rows in by_location.items():
        location, keys = _LOCATIONS[name], list(rows)
        reader = _Reader(database, columns, location, NAMINGS[name])
        for start in range(0, len(keys), _ROWS):
            found |= await reader.names({key: rows[key] for key in keys[start : start + _ROWS]})
    return found


def in_words(place: Place, names: Names) -> str:
    """Say where a secret is, and what it belongs to where that is known."""
    return with_name(place, name_of(place, names))


def name_of(place: Place, names: Names) -> str | None:
    """What a secret belongs to, None where that is not known."""
    found = names.get(place)
    return found.name if found is not None else None


def with_name(where: Iterable[str], name: str | None) -> str:
    """Say where something is, and behind it what it belongs to."""
    return " ".join(where) + (f" ({name})" if name else "")


def _key_of(text: str) -> Key | None:
    try:
        return key_from_text(text)
    except ReencryptError:
        return None


class _Reader:
    """Names the rows of one location."""

    def __init__(
        self, database: Database, columns: Mapping[str, Collection[str]], location: Location, naming: Naming
    ) -> None:
        self._database = database
        self._columns = columns
        self._location = location
        self._naming = naming
        self._documents_left = _MOST_DOCUMENTS

    async def names(self, rows: Mapping[Key, Sequence[Place]]) -> dict[Place, Named]:
        """Name a batch of rows."""
        known = await self._values(list(rows))
        found: dict[Place, Named] = {}
        inside: dict[Key, dict[Place, Document]] = {}
        for key, places in rows.items():
            name = named(self._naming, known[key])
            for place in places:
                if name is not None:
                    found[place] = name
                if (document := self._naming.document_of(place[2])) is not None:
                    inside.setdefault(key, {})[place] = document
        for start in range(0, len(inside), _DOCUMENT_ROWS):
            keys = list(inside)[start : start + _DOCUMENT_ROWS]
            found |= await self._inside_documents({key: inside[key] for key in keys}, known)
        return found

    async def _values(self, keys: Sequence[Key]) -> dict[Key, dict[str, str]]:
        """What the words may use of each row: its key, its columns, and those of rows that it names."""
        location = self._location
        known = {key: dict(zip(location.key, map(str, key), strict=False)) for key in keys}
        for key, texts in (await self._read(location.table, location.key, self._naming.columns, keys)).items():
            known[key] |= texts
        for link in self._naming.links:
            linked = {key: other for key in keys if (other := self._linked(link, key, known[key])) is not None}
            found = await self._read(link.table, link.key, tuple(link.columns.values()), list({*linked.values()}))
            for key, other in linked.items():
                texts = found.get(other, {})
                known[key] |= {name: texts[column] for name, column in link.columns.items() if column in texts}
        return known

    def _linked(self, link: Link, key: Key, texts: Mapping[str, str]) -> Key | None:
        """The key of the row that a link leads to from a row; None where the row does not say."""
        parts = dict(zip(self._location.key, key, strict=False))
        found: list[KeyPart] = []
        for name in link.by:
            part = parts.get(name, texts.get(name))
            if link.numbered and isinstance(part, str):
                part = int(part) if part.isascii() and part.isdigit() else None
            if part is None:
                return None
            found.append(part)
        return tuple(found)

    async def _inside_documents(
        self, rows: Mapping[Key, Mapping[Place, Document]], known: Mapping[Key, Mapping[str, str]]
    ) -> dict[Place, Named]:
        """Names that stand in documents; the column is that of the location, the same for all of them."""
        keys = list(rows)[: self._documents_left]
        self._documents_left -= len(keys)
        location = self._location
        columns = tuple({document.column for each in rows.values() for document in each.values()})
        read = await self._read(location.table, location.key, columns, keys, clip=_DOCUMENT_BYTES)
        found: dict[Place, Named] = {}
        for key, texts in read.items():
            parsed = {column: _parsed(text) for column, text in texts.items()}
            for place, document in rows[key].items():
                values = dict(document.values(parsed.get(document.column), place[2]))
                if (name := named(self._naming, {**known[key], **values}, document)) is not None:
                    found[place] = name
        return found

    async def _read(
        self, table: str, key: tuple[str, ...], wanted: Sequence[str], keys: Sequence[Key], *, clip: int = _CLIP
    ) -> dict[Key, dict[str, str]]:
        """Read the texts of columns that are there, of rows that are there; what is empty is left out."""
        present = self._columns.get(table, ())
        columns = [each for each in wanted if each in present]
        if not (columns and keys and all(each in present for each in key)):
            return {}
        fields = tuple(Field(column, WholeColumn(RAW)) for column in columns)
        try:
            rows = await self._database.read_rows(Location(table, table, key, fields, clip=clip), keys)
        except _NOT_READ:
            return {}
        return {row.key: dict(_texts(columns, row.cells)) for row in rows if row.key in keys}


def _texts(columns: Sequence[str], cells: Sequence[object]) -> Iterator[tuple[str, str]]:
    for column, cell in zip(columns, cells, strict=True):
        # A server gives a number as it is.
        text = cell.decode(errors="replace") if isinstance(cell, bytes) else "" if cell is None else str(cell)
        if text:
            yield column, text


def _parsed(text: str) -> object:
    try:
        return parse(text.encode())
    except MalformedEncodingError:
        return None
