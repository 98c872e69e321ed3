"""Unpacks gzip wherever it begins in a cell, member by member, as far as it is undamaged and the budget allows."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final

#: How every member begins.
GZIP: Final = b"\x1f\x8b\x08"
_WINDOW: Final = 31  # zlib's number for: with gzip's header
_FIRST_BYTES: Final = 512  # grows, so that many short members cost no more than one long
_COST_BYTES: Final = 4096  # what an empty member counts as
_PART_BYTES: Final = 1024 * 1024

#: Takes so many bytes of the budget; false where they are too many.
Takes = Callable[[int], bool]


def from_gzip(data: bytes, takes: Takes) -> Iterator[bytes]:
    """Unpack each gzip member, as far as it is undamaged."""
    start = data.find(GZIP)
    while start >= 0:
        unpacked, end = _member(data, start, takes)
        if unpacked:
            yield unpacked
        if end is None:
            return
        start = data.find(GZIP, max(end, start + 1))


def _member(data: bytes, start: int, takes: Takes) -> tuple[bytes, int | None]:
    """The content of a member, and where it ends: None where no more may be unpacked."""
    if not takes(_COST_BYTES):
        return b"", None
    stream = zlib.decompressobj(_WINDOW)
    parts: list[bytes] = []
    position, size = start, _FIRST_BYTES
    try:
        while not stream.eof and position < len(data):
            chunk = data[position : position + size]
            position += len(chunk)
            while chunk and not stream.eof:
                part = stream.decompress(chunk, _PART_BYTES)
                # Input counts too: an endless stream may hold nothing.
                if not takes(len(part) + len(chunk) - len(stream.unconsumed_tail)):
                    return b"".join(parts), None
                parts.append(part)
                chunk = stream.unconsumed_tail
            size = min(size * 4, _PART_BYTES)
    except zlib.error:
        # Not gzip, or damaged from here on.
        return b"".join(parts), start + 1
    return b"".join(parts), position - len(stream.unused_data)
