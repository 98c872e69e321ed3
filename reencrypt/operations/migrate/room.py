"""Room for so many pages of a location at the same time, which its writers share: each takes a megabyte or two."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """Room for `most` pages of a location."""

    def __init__(self, most: int) -> None:
        self._free = asyncio.Semaphore(most)

    @contextmanager
    def share(self) -> Iterator[Share]:
        """What one part of the location takes of it while the block runs; after that it is all given back."""
        share = Share(self._free)
        try:
            yield share
        finally:
            while share.held:
                share.give()


class Share:
    """Pages that one part has in hand."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free = free
        self.held = 0

    async def take(self) -> None:
        """Wait until there is room for one more page."""
        await self._free.acquire()
        self.held += 1

    def give(self) -> None:
        """Give back the room of a page that is done with."""
        self.held -= 1
        self._free.release()
