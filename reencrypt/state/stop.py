"""Stop requests: signals and clocks set one, work checks for it between two pages, and it cuts waits short."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from reencrypt.errors import StoppedEarlyError

_T = TypeVar("_T")

#: How long work that writes may continue after a request, to finish its page or batch. Then it is rolled back.
STOP_GRACE_SECONDS: Final = 4.0

#: How long what a report says may be read after a request. The database may be the very thing that is waited for.
_REPORT_SECONDS: Final = 2.0


class StopRequest:
    """A stop request with its reason; the first one counts."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._event = asyncio.Event()

    @property
    def reason(self) -> str | None:
        """The reason to stop, None without a request. Work that writes checks it once for each page."""
        return self._reason

    def set(self, reason: str) -> None:
        """Request a stop."""
        if self._reason is None:
            self._reason = reason
            self._event.set()

    async def interruptible(self, work: Awaitable[_T], *, grace_seconds: float = 0.0) -> _T:
        """Do some work; after a request it has `grace_seconds` to end before it is cancelled.

        Raises `StoppedEarlyError` where it was cancelled. Its result or error is passed on, even after the request.
        """
        task = asyncio.ensure_future(work)
        asked = asyncio.ensure_future(self.wait())
        try:
            await asyncio.wait((task, asked), return_when=asyncio.FIRST_COMPLETED)
            if not task.done() and grace_seconds:
                await asyncio.wait((task,), timeout=grace_seconds)
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))
            if task.cancelled():
                raise StoppedEarlyError(f"stopped: {self._reason}", hint="`reencrypt status` says how to continue.")
            return task.result()
        finally:
            asked.cancel()
            if not task.done():
                # This task is cancelled itself: the work must not outlive it.
                task.cancel()
                await asyncio.shield(asyncio.wait((task,)))

    async def reported(self, reading: Awaitable[_T]) -> _T:
        """Read what the report of a stopped run says; raises `StoppedEarlyError` where that takes too long."""
        return await self.interruptible(reading, grace_seconds=_REPORT_SECONDS)

    async def wait(self) -> str:
        """Wait for a request; returns its reason."""
        await self._event.wait()
        return self._reason or ""
