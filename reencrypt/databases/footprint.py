"""What a run writes, in bytes, and how much room there is: each engine estimates its own.

The numbers of the engines were measured with the fixtures of the tests, and a test holds what a run really writes
against them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: What an entry of the journal holds besides the old bytes: run, action, table, key, column, and a hash.
ENTRY_BYTES: Final = 100


@dataclass(slots=True)
class Rewrites:
    """Rows of a table that are rewritten: how many, in how many columns, the bytes in those, and how much they grow."""

    rows: int = 0
    cells: int = 0
    size: int = 0
    growth: int = 0

    def add(self, other: Rewrites) -> None:
        """Add others."""
        self.rows += other.rows
        self.cells += other.cells
        self.size += other.size
        self.growth += other.growth

    @classmethod
    def sum(cls, each: Iterable[Rewrites]) -> Rewrites:
        """All of them together."""
        total = cls()
        for one in each:
            total.add(one)
        return total


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes are free for data, and for the log where it is elsewhere; `unknown` says why nobody can tell."""

    free: int | None = None
    free_for_log: int | None = None
    unknown: str = ""


def room_at(data: Path, log: Path) -> Room:
    """Ask the file systems of two folders."""
    try:
        is_one = data.stat().st_dev == log.stat().st_dev
        return Room(_free(data), None if is_one else _free(log))
    except OSError as error:
        return Room(unknown=f"the folder of the database cannot be read: {error.strerror}")


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


@dataclass(frozen=True, slots=True)
class Footprint:
    """About how many bytes a run adds: the journal, the rewritten rows, and the server's log, which has a name.

    An engine takes room `ahead` of what it needs.
    """

    journal: int
    rows: int
    log: int
    log_name: str
    room: Room
    ahead: int = 0

    @property
    def shortage(self) -> str:
        """What does not fit, in words that follow a subject; empty where everything does or nobody can tell."""
        data = self.journal + self.rows + self.ahead
        places = [(data, self.room.free), (self.log, self.room.free_for_log)]
        if self.room.free_for_log is None:
            places = [(data + self.log, self.room.free)]
        short = [(needed, free) for needed, free in places if free is not None and free < needed]
        return " and ".join(f"{in_bytes(needed)} where {in_bytes(free)} are free" for needed, free in short)

    def as_json(self) -> dict[str, Any]:
        """For `--output json`."""
        return {
            "journal": self.journal,
            "rows": self.rows,
            "log": self.log,
            "free": self.room.free,
            "free_for_log": self.room.free if self.room.free_for_log is None else self.room.free_for_log,
            "unknown": self.room.unknown or None,
        }


def in_bytes(number: int) -> str:
    """A number of bytes for people: 12 kB, 1.5 MB."""
    size, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:  # noqa: PLR2004 - where the next unit begins
            break
        size, unit = size / 1000, larger
    return f"{size:.1f} {unit}" if size < 10 and unit != "B" else f"{size:.0f} {unit}"  # noqa: PLR2004 - digits
