"""`reencrypt rewrap`: data keys under the newest version of a vault's key, another vault or another provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from reencrypt.databases.protocol import Database
from reencrypt.errors import StoppedEarlyError
from reencrypt.events import DataKeysRewrapped, Emit, RunEnded, RunStarted, Warned
from reencrypt.keys.provider import KeyProvider, Unwrapped
from reencrypt.keys.providers import Providers
from reencrypt.keys.ring import DataKey
from reencrypt.keys.vault_errors import KeyDisabledError
from reencrypt.operations.rewrap.rewrapper import BATCH_KEYS, Candidate, Rewrapper
from reencrypt.operations.session import leased, opened
from reencrypt.outcomes import Outcome, RunState
from reencrypt.planning import preflight
from reencrypt.planning.options import RunOptions
from reencrypt.planning.plan import Preparation, run_to_continue
from reencrypt.planning.planner import Preparer
from reencrypt.planning.resume import Claim, command_for
from reencrypt.settings import Settings
from reencrypt.state.checkpoints import DataKeyProgress, read_data_key_progress
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.lease import Lease
from reencrypt.state.runs import close_run
from reencrypt.state.stop import STOP_GRACE_SECONDS, StopRequest

_MOST_LOOKS: Final = 4


@dataclass(frozen=True, slots=True)
class RewrapReport:
    """What became of every data key. `left` are those that stay as they are, each with the reason."""

    outcome: Outcome
    target_provider: str
    version: str = ""
    run_id: str | None = None
    resumed: bool = False
    rewrapped: int = 0
    already_current: int = 0
    left: dict[str, str] = field(default_factory=dict)
    stop_reason: str | None = None
    resume: str | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """See `ExitCode`."""
        return self.outcome.exit_code

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints."""
        return {
            "outcome": self.outcome,
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
            "warnings": self.warnings,
        }


async def rewrap(settings: Settings, options: RunOptions, *, emit: Emit, stop: StopRequest) -> RewrapReport:
    """Wrap every proven data key under the target's newest version. May be interrupted at any moment, and goes on.

    Raises a `ReencryptError` for whatever keeps it from its work, as `run` does.
    """
    try:
        async with opened(settings, options, emit, write=True) as resources:
            preparer = Preparer(resources.database, resources.providers, resources.cache, resources.pool, emit)
            return await _Job(resources.database, resources.providers, preparer, settings, options, emit, stop).run()
    except StoppedEarlyError:
        return RewrapReport(Outcome.STOPPED, options.target(settings), stop_reason=stop.reason)


