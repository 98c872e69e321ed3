"""Commits a page: rows, linked rows, journal, quarantine and checkpoint in one transaction, or none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reencrypt.catalogue.location import Key, Location
from reencrypt.databases.protocol import Database, RowUpdate, Transaction, Value
from reencrypt.databases.retry import retry_transaction
from reencrypt.operations.migrate.slow_path import PageOutcome
from reencrypt.planning.target_keys import TargetKeys
from reencrypt.state.accepted import save_accepted
from reencrypt.state.audit import AuditEntry, AuditKind, Trail, append_audit
from reencrypt.state.checkpoints import Checkpoint, drop_ranges, save_checkpoint, save_ranges
from reencrypt.state.counts import Counts
from reencrypt.state.journal import entries_of, rewrite_rows
from reencrypt.state.lease import Lease
from reencrypt.state.linked_rows import follow, scope_of, with_text
from reencrypt.state.quarantine import Finding, drop_stale, save_findings
from reencrypt.state.runs import Run, save_failure_rate


@dataclass(slots=True)
class Committed:
    """The result of a commit: the rows that lost a race and must be read again, and how long locks were held.

    `counts` are those of the checkpoint, with the page. One round trip of the transaction took `round_trip_seconds`.
    """

    lost: list[Key]
    moved: int
    findings: list[Finding]
    counts: Counts
    locked_seconds: float = 0.0
    round_trip_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Committer:
    """Writes for one run under its lease and its target keys. `locations` are those of this database, by name."""

    database: Database
    lease: Lease
    run: Run
    targets: TargetKeys
    locations: Mapping[str, Location]
    trail: Trail

    async def commit(
        self, location: Location, page: PageOutcome, checkpoint: Checkpoint, *, by_server: bool
    ) -> Committed:
        """Commit a page and its checkpoint; rows that lost a race are neither written nor counted.

        `checkpoint` holds the position behind the page and the counters without it; its counters are updated here.
        `by_server`: see `with_entries`.
        Raises `LeaseHeldError` and `RefusedError` where the lease or the target key is gone: nothing is written then.
        """
        loop = asyncio.get_running_loop()
        locked_since = 0.0
        page = with_entries(location, page, by_server=by_server)
        sample = self.trail.sample()
        pace = AuditEntry.now(self.run.id, AuditKind.PACE, sample) if sample is not None else None

        async def body(transaction: Transaction) -> Committed:
            nonlocal locked_since
            locked_since = loop.time()
            committed = await self._write(transaction, location, page, checkpoint)
            if pace is not None:
                await append_audit(transaction, pace)
            return committed

        try:
            done = await retry_transaction(self.database, body)
        except BaseException:
            self.trail.unsaved(sample)
            raise
        done.locked_seconds = loop.time() - locked_since
        checkpoint.counts = done.counts
        self.trail.saved(sample)
        return done

    async def _write(
        self,
        transaction: Transaction,
        location: Location,
        page: PageOutcome,
        checkpoint: Checkpoint,
    ) -> Committed:
        """Everything of a page inside its transaction; may be begun again, so it changes nothing in memory."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        await self.lease.check(transaction)
        round_trip = loop.time() - since
        lost: list[Key] = []
        if page.updates:
            # From here to the commit nobody can delete a key that the new bytes need.
            await self.targets.lock(transaction, page.namespaces)
            entries = page.entries or entries_of(location, page.updates, by_server=False)
            lost = await rewrite_rows(transaction, self.run.id, location, page.updates, entries, page.span)
        if lost:
            page = page.without(set(lost))
        by_key = {each.key: each for each in page.updates} if page.detailed else {}
        accepted = [(row.row, by_key.get(row.row.key), row.accepted) for row in page.detailed if row.accepted]
        await save_accepted(transaction, self.run.id, location, accepted)
        changed = [(row.row, by_key[row.row.key]) for row in page.detailed if row.moved]
        await follow(transaction, self.run.id, location, changed, self.locations)
        findings = [finding for row in page.detailed for finding in row.findings]
        await save_findings(transaction, self.run.id, checkpoint.pass_number, location.name, findings)
        counts = Counts.sum([checkpoint.counts, page.counts])
        saved = replace(checkpoint, counts=counts)
        if saved.key_range is not None:
            tally = saved.key_range.failure_rate.to_json(self.run.failure_rate)
            await save_checkpoint(transaction, self.run.id, saved, tally)
            return Committed(lost, page.moved, findings, counts, round_trip_seconds=round_trip)
        if saved.done and not lost:
            await drop_stale(transaction, self.run.id, saved.pass_number, location.name)
        await self._save_failure_rate(transaction, saved)
        await save_checkpoint(transaction, self.run.id, saved)
        return Committed(lost, page.moved, findings, counts, round_trip_seconds=round_trip)

    async def _save_failure_rate(self, transaction: Transaction, checkpoint: Checkpoint) -> None:
        if self.run.failure_rate.failed and checkpoint.pass_number == 0:
            await save_failure_rate(transaction, self.run)

    async def begin_ranges(self, checkpoint: Checkpoint) -> None:
        """Record that the rest of a location is split into ranges, before the first page of any of them."""

        async def body(transaction: Transaction) -> None:
            await self.lease.check(transaction)
            await save_ranges(transaction, self.run.id, checkpoint)

        await retry_transaction(self.database, body)

    async def end_ranges(self, checkpoint: Checkpoint) -> None:
        """Record that a location is done, in place of its ranges."""

        async def body(transaction: Transaction) -> None:
            await self.lease.check(transaction)
            await drop_stale(transaction, self.run.id, checkpoint.pass_number, checkpoint.location)
            await self._save_failure_rate(transaction, checkpoint)
            await drop_ranges(transaction, self.run.id, checkpoint)
            await save_checkpoint(transaction, self.run.id, checkpoint)

        await retry_transaction(self.database, body)


def with_entries(location: Location, page: PageOutcome, *, by_server: bool) -> PageOutcome:
    """Return the page with the journal's entries, and linked rows alike; at once where that was done before.

    Hashes take a while, so it is done before anything is locked, and while the page before is written. `by_server`: the
    server makes them (see `Database.rewrites`).
    """
    if page.entries is not None:
        return page
    updates = _alike(location, page)
    return replace(page, updates=updates, entries=entries_of(location, updates, by_server=by_server))


def _alike(location: Location, page: PageOutcome) -> list[RowUpdate]:
    """The updates of a page, linked rows within it made alike: one text stays one text."""
    if location.linked is None:
        return page.updates
    rows = {each.row.key: each.row for each in page.detailed}
    first: dict[tuple[Value, bytes | None], bytes | None] = {}
    updates: list[RowUpdate] = []
    for update in page.updates:
        row = rows[update.key]
        new = first.setdefault((scope_of(location, row), update.old[0]), update.new[0])
        if new is not None and new != update.new[0]:
            update = update._replace(new=with_text(location, row, new))  # noqa: PLW2901 - the list gets it
        updates.append(update)
    return updates
