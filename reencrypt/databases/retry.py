"""Retry work that the server aborted: deadlock, serialisation failure, lost connection."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from reencrypt.databases.protocol import Database, Transaction
from reencrypt.databases.waits import SilentServerError
from reencrypt.errors import TransactionLostError, UnavailableError

_T = TypeVar("_T")

DEADLINE_SECONDS: Final = 60.0
#: For the first connection, so that a mistyped host is reported soon.
OPENING_SECONDS: Final = 10.0
_FIRST_WAIT_SECONDS: Final = 0.05
_LONGEST_WAIT_SECONDS: Final = 5.0


async def retry(
    work: Callable[[], Awaitable[_T]],
    *,
    deadline_seconds: float | None = None,
    longest_wait_seconds: float = _LONGEST_WAIT_SECONDS,
    pardoned: Callable[[], float] = lambda: 0.0,
) -> _T:
    """Retry `work` until it is not lost. Raises `UnavailableError` past the deadline, in seconds from the first loss.

    Not from now: a process that stood still in the first try has to have a second one. A server that was silent has
    been waited for already.

    `pardoned` counts seconds that move the deadline, because the server was seen at work in them.
    """
    loop = asyncio.get_running_loop()
    start: float | None = None
    patience = DEADLINE_SECONDS if deadline_seconds is None else deadline_seconds
    begun = loop.time() - pardoned()
    tries = 0
    while True:
        try:
            return await work()
        except TransactionLostError as error:
            # Full jitter: two transactions that collided must not meet again.
            if start is None:
                start = begun if isinstance(error, SilentServerError) else loop.time() - pardoned()
            ceiling = min(longest_wait_seconds, _FIRST_WAIT_SECONDS * 2**tries)
            wait = random.uniform(0, ceiling)  # noqa: S311 - spreads load
            tries += 1
            if loop.time() + wait - pardoned() >= start + patience:
                raise UnavailableError(error.message, hint=error.hint) from error
        await asyncio.sleep(wait)


async def retry_transaction(
    database: Database,
    body: Callable[[Transaction], Awaitable[_T]],
    *,
    deadline_seconds: float | None = None,
) -> _T:
    """Run `body` in a transaction until it commits; `body` must be safe to repeat after it has taken effect.

    A lost connection may hide a commit that happened. The second try of a page then finds its own bytes: its row
    updates are lost, and the rows are read again. Raises `UnavailableError` past the deadline.
    """

    async def once() -> _T:
        async with database.transaction() as transaction:
            return await body(transaction)

    return await retry(once, deadline_seconds=deadline_seconds)
