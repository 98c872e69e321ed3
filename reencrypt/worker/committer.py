"""Commits a page: rows, twins, journal, quarantine and checkpoint in one transaction, or none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.protocol import Database, Swap, Transaction, Value
from reencrypt.databases.retried import retried
from reencrypt.worker.counts import Counts
from reencrypt.worker.journal import journal_swaps
from reencrypt.worker.lease import Lease
from reencrypt.worker.quarantine import drop_stale, save_findings
from reencrypt.worker.runs import Checkpoint, Run, save_checkpoint
from reencrypt.worker.target import TargetKey
from reencrypt.worker.transform import Finding, PageOutcome, RowOutcome, rehash


@dataclass(slots=True)
class Committed:
    """What a commit did: the rows that lost a race and must be read again, and how long locks were held.

    `counts` are the checkpoint's, with the page.
    """

    lost: list[Key]
    moved: int
    findings: list[Finding]
    counts: Counts
    locked_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Committer:
    """Writes for one run under its lease and its target data key. `locations` are those of this database, by name."""

    database: Database
    lease: Lease
    run: Run
    target: TargetKey
    locations: Mapping[str, Location]

    async def commit(self, location: Location, page: PageOutcome, checkpoint: Checkpoint) -> Committed:
        """Commit a page and its checkpoint; rows that lost a race are neither written nor counted.

        `checkpoint` holds the position behind the page and the counters without it; its counters are updated here.
        Raises `LeaseHeldError` and `RefusedError` where the lease or the target key is gone: nothing is written then.
        """
        loop = asyncio.get_running_loop()
        locked_since = 0.0

        async def body(transaction: Transaction) -> Committed:
            nonlocal locked_since
            locked_since = loop.time()
            return await self._write(transaction, location, page, checkpoint)

        done = await retried(self.database, body)
        done.locked_seconds = loop.time() - locked_since
        checkpoint.counts = done.counts
        return done

    async def _write(
        self, transaction: Transaction, location: Location, page: PageOutcome, checkpoint: Checkpoint
    ) -> Committed:
        """Everything of a page inside its transaction; may be begun again, so it changes nothing in memory."""
        await self.lease.check(transaction)
        swaps = [row.swap for row in page.rows if row.swap]
        lost: list[Key] = []
        if swaps:
            # From here to the commit nobody can delete the key that the new bytes need.
            await self.target.lock(transaction)
            lost = await transaction.swap_rows(location, swaps)
        losers = set(lost)
        settled = [row for row in page.rows if not (row.swap and row.row.key in losers)]
        await self._follow(transaction, location, settled)
        findings = [finding for row in settled for finding in row.findings]
        await save_findings(transaction, self.run.id, checkpoint.pass_number, location.name, findings)
        if checkpoint.done and not lost:
            await drop_stale(transaction, self.run.id, checkpoint.pass_number, location.name)
        counts = Counts.sum([checkpoint.counts, page.settled, *(row.counts for row in settled)])
        await save_checkpoint(transaction, self.run.id, replace(checkpoint, counts=counts))
        return Committed(lost, sum(row.moved for row in settled), findings, counts)

    async def _follow(self, transaction: Transaction, location: Location, rows: Sequence[RowOutcome]) -> None:
        """Journal what was swapped, and give twins the same new text."""
        swapped = [(row.row, row.swap) for row in rows if row.swap]
        await journal_swaps(transaction, self.run.id, location, [swap for _, swap in swapped])
        if location.twins is None or location.twins.location not in self.locations:
            return
        other, scope = self.locations[location.twins.location], location.twins.scope
        for row, swap in swapped:
            old, new = swap.old[0], swap.new[0]
            if old is None or new is None or old == new:
                continue
            value = _value(row, location, scope)
            twins = [
                Swap(twin.key, twin.cells, _twin_cells(other, twin, new))
                for twin in await transaction.read_twins(other, scope, value, old)
            ]
            lost = set(await transaction.swap_rows(other, twins)) if twins else set()
            await journal_swaps(transaction, self.run.id, other, [twin for twin in twins if twin.key not in lost])


def _value(row: Row, location: Location, column: str) -> Value:
    value = row.extras[location.extras.index(column)]
    return value if isinstance(value, (int, str, bytes)) else None


def _twin_cells(location: Location, twin: Row, text: bytes) -> tuple[bytes | None, ...]:
    new = [text, *twin.cells[1:]]
    if location.text_hash:
        new[-1] = rehash(location, twin, new)
    return tuple(new)
