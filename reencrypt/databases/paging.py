"""Reading a location to its end, where the end is proven and what was read is held against the server's own count.

An empty page is no proof: a server, a proxy or a driver that answers a page query otherwise than another one does would
end the location with it. So every loop over pages goes through this module, and none calls `read_page` itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.protocol import Database
from reencrypt.errors import ConfigurationError, IncompleteScanError, first_error

#: What the reader of a whole location does with a page.
LookAt = Callable[[list[Row]], Awaitable[None]]

_SCANS: Final = 2
# Rows in a stretch of a count. On SQLite a reader keeps everybody else from committing, so there a stretch takes a few
# milliseconds; on a server it stays far below any limit on the time of a statement.
_SHORT_STRETCH: Final = 5_000
_LONG_STRETCH: Final = 100_000


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many rows a pass over a location has looked at, and how many the server counted before it and after it.

    A count is None while it has not been taken, and for ever in a pass that an older version began.
    """

    rows: int = 0
    before: int | None = None
    after: int | None = None

    @property
    def is_short(self) -> bool:
        """Whether the pass looked at fewer rows than both counts: rows were there all the time and it missed them.

        Fewer than one of them is nothing but rows that came or went meanwhile.
        """
        return self.before is not None and self.after is not None and self.rows < min(self.before, self.after)

    def read(self, rows: int) -> Coverage:
        """With so many more rows looked at."""
        return replace(self, rows=self.rows + rows)

    def ended(self, after: int | None) -> Coverage:
        """With the count that was taken at the end."""
        return replace(self, after=after)

    def as_numbers(self) -> dict[str, int | None]:
        """For reports."""
        return {"looked_at": self.rows, "counted_before": self.before, "counted_after": self.after}

    def __str__(self) -> str:
        """The figures in words."""
        return f"{self.rows} rows looked at, {self.before} counted before and {self.after} after"


async def next_page(database: Database, location: Location, after: Key | None, *, rows: int, size: int) -> list[Row]:
    """The next rows behind `after`, as `Database.read_page` gives them; an empty list only at the proven end.

    When a page is empty, the same question is asked without the bound on bytes. A row that it finds is the next page:
    it came a moment ago, or the page query missed it. Raises `ConfigurationError` where keys repeat.
    """
    page = await database.read_page(location, after, rows=rows, size=size)
    page = page or await database.read_page(location, after, rows=1, size=None)
    if page and (page[-1].key == after or None in page[-1].key):
        raise ConfigurationError(
            f"{location.table}: its keys do not tell where a page ends", hint="give the table its primary key back"
        )
    return page


async def _together(following: Coroutine[Any, Any, list[Row]], look: Awaitable[None]) -> list[Row]:
    """Read the next page while this one is looked at."""
    try:
        async with asyncio.TaskGroup() as group:
            ahead = group.create_task(following)
            await look
    except BaseExceptionGroup as failures:
        raise first_error(failures) from None
    return ahead.result()


async def count_rows(database: Database, location: Location) -> int:
    """How many rows a pass over the location has to look at, counted by the server.

    It counts in stretches of the key. Each but the last ends at a key and the last is open, so together they are the
    whole table, however many rows a stretch turns out to have.
    """
    loop = asyncio.get_running_loop()
    gaps = database.lock_policy.gaps
    total, after = 0, None
    while True:
        since = loop.time()
        number, after = await database.count_stretch(location, after, rows=_SHORT_STRETCH if gaps else _LONG_STRETCH)
        total += number
        if after is None:
            return total
        if gaps:
            await asyncio.sleep(loop.time() - since)


async def read_to_end(
    database: Database, location: Location, begin: Callable[[], LookAt], *, rows: int, size: int
) -> None:
    """Show every row of a location, page by page; the next page is read meanwhile.

    A scan that looked at fewer rows than the server counted before and after it is made again, once; `begin` gives what
    looks at the pages of a scan, and has to forget what the one before saw. Raises `IncompleteScanError` for a second.
    """
    coverage = Coverage(before=await count_rows(database, location))
    for _ in range(_SCANS):
        look_at = begin()
        page = await next_page(database, location, None, rows=rows, size=size)
        while page:
            coverage = coverage.read(len(page))
            following = partial(next_page, database, location, page[-1].key, rows=rows, size=size)
            page = await _together(following(), look_at(page))
        coverage = coverage.ended(await count_rows(database, location))
        if not coverage.is_short:
            return
        last = coverage
        # Nothing happens between the end of this scan and the next one: its count serves both.
        coverage = Coverage(before=coverage.after)
    raise IncompleteScanError(
        f"{location.name}: rows are missing from what the database answers, twice in a row: {last}",
        hint="look for what leaves rows out: a proxy, a limit on the rows of a result, a damaged index. If Grafana was "
        "inserting and deleting many rows meanwhile, start again",
    )
