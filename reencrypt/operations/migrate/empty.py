"""Ends a pass in the locations that are empty, all at once: most locations of most Grafanas are."""

from __future__ import annotations

from collections.abc import Sequence

from reencrypt.catalogue.location import Location
from reencrypt.databases.paging import Coverage
from reencrypt.databases.protocol import Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.events import LocationEnded, LocationStarted, PageCommitted
from reencrypt.planning.session import Session
from reencrypt.state.checkpoints import Checkpoint, save_checkpoints
from reencrypt.state.counts import Counts
from reencrypt.state.lease import Lease
from reencrypt.state.quarantine import drop_stale, read_quarantine
from reencrypt.state.runs import Run


async def end_empty(
    session: Session, lease: Lease, run: Run, number: int, locations: Sequence[Location]
) -> frozenset[str]:
    """End pass `number` in those of the locations that the server counts as empty; returns their names.

    What Grafana writes there from now on is behind the cursor of the pass, as in every location that is done.
    """
    database = session.database
    async with database.together():
        filled = await database.filled(locations)
        names = [each.name for each in locations if each.name not in filled]
        # Only this run writes entries now.
        entries = await read_quarantine(database) if names else []
    if not names:
        return frozenset()
    with_entries = sorted({each.location for each in entries} & set(names))
    ended = [
        Checkpoint(name, number, None, done=True, counts=Counts(), coverage=Coverage(before=0, after=0))
        for name in names
    ]

    async def body(transaction: Transaction) -> None:
        await lease.check(transaction)
        for name in with_entries:
            await drop_stale(transaction, run.id, number, name)
        await save_checkpoints(transaction, run.id, ended)

    await retry_transaction(database, body)
    for name in names:
        session.emit(LocationStarted(name))
        session.emit(PageCommitted(name, 0, 0, 0.0, Counts().as_numbers()))
        session.emit(LocationEnded(name, 0))
    return frozenset(names)
