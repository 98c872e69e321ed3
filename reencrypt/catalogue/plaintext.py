"""Judge plaintexts by their look: nothing else tells a right AES-CFB key from a wrong one.

Plausible is wide: every value that Grafana's writers can store (see `reencrypt.catalogue.locations`). Evidence is
narrow: a plausible value counts for its key only as far as random bytes of its length are rarely like it. Of random
strings of one length at most 2 * 2**-b score b bits or more, which a test measures for each kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NoReturn

_BITS_PER_BYTE: Final = 1.1  # random bytes are text without control characters at that rate: 119 of 256
# "{}" is one of 65,536 strings of two bytes, and no longer length has as many objects; "null" is one of 2**32.
_OBJECT_BITS: Final = 16.0
_ARRAY_BITS: Final = 15.0  # "[]" and "{}" are two of 65,536
_IMPLAUSIBLE_BITS: Final = -8.0
_JSON_SPACE: Final = " \t\n\r"
_CONTROLS: Final = bytes(code for code in range(0x20) if code not in b"\t\n\r") + b"\x7f"
# Lines that are each an object of strings, as nearly all data sources have it, or what stands for an empty one: JSON
# where they are UTF-8. Possessive, so that nothing is tried twice.
_CHARACTERS: Final = rb'[^"\\\x00-\x1f]*+'
_STRING: Final = rb'"%s(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})%s)*+"' % ((_CHARACTERS,) * 2)
_OBJECTS: Final = re.compile(rb"(?:(?:\{(?:%s:%s(?:,%s:%s)*+)?+\}|null)\n)*+" % ((_STRING,) * 4))


def _refuse(constant: str) -> NoReturn:
    # NaN and Infinity are Python's, not JSON's.
    raise ValueError(constant)


# Only that it is a number matters; `int` refuses more than 4,300 digits.
_decode: Final = json.JSONDecoder(parse_int=len, parse_constant=_refuse).raw_decode


class Kind(StrEnum):
    """Kinds of plaintext that Grafana stores, to judge a decrypted value by."""

    TEXT = "text"
    JSON = "json"
    PEM = "pem"
    BYTES = "bytes"


def is_plausible(plaintext: bytes, kind: Kind) -> bool:
    """Whether the bytes can be what Grafana stored there; empty and raw bytes always can."""
    return kind is Kind.BYTES or not plaintext or _bits(plaintext, kind) is not None


def are_plausible(plaintexts: Sequence[bytes], kind: Kind) -> bool:
    """Whether all of them are, which takes far less time than to ask for each; false says that one may not be."""
    if kind is Kind.BYTES:
        return True
    filled = [each for each in plaintexts if each]
    # A line feed is text, and ASCII: it neither hides nor completes a character that is cut in two.
    lines = b"\n".join(filled)
    if kind is Kind.TEXT:
        return _is_text(lines)
    if kind is Kind.JSON and _OBJECTS.fullmatch(lines + b"\n") and lines.count(b"\n") == len(filled) - 1:
        # As many lines as values: each value is one, because none of these objects has a line feed in it.
        return _is_utf8(lines)
    return all(is_plausible(each, kind) for each in plaintexts)


def evidence(plaintext: bytes, kind: Kind) -> float:
    """Bits of evidence for the key that gave this plaintext; negative where it speaks against the key."""
    if kind is Kind.BYTES or not plaintext:
        return 0.0
    bits = _bits(plaintext, kind)
    return _IMPLAUSIBLE_BITS if bits is None else bits


def _bits(plaintext: bytes, kind: Kind) -> float | None:
    """The bits of a value that is not empty, or None where it is implausible."""
    if kind is Kind.JSON:
        return _json_bits(plaintext)
    if not _is_text(plaintext) or (kind is Kind.PEM and not _is_pem(plaintext)):
        return None
    return _BITS_PER_BYTE * len(plaintext)


def _is_text(plaintext: bytes) -> bool:
    # translate() deletes the controls in C: the length is unchanged exactly when there was none.
    if len(plaintext.translate(None, _CONTROLS)) != len(plaintext):
        return False
    return _is_utf8(plaintext)


def _is_utf8(plaintext: bytes) -> bool:
    if plaintext.isascii():
        return True
    try:
        plaintext.decode()
    except UnicodeDecodeError:
        return False
    return True


def _json_bits(plaintext: bytes) -> float | None:
    # Control characters need no check here: JSON has none, except the DEL that Go writes as it is.
    try:
        text = plaintext.decode().strip(_JSON_SPACE)
        # `json.loads` without the work around the scan, which is most of its time.
        found, end = _decode(text)
    except (ValueError, RecursionError):
        return None
    if end != len(text):
        return None
    bits = _BITS_PER_BYTE * len(plaintext)
    if found is None or isinstance(found, dict):
        return max(_OBJECT_BITS, bits)
    # Short random bytes look like numbers, strings, true and false: one byte in 26, two in 360.
    return max(_ARRAY_BITS, bits) if isinstance(found, list) else bits


def _is_pem(plaintext: bytes) -> bool:
    text = plaintext.strip()
    return text.startswith(b"-----BEGIN ") and text.endswith(b"-----") and b"-----END " in text
