"""Lets work on a database go on side by side, or all of it rest: for a process that is about to stand still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

#: Longer than a server lets a statement wait for a lock. Beyond that the server's own limit has to do.
_PATIENCE_SECONDS: Final = 8.0


class Rest:
    """Counts the transactions and reads that are open in a database."""

    def __init__(self) -> None:
        self._open = 0
        self._all_ended = asyncio.Event()
        self._all_ended.set()
        self._may_begin = asyncio.Event()
        self._may_begin.set()

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Begin when nobody rests, and be waited for by who wants to."""
        while not self._may_begin.is_set():
            await self._may_begin.wait()
        self._open += 1
        self._all_ended.clear()
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._all_ended.set()

    @asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """Let nothing begin while the block runs, and wait before it, for some seconds, until all that is open ends."""
        self._may_begin.clear()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._all_ended.wait()
            yield
        finally:
            self._may_begin.set()
