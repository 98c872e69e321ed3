"""Search every text and blob column of a database for ciphertext in places that the catalogue does not know.

`signatures` knows what to look for, and in which encodings. This module walks the tables, leaves out what the census
counts, and records the finds and what could not be searched.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor as Pool
from dataclasses import dataclass, field
from typing import Final

from reencrypt.catalogue.codec import Slot, WholeColumn
from reencrypt.catalogue.encoding import RAW
from reencrypt.catalogue.location import Field, Key, Location, Row
from reencrypt.catalogue.store_name import StoreName
from reencrypt.catalogue.stores import STORES
from reencrypt.crypto import managed
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.envelope import MalformedEnvelopeError, algorithm_prefix
from reencrypt.databases.paging import LookAt, read_to_end
from reencrypt.databases.protocol import Database
from reencrypt.databases.shapes import Shape
from reencrypt.databases.statements import OUR_TABLES
from reencrypt.errors import ConfigurationError, ReencryptError
from reencrypt.events import Emit, Surveyed
from reencrypt.keys.ring import DataKey
from reencrypt.operations.complete.proposals import Sighted
from reencrypt.operations.complete.signatures import MOST_BYTES, Marks, examine, marks_of, suspects
from reencrypt.state.journal import digest
from reencrypt.state.rowkey import key_to_text

#: Grafana's cache. Its entries expire.
CACHE: Final = "cache_data"

_PAGE_ROWS: Final = 1000
_PAGE_BYTES: Final = 4 * 1024 * 1024
_NAMED: Final = 1000  # places of a find that are named; more are counted
_SHOWN_DIGITS: Final = 16

#: The state tables.
_STATE: Final = frozenset(OUR_TABLES)
#: Wrapped data keys, which begin like a legacy value and are none.
_WRAPPINGS: Final = frozenset((store.data_keys, "encrypted_data") for store in STORES.values())
_PREFIXES: Final = tuple(map(algorithm_prefix, Algorithm))
_NOT_A_SECRET: Final = re.compile(r"(.+):([0-9A-Fa-f]{12,64})")


@dataclass(frozen=True, slots=True)
class Place:
    """A row with a find, and the SHA-256 of the bytes that were searched, in hexadecimal, never their text."""

    row: str
    sha256: str

    @property
    def short(self) -> str:
        """The beginning of the digest, long enough to be unique."""
        return self.sha256[:_SHOWN_DIGITS]


@dataclass(slots=True)
class Stray:
    """Values under one key in one column that the catalogue does not know.

    `key_id` is the id of a data key as values name it, without a namespace; None for `secret_key`.
    """

    table: str
    column: str
    key_id: str | None
    number: int = 0
    places: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class Unseen:
    """Values of one column that were not searched completely, for one reason."""

    table: str
    column: str
    reason: str
    number: int = 0
    places: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class Search:
    """The finds, and what could not be searched, TABLE or TABLE.COLUMN, each with the reason.

    `given_up` are the data keys that only acknowledged secrets name. `acknowledged` counts finds by the option that
    names them. `sighted` is how the finds of a column stand there, `keys` are the unique keys of the tables.
    """

    strays: dict[tuple[str, str, str | None], Stray] = field(default_factory=dict)
    unseen: dict[tuple[str, str, str], Unseen] = field(default_factory=dict)
    given_up: set[str] = field(default_factory=set)
    acknowledged: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    tables: int = 0
    unsearched: dict[str, str] = field(default_factory=dict)
    sighted: dict[tuple[str, str], Sighted] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, other: Search) -> None:
        """Add the result for another table."""
        self.strays |= other.strays
        self.unseen |= other.unseen
        self.given_up |= other.given_up
        self.acknowledged += other.acknowledged
        self.rows += other.rows
        self.tables += other.tables
        self.unsearched |= other.unsearched
        self.sighted |= other.sighted


@dataclass(frozen=True, slots=True)
class NotSecrets:
    """Finds that the user says are no secrets: by column, the digests of their bytes.

    A find counts again as soon as its bytes change.
    """

    digests: Mapping[str, tuple[str, ...]]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> NotSecrets:
        """Read TABLE.COLUMN:DIGEST, as the answer names a find. Raises `ConfigurationError` for anything else."""
        digests: dict[str, tuple[str, ...]] = {}
        for text in texts:
            match = _NOT_A_SECRET.fullmatch(text)
            if match is None:
                raise ConfigurationError(
                    f"--not-a-secret {text}: not a find",
                    hint="Give TABLE.COLUMN:DIGEST as the answer names it, at least 12 digits of the SHA-256.",
                )
            digests[match[1]] = (*digests.get(match[1], ()), match[2].lower())
        return cls(digests)

    def entry(self, column: str, sha256: str) -> str | None:
        """The option that names this find, as it was given, or None."""
        return next((f"{column}:{each}" for each in self.digests.get(column, ()) if sha256.startswith(each)), None)

    @property
    def entries(self) -> set[str]:
        """All options that name a find."""
        return {f"{column}:{each}" for column, digests in self.digests.items() for each in digests}


@dataclass(frozen=True, slots=True)
class Known:
    """Prior knowledge of the search: the catalogue, the data keys, and what was acknowledged.

    `locations` are those of both stores, by table, which may have several. `owners` are the stores that have a data key
    of an id, as values name it, and the namespaces in which they do. `keyless` are stores whose table of data keys is
    missing, so that nothing of theirs is counted. `given_up` are acknowledged secrets, each by its
    place and the SHA-256 of its text. `unsearched` are the tables that the user vouches for.
    """

    locations: Mapping[str, tuple[tuple[StoreName, Location], ...]]
    owners: Mapping[str, Mapping[StoreName, frozenset[str]]]
    keyless: frozenset[StoreName]
    marks: Marks
    given_up: frozenset[tuple[str, str, str, bytes]]
    not_secrets: NotSecrets
    unsearched: frozenset[str]

    @classmethod
    def of(
        cls,
        locations: Iterable[tuple[StoreName, Location]],
        key_ids: Iterable[tuple[StoreName, DataKey]],
        keyless: frozenset[StoreName],
        given_up: frozenset[tuple[str, str, str, bytes]],
        not_secrets: NotSecrets,
        unsearched: frozenset[str],
    ) -> Known:
        """Put it together. `key_ids` are the data keys there are, with their stores."""
        by_table: dict[str, tuple[tuple[StoreName, Location], ...]] = {}
        for store, location in locations:
            by_table[location.table] = (*by_table.get(location.table, ()), (store, location))
        owners: dict[str, dict[StoreName, frozenset[str]]] = {}
        for store, row in key_ids:
            namespaces = owners.setdefault(row.framed_id, {})
            namespaces[store] = namespaces.get(store, frozenset()) | {row.namespace}
        # Damaged text in a table of the catalogue names data keys that only the search sees.
        return cls(by_table, owners, keyless, marks_of(owners), given_up, not_secrets, unsearched - by_table.keys())


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
        table_search = _TableSearch(shape, known, part)

        async def look_at(rows: list[Row]) -> None:
            await asyncio.get_running_loop().run_in_executor(pool, table_search.page, rows)
            table_search.found.rows += len(rows)
            emit(Surveyed(shape.table, len(rows)))

        return look_at

    try:
        await read_to_end(database, _whole(shape), begin, rows=_PAGE_ROWS, size=_PAGE_BYTES)
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
class _TableSearch:
    """The search of one table, page by page."""

    shape: Shape
    known: Known
    found: Search

    def page(self, rows: Sequence[Row]) -> None:
        """Search a page: all of its cells at once, then the suspects closely."""
        locations = self.known.locations.get(self.shape.table, ())
        cells = [
            self._unknown(locations, row, column, cell) if cell else b""
            for row in rows
            for column, cell in zip(self.shape.texts, row.cells, strict=True)
        ]
        width = len(self.shape.texts)
        for index in suspects(cells, self.known.marks):
            sighting = examine(cells[index], self.known.marks)
            row = rows[index // width]
            place = Place(_shown(row.key), hashlib.sha256(cells[index]).hexdigest())
            column = self.shape.texts[index % width]
            if self._note(column, place, sighting.key_ids, sighting.beyond):
                self._see(column, row, sighting.key_ids)

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
            if not self._has_known_key(store, location, slot):
                # It is searched like any other text, unless it was given up.
                secret = (location.name, _shown(row.key), place.column + slot.path, digest(text) or b"")
                if secret not in self.known.given_up:
                    continue
                self.found.given_up |= _data_keys(examine(text, self.known.marks).key_ids)
            elif store in self.known.keyless:
                self.found.unsearched[f"{self.shape.table}.{place.column}"] = (
                    f"it holds secrets of {store.in_words}, and {STORES[store].data_keys} is missing"
                )
            yield max(0, slot.start - len(before)), slot.end - len(before)

    def _has_known_key(self, store: StoreName, location: Location, slot: Slot) -> bool:
        """Whether the census knows which key a secret needs: damaged text may name any, and so may another store's."""
        if slot.problem is not None:
            return False
        try:
            key_id = location.parse(slot.ciphertext).key_id
        except MalformedEnvelopeError:
            return False
        if store is StoreName.MANAGER and not managed.split_key_id(slot.ciphertext)[1].startswith(_PREFIXES):
            # Its reader takes anything for the name of the algorithm. What it did not write may be something else.
            return False
        return key_id is None or store in self.known.owners.get(key_id, (store,))

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
