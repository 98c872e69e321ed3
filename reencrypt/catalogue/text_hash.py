"""The hash that Grafana keeps beside a text, as Grafana computes it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from reencrypt.catalogue.location import Location, Row


def rehash(location: Location, row: Row, new: Sequence[bytes | None]) -> bytes | None:
    """Return the hash column's new bytes: recomputed where it held the MD5 of the old text, else unchanged.

    Grafana stores `fmt.Sprintf("%x", md5.Sum(text))`; older rows hold `not-yet-calculated` or nothing.
    """
    if location.text_hash is None:
        raise ValueError(location.name)
    column = location.columns.index(location.text_hash.of)
    old_hash = row.cells[-1]
    if old_hash == md5_hex(row.cells[column] or b""):
        return md5_hex(new[column] or b"")
    return old_hash


def md5_hex(text: bytes) -> bytes:
    """MD5 in hex, as Grafana computes `configuration_hash`; it protects nothing."""
    return hashlib.md5(text, usedforsecurity=False).hexdigest().encode()
