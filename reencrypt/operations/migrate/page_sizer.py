"""Sizes pages so that a transaction holds its locks about as long as the engine's policy says.

The round trips of a transaction to a server that is far away come on top: fewer rows make them no shorter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reencrypt.databases.protocol import LockPolicy

PAGE_BYTES: Final = 1024 * 1024  # bounds memory, whatever a row holds
_FIRST_ROWS: Final = 200
_MOST_ROWS: Final = 2000
#: Round trips of a page's transaction from its first lock on: rows, journal, checkpoint, triggers, commit.
_ROUND_TRIPS: Final = 5


@dataclass(slots=True)
class PageSizer:
    """Rows per page, adjusted after each commit."""

    policy: LockPolicy
    rows: int = _FIRST_ROWS
    _round_trip: float = float("inf")

    def work_of(self, locked_seconds: float, round_trip_seconds: float) -> float:
        """Return for how long the rows of a page were at work, of the time for which they were locked.

        `round_trip_seconds` is what one statement of its transaction took that does hardly anything; the shortest so
        far counts.
        """
        self._round_trip = min(self._round_trip, round_trip_seconds)
        return max(0.0, locked_seconds - _ROUND_TRIPS * self._round_trip)

    def learn(self, rows: int, locked_seconds: float) -> None:
        """Adjust to how long a page of that many rows was locked, at most by half or double.

        A quick short page, the last of a location, says nothing about long ones.
        """
        factor = self.policy.hold_seconds / max(locked_seconds, 1e-4)
        wanted = rows * factor
        if rows and (wanted > self.rows or factor < 1):
            wanted = min(2.0 * self.rows, max(0.5 * self.rows, wanted))
            self.rows = max(1, min(_MOST_ROWS, round(wanted)))

    def pause_after(self, locked_seconds: float) -> float:
        """Seconds to wait after a page, so that other writers get their turn."""
        return max(locked_seconds, self.policy.hold_seconds) if self.policy.gaps else 0.0
