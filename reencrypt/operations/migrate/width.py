"""How many pages commit at the same time: more while commits are quick, half as many where they are not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

_SLOW: Final = 2.0  # times as long as a page should lock: the server, or whoever needs it, has enough to do


class Width:
    """Lets pages commit at the same time, between one and `most` of them.

    It begins with one. One more is let in after as many quick commits in a row as are let in already.
    """

    def __init__(self, most: int, hold_seconds: float) -> None:
        self.most = most
        self.now = 1
        self._slow_seconds = _SLOW * hold_seconds
        self._quick = 0
        self._open = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def room(self) -> AsyncIterator[None]:
        """Wait for room, the first first, and take it while the block runs."""
        while self._open >= self.now:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._wake()
                raise
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self._wake()

    def learn(self, locked_seconds: float) -> None:
        """Let in more or fewer, by how long a page has locked its rows."""
        if locked_seconds > self._slow_seconds:
            self.now, self._quick = max(1, self.now // 2), 0
            return
        self._quick += 1
        if self._quick >= self.now < self.most:
            self.now, self._quick = self.now + 1, 0
            self._wake()

    def _wake(self) -> None:
        while self._waiting and self._open < self.now:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
