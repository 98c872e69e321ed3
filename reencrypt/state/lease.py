"""Store of the lease: one run at a time per database, with a fencing token that every transaction of a run checks.

A holder is dead when its heartbeat counter has not moved for the timeout on the contender's own monotonic clock. Wall
clocks differ between machines and step, so they are not used.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from reencrypt.databases.protocol import Database, Transaction, Value
from reencrypt.databases.retry import retry_transaction
from reencrypt.databases.state_version import read_state_version
from reencrypt.errors import LeaseHeldError, ReencryptError, UnavailableError, first_error
from reencrypt.state.stamp import stamp
from reencrypt.state.stop import StopRequest

_BEATS_PER_TIMEOUT: Final = 3
_POLLS_PER_BEAT: Final = 4
_RELEASE_SECONDS: Final = 2.0  # after a requested stop, or where the database has failed already


def holder_name() -> str:
    """Name this process for people: its id and its host."""
    return f"process {os.getpid()} on {socket.gethostname()}"


@dataclass(slots=True)
class Lease:
    """A lease that this process has taken; `token` grows with every take-over.

    It `is_kept` until the block that holds it ends, and `is_dropped` once its table is dropped with the others.
    """

    token: int
    beat_seconds: float
    is_kept: bool = True
    is_dropped: bool = False
    _beating: asyncio.Task[None] | None = None

    async def check(self, transaction: Transaction) -> None:
        """Beat inside a transaction. This locks the lease row, so that no take-over is possible before the commit.

        Raises `LeaseHeldError` when the lease was taken over while this process slept.
        """
        if not await transaction.execute("lease_beat", token=self.token):
            rows = await transaction.fetch("lease_read")
            holder = rows[0][1] if rows else "nobody"
            raise LeaseHeldError(
                f"the lease of this run was taken over by {holder!s}",
                hint="That run continues from the same checkpoint; `reencrypt status` shows it.",
            )

    def start_beating(self, database: Database, group: asyncio.TaskGroup) -> None:
        """Start the heartbeat, so that contenders see a live holder while nothing is committed."""

        async def beat() -> None:
            while self.is_kept:
                await asyncio.sleep(self.beat_seconds)
                await retry_transaction(database, self.check)

        self._beating = group.create_task(beat())

    async def stop_beating(self) -> None:
        """Stop the heartbeat; returns when no beat can follow."""
        self.is_kept = False
        if self._beating is not None:
            # One cancel() is not enough: a driver may lose it to an answer that arrives at the same moment.
            self._beating.cancel()
            await asyncio.wait((self._beating,))

    async def apply(self, database: Database, statement: str, **parameters: Value) -> int:
        """Run one statement in its own transaction if this process still has the lease; returns the rows it matched."""

        async def body(transaction: Transaction) -> int:
            await self.check(transaction)
            return await transaction.execute(statement, **parameters)

        return await retry_transaction(database, body)

    async def drop_state(self, database: Database) -> None:
        """Drop the state tables with the lease's own: nothing can be done under it after that."""
        await self.stop_beating()
        async with database.transaction() as transaction:
            await self.check(transaction)
            await transaction.drop_state()
        self.is_dropped = True

    async def release(self, database: Database) -> None:
        """Release the lease, so that the next run need not wait; harmless where it was taken over or dropped."""
        if self.is_dropped:
            return
        async with database.transaction() as transaction:
            await transaction.execute("lease_release", token=self.token)


@asynccontextmanager
async def held_lease(
    database: Database,
    *,
    timeout_seconds: float,
    waiting: Callable[[str], None],
    stop: StopRequest,
    known_dead: DeadHolder | None = None,
) -> AsyncIterator[Lease]:
    """Hold the lease while the block runs: take it, beat, and release it.

    Raises the most telling error of its tasks, such as a lost heartbeat, and `StoppedEarlyError` where a stop is
    requested while it watches a silent holder.
    """
    taking = take_lease(database, timeout_seconds=timeout_seconds, waiting=waiting, known_dead=known_dead)
    lease = await stop.interruptible(taking)
    is_away = False
    try:
        # A newer program may have been at work while this one waited.
        await read_state_version(database, (await database.columns()).keys())
        async with asyncio.TaskGroup() as group:
            lease.start_beating(database, group)
            yield lease
            await lease.stop_beating()
    except BaseExceptionGroup as group:
        error = first_error(group)
        is_away = isinstance(error, UnavailableError)
        raise error from group
    finally:
        # Also on cancellation: then the next run need not wait until this holder counts as dead. Where the release
        # fails, or takes longer than a requested stop or a server that is away allows, the earlier error is the one to
        # report.
        patience = _RELEASE_SECONDS if stop.reason or is_away else None
        with suppress(ReencryptError, TimeoutError):
            await asyncio.shield(_release(lease, database, patience))


async def _release(lease: Lease, database: Database, patience: float | None) -> None:
    async with asyncio.timeout(patience):
        await lease.release(database)


#: Token and beats of a holder when it was found dead.
DeadHolder = tuple[object, object]


async def wait_until_free(
    database: Database,
    timeout_seconds: float,
    waiting: Callable[[str], None],
    known_dead: DeadHolder | None = None,
) -> DeadHolder | None:
    """Wait until the lease is free (None) or its holder is dead; raises `LeaseHeldError` as soon as the holder beats.

    A holder that has not beaten since it was `known_dead` is not watched again.
    """
    watched: DeadHolder | None = None
    loop = asyncio.get_running_loop()
    since = loop.time()
    while True:
        rows = await database.fetch("lease_read")
        if not rows or not rows[0][1]:
            return None
        token, holder, beats, beat_seconds = rows[0]
        patience = max(timeout_seconds, _BEATS_PER_TIMEOUT * float(str(beat_seconds)))
        if known_dead == (token, beats):
            return known_dead
        if watched is None:
            watched, since = (token, beats), loop.time()
            waiting(f"{holder!s} holds the lease; if its heartbeat does not move for {patience:g} s, it is dead")
        elif watched != (token, beats):
            raise LeaseHeldError(
                f"another run is at work: {holder!s}", hint="Let it finish; `reencrypt status` shows its progress."
            )
        elif loop.time() - since >= patience:
            return watched
        await asyncio.sleep(min(1.0, timeout_seconds / _BEATS_PER_TIMEOUT / _POLLS_PER_BEAT))


async def read_holder(database: Database) -> str:
    """Read who holds the lease, empty where it is free."""
    rows = await database.fetch("lease_read")
    return str(rows[0][1]) if rows else ""


async def take_lease(
    database: Database,
    *,
    timeout_seconds: float,
    waiting: Callable[[str], None],
    known_dead: DeadHolder | None = None,
) -> Lease:
    """Take the lease once it is free or its silent holder is proven dead. The state tables must exist.

    Raises `LeaseHeldError` when another run is alive.
    """
    beat_seconds = timeout_seconds / _BEATS_PER_TIMEOUT
    async with database.transaction() as transaction:
        if not await transaction.fetch("lease_read"):
            await transaction.execute("lease_first", at=stamp())
    while True:
        rows = await database.fetch("lease_read")
        token, beats = int(str(rows[0][0])), int(str(rows[0][2]))
        await wait_until_free(database, timeout_seconds, waiting, known_dead)
        async with database.transaction() as transaction:
            taken = await transaction.execute(
                "lease_take",
                holder=holder_name(),
                beat_seconds=beat_seconds,
                at=stamp(),
                token=token,
                beats=beats,
            )
        if taken:
            return Lease(token + 1, beat_seconds)
        # Another contender was faster; the next iteration sees it alive.
