"""`reencrypt run`: moves every secret under the target provider, and resumes where an earlier run was interrupted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from reencrypt.catalogue.location import Location
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.databases.paging import Coverage
from reencrypt.databases.protocol import Database
from reencrypt.errors import ConfigurationError, StoppedEarlyError
from reencrypt.events import Emit, RunEnded, RunStarted, TargetKeyReady, Waiting, Warned
from reencrypt.keys.proof import Proof
from reencrypt.keys.providers import Providers
from reencrypt.keys.ring import DataKey
from reencrypt.operations.migrate.committer import Committer
from reencrypt.operations.migrate.pipeline import Limit, Pipeline
from reencrypt.operations.migrate.readback import ReadBack
from reencrypt.operations.migrate.resolver import Resolver
from reencrypt.operations.migrate.sweeps import Passes, counts_of, incomplete_scans
from reencrypt.operations.report import RunReport
from reencrypt.operations.session import leased, opened
from reencrypt.outcomes import Outcome, RunState
from reencrypt.planning.options import RunOptions, available_threads
from reencrypt.planning.plan import Preparation
from reencrypt.planning.planner import Preparer
from reencrypt.planning.resume import Claim, command_for
from reencrypt.planning.schema import inspect
from reencrypt.planning.target_key import NoTarget, Target
from reencrypt.settings import Settings
from reencrypt.state.accepted import Accepted, read_accepted
from reencrypt.state.counts import Counts
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.lease import Lease, Standstill, wait_until_free
from reencrypt.state.quarantine import QuarantineEntry, known_secrets, read_quarantine
from reencrypt.state.runs import Run, close_run
from reencrypt.state.stop import STOP_GRACE_SECONDS, StopRequest


async def run(settings: Settings, options: RunOptions, *, emit: Emit, stop: StopRequest) -> RunReport:
    """Re-encrypt. Raises a `ReencryptError` for whatever keeps it from its work; nothing is written before the gate.

    A `stop` finishes or rolls back the page in hand; the report then says `stopped`.
    """
    started = time.monotonic()
    try:
        async with opened(settings, options, emit, write=True) as resources:
            parts = (resources.database, resources.providers, resources.cache, resources.pool)
            result = await _Job(*parts, settings, options, emit, stop).run()
    except StoppedEarlyError:
        # Before the run itself began: nothing was looked at, so there is nothing to count.
        result = RunReport(
            Outcome.STOPPED, options.target(settings), {}, operation=options.operation, stop_reason=stop.reason
        )
    result.seconds = time.monotonic() - started
    return result


@dataclass(frozen=True, slots=True)
class _Job:
    """One invocation of `run`, with everything it has opened."""

    database: Database
    providers: Providers
    cache: DerivedKeyCache
    pool: ThreadPoolExecutor
    settings: Settings
    options: RunOptions
    emit: Emit
    stop: StopRequest

    async def run(self) -> RunReport:
        """Prepare, take the lease, move, sweep, report."""
        if self.options.max_runtime_seconds is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(self.options.max_runtime_seconds, self.stop.set, "the time allowed is over")
        preparer = Preparer(self.database, self.providers, self.cache, self.pool, self.emit)
        dead: Standstill | None = None
        has_state = (await inspect(self.database)).has_state
        await self._check_accepted(has_state=has_state)
        if has_state:
            # Before the long scan: tell at once that somebody else is at work.
            watch = wait_until_free(self.database, self.options.lease_timeout_seconds, self._waiting)
            dead = await self.stop.interruptible(watch)
        prepared = await self.stop.interruptible(preparer.prepare(self.settings, self.options))
        self._check_locations(prepared)
        for warning in prepared.warnings:
            self.emit(Warned(warning))
        if prepared.refusals:
            raise prepared.refusals[0]
        if not prepared.needs_run:
            return await self._nothing_to_move(prepared)
        await self.database.create_state()
        async with leased(self.database, self.options, self.emit, self.stop, known_dead=dead) as lease:
            return await self._under_lease(preparer, prepared, lease)

    def _waiting(self, reason: str) -> None:
        self.emit(Waiting(reason))

    def _check_locations(self, prepared: Preparation) -> None:
        known = [location.name for location in prepared.locations]
        for name in self.options.locations:
            if name not in known:
                raise ConfigurationError(f"this database has no location {name!r}", hint=f"one of: {', '.join(known)}")

    async def _check_accepted(self, *, has_state: bool) -> None:
        chosen = self.options.accepted
        if chosen is None or chosen.is_empty:
            return
        entries = await read_quarantine(self.database) if has_state else []
        if not any(entry.is_open and chosen.takes(entry) for entry in entries):
            raise ConfigurationError(
                "no open secret in quarantine fits that", hint="`reencrypt quarantine list` shows what there is"
            )

    async def _nothing_to_move(self, prepared: Preparation) -> RunReport:
        # What waits in quarantine is in the way also of a rotation that is not due.
        entries = await read_quarantine(self.database) if prepared.quarantined else []
        return RunReport(
            Outcome.PARTLY_DONE if any(entry.is_open for entry in entries) else Outcome.NOTHING_TO_DO,
            prepared.target_provider,
            prepared.counts(),
            operation=prepared.goal.operation,
            due=prepared.goal.waits_until,
            quarantine=entries,
            warnings=prepared.warnings,
        )

    async def _under_lease(self, preparer: Preparer, prepared: Preparation, lease: Lease) -> RunReport:
        claim = Claim(self.database, self.providers, prepared, lease)
        current, resumed = await claim.run()
        self.emit(RunStarted(current.id, resumed, prepared.target_provider, prepared.census.total))
        announcing = asyncio.ensure_future(self._announce_stop())
        try:
            work = self._move(preparer, prepared, claim, current)
            stopped = await self.stop.interruptible(work, grace_seconds=STOP_GRACE_SECONDS)
        except StoppedEarlyError:
            stopped = self.stop.reason
        finally:
            announcing.cancel()
        counts = await counts_of(self.database, current, self._chosen(prepared))
        quarantine = await read_quarantine(self.database)
        incomplete: Mapping[str, Coverage] = {}
        warnings = prepared.warnings
        if stopped:
            outcome = Outcome.STOPPED
        else:
            incomplete = await incomplete_scans(self.database, current)
            outcome = Outcome.PARTLY_DONE if incomplete else _outcome(counts, quarantine)
            if not self.options.settle:
                warnings = [*warnings, _what_may_remain(self.settings)]
            await close_run(self.database, lease, current, RunState.FINISHED, outcome)
        self.emit(RunEnded(current.id, outcome))
        return RunReport(
            outcome,
            prepared.target_provider,
            counts,
            current.id,
            target_data_key=current.target_key or None,
            resumed=resumed,
            operation=prepared.goal.operation,
            sweeps=current.pass_number,
            stop_reason=stopped,
            resume=command_for(current, self.settings) if stopped else None,
            warnings=warnings,
            quarantine=quarantine,
            incomplete=incomplete,
        )

    async def _announce_stop(self) -> None:
        """Acknowledge a request to stop at once, and say what takes the seconds until the end."""
        reason = await self.stop.wait()
        self._waiting(f"{reason}: the page in hand is finished or rolled back")

    async def _move(self, preparer: Preparer, prepared: Preparation, claim: Claim, current: Run) -> str | None:
        """Everything between the claim and the report; returns why it stopped before its end, else None."""
        target = await claim.target(current)
        # With the target key among them: whatever names it is current from here on.
        fresh = await read_data_keys(self.database, prepared.schema.key_table)
        prepared.proof.forget(prepared.ring.load(fresh))
        if target.id:
            self.emit(TargetKeyReady(target.id, target.provider, target.made))
        known, accepted = await read_quarantine(self.database), await read_accepted(self.database)
        passes = self._passes(preparer, prepared, claim.lease, current, target, known, accepted)
        stopped = await passes.main_pass()
        if not stopped and self.options.locations:
            stopped = f"{', '.join(self.options.locations)} done; run without --location for the others"
        stopped = stopped or await passes.sweeps()
        if not stopped and self.options.settle:
            stopped = await self._settle(passes)
        if not stopped and Counts.sum((await passes.counts()).values()).re_encrypted:
            by_name = {location.name: location for location in self._chosen(prepared)}
            read_back = ReadBack(self.database, current, by_name, self.cache)
            await read_back.check(target, self.providers.get(prepared.goal.provider))
        return stopped

    async def _settle(self, passes: Passes) -> str | None:
        """Wait until no Grafana can have the data keys of before in its cache, then sweep for what it wrote."""
        seconds = self.settings.data_keys_cache_ttl.total_seconds()
        self._waiting(f"Grafana keeps data keys in its cache for {seconds:g} s; a last sweep follows")
        await self.stop.interruptible(asyncio.sleep(seconds))
        return await passes.sweeps()

    def _chosen(self, prepared: Preparation) -> list[Location]:
        by_name = {location.name: location for location in prepared.locations}
        return [by_name[name] for name in self.options.locations] or list(prepared.locations)

    def _passes(
        self,
        preparer: Preparer,
        prepared: Preparation,
        lease: Lease,
        current: Run,
        target: Target,
        known: Sequence[QuarantineEntry],
        accepted: Accepted,
    ) -> Passes:
        async def reload() -> list[DataKey]:
            return await read_data_keys(self.database, prepared.schema.key_table)

        async def judge_again() -> Proof:
            return await preparer.judge_again(prepared)

        resolver = Resolver(
            ring=prepared.ring,
            proof=prepared.proof,
            secret_key=self.providers.secret_key.password,
            cache=self.cache,
            reload=reload,
            pool=self.pool,
            only_looks=isinstance(target, NoTarget),
            accepted=accepted,
        )
        by_name = {location.name: location for location in prepared.locations}
        pipeline = Pipeline(
            database=self.database,
            committer=Committer(self.database, lease, current, target, by_name),
            resolver=resolver,
            sealer=target.sealer(prepared.goal.algorithm, current.salt, self.cache),
            is_current=prepared.is_current,
            cache=self.cache,
            pool=self.pool,
            threads=available_threads(),
            emit=self.emit,
            stop=self.stop,
            limit=Limit(self.options.limit),
            max_quarantine=self.options.max_quarantine,
            known=known_secrets(known, self.options.accepted),
            accepted=accepted,
            tally=current.tally,
        )
        return Passes(
            database=self.database,
            lease=lease,
            run=current,
            pipeline=pipeline,
            locations=self._chosen(prepared),
            chosen=bool(self.options.locations),
            emit=self.emit,
            judge_again=judge_again,
        )


def _what_may_remain(settings: Settings) -> str:
    minutes = settings.data_keys_cache_ttl.total_seconds() / 60
    return (
        f"a running Grafana may have saved under an older data key for up to {minutes:g} minutes after the run began "
        "(data_keys_cache_ttl); run once more after that, or use --settle"
    )


def _outcome(counts: Mapping[str, Counts], quarantine: Sequence[QuarantineEntry]) -> Outcome:
    total = Counts.sum(counts.values())
    if total.left or (total.quarantined and any(entry.is_open for entry in quarantine)):
        return Outcome.PARTLY_DONE
    return Outcome.DONE if total.re_encrypted else Outcome.NOTHING_TO_DO
