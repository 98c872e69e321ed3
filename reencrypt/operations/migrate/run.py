"""`reencrypt run`: moves every secret under the target provider, and resumes where an earlier run was interrupted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reencrypt.catalogue.location import Location
from reencrypt.databases.paging import Coverage
from reencrypt.errors import ConfigurationError, StoppedEarlyError
from reencrypt.events import RunEnded, RunStarted, Waiting
from reencrypt.operations.ending import ending_of, failure_recorded, record_stop
from reencrypt.operations.migrate.committer import Committer
from reencrypt.operations.migrate.limit import Limit
from reencrypt.operations.migrate.pipeline import Pipeline
from reencrypt.operations.migrate.readback import ReadBack
from reencrypt.operations.migrate.resolver import Resolver
from reencrypt.operations.migrate.sweeps import Sweeper, counts_of, incomplete_scans
from reencrypt.operations.names import names_of
from reencrypt.operations.report import RunReport
from reencrypt.operations.session import leased, renewed
from reencrypt.outcomes import Outcome, RunState
from reencrypt.planning.command_lines import command_given, resume_command
from reencrypt.planning.plan import Plan
from reencrypt.planning.planner import make_plans
from reencrypt.planning.preflight import refusal_of
from reencrypt.planning.resume import Resumption
from reencrypt.planning.session import Session
from reencrypt.planning.target import Target
from reencrypt.planning.target_keys import TargetKeys
from reencrypt.settings.model import StoreSettings
from reencrypt.state.accepted import Accepted, read_accepted
from reencrypt.state.audit import AuditEntry, AuditKind
from reencrypt.state.checkpoints import read_checkpoints
from reencrypt.state.counts import Counts
from reencrypt.state.lease import DeadHolder, Lease, wait_until_free
from reencrypt.state.quarantine import QuarantineEntry, known_secrets, read_quarantine
from reencrypt.state.runs import Run, close_run
from reencrypt.state.stop import STOP_GRACE_SECONDS
from reencrypt.suggestion import did_you_mean, joined


async def run(session: Session) -> RunReport:
    """Re-encrypt one store, see `run_stores`."""
    (report,) = await run_stores([session])
    return report


async def run_stores(sessions: Sequence[Session]) -> list[RunReport]:
    """Re-encrypt one store after another. Nothing is written in any before the keys of all are checked.

    `sessions` are the stores of one database. Raises a `ReencryptError` where it cannot work in one of them. After a
    request to stop it finishes or rolls back the current page; the last report then says `stopped`.
    """
    started, first = time.monotonic(), sessions[0]
    if first.options.scope.max_runtime is not None:
        loop = asyncio.get_running_loop()
        loop.call_later(first.options.scope.max_runtime, first.stop.set, "the time allowed is over")
    try:
        await _check_accepted(first)
        sessions, dead = await _wait_until_free(sessions)
        limit = Limit(first.options.scope.limit)
        holding = _holding(sessions)
        plans = await first.stop.interruptible(make_plans(holding, for_run=True))
        migrations = [_Migration(session, plan, limit) for session, plan in zip(holding, plans, strict=True)]
        reports = await _migrate(migrations, dead)
    except StoppedEarlyError:
        # Stopped before the run began: there is nothing to count.
        reports = [
            RunReport(
                Outcome.STOPPED,
                Target.resolve(first.store_settings, first.options).name,
                {},
                store=first.store,
                operation=first.options.operation,
                stop_reason=first.stop.reason,
                resume=command_given(first.options),
            )
        ]
    reports = [*reports[:-1], replace(reports[-1], seconds=time.monotonic() - started)]
    reports = [replace(report, again=command_given(first.options)) for report in reports]
    return [await _with_names(first, report) for report in reports]


async def _with_names(session: Session, report: RunReport) -> RunReport:
    """Name what is in quarantine, for people alone: no record of the run has the names."""
    naming = names_of(session.database, [entry.place for entry in report.quarantine])
    if report.outcome is not Outcome.STOPPED:
        return replace(report, names=await naming)
    try:
        return replace(report, names=await session.stop.reported(naming))
    except StoppedEarlyError:
        return report


async def _migrate(migrations: Sequence[_Migration], dead: DeadHolder | None) -> list[RunReport]:
    """Refuse, or move the secrets of each store under one lease."""
    for migration in migrations:
        for warning in migration.plan.warnings:
            migration.session.emit(warning)
    if refused := refusal_of([migration.plan for migration in migrations]):
        raise refused
    if not any(migration.plan.needs_run for migration in migrations):
        return [await migration.nothing_to_move() for migration in migrations]
    session = migrations[0].session
    await session.stop.interruptible(session.database.create_state(), grace_seconds=STOP_GRACE_SECONDS)
    reports: list[RunReport] = []
    async with leased(session, known_dead=dead) as lease:
        for migration in migrations:
            needed = migration.plan.needs_run
            reports.append(await (migration.under_lease(lease) if needed else migration.nothing_to_move()))
            if reports[-1].outcome is Outcome.STOPPED:
                break
    return reports


async def _check_accepted(session: Session) -> None:
    chosen = session.options.accepted
    if chosen is None or chosen.is_empty:
        return
    entries = await read_quarantine(session.database) if session.schema.has_state else []
    if not any(session.options.accepts(entry) for entry in entries):
        raise ConfigurationError(
            "no open secret in quarantine fits the options", hint="`reencrypt quarantine list` shows what there is."
        )


async def _wait_until_free(sessions: Sequence[Session]) -> tuple[Sequence[Session], DeadHolder | None]:
    """Report at once, before the long scan, that somebody else is at work; returns the sessions as they are then."""
    session = sessions[0]
    if not session.schema.has_state:
        return sessions, None
    waited: list[str] = []

    def waiting(reason: str) -> None:
        waited.append(reason)
        session.emit(Waiting(reason))

    watch = wait_until_free(session.database, session.options.safety.lease_timeout, waiting)
    dead = await session.stop.interruptible(watch)
    return ([await renewed(each) for each in sessions] if waited else sessions), dead


def _holding(sessions: Sequence[Session]) -> list[Session]:
    """The stores that have the locations which the user names; all without such names.

    Raises `ConfigurationError` for a location that none has, and for a target that none of them has.
    """
    wanted = set(sessions[0].options.scope.locations)
    known = {location.name: session for session in sessions for location in session.locations}
    for name in sorted(wanted - known.keys()):
        hint = joined(did_you_mean(name, known), f"Choose one of: {', '.join(known)}.")
        raise ConfigurationError(f"this database has no location {name!r}", hint=hint)
    stores = {known[name].store for name in wanted}
    for session in sessions:
        target = session.options.target.to
        if wanted and target is not None and session.store not in stores:
            others = " and ".join(sorted({known[name].store.in_words for name in wanted}))
            raise ConfigurationError(
                f"--to {target} is for {session.store.in_words}, and {', '.join(sorted(wanted))} is in {others}",
                hint="Name a provider of that store, or leave --to out: then encryption_provider is the target.",
            )
    return [session for session in sessions if not wanted or session.store in stores]


@dataclass(frozen=True, slots=True)
class _Migration:
    """One invocation of `run` in one store; the stores share the limit."""

    session: Session
    plan: Plan
    limit: Limit

    def _waiting(self, reason: str) -> None:
        self.session.emit(Waiting(reason))

    async def nothing_to_move(self) -> RunReport:
        """The report where the plan has nothing to do."""
        plan = self.plan
        # Open entries in quarantine count also where a rotation is not due.
        entries = plan.schema.own(await read_quarantine(self.session.database)) if plan.quarantined else []
        return RunReport(
            Outcome.PARTLY_DONE
            if plan.leaves_some or any(entry.is_open for entry in entries)
            else Outcome.NOTHING_TO_DO,
            plan.target_provider,
            plan.counts(),
            store=plan.store,
            operation=plan.target.operation,
            due=plan.target.waits_until,
            quarantine=entries,
            warnings=plan.warnings,
        )

    async def under_lease(self, lease: Lease) -> RunReport:
        """Move, sweep, report."""
        session, plan = self.session, self.plan
        beginning = Resumption(session, plan, lease).run()
        current, resumed = await session.stop.interruptible(beginning, grace_seconds=STOP_GRACE_SECONDS)
        before = await self._looked_at(current) if resumed else 0
        session.emit(RunStarted(current.id, resumed, plan.target_provider, plan.census.total, before))
        async with failure_recorded(session, lease, current):
            return await self._to_end(lease, current, resumed=resumed)

    async def _to_end(self, lease: Lease, current: Run, *, resumed: bool) -> RunReport:
        session, plan = self.session, self.plan
        announcing = asyncio.ensure_future(self._announce_stop())
        try:
            work = self._move(plan, lease, current)
            stopped = await session.stop.interruptible(work, grace_seconds=STOP_GRACE_SECONDS)
        except StoppedEarlyError:
            stopped = session.stop.reason
        finally:
            announcing.cancel()
        if stopped:
            counts, quarantine = await session.stop.reported(self._read_settled(plan, lease, current))
        else:
            counts, quarantine = await self._read(plan, current)
        incomplete: Mapping[str, Coverage] = {}
        may_remain = ""
        if stopped:
            outcome = Outcome.STOPPED
            ended = ending_of(session, outcome, counts=counts, stop_reason=stopped)
            await record_stop(session, lease, current, ended)
        else:
            incomplete = await incomplete_scans(session.database, current)
            outcome = Outcome.PARTLY_DONE if incomplete else _outcome(counts, quarantine)
            if not session.options.scope.settle:
                may_remain = _what_may_remain(session.store_settings, command_given(session.options))
            warnings = [*(each.message for each in plan.warnings), *([may_remain] if may_remain else [])]
            ended = ending_of(session, outcome, counts=counts, sweeps=current.pass_number, warnings=warnings)
            audit = AuditEntry.now(current.id, AuditKind.ENDED, ended)
            await close_run(session.database, lease, current, RunState.FINISHED, outcome, audit=audit)
        session.emit(RunEnded(current.id, outcome))
        return RunReport(
            outcome,
            plan.target_provider,
            counts,
            current.id,
            store=plan.store,
            target_data_key=current.target_key or None,
            resumed=resumed,
            operation=plan.target.operation,
            sweeps=current.pass_number,
            stop_reason=stopped,
            resume=resume_command(current, plan) if stopped else None,
            warnings=plan.warnings,
            may_remain=may_remain,
            quarantine=quarantine,
            incomplete=incomplete,
        )

    async def _read(self, plan: Plan, current: Run) -> tuple[dict[str, Counts], list[QuarantineEntry]]:
        """Read what the report says."""
        async with self.session.database.together():
            counts = await counts_of(self.session.database, current, self._chosen(plan))
            return counts, plan.schema.own(await read_quarantine(self.session.database))

    async def _read_settled(
        self, plan: Plan, lease: Lease, current: Run
    ) -> tuple[dict[str, Counts], list[QuarantineEntry]]:
        """Read the same once no page is on its way any more: some were cut off, and may be committed still."""
        await lease.settle(self.session.database)
        return await self._read(plan, current)

    async def _looked_at(self, current: Run) -> int:
        """How many secrets the pass that was interrupted had looked at."""
        checkpoints = await read_checkpoints(self.session.database, current.id)
        return sum(each.all_counts.total for each in checkpoints if each.pass_number == current.pass_number)

    async def _announce_stop(self) -> None:
        """Announce a stop as soon as it is requested, and why the end takes some seconds."""
        reason = await self.session.stop.wait()
        self._waiting(f"{reason}: the current page is finished or rolled back")

    async def _move(self, plan: Plan, lease: Lease, current: Run) -> str | None:
        """Get the target keys, move, sweep and read back; returns why it stopped before its end, else None."""
        session = self.session
        targets = TargetKeys(session, plan, lease, current)
        await targets.begin()
        if plan.target.fresh:
            plan = replace(plan, target=replace(plan.target, own_keys=targets.ids))
        async with session.database.together():
            accepted = await read_accepted(session.database)
            resolver = await self._resolver(plan, targets, accepted)
            pipeline = await self._pipeline(plan, lease, current, targets, accepted)
        sweeper = Sweeper(session, plan, lease, current, pipeline, resolver, self._chosen(plan))
        stopped = await sweeper.main_pass()
        if not stopped and session.options.scope.locations:
            stopped = f"{', '.join(session.options.scope.locations)} done; run without --location for the others"
        if not stopped:
            await targets.deactivate_idle()
        stopped = stopped or await sweeper.sweeps()
        if not stopped and session.options.scope.settle:
            stopped = await self._settle(sweeper)
        if not stopped and Counts.sum((await sweeper.counts()).values()).re_encrypted:
            by_name = {location.name: location for location in self._chosen(plan)}
            read_back = ReadBack(session.database, current, by_name, session.cache)
            await read_back.check(targets.keys.values(), session.providers.get(plan.target.provider))
        return stopped

    async def _settle(self, sweeper: Sweeper) -> str | None:
        """Wait until no Grafana has older data keys in its cache, then sweep for what it wrote."""
        seconds = self.session.store_settings.data_keys_cache_ttl.total_seconds()
        self._waiting(f"Grafana keeps data keys in its cache for {seconds:g} s; a last sweep follows")
        await self.session.stop.interruptible(asyncio.sleep(seconds))
        return await sweeper.sweeps()

    def _chosen(self, plan: Plan) -> list[Location]:
        by_name = {location.name: location for location in plan.locations}
        names = self.session.options.scope.locations
        return [by_name[name] for name in names if name in by_name] if names else list(plan.locations)

    async def _resolver(self, plan: Plan, targets: TargetKeys, accepted: Accepted) -> Resolver:
        resolver = Resolver(self.session, plan.proof, accepted, only_looks=targets.only_looks)
        # With the target key among the rows: secrets under it are current from here on.
        resolver.proof.forget(await self.session.ring.reload())
        return resolver

    async def _pipeline(
        self, plan: Plan, lease: Lease, current: Run, targets: TargetKeys, accepted: Accepted
    ) -> Pipeline:
        session = self.session
        by_name = {location.name: location for location in plan.locations}
        return Pipeline(
            session,
            Committer(session.database, lease, current, targets, by_name, session.trail),
            targets,
            plan.is_current,
            known=known_secrets(await read_quarantine(session.database), session.options.accepts),
            accepted=accepted,
            failure_rate=current.failure_rate,
            limit=self.limit,
            with_envelopes=plan.with_envelopes,
        )


def _what_may_remain(settings: StoreSettings, command: str) -> str:
    seconds = settings.data_keys_cache_ttl.total_seconds()
    time = f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} s"  # noqa: PLR2004 - of a minute
    return (
        f"a running Grafana may have saved under an older data key for up to {time} after the run began "
        f"(data_keys_cache_ttl): run `{command}` once more after that, or use --settle"
    )


def _outcome(counts: Mapping[str, Counts], quarantine: Sequence[QuarantineEntry]) -> Outcome:
    total = Counts.sum(counts.values())
    if total.left or (total.quarantined and any(entry.is_open for entry in quarantine)):
        return Outcome.PARTLY_DONE
    return Outcome.DONE if total.re_encrypted else Outcome.NOTHING_TO_DO
