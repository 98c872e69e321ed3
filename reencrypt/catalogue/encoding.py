"""Encodings of a ciphertext in a column or JSON string: raw bytes or base64, or beside the id of its data key.

Padding is a property of the location (of the decoder in Grafana's code for it), never copied from the old value: a
third of all ciphertexts have no `=` either way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from reencrypt.crypto import gobase64, managed
from reencrypt.crypto.algorithm import CFB_IV_BYTES, SALT_BYTES

# How base64 of "#…" (a data key id follows) and of "*YWV" (an algorithm name follows) begins.
_ENVELOPE_STARTS: Final = (b"I0", b"I1", b"I2", b"I3", b"Iy", b"Iz", b"KllXV")
# "#" and a key id in base64, closed or not; "*", the name of an algorithm in base64, "*". A lone "*" or an empty name,
# which Grafana reads as CFB elsewhere, is more often the beginning of plain text here.
_FRAMED: Final = re.compile(rb"#[A-Za-z0-9+/]{2,}#|#[A-Za-z0-9+/]{8}|\*YWVz[A-Za-z0-9+/]{1,28}\*")
_PRINTABLE: Final = re.compile(rb"[ -~]*")
_SHORTEST_PREFIXED_TEXT: Final = 48  # "*YWVzLWNmYg*" and 24 bytes of payload, in base64


class Stem(NamedTuple):
    """What the texts of ciphertexts with one beginning have in common: it stands for so many of their first bytes."""

    text: bytes
    length: int


class Writing(Protocol):
    """Protocol of what puts a ciphertext back where one was found."""

    @property
    def plain_allowed(self) -> bool:
        """Whether old rows may hold plain text there, which may look like an old ciphertext."""
        ...

    def encode(self, ciphertext: bytes) -> bytes:
        """Return the text that Grafana's code for this place expects."""
        ...


class Encoding(Writing, Protocol):
    """Protocol of an encoding: translates between stored text and ciphertext."""

    def decode(self, text: bytes) -> bytes | None:
        """Return the ciphertext, or None where the text is not encrypted.

        Raises `MalformedEncodingError` where it must be encrypted but does not decode.
        """
        ...

    def decode_all(self, texts: Sequence[bytes]) -> list[bytes] | None:
        """Decode texts in one step, where each is a ciphertext that Grafana's own decoder accepts.

        None where one of them may be none: each has to be looked at by itself then. An empty text is an empty value.
        """
        ...

    def is_strict(self, text: bytes) -> bool:
        """Whether Grafana's own decoder accepts the stored text."""
        ...

    def stem(self, beginning: bytes) -> Stem:
        """Return what the texts of all ciphertexts with this beginning have in common."""
        ...

    def decode_rests(self, texts: Sequence[bytes]) -> list[bytes] | None:
        """Decode what is behind a stem, as `decode_all` decodes whole texts."""
        ...

    def encode_rests(self, stem: Stem, rests: Sequence[bytes]) -> list[bytes]:
        """Return the texts of ciphertexts, given without the bytes that the stem stands for."""
        ...


@dataclass(frozen=True, slots=True)
class Raw:
    """The ciphertext as it is. `empty_is_secret`: Grafana fails to read an empty one instead of passing it over."""

    empty_is_secret: bool = False

    @property
    def plain_allowed(self) -> bool:
        """See `Writing`."""
        return False

    def decode(self, text: bytes) -> bytes | None:
        """See `Encoding`."""
        return text if text or self.empty_is_secret else None

    def decode_all(self, texts: Sequence[bytes]) -> list[bytes] | None:
        """See `Encoding`."""
        return list(texts)

    def encode(self, ciphertext: bytes) -> bytes:
        """See `Writing`."""
        return ciphertext

    def is_strict(self, text: bytes) -> bool:
        """See `Encoding`."""
        del text
        return True

    def stem(self, beginning: bytes) -> Stem:
        """See `Encoding`."""
        return Stem(beginning, len(beginning))

    def decode_rests(self, texts: Sequence[bytes]) -> list[bytes] | None:
        """See `Encoding`."""
        return list(texts)

    def encode_rests(self, stem: Stem, rests: Sequence[bytes]) -> list[bytes]:
        """See `Encoding`."""
        return [stem.text + rest for rest in rests]


