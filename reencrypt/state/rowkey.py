"""Row keys as text, for the state tables and for people."""

from __future__ import annotations

import json

from reencrypt.catalogue.location import Key


def key_to_text(key: Key) -> str:
    """Write a key as a JSON array, which keeps integers and strings apart."""
    if len(key) == 1 and type(key[0]) is int:
        return f"[{key[0]}]"  # nearly all keys
    return json.dumps(list(key), ensure_ascii=False, separators=(",", ":"))


def key_from_text(text: str) -> Key:
    """Parse the result of `key_to_text`."""
    return tuple(json.loads(text))
