"""Why a run stops early, as data that signals, limits and clocks set and the pipeline heeds."""

from __future__ import annotations

import asyncio


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

    async def wait(self) -> str:
        """Wait until somebody asks."""
        await self._event.wait()
        return self._reason or ""
