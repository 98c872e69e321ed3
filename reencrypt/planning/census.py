"""The census: one read-only pass over every location, counting secrets by key and algorithm and keeping samples.

It decrypts nothing. Memory is bounded: a few clipped ciphertexts for each key that needs proof.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from reencrypt.catalogue.document_memory import DocumentMemory
from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.reading import (
    AlikeRows,
    FoundSecret,
    OrdinarySecrets,
    alike_rows,
    ordinary_secrets,
    secrets_of,
)
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.envelope import Envelope
from reencrypt.databases.footprint import Rewrites
from reencrypt.databases.paging import LookAt, read_all_to_end
from reencrypt.databases.protocol import Database
from reencrypt.events import Emit, Surveyed
from reencrypt.keys.proof import Sample
from reencrypt.state.accepted import NOTHING, Accepted
from reencrypt.state.quarantine import KnownSecret, Place, known_of
from reencrypt.state.rowkey import key_to_text

_PAGE_ROWS: Final = 2000
_WORTH_A_LOOK: Final = 4  # rows, from which on it is quicker to look at all of them at once
_MOST_GROUPS: Final = 4  # of a page: each is a look at all rows
_PAGE_BYTES: Final = 4 * 1024 * 1024
_LONG_ROW: Final = 16 * 1024
_SAMPLES_PER_KEY: Final = 64
_ALL_SAMPLES: Final = 40_000
_FEWEST_SAMPLES: Final = 8
_FEWEST_OF_LOCATION: Final = 2
_CLIP_BYTES: Final = 1024
_LONGEST_GCM_BYTES: Final = 64 * 1024
_NO_KEY_ID: Final = b"\0"  # a joined cell with an empty id
#: The key of a secret, None for `secret_key`, and its algorithm.
KeyUse = tuple[str | None, Algorithm]
#: The rows of a location whose keys differ from those of too many others: they are counted together.
MANY: Final[frozenset[KeyUse]] = frozenset()
_MOST_KEYS: Final = 1000
_NAMED: Final = 20  # how many single secrets a report names before it only counts


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A secret that does not read as it stands, and why."""

    place: Place
    why: str


@dataclass(slots=True)
class LocationCensus:
    """The count of one location. `by_key` counts (key id or None for legacy, algorithm) pairs; `named` lists some.

    `given_up` counts what the user has acknowledged in quarantine, where the census was told of it; then nothing else
    counts it. `rows_by_keys` measures rows by the pairs of all their secrets, or as `MANY`. `unsplit` counts values
    with the id of their data key before them, where Grafana has a column for it.
    """

    total: int = 0
    given_up: int = 0
    by_key: dict[KeyUse, int] = field(default_factory=dict)
    rows_by_keys: dict[frozenset[KeyUse], Rewrites] = field(default_factory=dict)
    problems: dict[str, int] = field(default_factory=dict)
    unreadable_padding: int = 0
    unsplit: int = 0
    named: list[Unreadable] = field(default_factory=list)

    def add(self, envelope: Envelope, number: int = 1) -> None:
        """Count secrets under the key and algorithm of an envelope."""
        entry = (envelope.key_id, envelope.algorithm)
        self.by_key[entry] = self.by_key.get(entry, 0) + number


