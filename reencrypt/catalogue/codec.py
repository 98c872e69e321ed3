"""Codecs: find the secrets in a column's bytes and replace them byte for byte.

A codec is data: it says where in the column secrets are and how they are encoded. `find` returns slots; `splice`
replaces the text of some of them and keeps every other byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from reencrypt.catalogue.encoding import Encoding, Writing
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.reason import Reason
from reencrypt.crypto.gobase64 import MalformedEncodingError

_QUANTUM: Final = 3  # bytes that are four characters of base64


class Slot(NamedTuple):
    """One secret in a column: where its text is (`start` to `end`), its ciphertext or why there is none.

    `path` continues the column's name to the place inside a JSON document, empty where the column is the secret.
    `strict` tells whether Grafana's own decoder accepts the text. `form_unproven`: what the bytes are was read off
    themselves, because Grafana's code for the place is not public, so only a tag or the plaintext can prove it.
    `whole_quanta`: the text does not show whether base64 is padded there.
    """

    path: str
    start: int
    end: int
    encoding: Writing
    kind: Kind
    ciphertext: bytes
    problem: Reason | None = None
    strict: bool = True
    form_unproven: bool = False
    whole_quanta: bool = False

    def admits(self, ciphertext: bytes) -> bool:
        """Whether the new ciphertext can be written there: where padding is not known, only without any."""
        return not self.whole_quanta or len(ciphertext) % _QUANTUM == 0


class Codec(Protocol):
    """Protocol of a codec."""

    def find(self, cell: bytes) -> list[Slot]:
        """Return the secrets of the cell in order of position; no content of the cell makes it raise."""
        ...


def splice(cell: bytes, replacements: Sequence[tuple[Slot, bytes]]) -> bytes:
    """Return the cell with the text of each slot (in order of position) replaced by the encoded new ciphertext."""
    if len(replacements) == 1:
        slot, ciphertext = replacements[0]
        return cell[: slot.start] + slot.encoding.encode(ciphertext) + cell[slot.end :]
    parts: list[bytes] = []
    end = 0
    for slot, ciphertext in replacements:
        parts += (cell[end : slot.start], slot.encoding.encode(ciphertext))
        end = slot.end
    parts.append(cell[end:])
    return b"".join(parts)


def slot_of(path: str, start: int, end: int, text: bytes, encoding: Encoding, kind: Kind) -> Slot | None:
    """Return the secret in a text, None where the text holds none."""
    try:
        ciphertext = encoding.decode(text)
    except MalformedEncodingError:
        return Slot(path, start, end, encoding, kind, b"", Reason.MALFORMED_ENCODING)
    if ciphertext is None:
        return None
    return Slot(path, start, end, encoding, kind, ciphertext, None, encoding.is_strict(text))


@dataclass(frozen=True, slots=True)
class WholeColumn:
    """A column that is one secret; NULL is none, and most encodings take the empty string for none."""

    encoding: Encoding
    kind: Kind = Kind.TEXT

    def find(self, cell: bytes) -> list[Slot]:
        """Return the one secret, if the cell holds one."""
        slot = slot_of("", 0, len(cell), cell, self.encoding, self.kind)
        return [slot] if slot else []
