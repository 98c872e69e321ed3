"""The passes of a run: one moves the secrets, then sweeps find what Grafana wrote behind the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reencrypt.catalogue.location import Location
from reencrypt.databases.paging import Coverage
from reencrypt.databases.protocol import Database
from reencrypt.events import PassStarted
from reencrypt.operations.migrate.empty import end_empty
from reencrypt.operations.migrate.limit import Progress
from reencrypt.operations.migrate.pipeline import Pipeline
from reencrypt.operations.migrate.resolver import Resolver
from reencrypt.planning.plan import Plan
from reencrypt.planning.planner import plan_again
from reencrypt.planning.session import Session
from reencrypt.state.checkpoints import Checkpoint, latest_counts, latest_coverage, read_checkpoints
from reencrypt.state.counts import Counts
from reencrypt.state.lease import Lease
from reencrypt.state.runs import Run, enter_pass

MOST_SWEEPS: Final = 3


@dataclass(slots=True)
class Sweeper:
    """Runs the passes of one run over its `locations`.

    The run begins with `plan`. A sweep that may move what was left gets another plan, and a `resolver` that judges by
    it.
    """

    session: Session
    plan: Plan
    lease: Lease
    run: Run
    pipeline: Pipeline
    resolver: Resolver
    locations: Sequence[Location]

    async def main_pass(self) -> str | None:
        """Move the secrets, from the checkpoints on. Returns why it stopped before its end, else None."""
        if self.run.pass_number and not self.session.options.scope.locations:
            return None
        number = self.run.pass_number + 1 if self.run.pass_number else 0
        self.session.emit(PassStarted(number))
        await self._enter(number)
        return (await self._pass(number)).stopped

    async def sweeps(self) -> str | None:
        """Sweep all locations until a sweep moves nothing, three times at the most.

        Returns why it stopped before its end, else None.

        Each sweep counts anew, so its counters are right for the database as the run leaves it. An interrupted sweep is
        not resumed, because Grafana may have written since. A pass that missed rows of a location is repeated as a
        sweep, once. If that misses rows as well, no sweep helps: see `incomplete_scans`.
        """
        first = self.run.pass_number + 1
        async with self.session.database.together():
            short = await incomplete_scans(self.session.database, self.run)
            counts = await self.counts()
        for number in range(first, first + MOST_SWEEPS + 1):
            if number > first:
                counts = await self.counts()
            if Counts.sum(counts.values()).left:
                # Keys may have been proven or doubted meanwhile.
                again = await plan_again(self.session, self.plan, self.resolver.proof)
                self.resolver = self.resolver.judging_by(again.proof)
            self.session.emit(PassStarted(number))
            await self._enter(number)
            progress = await self._pass(number)
            if progress.stopped:
                return progress.stopped
            before, short = short, await incomplete_scans(self.session.database, self.run)
            if before.keys() & short.keys():
                break
            if not short and (not progress.moved or number - first + 1 == MOST_SWEEPS):
                break
        return None

    async def counts(self) -> dict[str, Counts]:
        """The counters of each location, from the last pass that went through it."""
        return await counts_of(self.session.database, self.run, self.locations)

    async def _enter(self, number: int) -> None:
        if self.run.pass_number != number:
            await enter_pass(self.session.database, self.lease, self.run, number)

    async def _pass(self, number: int) -> Progress:
        """One pass over all locations."""
        saved = {
            each.location: each
            for each in await read_checkpoints(self.session.database, self.run.id)
            if each.pass_number == number
        }
        for location in self.locations:
            for part in saved[location.name].ranges if location.name in saved else ():
                # Until a location is done its ranges alone have what they met. Those of another one keep it.
                if part.key_range is not None:
                    self.run.failure_rate.resume(part.key_range.failure_rate)
        moved = 0
        begun = [each for each in self.locations if each.name not in saved]
        empty = await end_empty(self.session, self.lease, self.run, number, begun)
        for location in self.locations:
            if location.name in empty:
                continue
            checkpoint = saved.get(location.name) or Checkpoint(
                location.name, number, None, done=False, counts=Counts()
            )
            if checkpoint.done:
                continue
            progress = await self.pipeline.run(location, checkpoint, self.resolver)
            moved += progress.moved
            if progress.stopped:
                return Progress(moved, progress.stopped)
        return Progress(moved)


async def counts_of(database: Database, run: Run, locations: Sequence[Location]) -> dict[str, Counts]:
    """The counters of a run by location, from the last pass that went through it."""
    known = latest_counts(await read_checkpoints(database, run.id))
    return {location.name: known[location.name] for location in locations if location.name in known}


async def incomplete_scans(database: Database, run: Run) -> dict[str, Coverage]:
    """The locations of which the last complete pass missed rows."""
    covered = latest_coverage(await read_checkpoints(database, run.id))
    return {name: coverage for name, coverage in covered.items() if coverage.is_short}