class Samples:
    """The longest ciphertexts of each key in each location, clipped; `limit` of them a key.

    Spread over the locations, because the longest of all may lie in one place and be damaged together.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Thousands of keys in every location must stay small.
        self._of_location = limit if limit == _SAMPLES_PER_KEY else max(_FEWEST_OF_LOCATION, limit // 4)
        self._heaps: dict[str | None, dict[str, list[tuple[int, int, Sample]]]] = {}
        # By key the salts and nonces of what is in its heaps: a copy of a ciphertext is no further evidence.
        self._held: dict[str | None, set[bytes]] = {}
        self._order = itertools.count()

    @classmethod
    def for_keys(cls, keys: int) -> Samples:
        """Bound the samples by the number of keys, so that thousands of keys stay small."""
        return cls(max(_FEWEST_SAMPLES, min(_SAMPLES_PER_KEY, _ALL_SAMPLES // max(1, keys))))

    def offer(self, location: str, envelope: Envelope, kind: Kind) -> None:
        """Consider one ciphertext. Copies count once: Grafana's history of alerting configurations is full of them."""
        heap = self._heaps.setdefault(envelope.key_id, {}).setdefault(location, [])
        length = min(envelope.plaintext_bytes, _CLIP_BYTES)
        if len(heap) >= self._of_location and length <= heap[0][0]:
            return
        if envelope.algorithm is Algorithm.AES_GCM and len(envelope.body) > _LONGEST_GCM_BYTES:
            # A GCM value cannot be clipped, and its own tag vouches for it when it is moved.
            return
        held = self._held.setdefault(envelope.key_id, set())
        if (identity := identity_of(envelope)) in held:
            return
        held.add(identity)
        entry = (length, next(self._order), _clip(envelope, kind))
        if len(heap) < self._of_location:
            heapq.heappush(heap, entry)
        else:
            _, _, smallest = heapq.heapreplace(heap, entry)
            held.discard(identity_of(smallest.envelope))

    def may_take(self, location: str, key_id: str | None, longest: int) -> bool:
        """Whether ciphertexts of at most that length may become samples; those of alike secrets seldom do."""
        heap = self._heaps.get(key_id, {}).get(location)
        return not heap or len(heap) < self._of_location or min(longest, _CLIP_BYTES) > heap[0][0]

    def forget(self, location: str) -> None:
        """Forget the samples of a location that is read again: the same ciphertext twice is no more evidence."""
        for key_id, by_location in self._heaps.items():
            for _, _, sample in by_location.pop(location, ()):
                self._held[key_id].discard(identity_of(sample.envelope))

    @property
    def key_ids(self) -> set[str]:
        """The data keys with samples."""
        return {key_id for key_id in self._heaps if key_id is not None}

    def of(self, key_id: str | None) -> list[Sample]:
        """The samples of a key: the longest of each location, then the second longest of each, and so on."""
        by_location = [sorted(heap, reverse=True) for heap in self._heaps.get(key_id, {}).values()]
        rounds = itertools.zip_longest(*by_location)
        entries = [entry for each in rounds for entry in sorted(filter(None, each), reverse=True)]
        return [sample for _, _, sample in entries[: self._limit]]


def identity_of(envelope: Envelope) -> bytes:
    """Salt and nonce, which only copies of a ciphertext share: the nonce is random."""
    return envelope.salt + envelope.nonce


def _clip(envelope: Envelope, kind: Kind) -> Sample:
    if envelope.algorithm is Algorithm.AES_GCM or len(envelope.body) <= _CLIP_BYTES:
        return Sample(envelope, kind)
    # CFB decrypts a beginning alone. It need not parse, but a wrong key does not yield text either.
    clipped = envelope._replace(body=envelope.body[:_CLIP_BYTES])
    return Sample(clipped, Kind.BYTES if kind is Kind.BYTES else Kind.TEXT, clipped=True)


@dataclass(slots=True)
class Census:
    """The secrets of a database, by location in the catalogue's order."""

    locations: dict[str, LocationCensus]
    samples: Samples

    @property
    def total(self) -> int:
        """All secrets, those that cannot be read included."""
        return sum(each.total for each in self.locations.values())

    @property
    def key_ids(self) -> set[str]:
        """Every data key id that a secret names."""
        return {key_id for each in self.locations.values() for key_id, _ in each.by_key if key_id is not None}


