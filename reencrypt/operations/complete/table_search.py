"""Search every text and blob column of a database for ciphertext in places that the catalogue does not know.

`signatures` knows what to look for, and in which encodings. This module walks the tables, leaves out what the census
counts, and records the finds and what could not be searched.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor as Pool
from dataclasses import dataclass, field
from typing import Final

from reencrypt.catalogue.codec import Slot, WholeColumn
from reencrypt.catalogue.encoding import RAW, strict_values
from reencrypt.catalogue.location import Field, Key, Location, Row
from reencrypt.catalogue.store_name import StoreName
from reencrypt.catalogue.stores import STORES
from reencrypt.crypto import managed
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.envelope import Envelope, MalformedEnvelopeError, algorithm_prefix, beginning, parse
from reencrypt.databases.paging import LookAt, read_to_end, rows_to_read
from reencrypt.databases.protocol import Database
from reencrypt.databases.shapes import Shape
from reencrypt.databases.statements import OUR_TABLES
from reencrypt.errors import ReencryptError
from reencrypt.events import Emit, Surveyed
from reencrypt.operations.complete.proposals import Sighted
from reencrypt.operations.complete.search import Known, Place, Search, Stray, Unseen
from reencrypt.operations.complete.signatures import MOST_BYTES, examine, suspects
from reencrypt.state.journal import digest
from reencrypt.state.rowkey import key_to_text

_PAGE_BYTES: Final = 4 * 1024 * 1024
_FIRST_ROWS: Final = 64
_NAMED: Final = 1000  # places of a find that are named; more are counted
#: The state tables.
_STATE: Final = frozenset(OUR_TABLES)
#: Wrapped data keys, which begin like a legacy value and are none.
_WRAPPINGS: Final = frozenset((store.data_keys, "encrypted_data") for store in STORES.values())
_PREFIXES: Final = tuple(map(algorithm_prefix, Algorithm))
_MOST_BEGINNINGS: Final = 16
_LONGEST_BEGINNING: Final = max(each.minimum_bytes for each in Algorithm)  # of a payload, behind its prefix


async def search(database: Database, known: Known, pool: Pool, *, emit: Emit) -> Search:
    """Search every table but the state tables."""
    found = Search()
    for shape in await database.shapes():
        if shape.table in _STATE:
            continue
        found.unsearched |= {f"{shape.table}.{column}": "its type may hold anything" for column in shape.others}
        if shape.gap:
            found.unsearched[shape.table] = shape.gap
        if shape.table in known.unsearched and shape.texts:
            found.unsearched.setdefault(shape.table, "--unsearched vouches for it")
            continue
        if not shape.texts:
            continue
        if not shape.key:
            found.unsearched[shape.table] = "no unique key tells its rows apart"
            continue
        found.tables += 1
        found.keys[shape.table] = shape.named
        if problem := await _search_table(database, shape, known, pool, found, emit):
            found.unsearched[shape.table] = problem
    return found


async def _search_table(
    database: Database, shape: Shape, known: Known, pool: Pool, found: Search, emit: Emit
) -> str | None:
    """Search a table; returns why it was not searched completely."""
    part = Search()

    def begin() -> LookAt:
        nonlocal part
        part = Search()
        table_search = TableSearch(shape, known, part)

        async def look_at(rows: list[Row]) -> None:
            await asyncio.get_running_loop().run_in_executor(pool, table_search.page, rows)
            table_search.found.rows += len(rows)
            emit(Surveyed(shape.table, len(rows)))

        return look_at

    try:
        await read_to_end(database, _whole(shape), begin, rows=rows_to_read(database), size=_PAGE_BYTES)
    except ReencryptError as error:
        return error.message
    finally:
        found.add(part)
    return None


def _whole(shape: Shape) -> Location:
    """The table as a location whose every text column is one secret; larger values than are unpacked are cut off."""
    fields = tuple(Field(column, WholeColumn(RAW)) for column in shape.texts)
    return Location(shape.table, shape.table, shape.key, fields, clip=MOST_BYTES + 1)


@dataclass(frozen=True, slots=True)
class TableSearch:
    """The search of one table, page by page.

    `counted` are, by column, how the secrets begin that the census was seen to count.
    """

    shape: Shape
    known: Known
    found: Search
    counted: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def page(self, rows: Sequence[Row]) -> None:
        """Search a page: all of its cells at once, then the suspects closely."""
        texts, number = self.shape.texts, len(rows)
        cells = [cell for index, column in enumerate(texts) for cell in self._column(rows, index, column)]
        # Column by column they are told apart faster, and row by row they are named.
        for index in sorted(suspects(cells, self.known.marks), key=lambda index: (index % number, index // number)):
            sighting = examine(cells[index], self.known.marks)
            row, column = rows[index % number], texts[index // number]
            place = Place(_shown(row.key), hashlib.sha256(cells[index]).hexdigest())
            if self._note(column, place, sighting.key_ids, sighting.beyond):
                self._see(column, row, sighting.key_ids)

    def _column(self, rows: Sequence[Row], index: int, column: str) -> Sequence[bytes]:
        """The cells of a column without the secrets that the census of their store counts."""
        cells = [row.cells[index] or b"" for row in rows]
        locations = self.known.locations.get(self.shape.table, ())
        places = [(location, each) for _, location in locations for each in location.fields if each.column == column]
        is_known = bool(places) or (self.shape.table, column) in _WRAPPINGS
        is_large = max(map(len, cells)) > MOST_BYTES
        if not is_known and not is_large:
            return cells
        left: list[bytes] = []
        # A few first: as they begin, most of the others may begin too.
        for part in (cells[:_FIRST_ROWS], cells[_FIRST_ROWS:]):
            sure = [False] * len(part)
            if len(places) == 1 and not is_large:
                sure = self._counted_at_once(*places[0], part)
            left += [
                b" " if is_counted else cell and self._unknown(locations, row, column, cell)
                for row, cell, is_counted in zip(rows[len(left) :], part, sure, strict=False)
            ]
        return left

    def _counted_at_once(self, location: Location, place: Field, cells: Sequence[bytes]) -> list[bool]:
        """Which cells are secrets that begin like one that is counted; false says nothing."""
        starts = self.counted.get(place.column)
        if not starts or not _is_plain(location, place) or not isinstance(place.codec, WholeColumn):
            return [False] * len(cells)
        shortest = max(map(len, starts)) + _LONGEST_BEGINNING
        values = strict_values(place.codec.encoding, cells)
        return [len(value) >= shortest and value.startswith(starts) for value in values]

    def _unknown(self, locations: Sequence[tuple[StoreName, Location]], row: Row, column: str, cell: bytes) -> bytes:
        """Cut out of a cell each secret that the census of its store counts."""
        table = self.shape.table
        if len(cell) > MOST_BYTES:
            self.found.unsearched[f"{table}.{column}"] = (
                f"row {_shown(row.key)} holds more than {MOST_BYTES // 1024**2} MiB"
            )
        spans = [
            span
            for store, location in locations
            if _is_covered(location, self.shape, row)
            for each in location.fields
            if each.column == column
            for span in self._counted(store, location, each, row, cell)
        ]
        for start, end in sorted(spans, reverse=True):
            cell = cell[:start] + b" " + cell[end:]
        if (table, column) in _WRAPPINGS:
            prefix = next((each for each in _PREFIXES if cell.startswith(each)), b"")
            return cell.removeprefix(prefix)
        return cell

    def _counted(
        self, store: StoreName, location: Location, place: Field, row: Row, cell: bytes
    ) -> Iterator[tuple[int, int]]:
        """Where the secrets of a location lie in a cell that its census knows the key of."""
        # The id of a data key in a column of its own is one cell with the value everywhere else.
        before = _cell(self.shape, row, place.key_id) + b"\0" if place.key_id is not None else b""
        joined = before + cell
        for slot in place.codec.find(joined):
            text = joined[slot.start : slot.end]
            envelope = self._counted_envelope(store, location, slot)
            if envelope is None:
                # It is searched like any other text, unless it was given up.
                secret = (location.name, _shown(row.key), place.column + slot.path, digest(text) or b"")
                if secret not in self.known.given_up:
                    continue
                self.found.given_up |= _data_keys(examine(text, self.known.marks).key_ids)
            elif store in self.known.keyless:
                self.found.unsearched[f"{self.shape.table}.{place.column}"] = (
                    f"it holds secrets of {store.in_words}, and {STORES[store].data_keys} is missing"
                )
            elif envelope.prefixed and _is_plain(location, place):
                self._remember(place.column, beginning(envelope.key_id, envelope.algorithm, b""))
            yield max(0, slot.start - len(before)), slot.end - len(before)

    def _remember(self, column: str, start: bytes) -> None:
        """Remember how a counted secret begins: its data key, its algorithm."""
        starts = self.counted.get(column, ())
        if start not in starts:
            self.counted[column] = (start, *starts[: _MOST_BEGINNINGS - 1])

    def _counted_envelope(self, store: StoreName, location: Location, slot: Slot) -> Envelope | None:
        """The envelope of a secret, if the census knows which key it needs: damaged text may name any.

        And so may another store's.
        """
        if slot.problem is not None:
            return None
        try:
            envelope = location.parse(slot.ciphertext)
        except MalformedEnvelopeError:
            return None
        if store is StoreName.MANAGER and not managed.split_key_id(slot.ciphertext)[1].startswith(_PREFIXES):
            # Its reader takes anything for the name of the algorithm. What it did not write may be something else.
            return None
        key_id = envelope.key_id
        return envelope if key_id is None or store in self.known.owners.get(key_id, (store,)) else None

    def _see(self, column: str, row: Row, key_ids: set[str | None]) -> None:
        """Look how the find stands there, for a declaration of the column."""
        seen = self.found.sighted.setdefault((self.shape.table, column), Sighted())
        spaces = seen.see(_cell(self.shape, row, column), key_ids, self.known.owners)
        if spaces:
            held = zip(self.shape.texts, row.cells, strict=True)
            wanted = {each.encode() for each in spaces}
            seen.narrow(frozenset(name for name, cell in held if name != column and cell in wanted))

    def _note(self, column: str, place: Place, key_ids: set[str | None], beyond: str) -> bool:
        """Record a find, unless the user says that it is no secret; returns whether it counts."""
        if not key_ids and not beyond:
            return False
        found, table = self.found, self.shape.table
        if entry := self.known.not_secrets.entry(f"{table}.{column}", place.sha256):
            found.acknowledged[entry] += 1
            found.given_up |= _data_keys(key_ids)
            return False
        entries: list[Stray | Unseen] = [
            found.strays.setdefault((table, column, key_id), Stray(table, column, key_id)) for key_id in key_ids
        ]
        if beyond:
            entries.append(found.unseen.setdefault((table, column, beyond), Unseen(table, column, beyond)))
        for each in entries:
            each.number += 1
            if len(each.places) < _NAMED:
                each.places.append(place)
        return bool(key_ids)


def _is_plain(location: Location, place: Field) -> bool:
    """Whether each row is counted, and each cell is a secret by itself that says all about its key."""
    return not location.only and place.key_id is None and location.parse is parse


def _data_keys(key_ids: set[str | None]) -> set[str]:
    return {key_id for key_id in key_ids if key_id is not None}


def _shown(key: Key) -> str:
    """A row's key as text, of any type: a plugin's may be bytes, a UUID or a timestamp."""
    try:
        return key_to_text(key)
    except TypeError:
        parts: tuple[object, ...] = key
        return json.dumps([part.hex() if isinstance(part, bytes) else str(part) for part in parts])


def _is_covered(location: Location, shape: Shape, row: Row) -> bool:
    """Whether the row is among those that the catalogue reads."""
    for column, allowed in location.only.items():
        if _cell(shape, row, column).decode(errors="replace") not in allowed:
            return False
    return True


def _cell(shape: Shape, row: Row, column: str) -> bytes:
    return (row.cells[shape.texts.index(column)] or b"") if column in shape.texts else b""
