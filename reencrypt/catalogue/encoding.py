"""Encodings of a ciphertext in a column or JSON string: raw bytes or base64, padded or not, with or without a prefix.

Padding is a property of the location (of the decoder in Grafana's code for it), never copied from the old value: a
third of all ciphertexts have no `=` either way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from reencrypt.crypto import gobase64
from reencrypt.crypto.algorithm import CFB_IV_BYTES, SALT_BYTES

# How base64 of "#…" (a data key id follows) and of "*YWV" (an algorithm name follows) begins.
_ENVELOPE_STARTS: Final = (b"I0", b"I1", b"I2", b"I3", b"Iy", b"Iz", b"KllXV")
# "#" and a key id in base64, closed or not; "*", the name of an algorithm in base64, "*". A lone "*" or an empty name,
# which Grafana reads as CFB elsewhere, is more often the beginning of plain text here.
_FRAMED: Final = re.compile(rb"#[A-Za-z0-9+/]{2,}#|#[A-Za-z0-9+/]{8}|\*YWVz[A-Za-z0-9+/]{1,28}\*")
_PRINTABLE: Final = re.compile(rb"[ -~]*")
_SHORTEST_PREFIXED_TEXT: Final = 48  # "*YWVzLWNmYg*" and 24 bytes of payload, in base64


@dataclass(frozen=True, slots=True)
class Encoding:
    """Translates between stored text and ciphertext.

    `padded` is None for raw bytes. `prefix` stands before the base64 text and marks it as encrypted. `plain_allowed`
    is for places where old rows may hold plain text, which may happen to be base64: only what looks encrypted is.
    """

    padded: bool | None
    prefix: bytes = b""
    plain_allowed: bool = False

    def decode(self, text: bytes) -> bytes | None:
        """Return the ciphertext, or None where the text is not encrypted.

        Raises `MalformedEncodingError` where it must be encrypted but does not decode.
        """
        if not text or not text.startswith(self.prefix):
            return None
        if self.padded is None:
            return text
        encoded = text[len(self.prefix) :]
        if not self.plain_allowed:
            return gobase64.decode(encoded)
        try:
            ciphertext = gobase64.decode(encoded)
        except gobase64.MalformedEncodingError:
            if encoded.startswith(_ENVELOPE_STARTS) and len(encoded) >= _SHORTEST_PREFIXED_TEXT:
                raise
            return None
        return ciphertext if _looks_encrypted(ciphertext) else None

    def encode(self, ciphertext: bytes) -> bytes:
        """Return the text that Grafana's code for this place expects."""
        if self.padded is None:
            return ciphertext
        return self.prefix + gobase64.encode(ciphertext, padded=self.padded)

    def is_strict(self, text: bytes) -> bool:
        """Whether Grafana's own decoder accepts the stored text."""
        return self.padded is None or gobase64.is_strict(text[len(self.prefix) :], padded=self.padded)


def _looks_encrypted(data: bytes) -> bool:
    """Whether decoded bytes begin like an envelope or a prefix, or like the bare body of an old release.

    A bare body is an alphanumeric salt and sixteen random bytes; one plain text in millions looks like that.
    """
    if _FRAMED.match(data):
        return True
    salt, rest = data[:SALT_BYTES], data[SALT_BYTES:]
    return len(rest) >= CFB_IV_BYTES and salt.isalnum() and salt.isascii() and not _PRINTABLE.fullmatch(rest)


RAW: Final = Encoding(padded=None)
PADDED: Final = Encoding(padded=True)
UNPADDED: Final = Encoding(padded=False)


@dataclass(frozen=True, slots=True)
class PaddingStripped(Encoding):
    """Unpadded base64 whose reader in Grafana strips `=` first, so that old padded rows are fine (`signing_key`)."""

    padded: bool | None = False

    def is_strict(self, text: bytes) -> bool:
        """Both forms decode in Grafana."""
        return bool(text)
