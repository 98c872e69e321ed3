"""Fast path for documents: a JSON document is taken as a whole where each of its secrets is ordinary.

What the fast path of single values does, this does for a column with many secrets a cell: their places are found by a
search, and all secrets of a page that begin alike are decrypted, and encrypted, in one call. Nothing is judged bad
here: a row with one secret that differs from the others in any way takes the slow path, with all of its secrets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby, islice, repeat

from reencrypt.catalogue.document import JsonStrings, Secrets
from reencrypt.catalogue.document_memory import DocumentMemory
from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.plaintext import is_plausible
from reencrypt.catalogue.reading import envelope_of
from reencrypt.catalogue.text_hash import rehash
from reencrypt.crypto import ciphers
from reencrypt.crypto.ciphers import AuthenticationFailedError
from reencrypt.crypto.envelope import MalformedEnvelopeError
from reencrypt.databases.cut_off import column_ends
from reencrypt.databases.protocol import RowUpdate
from reencrypt.operations.migrate.prefixes import MOST_PREFIXES, Prefix, Prefixes, written_by
from reencrypt.operations.migrate.slow_path import PageOutcome, RowOutcome, Transformer
from reencrypt.state.counts import Counts
from reencrypt.state.quarantine import KnownSecret, Place
from reencrypt.state.rowkey import key_to_text


@dataclass(slots=True)
class _Document:
    """A row that is to move: its secrets, how many of them in turn have which prefix, and later the plaintexts."""

    row: Row
    secrets: Secrets
    prefixes: list[tuple[Prefix, int]]
    texts: list[bytes] = field(default_factory=list)

    @property
    def is_plausible(self) -> bool:
        """Whether all plaintexts can be what Grafana stored there."""
        return all(is_plausible(text, rule.kind) for text, rule in zip(self.texts, self.secrets.rules, strict=True))


class DocumentPath:
    """The fast path of one location of documents, for one run; one page at a time.

    `known` are the secrets that were in quarantine before: the slow path treats them. `memory` knows the documents that
    the census has searched, and those that this run has written.
    """

    def __init__(self, location: Location, known: Mapping[Place, KnownSecret], memory: DocumentMemory) -> None:
        codec = location.fields[0].codec
        if not isinstance(codec, JsonStrings):
            raise TypeError(location.name)
        self._codec = codec
        self._location = location
        self._held = {key for name, key, _ in known if name == location.name}
        self._prefixes = Prefixes(location)
        self._unknown: list[bytes] = []
        self._memory = memory

    @staticmethod
    def fits(location: Location) -> bool:
        """Whether a row is one document, which a run re-encrypts."""
        codec = location.fields[0].codec
        return (
            location.reencrypted
            and len(location.fields) == 1
            and isinstance(codec, JsonStrings)
            and codec.is_searchable
            and location.kind_by_type is None
        )

    def learn(self, row: Row, transformer: Transformer) -> None:
        """Record the prefixes that `take` did not know, once the slow path has judged them."""
        del row
        namespace = transformer.namespace if self._location.namespace is not None else None
        for ciphertext in self._unknown:
            with suppress(MalformedEnvelopeError):
                self._prefixes.learn(envelope_of(self._location, ciphertext, namespace), transformer)

    def take(self, rows: Sequence[Row], transformer: Transformer) -> tuple[PageOutcome, list[Row]]:
        """Move the ordinary documents of a page; returns their outcome, and the rows that need the slow path."""
        page = PageOutcome()
        prefixes, done = self._prefixes.held(transformer), written_by(transformer)
        ends = column_ends(transformer.limits[0])
        self._unknown.clear()
        moving: list[_Document] = []
        odd: set[int] = set()
        for row in rows:
            cell = row.cells[0] or b""
            if len(cell) in ends or (self._held and key_to_text(row.key) in self._held):
                odd.add(id(row))
                continue
            if done is not None and (written := self._memory.written(cell, done.value)) is not None:
                page.unchanged.re_encrypted += written
                continue
            secrets = self._memory.recall(self._codec, cell)
            if secrets is None:
                odd.add(id(row))
            elif done is not None and all(map(done.begins, secrets.ciphertexts)):
                page.unchanged.re_encrypted += len(secrets.texts)
            elif found := self._known(secrets.ciphertexts, prefixes):
                moving.append(_Document(row, secrets, found))
            else:
                odd.add(id(row))
        odd |= _decrypt(moving)
        odd |= {id(each.row) for each in moving if not each.is_plausible}
        odd |= self._move([each for each in moving if id(each.row) not in odd], transformer, page)
        # In the order of the page, as the slow path would meet them.
        return page, [row for row in rows if id(row) in odd]

    def _known(self, ciphertexts: Sequence[bytes], prefixes: Sequence[Prefix]) -> list[tuple[Prefix, int]] | None:
        """The prefixes of secrets in turn, None where one has none; such secrets are remembered to be learnt."""
        if prefixes and ciphertexts and prefixes[-1].begins_all(ciphertexts):
            return [(prefixes[-1], len(ciphertexts))]
        found = [next((each for each in prefixes if each.begins(value)), None) for value in ciphertexts]
        unknown = [value for value, prefix in zip(ciphertexts, found, strict=True) if prefix is None]
        self._unknown += unknown[: MOST_PREFIXES - len(self._unknown)]
        known = [each for each in found if each is not None]
        return [(each, len(list(group))) for each, group in groupby(known)] if not unknown else None

    def _move(self, documents: Sequence[_Document], transformer: Transformer, page: PageOutcome) -> set[int]:
        """Encrypt and splice; returns the rows whose column would not hold the result."""
        odd: set[int] = set()
        sealed = iter(transformer.encryptor.encrypt_all([text for each in documents for text in each.texts]))
        for document in documents:
            row, secrets, moved = document.row, document.secrets, len(document.texts)
            new = [secrets.replaced(row.cells[0] or b"", list(islice(sealed, moved))), *row.cells[1:]]
            limit = transformer.limits[0]
            if limit is not None and not limit.admits(new[0] or b""):
                odd.add(id(row))
                continue
            if self._location.text_hash:
                new[-1] = rehash(self._location, row, new)
            self._memory.note_written(new[0] or b"", transformer.encryptor.prefix, moved)
            page.updates.append(RowUpdate(row.key, row.cells, tuple(new)))
            page.detailed.append(RowOutcome(row, counts=Counts(re_encrypted=moved), moved=moved))
            page.namespaces.add(transformer.namespace)
            texts = iter(secrets.texts)
            for prefix, number in document.prefixes:
                page.failure_rate.note_all(prefix.key_id, islice(texts, number))
        return odd


def _decrypt(documents: Sequence[_Document]) -> set[int]:
    """Fill in the plaintexts; returns the rows with a value whose tag does not match, and those with values like it."""
    sealed: dict[bytes, tuple[Prefix, list[bytes]]] = {}
    for document in documents:
        ciphertexts = iter(document.secrets.ciphertexts)
        for prefix, number in document.prefixes:
            length = len(prefix.value)
            bodies = sealed.setdefault(prefix.value, (prefix, []))[1]
            bodies += [each[length:] for each in islice(ciphertexts, number)]
    plaintexts: dict[bytes, Iterator[bytes]] = {}
    failed: set[bytes] = set()
    for value, (prefix, bodies) in sealed.items():
        try:
            plaintexts[value] = iter(ciphers.decrypt(prefix.algorithm, prefix.derived_key, bodies))
        except AuthenticationFailedError:
            failed.add(value)
            plaintexts[value] = repeat(b"")
    for document in documents:
        for prefix, number in document.prefixes:
            document.texts += islice(plaintexts[prefix.value], number)
    return {id(each.row) for each in documents if any(prefix.value in failed for prefix, _ in each.prefixes)}
