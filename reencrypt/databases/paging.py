"""Read a location to its proven end, and compare the rows read with the server's own count.

An empty page is no proof: a server, a proxy or a driver that answers page queries differently could end a location
early. So every loop over pages uses this module, and none calls `read_page` itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.protocol import Database
from reencrypt.errors import ConfigurationError, IncompleteScanError, first_error

#: What the reader of a whole location does with a page.
LookAt = Callable[[list[Row]], Awaitable[None]]

_SCANS: Final = 2
# Rows in a stretch of a count. On SQLite a reader blocks all commits, so a stretch takes a few milliseconds there; on a
# server it stays far below any limit on the time of a statement.
_SHORT_STRETCH: Final = 5_000
_LONG_STRETCH: Final = 100_000
# Rows in a page of which nothing is written. A statement costs as much as many rows, and holds no lock on a server; on
# SQLite the page is kept as short as those that are written.
_SHORT_PAGE: Final = 1000
_LONG_PAGE: Final = 8000


@dataclass(frozen=True, slots=True)
class Coverage:
    """The rows that a sweep of a location has read, and the server's counts before and after it.

    A count is None until it is taken, and always in a sweep that an older version began.
    """

    rows: int = 0
    before: int | None = None
    after: int | None = None

    @property
    def is_short(self) -> bool:
        """Whether the sweep read fewer rows than both counts, so that it missed rows that were there all the time.

        Fewer than one of them only means that rows came or went meanwhile.
        """
        return self.before is not None and self.after is not None and self.rows < min(self.before, self.after)

    def read(self, rows: int) -> Coverage:
        """Return it with more rows read."""
        return replace(self, rows=self.rows + rows)

    def ended(self, after: int | None) -> Coverage:
        """Return it with the count at the end."""
        return replace(self, after=after)

    def as_numbers(self) -> dict[str, int | None]:
        """For reports."""
        return {"looked_at": self.rows, "counted_before": self.before, "counted_after": self.after}

    def __str__(self) -> str:
        """The figures in words."""
        return f"{self.rows} rows looked at, {self.before} counted before and {self.after} after"


async def next_page(
    database: Database, location: Location, after: Key | None, *, rows: int, size: int, until: Key | None = None
) -> list[Row]:
    """Read the next rows behind `after`, as `Database.read_page` does; returns an empty list only at the proven end.

    After an empty page the query is repeated without the bound on bytes. A row that it finds is the next page:
    it was inserted just now, or the page query missed it. Raises `ConfigurationError` where keys repeat.
    """
    async with database.together():
        page = await database.read_page(location, after, rows=rows, size=size, until=until)
        page = page or await database.read_page(location, after, rows=1, size=None, until=until)
    if page and (page[-1].key == after or None in page[-1].key):
        raise ConfigurationError(
            f"{location.table}: its keys do not tell where a page ends", hint="Give the table its primary key back."
        )
    return page


def rows_to_read(database: Database) -> int:
    """How many rows a page may have that is only looked at; bytes bound it too."""
    return _SHORT_PAGE if database.lock_policy.gaps else _LONG_PAGE


async def _together(following: Coroutine[Any, Any, list[Row]], look: Awaitable[None]) -> list[Row]:
    """Read the next page while this one is processed."""
    try:
        async with asyncio.TaskGroup() as group:
            ahead = group.create_task(following)
            await look
    except BaseExceptionGroup as failures:
        raise first_error(failures) from None
    return ahead.result()


async def count_rows(database: Database, location: Location) -> int:
    """Count in the server the rows that a sweep of the location has to read.

    It counts in stretches of the key. Each but the last ends at a key and the last is open, so together they are the
    whole table, with any number of rows in a stretch.
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

    A scan that read fewer rows than the server counted before and after it is repeated once. `begin` returns the reader
    of a scan's pages, which must start afresh. Raises `IncompleteScanError` for a second short scan.
    """
    async with database.together():
        coverage = Coverage(before=await count_rows(database, location))
        page = await next_page(database, location, None, rows=rows, size=size)
    for scan in range(_SCANS):
        look_at = begin()
        if scan:
            page = await next_page(database, location, None, rows=rows, size=size)
        while page:
            coverage = coverage.read(len(page))
            following = partial(next_page, database, location, page[-1].key, rows=rows, size=size)
            page = await _together(following(), look_at(page))
        coverage = coverage.ended(await count_rows(database, location))
        if not coverage.is_short:
            return
        last = coverage
        # Nothing happens between this scan and the next one, so its count serves both.
        coverage = Coverage(before=coverage.after)
    raise IncompleteScanError(
        f"{location.name}: rows are missing from what the database answers, twice in a row: {last}",
        hint="Look for a cause: a proxy, a limit on the rows of a result, a damaged index. If Grafana was "
        "inserting and deleting many rows meanwhile, start again.",
    )


async def read_all_to_end(
    database: Database, locations: Iterable[Location], begin: Callable[[Location], LookAt], *, rows: int, size: int
) -> None:
    """Show every row of one location after another, see `read_to_end`.

    Most locations of most Grafanas are empty, and a server says of all at once which: that is its own count of those.
    """
    locations = list(locations)
    filled = await database.filled(locations)
    for location in locations:
        if location.name in filled:
            await read_to_end(database, location, partial(begin, location), rows=rows, size=size)
        else:
            begin(location)
