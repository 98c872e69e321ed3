"""Reads of an SQLite file that leave no cursor open: an open one blocks all commits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import aiosqlite

from reencrypt.databases.protocol import Value

_T = TypeVar("_T")

_FIRST_LENGTHS: Final = 16  # rows of a page that are measured in the first hop to the connection's thread


async def fitting_rows(connection: aiosqlite.Connection, query: str, values: tuple[Value, ...], size: int) -> int:
    """How many rows begin within `size` bytes, by a query for their lengths."""
    count = total = 0
    chunk = _FIRST_LENGTHS
    cursor = await connection.execute(query, values)
    try:
        while total < size and (found := await cursor.fetchmany(chunk)):
            for (one,) in found:
                count += total < size
                total += one
            chunk *= 4  # not at once: text is read for its length
    finally:
        await cursor.close()
    return count


async def to_the_end(work: Coroutine[Any, Any, _T]) -> _T:
    """Finish the work in spite of any number of cancellations, and raise the cancellation then."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            # The pipeline's stop cancels once, and its own cancellation once more.
            cancelled = True
    if cancelled:
        task.exception()  # retrieved, and dropped
        raise asyncio.CancelledError
    return task.result()
