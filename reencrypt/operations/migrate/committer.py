"""Commits a page: rows, twins, journal, quarantine and checkpoint in one transaction, or none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reencrypt.catalogue.location import Key, Location
from reencrypt.databases.protocol import Database, Swap, Transaction, Value
from reencrypt.databases.retried import retried
from reencrypt.operations.migrate.slow_path import PageOutcome, RowOutcome
from reencrypt.planning.target_key import TargetKey
from reencrypt.state.accepted import save_accepted
from reencrypt.state.checkpoints import Checkpoint, save_checkpoint
from reencrypt.state.counts import Counts
from reencrypt.state.journal import journal_entries, swap_entries
from reencrypt.state.lease import Lease
from reencrypt.state.quarantine import Finding, drop_stale, save_findings
from reencrypt.state.runs import Run, save_tally
from reencrypt.state.twins import follow, scope_of, with_text


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
        swaps = page.swaps + _alike(location, page.rows)
        # Before anything is locked: hashes take a while.
        entries = swap_entries(location, swaps)

        async def body(transaction: Transaction) -> Committed:
            nonlocal locked_since
            locked_since = loop.time()
            return await self._write(transaction, location, page, checkpoint, swaps, entries)

        done = await retried(self.database, body)
        done.locked_seconds = loop.time() - locked_since
        checkpoint.counts = done.counts
        return done

    async def _write(
        self,
        transaction: Transaction,
        location: Location,
        page: PageOutcome,
        checkpoint: Checkpoint,
        swaps: Sequence[Swap],
        entries: Sequence[tuple[Value, ...]],
    ) -> Committed:
        """Everything of a page inside its transaction; may be begun again, so it changes nothing in memory."""
        await self.lease.check(transaction)
        lost: list[Key] = []
        if swaps:
            # From here to the commit nobody can delete the key that the new bytes need.
            await self.target.lock(transaction)
            lost = await transaction.swap_rows(location, swaps)
        settled: Sequence[RowOutcome] = page.rows
        ordinary = len(page.swaps)
        if lost:
            losers = set(lost)
            settled = [row for row in page.rows if not (row.swap and row.row.key in losers)]
            entries = swap_entries(location, [swap for swap in swaps if swap.key not in losers])
            ordinary -= sum(swap.key in losers for swap in page.swaps)
        swapped = [(row.row, row.swap) for row in settled if row.swap]
        await journal_entries(transaction, self.run.id, location, entries)
        accepted = [(row.row, row.swap, row.accepted) for row in settled if row.accepted]
        await save_accepted(transaction, self.run.id, location, accepted)
        await follow(transaction, self.run.id, location, swapped, self.locations)
        findings = [finding for row in settled for finding in row.findings]
        await save_findings(transaction, self.run.id, checkpoint.pass_number, location.name, findings)
        if checkpoint.done and not lost:
            await drop_stale(transaction, self.run.id, checkpoint.pass_number, location.name)
        if self.run.tally.failed and checkpoint.pass_number == 0:
            await save_tally(transaction, self.run)
        counts = Counts.sum([checkpoint.counts, page.settled, *(row.counts for row in settled)])
        counts.re_encrypted += ordinary
        await save_checkpoint(transaction, self.run.id, replace(checkpoint, counts=counts))
        return Committed(lost, ordinary + sum(row.moved for row in settled), findings, counts)


def _alike(location: Location, rows: Sequence[RowOutcome]) -> list[Swap]:
    """The swaps of a page, those of twins within it made alike: one text stays one text."""
    first: dict[tuple[Value, bytes | None], bytes | None] = {}
    for row in rows:
        if row.swap and location.twins:
            new = first.setdefault((scope_of(location, row.row), row.swap.old[0]), row.swap.new[0])
            if new is not None and new != row.swap.new[0]:
                row.swap = row.swap._replace(new=with_text(location, row.row, new))
    return [row.swap for row in rows if row.swap]
