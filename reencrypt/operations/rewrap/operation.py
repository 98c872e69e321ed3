"""`reencrypt rewrap`: wraps data keys under the newest version of a vault's key, another vault or provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.errors import StoppedEarlyError
from reencrypt.events import DataKeysRewrapped, RunEnded, RunStarted, Warned
from reencrypt.keys.errors import KeyDisabledError
from reencrypt.keys.provider import KeyProvider, Unwrapped
from reencrypt.keys.ring import DataKey
from reencrypt.next_steps import NextStep
from reencrypt.operations.ending import ending_of, failure_recorded, record_stop
from reencrypt.operations.rewrap.rewrapper import BATCH_KEYS, Candidate, Rewrapper
from reencrypt.operations.session import leased
from reencrypt.outcomes import Outcome, RunState
from reencrypt.planning import preflight
from reencrypt.planning.command_lines import command_given, resume_command
from reencrypt.planning.key_checks import KeyChecks
from reencrypt.planning.plan import Plan
from reencrypt.planning.planner import make_plans
from reencrypt.planning.resume import Resumption
from reencrypt.planning.session import Session
from reencrypt.planning.target import Target
from reencrypt.state.audit import AuditEntry, AuditKind
from reencrypt.state.checkpoints import DataKeyProgress, read_data_key_progress
from reencrypt.state.counts import UNPROVEN_KEY
from reencrypt.state.lease import Lease
from reencrypt.state.runs import Run, close_run
from reencrypt.state.stop import STOP_GRACE_SECONDS

_MOST_LOOKS: Final = 4


@dataclass(frozen=True, slots=True)
class RewrapReport:
    """The outcome for every data key. `left` are those that stay as they are, each with the reason."""

    outcome: Outcome
    target_provider: str
    store: StoreName = StoreName.CLASSIC
    version: str = ""
    run_id: str | None = None
    resumed: bool = False
    rewrapped: int = 0
    already_current: int = 0
    left: Mapping[str, str] = field(default_factory=dict)
    stop_reason: str | None = None
    resume: str | None = None
    warnings: Sequence[Warned] = ()
    again: str = "reencrypt rewrap"

    @property
    def exit_code(self) -> int:
        """See `ExitCode`."""
        return self.outcome.exit_code

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """What to type after it."""
        if self.stop_reason:
            why = "it resumes from here" if self.run_id else "it begins, or resumes an interrupted one"
            return [NextStep(self.resume or self.again, why)]
        if self.left:
            return [NextStep(self.again, "once what is left above is mended")]
        return [NextStep("reencrypt verify", "it reads every secret again")]

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints."""
        return {
            "outcome": self.outcome,
            "store": self.store,
            "run_id": self.run_id,
            "resumed": self.resumed,
            "stop_reason": self.stop_reason,
            "resume": self.resume,
            "target_provider": self.target_provider,
            "target_version": self.version or None,
            "data_keys": {
                "total": self.rewrapped + self.already_current + len(self.left),
                "rewrapped": self.rewrapped,
                "already_current": self.already_current,
                "left": len(self.left),
            },
            "left_because": self.left,
            "warnings": [each.message for each in self.warnings],
        }


async def rewrap_stores(sessions: Sequence[Session]) -> list[RewrapReport]:
    """Wrap every proven data key of each store under its target's newest version.

    May be interrupted at any moment, and resumes. Raises a `ReencryptError` where it cannot work in one of the stores,
    as `run_stores` does: nothing is written then.
    """
    first, reports = sessions[0], list[RewrapReport]()
    plans: Sequence[Plan | None] = [None] * len(sessions)
    try:
        plans = made = await first.stop.interruptible(make_plans(sessions, for_run=True))
        for plan in made:
            for warning in plan.warnings:
                first.emit(warning)
        if refused := preflight.refusal_of(made):
            raise refused
        for session, plan in zip(sessions, made, strict=True):
            if plan.is_empty or not plan.target_is_known:
                reports.append(_nothing(plan))
                continue
            provider = session.providers.get(plan.target.provider)
            version = await session.stop.interruptible(provider.newest_version())
            reports.append(await _Rewrap(session, plan, version).run())
            if reports[-1].outcome is Outcome.STOPPED:
                break
    except StoppedEarlyError:
        session, stopped = sessions[len(reports)], plans[len(reports)]
        target = Target.resolve(session.store_settings, session.options).name
        reports.append(
            RewrapReport(
                Outcome.STOPPED,
                target,
                session.store,
                stop_reason=session.stop.reason,
                resume=command_given(session.options),
                warnings=stopped.warnings if stopped else (),
            )
        )
    return [replace(report, again=command_given(first.options)) for report in reports]


