"""Limiter of the requests to one vault: by quota, by concurrency, and by the vault's `Retry-After`."""

from __future__ import annotations

import asyncio
import heapq
import random
from typing import Final

from reencrypt.keys.azure.quota import Window

#: Microsoft's guidance for a refusal without `Retry-After`: 1, 2, 4, 8, 16 seconds.
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 16.0
_FIRST_LIMIT: Final = 8.0
_HIGHEST_LIMIT: Final = 128.0
#: Twice the shortest time, plus some milliseconds of noise.
_QUICK_FACTOR: Final = 2.0
_QUICK_SECONDS: Final = 0.05


class ConcurrencyLimit:
    """Additive increase, multiplicative decrease; a doubling per round trip up to a threshold. Times in seconds."""

    def __init__(self) -> None:
        self._limit = _FIRST_LIMIT
        self._threshold = _HIGHEST_LIMIT
        self._quickest = float("inf")
        self._cut_at = float("-inf")

    @property
    def limit(self) -> int:
        """Requests that may be under way."""
        return int(self._limit)

    def answered(self, seconds: float, under_way: int) -> None:
        """Note the time of an answer and how many requests were in flight; an idle limit does not grow."""
        self._quickest = min(self._quickest, seconds)
        if seconds > self._quickest * _QUICK_FACTOR + _QUICK_SECONDS:
            self._threshold = min(self._threshold, self._limit)
        elif under_way + 1 >= self.limit:
            step = 1.0 if self._limit < self._threshold else 1.0 / self._limit
            self._limit = min(_HIGHEST_LIMIT, self._limit + step)

    def congested(self, asked_at: float, now: float) -> bool:
        """Halve the limit after a refusal or a timeout; returns whether it did.

        One event, such as a full window, is reported by every request that it hits. Requests that were sent before the
        last cut are ignored.
        """
        if asked_at <= self._cut_at:
            return False
        self._cut_at = now
        self._limit = self._threshold = max(1.0, self._limit / 2)
        return True

    def probe(self) -> None:
        """Restart with one request after a pause, and grow quickly: the vault may be as full as before."""
        self._limit = 1.0


class Limiter:
    """Admits requests to one vault, oldest first. Without a `window` only concurrency bounds them.

    A request takes a `ticket` once, and calls `admit` before each try: a retry goes before all later requests.
    """

    def __init__(self, window: Window | None, *, first_pause_seconds: float = _FIRST_PAUSE_SECONDS) -> None:
        self._window = window
        self._concurrency = ConcurrencyLimit()
        self._under_way = 0
        self._tickets = 0
        self._queue: list[tuple[int, float, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._paused_until = float("-inf")
        self._first_pause = self._pause = first_pause_seconds

    def ticket(self) -> int:
        """Return a place in the queue."""
        self._tickets += 1
        return self._tickets

    async def admit(self, ticket: int, weight: float) -> None:
        """Wait until the request may go; `leave` must follow."""
        if not self._queue and self._delay(asyncio.get_running_loop().time(), weight) == 0:
            self._go(weight)
            return
        place = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (ticket, weight, place))
        self._dispatch()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave(weight)
            raise

    def leave(self, weight: float) -> None:
        """Note the end of a request, with any result."""
        self._under_way -= 1
        if self._window is not None:
            self._window.answered(asyncio.get_running_loop().time(), weight)
        self._dispatch()

    def answered(self, seconds: float) -> None:
        """Note an answer of the vault and its time in seconds, with any result."""
        self._concurrency.answered(seconds, self._under_way)
        self._pause = self._first_pause

    def unanswered(self, asked_at: float) -> None:
        """Note that the vault did not answer a request of that time before the timeout."""
        self._concurrency.congested(asked_at, asyncio.get_running_loop().time())

    def throttled(self, asked_at: float, retry_after: float | None) -> float:
        """Hold all requests back for as long as the throttling vault asks; returns the seconds until then."""
        now = asyncio.get_running_loop().time()
        if self._concurrency.congested(asked_at, now):
            self._concurrency.probe()
            if self._window is not None:
                self._window.cut(now)
            # Full jitter over the upper half: other programs were refused at the same moment.
            own = self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load
            self._pause = min(_LONGEST_PAUSE_SECONDS, self._pause * 2)
            self._paused_until = max(self._paused_until, now + max(own, retry_after or 0.0))
        return self.pause_seconds()

    def pause_seconds(self) -> float:
        """Seconds for which all requests are held back."""
        return max(0.0, self._paused_until - asyncio.get_running_loop().time())

    def _delay(self, now: float, weight: float) -> float | None:
        """Seconds until a request may go, 0 for at once, None for when another one leaves."""
        if self._under_way >= self._concurrency.limit:
            return None
        pause = max(0.0, self._paused_until - now)
        if self._window is None:
            return pause
        wait = self._window.wait(now, weight)
        return None if wait is None else max(pause, wait)

    def _go(self, weight: float) -> None:
        self._under_way += 1
        if self._window is not None:
            self._window.take(weight)

    def _dispatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._queue:
            _, weight, place = self._queue[0]
            if place.done():  # cancelled while it waited
                heapq.heappop(self._queue)
                continue
            delay = self._delay(loop.time(), weight)
            if delay is None:
                return
            if delay > 0:
                self._timer = loop.call_later(delay, self._dispatch)
                return
            heapq.heappop(self._queue)
            self._go(weight)
            place.set_result(None)
