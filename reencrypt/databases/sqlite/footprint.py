"""What a run writes into an SQLite file, and how much room its file system has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reencrypt.databases.footprint import ENTRY_BYTES, Footprint, Rewrites, room_at

# Header of a row, and what stays empty at the end of a page.
_ENTRY: Final = ENTRY_BYTES + 20
_PAGES: Final = 1.1
_SPLIT: Final = 0.15  # of rows that grow: pages are split
_STATE: Final = 100_000  # the state tables and their indexes, a page each
# The journal or the write-ahead log beside the file, which is written back at this size; a long reader lets it grow.
_LOG: Final = 4 << 20
_NAME: Final = "log beside the file"


def footprint(path: Path, rewrites: Mapping[str, Rewrites]) -> Footprint:
    """Estimate it for the rewritten rows of each table."""
    total = Rewrites.sum(rewrites.values())
    journal = int(total.cells * _ENTRY + total.size * _PAGES) + _STATE
    rows = total.growth + int(total.size * _SPLIT)
    return Footprint(journal, rows, _LOG, _NAME, room_at(path.parent, path.parent))
