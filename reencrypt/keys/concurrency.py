"""How many requests are under way at once: more while answers are quick, half as many after a refusal or a silence."""

from __future__ import annotations

from typing import Final

_FIRST: Final = 8.0
_MOST: Final = 128.0
#: Twice the shortest time, and some milliseconds that say nothing.
_QUICK_FACTOR: Final = 2.0
_QUICK_SECONDS: Final = 0.05


class Concurrency:
    """Additive increase, multiplicative decrease; a doubling per round trip up to a threshold. Times in seconds."""

    def __init__(self) -> None:
        self._limit = _FIRST
        self._threshold = _MOST
        self._quickest = float("inf")
        self._cut_at = float("-inf")

    @property
    def limit(self) -> int:
        """Requests that may be under way."""
        return int(self._limit)

    def answered(self, seconds: float, under_way: int) -> None:
        """An answer came after so long, while so many were under way; an idle limit does not grow."""
        self._quickest = min(self._quickest, seconds)
        if seconds > self._quickest * _QUICK_FACTOR + _QUICK_SECONDS:
            self._threshold = min(self._threshold, self._limit)
        elif under_way + 1 >= self.limit:
            step = 1.0 if self._limit < self._threshold else 1.0 / self._limit
            self._limit = min(_MOST, self._limit + step)

    def congested(self, asked_at: float, now: float) -> bool:
        """A refusal or a silence halves the limit; returns whether it is news.

        One event, a full window for one, is reported by every request that it hits. Those that were asked before the
        last cut have nothing to add.
        """
        if asked_at <= self._cut_at:
            return False
        self._cut_at = now
        self._limit = self._threshold = max(1.0, self._limit / 2)
        return True

    def probe(self) -> None:
        """Begin with one request after a pause, and grow quickly from there: the vault may be as full as before."""
        self._limit = 1.0
