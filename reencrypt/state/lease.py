"""Store of the lease: one run at a time per database, with a fencing token that every transaction of a run checks.

A holder is dead when its heartbeat counter has not moved for the timeout on the contender's own monotonic clock. Wall
clocks differ between machines and step, so they are not used.

The table has two rows. Each transaction of a run shares a lock on the row of the lease, so that several can be open
and no take-over happens before their commit. The heartbeat is another row, which none of them locks: an update of a row
that others keep sharing would have to wait for all of them. A contender claims the heartbeat first, by its last beat.
After that no transaction of the old token begins, and the contender takes the row of the lease when the open ones have
ended.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

from reencrypt.databases import waits
from reencrypt.databases.protocol import Database, Executor, Transaction, Value
from reencrypt.databases.retry import retry_transaction
from reencrypt.databases.state_version import read_state_version
from reencrypt.errors import LeaseHeldError, ReencryptError, UnavailableError, first_error
from reencrypt.state.stamp import stamp
from reencrypt.state.stop import StopRequest

_T = TypeVar("_T")

_BEATS_PER_TIMEOUT: Final = 3
_POLLS_PER_BEAT: Final = 4
_CHECKS_PER_IDLE: Final = 3
_LEASE, _HEARTBEAT = 1, 2  # the ids of the rows
_OPEN_PAGES_SECONDS: Final = 5.0  # of a holder that is dead: its server ends them, or somebody has to
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
        """Check the token inside a transaction. This shares a lock, so that no take-over happens before the commit.

        Raises `LeaseHeldError` when the lease was taken over while this process slept.
        """
        if not await transaction.fetch("lease_check", token=self.token):
            await self._lost(transaction)

    async def beat(self, transaction: Transaction) -> None:
        """Show contenders that this process is alive.

        Raises `LeaseHeldError` when the lease was taken over while this process slept.
        """
        if not await transaction.execute("lease_beat", token=self.token):
            await self._lost(transaction)

    async def kept(self, transaction: Transaction, work: Coroutine[Any, Any, _T]) -> _T:
        """Do work beside an open transaction and return its result; the lease is checked in the transaction meanwhile.

        So the server hears of the transaction, and does not end it as that of a process that stands still.
        """
        working = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait((working,), timeout=waits.PATIENCE.idle / _CHECKS_PER_IDLE))[0]:
                await self.check(transaction)
            return working.result()
        finally:
            if not working.done():
                working.cancel()
                await asyncio.shield(asyncio.wait((working,)))

    async def _lost(self, transaction: Transaction) -> NoReturn:
        rows = await _read(transaction)
        raise LeaseHeldError(
            f"the lease of this run was taken over by {rows[-1].holder if rows else 'nobody'}",
            hint="That run continues from the same checkpoint; `reencrypt status` shows it.",
        )

    def start_beating(self, database: Database, group: asyncio.TaskGroup) -> None:
        """Start the heartbeat, so that contenders see a live holder while nothing is committed."""

        async def beat() -> None:
            while self.is_kept:
                await asyncio.sleep(self.beat_seconds)
                await retry_transaction(database, self.beat)

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

    async def settle(self, database: Database) -> None:
        """Return once every transaction under this lease has ended, also one whose connection was cut in its commit."""
        await self.apply(database, "lease_settle", token=self.token)

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
            for number in (_HEARTBEAT, _LEASE):
                await transaction.execute("lease_release", id=number, token=self.token)


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
        async with database.together():
            await read_state_version(database, await database.tables())
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


class _Row(NamedTuple):
    """A row of the table: that of the lease, or that of the heartbeat."""

    token: int
    holder: str
    beats: int
    beat_seconds: float


#: The rows of the lease when its holder was found dead.
DeadHolder = tuple[_Row, ...]


async def _read(executor: Executor) -> DeadHolder:
    """Read the lease and the heartbeat. An older version has left no row of the heartbeat, and beats in the first."""
    return tuple(
        _Row(int(str(token)), str(holder), int(str(beats)), float(str(seconds)))
        for token, holder, beats, seconds in await executor.fetch("lease_read")
    )


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
        rows = await _read(database)
        holder = next((row.holder for row in reversed(rows) if row.holder), "")
        if not holder:
            return None
        patience = max(timeout_seconds, *(_BEATS_PER_TIMEOUT * row.beat_seconds for row in rows))
        if known_dead == rows:
            return known_dead
        if watched is None:
            watched, since = rows, loop.time()
            waiting(f"{holder} holds the lease; if its heartbeat does not move for {patience:g} s, it is dead")
        elif watched != rows:
            raise LeaseHeldError(
                f"another run is at work: {holder}", hint="Let it finish; `reencrypt status` shows its progress."
            )
        elif loop.time() - since >= patience:
            return watched
        await asyncio.sleep(min(1.0, timeout_seconds / _BEATS_PER_TIMEOUT / _POLLS_PER_BEAT))


async def read_holder(database: Database) -> str:
    """Read who holds the lease, empty where it is free."""
    rows = await _read(database)
    return next((row.holder for row in reversed(rows) if row.holder), "")


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
        rows = await _read(transaction)
        for number in (_LEASE, _HEARTBEAT)[len(rows) :]:
            await transaction.execute("lease_first", id=number, token=rows[0].token if rows else 0, at=stamp())
    while True:
        held, heartbeat = await _read(database)
        await wait_until_free(database, timeout_seconds, waiting, known_dead)
        lease = Lease(max(held.token, heartbeat.token) + 1, beat_seconds)
        mine: dict[str, Value] = {"token": lease.token, "holder": holder_name(), "beat_seconds": beat_seconds}
        claim: dict[str, Value] = {**mine, "before": heartbeat.token, "beats": heartbeat.beats}
        if await _taken(lease, database, claim, {**mine, "beats": held.beats}):
            return lease
        # Another contender was faster; the next iteration sees it alive.


async def _taken(lease: Lease, database: Database, claim: Mapping[str, Value], mine: Mapping[str, Value]) -> bool:
    """Claim a lease and take its row, after the transactions that its old holder has left open.

    Returns whether nobody else was faster. Raises `UnavailableError` where such a transaction does not end.
    """

    async def body(transaction: Transaction) -> bool:
        return bool(await transaction.execute("lease_take", **mine, at=stamp()))

    taken = False
    try:
        async with database.transaction() as transaction:
            if not await transaction.execute("lease_claim", **claim, at=stamp()):
                return False
        taken = await retry_transaction(database, body, deadline_seconds=_OPEN_PAGES_SECONDS)
    finally:
        if not taken:
            # Nobody has to wait for whoever gave up, or was stopped.
            with suppress(ReencryptError, TimeoutError):
                await asyncio.shield(_unclaim(lease, database))
    return taken


async def _unclaim(lease: Lease, database: Database) -> None:
    # The row of the lease is left alone: others may have it locked.
    async with asyncio.timeout(_RELEASE_SECONDS), database.transaction() as transaction:
        await transaction.execute("lease_release", id=_HEARTBEAT, token=lease.token)
