"""Base64 as Go's `encoding/base64` reads and writes it, because Grafana decodes columns with it.

Go's `StdEncoding` demands padding, `RawStdEncoding` forbids it; both skip CR and LF anywhere and accept stray bits in
the last character. This module reads either form and writes the one that the column's code in Grafana expects.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Final

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_QUANTUM: Final = 4
_PADDING: Final = b"==="
# What makes a text without padding whole, by the characters of its last quantum. One alone holds no byte, so that no
# text may end with it.
_FILLINGS: Final = (b"", b"=", b"AA", b"A")


class MalformedEncodingError(ValueError):
    """The text is not base64 in any form that Grafana writes; the message says why, without the text."""


def encode(data: bytes, *, padded: bool) -> bytes:
    """Encode with the standard alphabet; `padded` chooses between Go's `StdEncoding` and `RawStdEncoding`."""
    text = binascii.b2a_base64(data, newline=False)
    return text if padded else text.rstrip(b"=")


def decode(text: bytes) -> bytes:
    """Decode base64 with or without padding, skipping CR and LF as Go does.

    Raises `MalformedEncodingError` for a foreign character, an impossible length or padding in the wrong place.
    """
    missing = -len(text) % _QUANTUM
    if not missing or text[-1:] != b"=":
        # Nearly all texts decode here; the fault of the others is found below.
        try:
            return binascii.a2b_base64(text + _PADDING[:missing] if missing else text, strict_mode=True)
        except binascii.Error:
            pass
    return decode_carefully(text)


def decode_all(texts: Sequence[bytes], *, padded: bool) -> list[bytes] | None:
    """Decode texts in one call, each of which Grafana's own decoder for a column of that rule accepts, on one line.

    None where one of them is anything else, or not base64 at all: `decode` and `is_strict` then tell which.
    """
    if padded:
        bodies = [text.rstrip(b"=") for text in texts]
        if any(len(text) != -(-len(body) // _QUANTUM) * _QUANTUM for text, body in zip(texts, bodies, strict=True)):
            return None
        texts = bodies
    whole = b"".join([text + _FILLINGS[len(text) % _QUANTUM] for text in texts])
    if b"=" in whole:
        return None
    try:
        decoded = binascii.a2b_base64(whole, strict_mode=True)
    except binascii.Error:
        return None
    found = []
    start = 0
    for text in texts:
        length = len(text)
        found.append(decoded[start : start + length * 3 // _QUANTUM])
        start += (length + 3) // _QUANTUM * 3
    return found


def decode_carefully(text: bytes) -> bytes:
    """Decode a text of any form, or say what is wrong with it."""
    if b"\n" in text or b"\r" in text:
        text = text.translate(None, b"\r\n")
    body = text.rstrip(b"=")
    padding = len(text) - len(body)
    if len(body) % _QUANTUM == 1 or (padding and (padding > 2 or len(text) % _QUANTUM)):  # noqa: PLR2004 - at most "=="
        raise MalformedEncodingError(f"base64 of impossible length ({len(text)} characters)")
    try:
        return binascii.a2b_base64(body + b"=" * (-len(body) % _QUANTUM), strict_mode=True)
    except binascii.Error:
        # strict_mode also refuses stray bits in the last character, which Go accepts.
        if body.translate(None, _ALPHABET):
            raise MalformedEncodingError("base64 with a character outside the standard alphabet") from None
        return binascii.a2b_base64(body + b"=" * (-len(body) % _QUANTUM))


def is_strict(text: bytes, *, padded: bool) -> bool:
    """Whether Grafana's own decoder for a column of that rule accepts this text.

    `StdEncoding` (padded) needs a whole number of quanta, `RawStdEncoding` (unpadded) accepts no `=` at all.
    """
    if b"\n" in text or b"\r" in text:
        text = text.translate(None, b"\r\n")
    return len(text) % _QUANTUM == 0 if padded else b"=" not in text
