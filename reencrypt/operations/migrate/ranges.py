"""Splits a location into key ranges, which several writers work through at the same time.

A range ends at a key, and the last one at the end of the table, so that each row belongs to one of them, whatever is
inserted or deleted meanwhile. Bounds are compared by the server, in the order of its own index.
"""

from __future__ import annotations

from typing import Final

from reencrypt.catalogue.location import Key, Location
from reencrypt.databases.protocol import Database
from reencrypt.state.checkpoints import Checkpoint, KeyRange
from reencrypt.state.counts import Counts

#: Below this a range is done before a writer more has paid for its connection.
LEAST_ROWS: Final = 500
_RANGES_PER_WRITER: Final = 2  # so that nobody waits long for the slowest


async def split(database: Database, location: Location, checkpoint: Checkpoint, writers: int) -> bool:
    """Split what lies behind a checkpoint into ranges, where that is worth it; returns whether it did."""
    coverage = checkpoint.coverage
    rows = (coverage.before or 0) - coverage.rows
    number = min(_RANGES_PER_WRITER * writers, rows // LEAST_ROWS)
    if writers == 1 or number <= 1:
        return False
    ends: list[Key] = []
    for _ in range(number - 1):
        after = ends[-1] if ends else checkpoint.last_key
        end = await database.key_ahead(location, after, rows=rows // number)
        if end is None or None in end:
            break
        ends.append(end)
    if not ends:
        return False
    begins, bounds = [checkpoint.last_key, *ends], [*ends, None]
    checkpoint.ranges = [
        Checkpoint(
            checkpoint.location,
            checkpoint.pass_number,
            begin,
            done=False,
            counts=Counts(),
            key_range=KeyRange(index, until),
        )
        for index, (begin, until) in enumerate(zip(begins, bounds, strict=True))
    ]
    checkpoint.is_split = True
    return True
