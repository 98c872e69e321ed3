"""What a plaintext looks like, which is all that tells a right AES-CFB key from a wrong one."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Final

_BITS_PER_BYTE: Final = 1.1  # random bytes are text without control characters at that rate: 119 of 256
_PARSED_BITS: Final = 16.0  # "{}" is the most common secret there is
_IMPLAUSIBLE_BITS: Final = -8.0
_JSON_SPACE: Final = " \t\n\r"
_decode: Final = json.JSONDecoder().raw_decode
_CONTROLS: Final = bytes(code for code in range(0x20) if code not in b"\t\n\r") + b"\x7f"


class Kind(StrEnum):
    """What Grafana stores in a place, so that a decrypted value can be judged."""

    TEXT = "text"
    JSON = "json"
    PEM = "pem"
    BYTES = "bytes"


def is_plausible(plaintext: bytes, kind: Kind) -> bool:
    """Whether the bytes can be what Grafana stored there; empty and raw bytes always can."""
    if kind is Kind.BYTES or not plaintext:
        return True
    if not _is_text(plaintext):
        return False
    if kind is Kind.JSON:
        return _is_json(plaintext)
    return kind is not Kind.PEM or _is_pem(plaintext)


def evidence(plaintext: bytes, kind: Kind) -> float:
    """Bits of evidence for the key that gave this plaintext; negative where it speaks against the key."""
    if kind is Kind.BYTES or not plaintext:
        return 0.0
    if not is_plausible(plaintext, kind):
        return _IMPLAUSIBLE_BITS
    bits = _BITS_PER_BYTE * len(plaintext)
    return bits if kind is Kind.TEXT else max(_PARSED_BITS, bits)


def _is_text(plaintext: bytes) -> bool:
    # translate() deletes the controls in C: the length is unchanged exactly when there was none.
    if len(plaintext.translate(None, _CONTROLS)) != len(plaintext):
        return False
    if plaintext.isascii():
        return True
    try:
        plaintext.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_json(plaintext: bytes) -> bool:
    # Grafana stores objects (a scalar would parse too easily: two random bytes do one time in four hundred).
    text = plaintext.decode().strip(_JSON_SPACE)
    try:
        # What `json.loads` does, without what it does around it, which is most of its time.
        found, end = _decode(text)
    except (ValueError, RecursionError):
        return False
    return end == len(text) and isinstance(found, (dict, list))


def _is_pem(plaintext: bytes) -> bool:
    text = plaintext.strip()
    return text.startswith(b"-----BEGIN ") and text.endswith(b"-----") and b"-----END " in text
