"""Requests to stop: signals and clocks set one, work asks for it between two pages, and waits are cut short by it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from reencrypt.errors import StoppedEarlyError

_T = TypeVar("_T")

#: How long work that writes may go on after a request: for the page or batch in hand. Then it is rolled back.
STOP_GRACE_SECONDS: Final = 4.0


class StopRequest:
    """A request with its reason; the first one counts."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._event = asyncio.Event()

    @property
    def reason(self) -> str | None:
        """Why to stop, in words, or None while nothing asks to. Work that writes asks once for each page."""
        return self._reason

    def set(self, reason: str) -> None:
        """Ask to stop."""
        if self._reason is None:
            self._reason = reason
            self._event.set()

    async def interruptible(self, work: Awaitable[_T], *, grace_seconds: float = 0.0) -> _T:
        """Do some work until a request comes, which gives it `grace_seconds` to end and then cancels it.

        Raises `StoppedEarlyError` where it was cancelled. A result, or an error of its own, is passed on, also where it
        came after the request.
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
        """Wait for a request; returns its reason."""
        await self._event.wait()
        return self._reason or ""