@dataclass(frozen=True, slots=True)
class Base64:
    """Base64, written with or without padding.

    `prefix` stands before the text and marks it as encrypted. `plain_allowed` is for places where old rows may hold
    plain text, which may happen to be base64: only what looks encrypted is. `reads_both`: Grafana's code for the place
    reads a text with padding and one without (`signing_key`).
    """

    padded: bool
    prefix: bytes = b""
    plain_allowed: bool = False
    reads_both: bool = False

    def decode(self, text: bytes) -> bytes | None:
        """See `Encoding`."""
        if not text or not text.startswith(self.prefix):
            return None
        encoded = text[len(self.prefix) :]
        if not self.plain_allowed:
            return gobase64.decode(encoded)
        try:
            ciphertext = gobase64.decode(encoded)
        except gobase64.MalformedEncodingError:
            if encoded.startswith(_ENVELOPE_STARTS) and len(encoded) >= _SHORTEST_PREFIXED_TEXT:
                raise
            return None
        return ciphertext if looks_encrypted(ciphertext) else None

    def decode_all(self, texts: Sequence[bytes]) -> list[bytes] | None:
        """See `Encoding`."""
        return None if self.prefix or self.plain_allowed else gobase64.decode_all(texts, padded=self.padded)

    def encode(self, ciphertext: bytes) -> bytes:
        """See `Writing`."""
        return self.prefix + gobase64.encode(ciphertext, padded=self.padded)

    def is_strict(self, text: bytes) -> bool:
        """See `Encoding`."""
        return self.reads_both or gobase64.is_strict(text[len(self.prefix) :], padded=self.padded)

    def stem(self, beginning: bytes) -> Stem:
        """See `Encoding`."""
        length = len(beginning) // 3 * 3  # three bytes are four characters, whatever follows
        return Stem(self.prefix + gobase64.encode(beginning[:length], padded=False), length)

    def decode_rests(self, texts: Sequence[bytes]) -> list[bytes] | None:
        """See `Encoding`. A text with a stem is no plain text."""
        return gobase64.decode_all(texts, padded=self.padded)

    def encode_rests(self, stem: Stem, rests: Sequence[bytes]) -> list[bytes]:
        """See `Encoding`."""
        return [stem.text + gobase64.encode(rest, padded=self.padded) for rest in rests]


@dataclass(frozen=True, slots=True)
class BesideKeyId:
    """A value of the secrets manager in a joined cell: the id of its data key, a NUL, and the payload.

    It is decoded to the form of old rows, `#` rawb64(id) `#` payload, and written in the new form. A row whose id is
    still empty holds the old form. An empty payload is a secret too, one that Grafana fails to read.
    """

    @property
    def plain_allowed(self) -> bool:
        """See `Writing`."""
        return False

    def decode(self, text: bytes) -> bytes | None:
        """See `Encoding`."""
        uid, _, data = text.partition(b"\0")
        return managed.join_key_id(uid, data) if uid else data

    def decode_all(self, texts: Sequence[bytes]) -> list[bytes] | None:
        """See `Encoding`."""
        return [self.decode(text) or b"" for text in texts]

    def encode(self, ciphertext: bytes) -> bytes:
        """Return the joined cell of a value in the form of old rows."""
        return b"\0".join(managed.split_key_id(ciphertext))

    def is_strict(self, text: bytes) -> bool:
        """See `Encoding`."""
        del text
        return True

    def stem(self, beginning: bytes) -> Stem:
        """See `Encoding`."""
        return Stem(self.encode(beginning), len(beginning))

    def decode_rests(self, texts: Sequence[bytes]) -> list[bytes] | None:
        """See `Encoding`."""
        return list(texts)

    def encode_rests(self, stem: Stem, rests: Sequence[bytes]) -> list[bytes]:
        """See `Encoding`."""
        return [stem.text + rest for rest in rests]


def decode_strictly(encoding: Encoding, texts: Sequence[bytes]) -> list[bytes | None] | None:
    """Decode texts as `Encoding.decode` does; None where one is malformed, or Grafana's own decoder refuses it."""
    values = encoding.decode_all(texts)
    if values is not None:
        # Nearly all texts.
        return [value or encoding.decode(text) for value, text in zip(values, texts, strict=True)]
    try:
        decoded = [encoding.decode(text) for text in texts]
    except gobase64.MalformedEncodingError:
        return None
    accepted = all(found is None or encoding.is_strict(text) for text, found in zip(texts, decoded, strict=True))
    return decoded if accepted else None


def strict_values(encoding: Encoding, texts: Sequence[bytes]) -> list[bytes]:
    """The ciphertexts in texts that Grafana's own decoder accepts, empty for any other."""
    values = encoding.decode_all(texts)
    return [_strict_value(encoding, text) for text in texts] if values is None else values


def _strict_value(encoding: Encoding, text: bytes) -> bytes:
    try:
        value = encoding.decode(text)
    except gobase64.MalformedEncodingError:
        return b""
    return value if value is not None and encoding.is_strict(text) else b""


def looks_encrypted(data: bytes) -> bool:
    """Whether decoded bytes begin like an envelope or a prefix, or like the bare body of an old release.

    A bare body is an alphanumeric salt and sixteen random bytes; one plain text in millions looks like that.
    """
    if _FRAMED.match(data):
        return True
    salt, rest = data[:SALT_BYTES], data[SALT_BYTES:]
    return len(rest) >= CFB_IV_BYTES and salt.isalnum() and salt.isascii() and not _PRINTABLE.fullmatch(rest)


RAW: Final = Raw()
PADDED: Final = Base64(padded=True)
UNPADDED: Final = Base64(padded=False)
#: Its reader in Grafana strips `=` first, so that old padded rows are fine.
PADDING_STRIPPED: Final = Base64(padded=False, reads_both=True)