async def take_census(
    database: Database,
    locations: Iterable[Location],
    *,
    keys: int,
    wants_sample: Callable[[Location, Envelope], bool],
    emit: Emit,
    accepted: Accepted = NOTHING,
    given_up: Mapping[Place, KnownSecret] | None = None,
    memory: DocumentMemory | None = None,
) -> Census:
    """Read every location to its end. `keys` is the number of rows in `data_keys`, which bounds the samples of each.

    `accepted` secrets are no samples: they are implausible under the right key too. Those that were `given_up` are
    counted apart. `memory` keeps what was found in documents for a later pass.
    """
    census = Census({}, Samples.for_keys(keys))
    memory = memory or DocumentMemory(most_places=0)

    def begin(location: Location) -> LookAt:
        found = census.locations[location.name] = LocationCensus()
        census.samples.forget(location.name)
        scan = Scan(location, found, census.samples, wants_sample, accepted, given_up or {}, memory)

        async def look(rows: list[Row]) -> None:
            before = found.total
            if location.fields[0].key_id is not None:
                found.unsplit += sum((row.cells[0] or b"").startswith(_NO_KEY_ID) for row in rows)
            if sum(len(row.cells[0] or b"") for row in rows) > _LONG_ROW * len(rows):
                # In a thread, so that the next page is asked for and comes in meanwhile.
                await asyncio.to_thread(scan.look_at, rows)
            else:
                scan.look_at(rows)
            emit(Surveyed(location.name, found.total - before))

        return look

    await read_all_to_end(database, locations, begin, rows=_PAGE_ROWS, size=_PAGE_BYTES)
    return census


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan of a location: counts what it `found`, and offers ciphertexts as `samples`."""

    location: Location
    found: LocationCensus
    samples: Samples
    wants_sample: Callable[[Location, Envelope], bool]
    accepted: Accepted
    given_up: Mapping[Place, KnownSecret]
    memory: DocumentMemory

    def look_at(self, rows: Sequence[Row]) -> None:
        """Count the secrets of rows."""
        alike: dict[int, Envelope] = {}
        offered = False
        rest = rows
        for _ in range(0 if self.given_up else _MOST_GROUPS):
            group = alike_rows(self.location, rest) if len(rest) >= _WORTH_A_LOOK else None
            if group is None:
                break
            self._count_rows(group)
            alike.update(dict.fromkeys(map(id, group.rows), group.envelope))
            offered |= self._may_offer(group.envelope, group.longest)
            rest = group.others
        # In the order of the page, so that of two secrets of one length the first becomes a sample.
        for row in rows if offered else rest:
            if id(row) not in alike:
                self._look_at(row)
                continue
            for secret in secrets_of(self.location, row):
                if secret.envelope is not None:
                    self._offer(secret.text_in(row), secret.envelope, secret.kind)

    def _count_rows(self, group: AlikeRows) -> None:
        number = len(group.rows)
        self.found.total += number
        self.found.add(group.envelope, number)
        measured = _measured(self.found, [(group.envelope.key_id, group.envelope.algorithm)])
        measured.add(Rewrites(rows=number, cells=number, size=group.size))

    def _look_at(self, row: Row) -> None:
        ordinary = None if self.given_up else ordinary_secrets(self.location, row, self.memory)
        if ordinary is not None:
            self._count_ordinary(row, ordinary)
            return
        columns: set[int] = set()
        keys: set[KeyUse] = set()
        for secret in secrets_of(self.location, row):
            if self.given_up and known_of(self.given_up, self.location, secret, row) is not None:
                self.found.total += 1
                self.found.given_up += 1
                continue
            _count(self.found, self.location, row.key, secret)
            if (envelope := secret.envelope) is not None:
                columns.add(secret.column)
                keys.add((envelope.key_id, envelope.algorithm))
                if self.wants_sample(self.location, envelope) and not self.accepted.covers(secret.text_in(row)):
                    self.samples.offer(self.location.name, envelope, secret.kind)
        _measure(self.found, row, columns, keys)

    def _count_ordinary(self, row: Row, secrets: OrdinarySecrets) -> None:
        self.found.total += len(secrets)
        alike = secrets.alike
        if alike is None:
            keys: set[KeyUse] = set()
            for text, envelope, kind in secrets.each():
                self.found.add(envelope)
                keys.add((envelope.key_id, envelope.algorithm))
                self._offer(text, envelope, kind)
            _measure(self.found, row, (0,), keys)
            return
        self.found.add(alike, len(secrets))
        _measure(self.found, row, (0,), [(alike.key_id, alike.algorithm)])
        if self._may_offer(alike, secrets.longest):
            for text, envelope, kind in secrets.each():
                self._offer(text, envelope, kind)

    def _may_offer(self, alike: Envelope, longest: int) -> bool:
        """Whether secrets under the key of an envelope, of at most that length, may become samples."""
        wanted = self.wants_sample(self.location, alike)
        return wanted and self.samples.may_take(self.location.name, alike.key_id, longest)

    def _offer(self, text: bytes, envelope: Envelope, kind: Kind) -> None:
        if self.wants_sample(self.location, envelope) and not self.accepted.covers(text):
            self.samples.offer(self.location.name, envelope, kind)


def _count(found: LocationCensus, location: Location, key: Key, secret: FoundSecret) -> None:
    found.total += 1
    envelope = secret.envelope
    if envelope is None:
        reason = str(secret.problem)
        found.problems[reason] = found.problems.get(reason, 0) + 1
        _name(found, location, key, secret, reason)
        return
    found.add(envelope)
    if not secret.slot.strict:
        found.unreadable_padding += 1
        _name(found, location, key, secret, "padding that Grafana does not decode")


def _measure(found: LocationCensus, row: Row, columns: Iterable[int], keys: Iterable[KeyUse]) -> None:
    pairs = frozenset(keys)
    if not pairs:
        return
    measured = _measured(found, pairs)
    measured.rows += 1
    for column in columns:
        measured.cells += 1
        measured.size += len(row.cells[column] or b"")


def _measured(found: LocationCensus, keys: Iterable[KeyUse]) -> Rewrites:
    """The measure of rows with secrets under these keys."""
    pairs = frozenset(keys)
    if pairs not in found.rows_by_keys and len(found.rows_by_keys) >= _MOST_KEYS:
        pairs = MANY
    return found.rows_by_keys.setdefault(pairs, Rewrites())


def _name(found: LocationCensus, location: Location, key: Key, secret: FoundSecret, what: str) -> None:
    if len(found.named) < _NAMED:
        found.named.append(Unreadable((location.name, key_to_text(key), secret.field), what))