@dataclass(slots=True)
class _Sorted:
    """The data keys as they are now: to be wrapped anew, where they belong already, or left for a reason."""

    candidates: list[Candidate] = field(default_factory=list)
    current: int = 0
    left: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Job:
    database: Database
    providers: Providers
    preparer: Preparer
    settings: Settings
    options: RunOptions
    emit: Emit
    stop: StopRequest

    async def run(self) -> RewrapReport:
        prepared = await self.stop.interruptible(self.preparer.prepare(self.settings, self.options))
        for warning in prepared.warnings:
            self.emit(Warned(warning))
        if prepared.refusals:
            raise prepared.refusals[0]
        provider = self.providers.get(prepared.goal.provider)
        version = await self.stop.interruptible(provider.newest_version())
        found = await self.stop.interruptible(self._sort(prepared, version))
        if not found.candidates and run_to_continue(prepared) is None:
            return RewrapReport(
                _outcome(0, found.left),
                prepared.target_provider,
                version,
                already_current=found.current,
                left=found.left,
                warnings=prepared.warnings,
            )
        if found.candidates:
            # Within a provider the preparation saw nothing to do, and so nothing to refuse.
            refused = [*preflight.before_keys(prepared), *preflight.of_target(prepared, provider)]
            if refused:
                raise refused[0]
        await self.database.create_state()
        async with leased(self.database, self.options, self.emit, self.stop) as lease:
            return await self._under_lease(prepared, provider, version, lease)

    async def _under_lease(
        self, prepared: Preparation, provider: KeyProvider, version: str, lease: Lease
    ) -> RewrapReport:
        current, resumed = await Claim(self.database, self.providers, prepared, lease).run()
        self.emit(RunStarted(current.id, resumed, prepared.target_provider, len(prepared.ring.rows)))
        progress = await read_data_key_progress(self.database, current.id) or DataKeyProgress()
        work = Rewrapper(self.database, lease, current, provider, prepared.wrap_format)
        looking = self._until_current(prepared, work, progress, version)
        try:
            found, stopped = await self.stop.interruptible(looking, grace_seconds=STOP_GRACE_SECONDS)
        except StoppedEarlyError:
            found, stopped = _Sorted(), self.stop.reason
            # What was cancelled may have committed without knowing.
            progress = await read_data_key_progress(self.database, current.id) or progress
        left = found.left | {each.row.id: "changed_meanwhile" for each in found.candidates}
        outcome = Outcome.STOPPED if stopped else _outcome(progress.changed, left)
        if not stopped:
            await close_run(self.database, lease, current, RunState.FINISHED, outcome)
        self.emit(RunEnded(current.id, outcome))
        return RewrapReport(
            outcome,
            prepared.target_provider,
            version,
            current.id,
            resumed=resumed,
            rewrapped=progress.changed,
            already_current=max(0, found.current - progress.changed),
            left=left,
            stop_reason=stopped,
            resume=command_for(current, self.settings) if stopped else None,
            warnings=prepared.warnings,
        )

    async def _until_current(
        self, prepared: Preparation, work: Rewrapper, progress: DataKeyProgress, version: str
    ) -> tuple[_Sorted, str | None]:
        """Rewrap batch by batch, then again what Grafana made or changed meanwhile.

        Returns how the keys are then, and why it stopped before its end, else None.
        """
        for _ in range(_MOST_LOOKS):
            fresh = await read_data_keys(self.database, prepared.schema.key_table)
            prepared.proof.forget(prepared.ring.load(fresh))
            found = await self._sort(prepared, version)
            for batch in _batches(found.candidates):
                if stopped := self.stop.reason:
                    return found, stopped
                done = await work.batch(batch, progress)
                self.emit(DataKeysRewrapped(done))
            if not found.candidates:
                break
        return found, None

    async def _sort(self, prepared: Preparation, version: str) -> _Sorted:
        """Unwrap every data key that the user does not want left, and see what it needs."""
        ring, proof, found = prepared.ring, prepared.proof, _Sorted()

        async def reload() -> list[DataKey]:
            return await read_data_keys(self.database, prepared.schema.key_table)

        wanted = [row for row in ring.rows if row.id not in proof.skipped and row.provider not in proof.skipped]
        found.left = {row.id: "skipped_key" for row in ring.rows if row not in wanted}
        with suppress(KeyDisabledError):
            # Those behind the one that raises are asked one by one below.
            await ring.ensure([row.id for row in wanted], reload)
        disabled: dict[str, str] = {}
        for row in wanted:
            try:
                await ring.ensure([row.id], reload)
            except KeyDisabledError as error:
                disabled[row.id] = f"unwrap_failed: {error.message}"
        found.left |= disabled
        wanted = [row for row in wanted if row.id not in disabled]
        await self.preparer.prove(prepared, [row.id for row in wanted if not _is_current(prepared, row, version)])
        for row in wanted:
            entry = ring.entry(row.id)
            if not isinstance(entry, Unwrapped):
                found.left[row.id] = f"unwrap_failed: {entry.detail}"
            elif _is_current(prepared, row, version):
                found.current += 1
            elif not self.preparer.is_proven(prepared, row) and not proof.accepts(row.id, row.provider):
                found.left[row.id] = "unproven_key"
            elif row.provider == prepared.goal.provider and not (entry.wrap_format or prepared.wrap_format):
                found.left[row.id] = "format_unknown: name it with --wrap-format"
            else:
                found.candidates.append(Candidate(row, entry))
        return found


def _outcome(rewrapped: int, left: Mapping[str, str]) -> Outcome:
    if left:
        return Outcome.PARTLY_DONE
    return Outcome.DONE if rewrapped else Outcome.NOTHING_TO_DO


def _is_current(prepared: Preparation, row: DataKey, version: str) -> bool:
    """Whether a data key is wrapped by this version of the target's key."""
    entry = prepared.ring.entry(row.id)
    return row.provider == prepared.goal.provider and isinstance(entry, Unwrapped) and entry.version == version


def _batches(candidates: Sequence[Candidate]) -> list[Sequence[Candidate]]:
    return [candidates[start : start + BATCH_KEYS] for start in range(0, len(candidates), BATCH_KEYS)]
