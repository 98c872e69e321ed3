"""Row keys as text, for the state tables and for people."""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from typing import Final

from reencrypt.catalogue.location import Key, KeyPart
from reencrypt.state.damaged import read_back

_SHOWN: Final = 100
#: The member of an object that stands for bytes, in hexadecimal.
_BYTES: Final = "bytes"


_written: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def key_to_text(key: Key) -> str:
    """Write a key as a JSON array, which keeps integers, other numbers, strings and bytes apart."""
    if len(key) == 1 and type(key[0]) is int:
        return f"[{key[0]}]"  # nearly all keys
    return f"[{','.join(map(_part_to_text, key))}]"


def _part_to_text(part: KeyPart) -> str:
    # Every row of a page needs it, and the encoder's own way takes five times as long.
    if type(part) is str:
        return encode_basestring(part)
    if type(part) is int:
        return str(part)
    return _written({_BYTES: part.hex()} if isinstance(part, bytes) else part)


def key_from_text(text: str) -> Key:
    """Parse the result of `key_to_text`; raises `DamagedStateError` for anything else."""
    with read_back(f"the row key {_clipped(text)} in a state table"):
        parts = json.loads(text)
        if not (isinstance(parts, list) and parts):
            raise ValueError("not a key")
        return tuple(map(_part, parts))


def _part(part: object) -> KeyPart:
    if isinstance(part, int | float | str) and not isinstance(part, bool):
        return part
    if isinstance(part, dict) and list(part) == [_BYTES]:
        return bytes.fromhex(part[_BYTES])
    raise ValueError("not a part of a key")


def _clipped(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
