"""Fast path for columns that hold exactly one secret, with the prefix of one whose key was judged already.

A rotation moves hundreds of thousands of values that share data key, algorithm and salt, and differ only in nonce and
body. Where the key is proven by itself, each needs no more than to be decrypted, checked and encrypted. Nothing is
judged bad here: every value that differs from the others in any way takes the slow path.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import compress, repeat

from reencrypt.catalogue.codec import WholeColumn
from reencrypt.catalogue.encoding import Encoding
from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.plaintext import Kind, are_plausible, is_plausible
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
        ends = column_ends(transformer.limits[0])
        odd: list[Row] = []
        left = rows
        if latest is not None and not self._held:
            # Nearly all rows of a page.
            group, bodies, left = self._alike(latest, rows, ends)
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

    def _alike(
        self, prefix: Prefix, rows: Sequence[Row], ends: Collection[int]
    ) -> tuple[list[Row], list[bytes], Sequence[Row]]:
        """The rows whose values have a prefix, what is behind it in each, and the other rows. All are decoded at once.

        It may leave rows of the first kind among the others.
        """
        stem = self._encoding.stem(prefix.value)
        text, start = stem.text, prefix.value[stem.length :]
        found = [row for row in rows if (cell := row.cells[0]) and cell.startswith(text) and len(cell) not in ends]
        rests = self._encoding.decode_rests([(row.cells[0] or b"")[len(text) :] for row in found])
        if not rests:
            return [], [], rows
        shortest = len(start) + prefix.algorithm.overhead_bytes
        if min(map(len, rests)) < shortest or not all(map(bytes.startswith, rests, repeat(start))):
            fits = [len(rest) >= shortest and rest.startswith(start) for rest in rests]
            found, rests = list(compress(found, fits)), list(compress(rests, fits))
        if len(found) == len(rows):
            return found, [rest[len(start) :] for rest in rests], []
        taken = set(map(id, found))
        return found, [rest[len(start) :] for rest in rests], [row for row in rows if id(row) not in taken]

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
        ordinary, texts, rest = self._plausible(rows, plaintexts)
        stem, (limit,) = self._encoding.stem(transformer.encryptor.prefix), transformer.limits
        values = [value[stem.length :] for value in transformer.encryptor.encrypt_all(texts)]
        cells = self._encoding.encode_rests(stem, values)
        if limit is not None and not all(map(limit.admits, cells)):
            fits = [limit.admits(cell) for cell in cells]
            rest += compress(ordinary, [not each for each in fits])
            ordinary, cells = list(compress(ordinary, fits)), list(compress(cells, fits))
        if ordinary:
            page.updates += [RowUpdate(row.key, row.cells, (cell,)) for row, cell in zip(ordinary, cells, strict=True)]
            page.namespaces.add(transformer.namespace)
            page.failure_rate.note_moved(alike.key_id, len(ordinary))
        return rest

    def _plausible(self, rows: Sequence[Row], plaintexts: list[bytes]) -> tuple[Sequence[Row], list[bytes], list[Row]]:
        """The rows with plausible plaintexts, those plaintexts, and the other rows."""
        kinds = [self._kind_of(row) for row in rows] if self._location.kind_by_type else [self._kind] * len(rows)
        if all(
            are_plausible([text for text, of in zip(plaintexts, kinds, strict=True) if of is kind], kind)
            for kind in set(kinds)
        ):
            return rows, plaintexts, []
        found = list(map(is_plausible, plaintexts, kinds))
        others = list(compress(rows, [not each for each in found]))
        return list(compress(rows, found)), list(compress(plaintexts, found)), others

    def _decoded(self, cell: bytes) -> bytes:
        """The value in a cell, empty where there is none."""
        try:
            return self._encoding.decode(cell) or b""
        except MalformedEncodingError:
            return b""

    def _kind_of(self, row: Row) -> Kind:
        """The kind of the row's plaintext, cached, because it is needed for each row."""
        kind = self._kinds.get(row.extras)
        if kind is None:
            kind = self._kinds[row.extras] = kind_by_row(self._location, row) or self._kind
        return kind
