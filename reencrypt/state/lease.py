"""The lease: one run at a time per database, with a fencing token that every transaction of a run checks.

A holder is dead when its heartbeat counter has not moved for a while of the contender's own monotonic clock. Wall
clocks, which differ between machines and step, are not consulted.
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
from reencrypt.errors import LeaseHeldError, ReencryptError, first_error
from reencrypt.state.stamp import stamp
from reencrypt.state.stop import StopRequest

_BEATS_PER_TIMEOUT: Final = 3
_POLLS_PER_BEAT: Final = 4
_RELEASE_SECONDS: Final = 2.0


def holder_name() -> str:
    """Who we are, for the person who reads it: process and host."""
    return f"process {os.getpid()} on {socket.gethostname()}"


@dataclass(slots=True)
class Lease:
    """A lease that was taken; `token` grows with every take-over.

    It `is_kept` until the block that holds it ends, and `is_dropped` where its table is gone with the others.
    """

    token: int
    beat_seconds: float
    is_kept: bool = True
    is_dropped: bool = False
    _beating: asyncio.Task[None] | None = None

    async def check(self, transaction: Transaction) -> None:
        """Beat inside a transaction: locks the lease row, so that no take-over can come between this and the commit.

        Raises `LeaseHeldError` when the lease was taken over while this process slept.
        """
        if not await transaction.execute("lease_beat", token=self.token):
            rows = await transaction.fetch("lease_read")
            holder = rows[0][1] if rows else "nobody"
            raise LeaseHeldError(
                f"the lease of this run was taken over by {holder!s}",
                hint="that run goes on from the same checkpoint; `reencrypt status` shows it",
            )

    def start_beating(self, database: Database, group: asyncio.TaskGroup) -> None:
        """Beat from now on, so that contenders see a living holder while nothing is committed."""

        async def beat() -> None:
            while self.is_kept:
                await asyncio.sleep(self.beat_seconds)
                await retry_transaction(database, self.check)

        self._beating = group.create_task(beat())

    async def stop_beating(self) -> None:
        """Return when no beat comes any more."""
        self.is_kept = False
        if self._beating is not None:
            # Cancelling alone is not enough: a driver may have lost it to an answer that came at the same moment.
            self._beating.cancel()
            await asyncio.wait((self._beating,))

    async def apply(self, database: Database, statement: str, **parameters: Value) -> int:
        """Run one statement in a transaction of its own, if the lease is still ours; returns the rows it matched."""

        async def body(transaction: Transaction) -> int:
            await self.check(transaction)
            return await transaction.execute(statement, **parameters)

        return await retry_transaction(database, body)

    async def drop_state(self, database: Database) -> None:
        """Drop the state tables, this lease's own among them: nothing can be done under it after that."""
        await self.stop_beating()
        async with database.transaction() as transaction:
            await self.check(transaction)
            await transaction.drop_state()
        self.is_dropped = True

    async def release(self, database: Database) -> None:
        """Give the lease back, so that the next run need not wait; no harm where it was taken over, or dropped."""
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
    """Take the lease, beat while the block runs, and give it back.

    Of the errors of its tasks, a lost heartbeat among them, the one that says most is raised. Raises
    `StoppedEarlyError` where a stop is asked for while a silent holder is watched.
    """
    taking = take_lease(database, timeout_seconds=timeout_seconds, waiting=waiting, known_dead=known_dead)
    lease = await stop.interruptible(taking)
    try:
        # A newer program may have been at work while this one waited.
        await read_state_version(database, (await database.columns()).keys())
        async with asyncio.TaskGroup() as group:
            lease.start_beating(database, group)
            yield lease
            await lease.stop_beating()
    except BaseExceptionGroup as group:
        raise first_error(group) from group
    finally:
        # Also when we are cancelled: the next run need not wait for our death to be proven. Where even that fails, or
        # takes longer than whoever asked to stop will wait, what came before is what has to be told.
        patience = _RELEASE_SECONDS if stop.reason else None
        with suppress(ReencryptError, TimeoutError):
            await asyncio.shield(_release(lease, database, patience))


async def _release(lease: Lease, database: Database, patience: float | None) -> None:
    async with asyncio.timeout(patience):
        await lease.release(database)


#: Token and beats of a holder, as they were when it was found dead.
DeadHolder = tuple[object, object]


async def wait_until_free(
    database: Database,
    timeout_seconds: float,
    waiting: Callable[[str], None],
    known_dead: DeadHolder | None = None,
) -> DeadHolder | None:
    """Return when nobody holds the lease (None) or its holder is dead; raise `LeaseHeldError` as soon as it moves.

    A holder that stands still where it was `known_dead` is not watched again.
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
                f"another run is at work: {holder!s}", hint="let it finish; `reencrypt status` shows how far it is"
            )
        elif loop.time() - since >= patience:
            return watched
        await asyncio.sleep(min(1.0, timeout_seconds / _BEATS_PER_TIMEOUT / _POLLS_PER_BEAT))


async def read_holder(database: Database) -> str:
    """Who holds the lease, empty for nobody."""
    rows = await database.fetch("lease_read")
    return str(rows[0][1]) if rows else ""


async def take_lease(
    database: Database,
    *,
    timeout_seconds: float,
    waiting: Callable[[str], None],
    known_dead: DeadHolder | None = None,
) -> Lease:
    """Take the lease, waiting for a silent holder to be proven dead. The state tables must exist.

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
        # Another contender was faster; the next round sees it alive.
