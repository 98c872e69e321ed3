"""Lets work on databases go on side by side, or all of it rest: for a process that is about to stand still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

#: Longer than most work takes; a server that does not answer is given up after the same time.
_PATIENCE_SECONDS: Final = 60.0


@dataclass(slots=True)
class _Work:
    """Something that is open until it has ended."""

    has_ended: bool = False


#: What this task, or one that has begun it, has open or had: what belongs to open work must not wait for its end.
_around: ContextVar[_Work | None] = ContextVar("around", default=None)


class Rest:
    """Counts the transactions and reads that are open."""

    def __init__(self) -> None:
        self._open = 0
        self._all_ended: asyncio.Event | None = None
        self._may_begin: asyncio.Event | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is open."""
        return self._open > 0

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Begin when nobody rests, and be waited for by who wants to. Work within work begins at once."""
        around = _around.get()
        if around is not None and not around.has_ended:
            yield
            return
        while self._may_begin is not None:
            await self._may_begin.wait()
        self._open += 1
        work = _Work()
        _around.set(work)
        try:
            yield
        finally:
            work.has_ended = True
            self._open -= 1
            if self._all_ended is not None and not self._open:
                self._all_ended.set()

    @asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """Let nothing begin while the block runs, and wait before it until all that is open ends.

        What has not ended after a minute is not waited for. One rest at a time.
        """
        self._may_begin, self._all_ended = asyncio.Event(), asyncio.Event()
        try:
            if self._open:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PATIENCE_SECONDS):
                        await self._all_ended.wait()
            yield
        finally:
            self._may_begin.set()
            self._may_begin = self._all_ended = None


#: The one of this process, which stands still as a whole, whatever databases it has open.
OF_PROCESS: Final = Rest()
