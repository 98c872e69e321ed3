"""Fast path for columns that hold exactly one secret, with the prefix of one whose key was judged already.

A rotation moves hundreds of thousands of values that share data key, algorithm and salt, and differ only in nonce and
body. Where the key is proven by itself, each needs no more than to be decrypted, checked and encrypted. Nothing is
judged bad here: every value that differs from the others in any way takes the slow path.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from reencrypt.catalogue.codec import WholeColumn
from reencrypt.catalogue.encoding import Encoding
from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.plaintext import Kind, is_plausible
from reencrypt.catalogue.reading import kind_by_row, secrets_of
from reencrypt.crypto import ciphers
from reencrypt.crypto.ciphers import AuthenticationFailedError
from reencrypt.crypto.gobase64 import MalformedEncodingError
from reencrypt.databases.cut_off import column_ends
from reencrypt.databases.protocol import RowUpdate
from reencrypt.operations.migrate.prefixes import Prefix, Prefixes, written_by
from reencrypt.operations.migrate.slow_path import PageOutcome, Transformer
from reencrypt.state.quarantine import KnownSecret, Place
from reencrypt.state.rowkey import key_to_text


class FastPath:
    """The fast path of one location, for one run; one page at a time.

    `known` are the secrets that were in quarantine before: the slow path treats them.
    """

    def __init__(self, location: Location, known: Mapping[Place, KnownSecret]) -> None:
        codec = location.fields[0].codec
        if not isinstance(codec, WholeColumn):
            raise TypeError(location.name)
        self._encoding: Encoding = codec.encoding
        self._kind = codec.kind
        self._location = location
        self._held = {key for name, key, _ in known if name == location.name}
        self._kinds: dict[tuple[object, ...], Kind] = {}
        self._prefixes = Prefixes(location)

    @staticmethod
    def fits(location: Location) -> bool:
        """Whether a row holds only one secret, on which no other column or row depends."""
        return (
            location.reencrypted
            and len(location.columns) == 1
            and isinstance(location.fields[0].codec, WholeColumn)
            and location.linked is None
        )

    def learn(self, row: Row, transformer: Transformer) -> None:
        """Record the prefix of a row's secret that took the slow path. Not while a page is taken."""
        secret = next(secrets_of(self._location, row), None)
        if secret is not None and secret.envelope is not None:
            self._prefixes.learn(secret.envelope, transformer)

    def take(self, rows: Sequence[Row], transformer: Transformer) -> tuple[PageOutcome, list[Row]]:
        """Move the ordinary rows of a page; returns their outcome, and the rows that need the slow path."""
        page = PageOutcome()
        rest: list[Row] = []
        prefixes = self._prefixes.held(transformer)
        done = written_by(transformer)
        alike: dict[bytes, tuple[Prefix, list[Row], list[bytes]]] = {each.value: (each, [], []) for each in prefixes}
        latest = prefixes[-1] if prefixes else None
        text = self._encoding.beginning(latest.value) if latest is not None else None
        ends = column_ends(transformer.limits[0])
        odd: list[Row] = []
        left = rows
        if latest is not None and text is not None and not self._held:
            # Nearly all rows of a page, where no cell has to be decoded for it.
            group, left = _beginning_with(text, latest.algorithm.overhead_bytes, rows, ends)
            bodies = [(row.cells[0] or b"")[len(text) :] for row in group]
            odd += self._move(latest, group, bodies, transformer, page) if group else []
        for row in left:
            cell = row.cells[0] or b""
            if len(cell) in ends or (self._held and key_to_text(row.key) in self._held):
                rest.append(row)
                continue
            value = self._decoded(cell)
            if latest is None or not value.startswith(latest.value):
                if done is not None and done.begins(value):
                    page.unchanged.re_encrypted += 1
                    continue
                latest = next((each for each in prefixes if value.startswith(each.value)), None)
            if latest is None or not latest.begins(value):
                rest.append(row)
                continue
            _, group, bodies = alike[latest.value]
            group.append(row)
            bodies.append(value[len(latest.value) :])
        for each, group, bodies in alike.values():
            if group:
                odd += self._move(each, group, bodies, transformer, page)
        if odd:
            # In the order of the page, as the slow path would meet them.
            wanted = {id(row) for row in (*rest, *odd)}
            rest = [row for row in rows if id(row) in wanted]
        return page, rest

    def _move(
        self,
        alike: Prefix,
        rows: Sequence[Row],
        bodies: Sequence[bytes],
        transformer: Transformer,
        page: PageOutcome,
    ) -> list[Row]:
        """Move rows with one prefix; returns those that are not ordinary after all."""
        try:
            plaintexts = ciphers.decrypt(alike.algorithm, alike.derived_key, bodies)
        except AuthenticationFailedError:
            return list(rows)
        rest: list[Row] = []
        ordinary: list[Row] = []
        texts: list[bytes] = []
        for row, text in zip(rows, plaintexts, strict=True):
            if is_plausible(text, self._kind_of(row)):
                ordinary.append(row)
                texts.append(text)
            else:
                rest.append(row)
        encode, (limit,) = self._encoder(transformer.encryptor.prefix), transformer.limits
        moved = len(page.updates)
        for row, value in zip(ordinary, transformer.encryptor.encrypt_all(texts), strict=True):
            cell = encode(value)
            if limit is None or limit.admits(cell):
                page.updates.append(RowUpdate(row.key, row.cells, (cell,)))
            else:
                rest.append(row)
        if moved < len(page.updates):
            page.namespaces.add(transformer.namespace)
            page.failure_rate.note_moved(alike.key_id, len(page.updates) - moved)
        return rest

    def _decoded(self, cell: bytes) -> bytes:
        """The value in a cell, empty where there is none."""
        try:
            return self._encoding.decode(cell) or b""
        except MalformedEncodingError:
            return b""

    def _encoder(self, prefix: bytes) -> Callable[[bytes], bytes]:
        """Return what encodes values with this prefix, all but their rest once where the encoding allows it."""
        text, length = self._encoding.beginning(prefix), len(prefix)
        return self._encoding.encode if text is None else lambda value: text + value[length:]

    def _kind_of(self, row: Row) -> Kind:
        """The kind of the row's plaintext, cached, because it is needed for each row."""
        if not row.extras:
            return self._kind
        kind = self._kinds.get(row.extras)
        if kind is None:
            kind = self._kinds[row.extras] = kind_by_row(self._location, row) or self._kind
        return kind


def _beginning_with(
    text: bytes, shortest: int, rows: Sequence[Row], ends: Collection[int]
) -> tuple[list[Row], list[Row]]:
    """The rows whose cells begin with a text and are long enough behind it, and the others. Nothing is decoded."""
    found: list[Row] = []
    others: list[Row] = []
    shortest += len(text)
    for row in rows:
        cell = row.cells[0] or b""
        fits = cell.startswith(text) and len(cell) >= shortest and len(cell) not in ends
        (found if fits else others).append(row)
    return found, others
