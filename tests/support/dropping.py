"""A real database behind something that leaves pages of rows out of its answers, as a faulty server or proxy does."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, cast

import pytest

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.databases.waits import Waiting
from reencrypt.databases.waits import ignore as silent
from reencrypt.operations import session
from reencrypt.settings import DatabaseSettings


class Fault(Enum):
    """What becomes of a page."""

    EMPTY = "the page is empty"
    SKIPPED = "the rows behind it come in its place"
    HALVED = "its first half is missing"


@dataclass
class Drop:
    """Every so many pages have the fault, while it is `on`. `pages` counts those that held rows, `dropped` the faults.

    `only` names the one location that has it.
    """

    fault: Fault
    every: int = 1
    on: bool = True
    only: str | None = None
    pages: int = field(default=0, init=False)
    dropped: int = field(default=0, init=False)

    def takes(self, location: Location) -> bool:
        """Whether this page has the fault."""
        if not self.on or self.only not in (None, location.name):
            return False
        self.pages += 1
        if self.pages % self.every:
            return False
        self.dropped += 1
        return True


class DroppingDatabase:
    """The real database, whose pages have a fault; everything else passes."""

    def __init__(self, real: Database, drop: Drop) -> None:
        self._real = real
        self._drop = drop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def read_page(
        self, location: Location, after: Key | None, *, rows: int, size: int | None, until: Key | None = None
    ) -> list[Row]:
        page = await self._real.read_page(location, after, rows=rows, size=cast("int", size), until=until)
        if not page or not self._drop.takes(location):
            return page
        match self._drop.fault:
            case Fault.EMPTY:
                return []
            case Fault.SKIPPED:
                return await self._real.read_page(
                    location, page[-1].key, rows=rows, size=cast("int", size), until=until
                )
            case Fault.HALVED:
                return page[(len(page) + 1) // 2 :]


def drop_pages(monkeypatch: pytest.MonkeyPatch, drop: Drop) -> None:
    """From here on every operation in this process reads through the fault."""

    async def open_dropping(settings: DatabaseSettings, *, write: bool, waiting: Waiting = silent) -> Database:
        return cast("Database", DroppingDatabase(await open_database(settings, write=write, waiting=waiting), drop))

    monkeypatch.setattr(session, "open_database", open_dropping)
