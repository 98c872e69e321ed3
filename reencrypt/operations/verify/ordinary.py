"""Judge many secrets at once: those of a page that begin alike, under a key that is proven by then.

What a run has written has one data key, algorithm and salt, and differs in nonce and body only. Nothing is found bad
here: a secret that is not plainly sound, or that anything is known of, is left to be looked at by itself.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from operator import methodcaller
from typing import Final, NamedTuple

from reencrypt.catalogue.codec import WholeColumn
from reencrypt.catalogue.encoding import Base64, Encoding, strict_values
from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.plaintext import Kind, are_plausible, is_plausible
from reencrypt.catalogue.reading import ParsedRow, framed_id, kind_by_row, namespace_of
from reencrypt.crypto import ciphers
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.ciphers import AuthenticationFailedError
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import beginning
from reencrypt.databases.cut_off import column_ends
from reencrypt.databases.protocol import ColumnLimit

_MOST_BEGINNINGS: Final = 32

#: The key itself of a data key whose secrets may be judged here, None for any other.
KeyOf = Callable[[str], bytes | None]


class Beginning(NamedTuple):
    """What values under one data key, algorithm and salt begin with."""

    value: bytes
    key_id: str
    algorithm: Algorithm
    salt: bytes


class _Column(NamedTuple):
    """A column of the location: each of its cells is one secret, or none."""

    place: int
    encoding: Encoding
    kind: Kind
    ends: frozenset[int]


class _Group(NamedTuple):
    """Rows whose secrets have data keys of one namespace and plaintexts of one kind, None for that of their column."""

    namespace: str
    kind: Kind | None
    rows: Sequence[Row]


class _Secrets(NamedTuple):
    """Values, and the places of their rows in a group."""

    places: Sequence[int]
    values: Sequence[bytes]


class OrdinarySecrets:
    """The ordinary secrets of a location; one page at a time.

    `limits` are the sizes of its columns. A location of which secrets are in quarantine (`held`) has none here.
    """

    def __init__(
        self, location: Location, limits: Sequence[ColumnLimit | None], cache: DerivedKeyCache, *, held: bool
    ) -> None:
        self._location = location
        self._cache = cache
        self._columns = () if held else _columns(location, limits)
        self._known: OrderedDict[tuple[str, bytes], Beginning] = OrderedDict()

    @property
    def key_ids(self) -> list[str]:
        """The data keys that it asks for."""
        return [each.key_id for each in self._known.values()]

    def learn(self, parsed: Sequence[ParsedRow], key_of: KeyOf) -> None:
        """Remember how the secrets of rows begin. Not while a page is taken."""
        if not self._columns:
            return
        for row, secrets in parsed:
            for secret in secrets:
                envelope = secret.envelope
                if envelope is None or envelope.key_id is None or not envelope.prefixed:
                    continue
                if key_of(envelope.key_id) is None:
                    continue
                value = beginning(framed_id(self._location, envelope.key_id), envelope.algorithm, envelope.salt)
                place = (namespace_of(self._location, row), value)
                if place not in self._known:
                    self._known[place] = Beginning(value, envelope.key_id, envelope.algorithm, envelope.salt)
                    if len(self._known) > _MOST_BEGINNINGS:
                        self._known.popitem(last=False)

    def take(self, rows: list[Row], key_of: KeyOf) -> tuple[Counter[str], list[Row]]:
        """Judge a page; returns how many secrets are sound by data key, and the rows that have others, in order."""
        sound: Counter[str] = Counter()
        if not self._known:
            return sound, rows
        groups = self._groups(rows)
        odd = [row for group in groups for row in self._odd(group, key_of, sound)]
        if len(groups) > 1 and odd:
            wanted = set(map(id, odd))
            odd = [row for row in rows if id(row) in wanted]
        return sound, odd

    def _groups(self, rows: Sequence[Row]) -> list[_Group]:
        if not self._location.namespace and len({row.extras for row in rows}) == 1:
            return [_Group("", kind_by_row(self._location, rows[0]), rows)]
        alike: dict[tuple[str, tuple[object, ...]], list[Row]] = {}
        for row in rows:
            alike.setdefault((namespace_of(self._location, row), row.extras), []).append(row)
        return [
            _Group(namespace, kind_by_row(self._location, members[0]), members)
            for (namespace, _), members in alike.items()
        ]

    def _odd(self, group: _Group, key_of: KeyOf, sound: Counter[str]) -> Sequence[Row]:
        """Count the sound secrets of a group; returns the rows that have others."""
        known: dict[bytes, tuple[Beginning, bytes]] = {}
        for (namespace, value), each in self._known.items():
            if namespace == group.namespace and (key := key_of(each.key_id)) is not None:
                known[value] = (each, self._cache.get(key, each.salt))
        if not known:
            return group.rows
        judged: list[tuple[str, Sequence[int]]] = []
        odd: set[int] = set()
        for column in self._columns:
            for start, found in _alike(*_secrets_in(column, group.rows, odd), known).items():
                if start is None:
                    odd.update(found.places)
                    continue
                each, derived = known[start]
                judged.append((each.key_id, found.places))
                bodies = [value[len(start) :] for value in found.values]
                bad = _unsound(each.algorithm, derived, bodies, group.kind or column.kind)
                odd.update(found.places[index] for index in bad)
        for key_id, members in judged:
            sound[key_id] += len(members) - (sum(place in odd for place in members) if odd else 0)
        return [group.rows[place] for place in sorted(odd)]


def _columns(location: Location, limits: Sequence[ColumnLimit | None]) -> tuple[_Column, ...]:
    """The columns of a location, none where a cell of them may hold more than a secret, or has no length in bytes."""
    found = []
    for index, (field, limit) in enumerate(zip(location.fields, limits, strict=False)):
        if not isinstance(field.codec, WholeColumn):
            return ()
        encoding = field.codec.encoding
        if limit is not None and limit.in_characters and not isinstance(encoding, Base64):
            return ()
        found.append(_Column(index, encoding, field.codec.kind, column_ends(limit)))
    return tuple(found)


def _secrets_in(column: _Column, rows: Sequence[Row], odd: set[int]) -> _Secrets:
    """The secrets in a column; a cell that may be cut off, or is no secret that can be read, makes its row `odd`."""
    cells = [row.cells[column.place] or b"" for row in rows]
    places: Sequence[int] = range(len(cells))
    if not all(cells):
        if column.encoding.decode(b"") is not None:
            odd.update(place for place in places if rows[place].cells[column.place] == b"")
        places = [place for place in places if cells[place]]
        cells = [cells[place] for place in places]
    if not column.ends.isdisjoint(map(len, cells)):
        odd.update(place for place, cell in zip(places, cells, strict=True) if len(cell) in column.ends)
    return _Secrets(places, strict_values(column.encoding, cells))


def _alike(places: Sequence[int], values: Sequence[bytes], known: Collection[bytes]) -> dict[bytes | None, _Secrets]:
    """Secrets by what their values begin with, None where that is not known."""
    lengths = {len(start) for start in known}

    def start_of(value: bytes) -> bytes | None:
        return next((start for length in lengths if (start := value[:length]) in known), None)

    if values and (first := start_of(values[0])) and all(map(methodcaller("startswith", first), values)):
        # Nearly all pages of what a run has written.
        return {first: _Secrets(places, values)}
    alike: dict[bytes | None, tuple[list[int], list[bytes]]] = {}
    for place, value in zip(places, values, strict=True):
        members = alike.setdefault(start_of(value), ([], []))
        members[0].append(place)
        members[1].append(value)
    return {start: _Secrets(*members) for start, members in alike.items()}


def _unsound(algorithm: Algorithm, derived: bytes, bodies: Sequence[bytes], kind: Kind) -> Iterable[int]:
    """The indexes of the bodies that do not plainly decrypt to what Grafana stored."""
    indexes = range(len(bodies))
    if min(map(len, bodies)) < algorithm.overhead_bytes:
        return indexes
    try:
        texts = ciphers.decrypt(algorithm, derived, bodies)
    except AuthenticationFailedError:
        return indexes
    # A tag says that Grafana reads what was written, plausible or not.
    if algorithm is Algorithm.AES_GCM or are_plausible(texts, kind):
        return ()
    return [index for index in indexes if not is_plausible(texts[index], kind)]
