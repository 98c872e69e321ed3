"""Why a run stops early, as data that signals, limits and clocks set and the pipeline heeds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from reencrypt.errors import StoppedEarlyError

_T = TypeVar("_T")

#: For the page or batch in hand, and what comes behind it, after a request to stop; then it is rolled back.
STOP_GRACE_SECONDS: Final = 4.0


class StopRequest:
    """Set once, by whoever is first; the pipeline finishes or rolls back the page in hand."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._event = asyncio.Event()

    @property
    def reason(self) -> str | None:
        """Why, in words, or None while nothing asks to stop."""
        return self._reason

    def set(self, reason: str) -> None:
        """Ask to stop."""
        if self._reason is None:
            self._reason = reason
            self._event.set()

    async def heeded(self, work: Awaitable[_T], *, grace_seconds: float = 0.0) -> _T:
        """Do some work unless somebody asks to stop: then give it `grace_seconds` to end, and cancel it.

        Raises `StoppedEarlyError` where it was cancelled; an error of its own while it ends is raised as it is.
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
                raise StoppedEarlyError(f"stopped: {self._reason}", hint="`reencrypt status` says how to go on")
            return task.result()
        finally:
            asked.cancel()
            if not task.done():
                # We are cancelled ourselves: the work must not outlive us.
                task.cancel()
                await asyncio.shield(asyncio.wait((task,)))

    async def wait(self) -> str:
        """Wait until somebody asks."""
        await self._event.wait()
        return self._reason or ""