def _nothing(plan: Plan) -> RewrapReport:
    """The report of a store without data keys, or with a target under which nobody can wrap."""
    target = plan.target.provider
    left = {row.id: f"target_not_covered {target}" for row in plan.ring.rows if row.provider != target}
    current = len(plan.ring.rows) - len(left)
    return RewrapReport(
        _outcome(0, left), plan.target_provider, plan.store, already_current=current, left=left, warnings=plan.warnings
    )


@dataclass(slots=True)
class _DataKeysByNeed:
    """The data keys now: candidates to rewrap, current ones, and those left for a reason."""

    candidates: list[Candidate] = field(default_factory=list)
    current: int = 0
    left: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Rewrap:
    """One invocation of `rewrap`."""

    session: Session
    plan: Plan
    version: str

    async def run(self) -> RewrapReport:
        session, plan, version = self.session, self.plan, self.version
        provider = session.providers.get(plan.target.provider)
        classifier = _Classifier(plan, KeyChecks(session, plan.census.samples, plan.proof.copy()), provider, version)
        found = await session.stop.interruptible(classifier.classify())
        if not found.candidates and plan.run_to_continue is None:
            return RewrapReport(
                _outcome(0, found.left),
                plan.target_provider,
                plan.store,
                version,
                already_current=found.current,
                left=found.left,
                warnings=plan.warnings,
            )
        if found.candidates:
            # Within one provider the plan found nothing to do, and so nothing to refuse.
            refused = [*preflight.before_keys(plan), *preflight.of_target(plan, provider)]
            if refused:
                raise refused[0]
        await session.stop.interruptible(session.database.create_state(), grace_seconds=STOP_GRACE_SECONDS)
        async with leased(session) as lease:
            return await self._under_lease(plan, provider, classifier, lease)

    async def _under_lease(
        self, plan: Plan, provider: KeyProvider, classifier: _Classifier, lease: Lease
    ) -> RewrapReport:
        session = self.session
        beginning = Resumption(session, plan, lease).run()
        current, resumed = await session.stop.interruptible(beginning, grace_seconds=STOP_GRACE_SECONDS)
        session.emit(RunStarted(current.id, resumed, plan.target_provider, len(plan.ring.rows)))
        async with failure_recorded(session, lease, current):
            return await self._to_end(plan, provider, classifier, lease, current, resumed=resumed)

    async def _to_end(
        self,
        plan: Plan,
        provider: KeyProvider,
        classifier: _Classifier,
        lease: Lease,
        current: Run,
        *,
        resumed: bool,
    ) -> RewrapReport:
        session, database = self.session, self.session.database
        progress = await read_data_key_progress(database, current.id) or DataKeyProgress()
        work = Rewrapper(database, plan.schema.key_table, lease, current, provider, plan.wrap_format)
        try:
            rewrapping = self._until_current(classifier, work, progress)
            found, stopped = await session.stop.interruptible(rewrapping, grace_seconds=STOP_GRACE_SECONDS)
        except StoppedEarlyError:
            found, stopped = _DataKeysByNeed(), session.stop.reason
            # The cancelled batch may have committed without counting.
            known = await session.stop.reported(read_data_key_progress(database, current.id))
            progress = known or progress
        left = found.left | {each.row.id: "changed_meanwhile" for each in found.candidates}
        outcome = Outcome.STOPPED if stopped else _outcome(progress.changed, left)
        ended = ending_of(
            session, outcome, stop_reason=stopped, data_keys=progress.changed, left=left, version=classifier.version
        )
        if stopped:
            await record_stop(session, lease, current, ended)
        else:
            audit = AuditEntry.now(current.id, AuditKind.ENDED, ended)
            await close_run(database, lease, current, RunState.FINISHED, outcome, audit=audit)
        session.emit(RunEnded(current.id, outcome))
        return RewrapReport(
            outcome,
            plan.target_provider,
            plan.store,
            classifier.version,
            current.id,
            resumed=resumed,
            rewrapped=progress.changed,
            already_current=max(0, found.current - progress.changed),
            left=left,
            stop_reason=stopped,
            resume=resume_command(current, plan) if stopped else None,
            warnings=plan.warnings,
        )

    async def _until_current(
        self, classifier: _Classifier, work: Rewrapper, progress: DataKeyProgress
    ) -> tuple[_DataKeysByNeed, str | None]:
        """Rewrap batch by batch, then again the data keys that Grafana made or changed meanwhile.

        Returns the data keys as they are then, and why it stopped before its end, else None.
        """
        found = _DataKeysByNeed()
        for _ in range(_MOST_LOOKS):
            await classifier.checks.reload()
            found = await classifier.classify()
            for batch in _batches(found.candidates):
                if stopped := self.session.stop.reason:
                    return found, stopped
                await self.session.brake.wait()
                done = await work.batch(batch, progress)
                self.session.emit(DataKeysRewrapped(done))
            if not found.candidates:
                break
        return found, None


