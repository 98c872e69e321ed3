"""Row keys as text, for the state tables and for people."""

from __future__ import annotations

import json
from typing import Final

from reencrypt.catalogue.location import Key
from reencrypt.state.damaged import read_back

_SHOWN: Final = 100


def key_to_text(key: Key) -> str:
    """Write a key as a JSON array, which keeps integers and strings apart."""
    if len(key) == 1 and type(key[0]) is int:
        return f"[{key[0]}]"  # nearly all keys
    return json.dumps(list(key), ensure_ascii=False, separators=(",", ":"))


def key_from_text(text: str) -> Key:
    """Parse the result of `key_to_text`; raises `DamagedStateError` for anything else."""
    with read_back(f"the row key {_clipped(text)} in a state table"):
        parts = json.loads(text)
        if not (isinstance(parts, list) and parts and all(type(part) in (int, str) for part in parts)):
            raise ValueError("not a key")
        return tuple(parts)


def _clipped(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
