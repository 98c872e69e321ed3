"""Turn a row into the secrets it holds: find slots, parse envelopes, resolve kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Final, NamedTuple

from reencrypt.catalogue.codec import Slot, WholeColumn
from reencrypt.catalogue.document import JsonStrings, Secrets
from reencrypt.catalogue.document_memory import DocumentMemory
from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.namespace import qualified, unqualified
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.reason import Reason
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.envelope import Envelope, MalformedEnvelopeError

#: What is wrong with a slot, by its problem, for people.
_DETAILS: Final = {
    Reason.MALFORMED_ENCODING: "not base64 or JSON as Grafana writes it",
    Reason.MALFORMED_ENVELOPE: "no data key id, or no payload",
    Reason.NOT_UNDERSTOOD: "a form that this version does not know",
}


class FoundSecret(NamedTuple):
    """One secret of a row. `column` is its index among the row's cells; `envelope` is None where `problem` says why.

    `field` names it for people and in the quarantine: the column, and the path inside its document.
    """

    column: int
    slot: Slot
    kind: Kind
    field: str
    envelope: Envelope | None
    problem: Reason | None = None
    detail: str = ""

    def text_in(self, row: Row) -> bytes:
        """Its text in the row, encoded as it is there."""
        return (row.cells[self.column] or b"")[self.slot.start : self.slot.end]

    @property
    def needs_own_proof(self) -> bool:
        """Whether only its plaintext can prove that it is a ciphertext: a bare value among plain ones.

        Or any value without a tag where nobody knows the format.
        """
        envelope = self.envelope
        if envelope is None or envelope.algorithm is Algorithm.AES_GCM:
            return False
        bare = envelope.key_id is None and not envelope.prefixed
        return self.slot.form_unproven or (bare and self.slot.encoding.plain_allowed)


def secrets_of(location: Location, row: Row) -> Iterator[FoundSecret]:
    """Yield the secrets of a row in order; no content of the row makes it raise."""
    kinds = kind_by_row(location, row) if location.kind_by_type else None
    namespace = namespace_of(location, row) if location.namespace else None
    for index, field in enumerate(location.fields):
        cell = row.cells[index]
        if cell is None:
            continue
        for slot in field.codec.find(cell):
            name = field.column + slot.path if slot.path else field.column
            kind = kinds or slot.kind
            if slot.problem:
                yield FoundSecret(index, slot, kind, name, None, slot.problem, _DETAILS.get(slot.problem, ""))
                continue
            try:
                envelope = envelope_of(location, slot.ciphertext, namespace)
            except MalformedEnvelopeError as error:
                yield FoundSecret(index, slot, kind, name, None, Reason.MALFORMED_ENVELOPE, str(error))
            else:
                yield FoundSecret(index, slot, kind, name, envelope)


@dataclass(frozen=True, slots=True)
class OrdinarySecrets:
    """The secrets of a document in which nothing is out of the ordinary, without their fields.

    `alike` is the envelope of the first, where the others begin like it up to the salt, so that they need no look each.
    """

    found: Secrets
    parse: Callable[[bytes], Envelope]
    alike: Envelope | None

    def __len__(self) -> int:
        """The number of secrets."""
        return len(self.found.texts)

    @property
    def longest(self) -> int:
        """The length of the longest plaintext of those that are alike."""
        first, *_ = self.found.ciphertexts
        extra = max(map(len, self.found.ciphertexts)) - len(first)
        return extra + (self.alike.plaintext_bytes if self.alike is not None else len(first))

    def each(self) -> Iterator[tuple[bytes, Envelope, Kind]]:
        """Yield the text, the envelope and the kind of each."""
        for text, ciphertext, rule in zip(self.found.texts, self.found.ciphertexts, self.found.rules, strict=True):
            yield text, self.parse(ciphertext), rule.kind


def ordinary_secrets(location: Location, row: Row, memory: DocumentMemory) -> OrdinarySecrets | None:
    """Return the secrets of a row that is a document; None where `secrets_of` has to read it."""
    codec = location.fields[0].codec
    if not isinstance(codec, JsonStrings) or len(location.fields) > 1 or location.kind_by_type:
        return None
    found = memory.search(codec, row.cells[0] or b"")
    if found is None:
        return None
    namespace = namespace_of(location, row) if location.namespace else None
    parse = partial(envelope_of, location, namespace=namespace)
    try:
        alike = _alike(found.ciphertexts, parse)
        if alike is None:
            for each in found.ciphertexts:
                parse(each)
    except MalformedEnvelopeError:
        return None
    return OrdinarySecrets(found, parse, alike)


class AlikeRows(NamedTuple):
    """Rows that hold one secret each, all under the key and in the algorithm of one envelope, and the other rows.

    `longest` is the length of the longest plaintext, `size` that of all cells.
    """

    envelope: Envelope
    rows: Sequence[Row]
    longest: int
    size: int
    others: Sequence[Row]


def alike_rows(location: Location, rows: Sequence[Row]) -> AlikeRows | None:
    """Find the rows that begin like the first one; None where it, or any that begins like it, is not ordinary.

    They are decoded in one step, where `secrets_of` takes one for each.
    """
    codec = location.fields[0].codec
    if not rows or not isinstance(codec, WholeColumn) or len(location.fields) > 1 or location.namespace:
        return None
    first = next(secrets_of(location, rows[0]), None)  # a whole column holds one at most
    if first is None or first.envelope is None or not first.envelope.prefixed or not first.slot.strict:
        return None
    envelope, ciphertext = first.envelope, first.slot.ciphertext
    end = len(ciphertext) - len(envelope.salt) - len(envelope.nonce) - len(envelope.body)
    text, length = codec.encoding.stem(ciphertext[:end])
    members = [row for row in rows if (cell := row.cells[0]) and cell.startswith(text)]
    rests = codec.encoding.decode_rests([(row.cells[0] or b"")[len(text) :] for row in members])
    if not rests or not all(map(bytes.startswith, rests, repeat(ciphertext[length:end]))):
        return None
    lengths = list(map(len, rests))
    if min(lengths) < end - length + envelope.algorithm.minimum_bytes:
        return None
    taken = set(map(id, members)) if len(members) < len(rows) else set()
    return AlikeRows(
        envelope,
        members,
        max(lengths) + length - len(ciphertext) + envelope.plaintext_bytes,
        sum(len(row.cells[0] or b"") for row in members),
        [row for row in rows if id(row) not in taken] if taken else (),
    )


def _alike(ciphertexts: Sequence[bytes], parse: Callable[[bytes], Envelope]) -> Envelope | None:
    """The envelope of the first, where all begin with its key and its algorithm and are long enough for both."""
    if not ciphertexts:
        return None
    first = parse(ciphertexts[0])
    end = len(ciphertexts[0]) - len(first.salt) - len(first.nonce) - len(first.body)
    if not first.prefixed or min(map(len, ciphertexts)) < end + first.algorithm.minimum_bytes:
        return None
    return first if all(map(bytes.startswith, ciphertexts, repeat(ciphertexts[0][:end]))) else None


def envelope_of(location: Location, ciphertext: bytes, namespace: str | None) -> Envelope:
    """Parse a ciphertext of a row with this namespace, None in a store without any; see `Location.parse`."""
    envelope = location.parse(ciphertext)
    if namespace is None or envelope.key_id is None:
        return envelope
    return envelope._replace(key_id=qualified(namespace, envelope.key_id))


def kind_by_row(location: Location, row: Row) -> Kind | None:
    """The kind of a row's secrets where another column decides it, else None."""
    rule = location.kind_by_type
    if rule is None:
        return None
    return rule.kinds.get(_text(row.extras[0]))  # the rule's column comes first


def namespace_of(location: Location, row: Row) -> str:
    """The namespace of a row's data keys, empty in a store without namespaces."""
    name = location.namespace
    if name is None:
        return ""
    if name in location.key:
        return _text(row.key[location.key.index(name)])
    return _text(row.extras[location.extras.index(name)])


def framed_id(location: Location, key_id: str) -> str:
    """The id of a data key as the location's values name it, without its namespace."""
    return key_id if location.namespace is None else unqualified(key_id)[1]


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


class ParsedRow(NamedTuple):
    """A row and the secrets found in it."""

    row: Row
    secrets: tuple[FoundSecret, ...]


def parse_rows(location: Location, rows: Sequence[Row]) -> list[ParsedRow]:
    """Find the secrets of a page's rows."""
    return [ParsedRow(row, tuple(secrets_of(location, row))) for row in rows]