@dataclass(frozen=True, slots=True)
class _Classifier:
    """Classifies data keys by what they need to be under this `version` of the target `provider`'s key."""

    plan: Plan
    checks: KeyChecks
    provider: KeyProvider
    version: str

    async def classify(self) -> _DataKeysByNeed:
        """Unwrap every data key that the user does not skip, and classify it."""
        plan, ring, proof, found = self.plan, self.plan.ring, self.checks.proof, _DataKeysByNeed()
        wanted = [row for row in ring.rows if not plan.is_skipped(row.id)]
        found.left = {row.id: "skipped_key" for row in ring.rows if row not in wanted}
        with suppress(KeyDisabledError):
            # Those behind the one that raises are unwrapped one by one below.
            await ring.ensure([row.id for row in wanted])
        disabled: dict[str, str] = {}
        for row in wanted:
            try:
                await ring.ensure([row.id])
            except KeyDisabledError as error:
                disabled[row.id] = f"unwrap_failed: {error.message}"
        found.left |= disabled
        wanted = [row for row in wanted if row.id not in disabled]
        await self.checks.prove([row.id for row in wanted if not self._is_current(row)])
        for row in wanted:
            entry = ring.entry(row.id)
            if not isinstance(entry, Unwrapped):
                found.left[row.id] = f"unwrap_failed: {entry.detail}"
            elif self._is_current(row):
                found.current += 1
            elif entry.reading:
                # Wrapped anew it would be another thing than what Grafana finds there now.
                found.left[row.id] = f"odd_length: it holds {entry.reading}"
            elif not self.checks.proves(row) and not proof.accepts(row.id, row.provider):
                found.left[row.id] = UNPROVEN_KEY
            elif row.provider == plan.target.provider and self._lacks_format(entry):
                remedy = ": name it with --wrap-format" if plan.store is StoreName.CLASSIC else ""
                found.left[row.id] = f"format_unknown{remedy}"
            else:
                found.candidates.append(Candidate(row, entry))
        return found

    def _lacks_format(self, entry: Unwrapped) -> bool:
        return self.provider.needs_wrap_format and not (entry.wrap_format or self.plan.wrap_format)

    def _is_current(self, row: DataKey) -> bool:
        entry = self.plan.ring.entry(row.id)
        wrapped_so = isinstance(entry, Unwrapped) and entry.version == self.version
        return row.provider == self.plan.target.provider and wrapped_so


def _outcome(rewrapped: int, left: Mapping[str, str]) -> Outcome:
    if left:
        return Outcome.PARTLY_DONE
    return Outcome.DONE if rewrapped else Outcome.NOTHING_TO_DO


def _batches(candidates: Sequence[Candidate]) -> list[Sequence[Candidate]]:
    return [candidates[start : start + BATCH_KEYS] for start in range(0, len(candidates), BATCH_KEYS)]
