"""`reencrypt rewrap`: data keys under the newest version of a vault's key, another vault or another provider."""

from __future__ import annotations

from collections.abc import Sequence
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
from reencrypt.state.runs import Run, close_run
from reencrypt.state.stop import STOP_GRACE_SECONDS, StopRequest

_MOST_LOOKS: Final = 4


@dataclass(slots=True)
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
    async with opened(settings, options, emit, write=True) as resources:
        preparer = Preparer(resources.database, resources.providers, resources.cache, resources.pool, emit)
        return await _Job(resources.database, resources.providers, preparer, settings, options, emit, stop).run()


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
        result = RewrapReport(Outcome.STOPPED, self.options.target(self.settings))
        try:
            prepared = await self.stop.heeded(self.preparer.prepare(self.settings, self.options))
            result.target_provider, result.warnings = prepared.target_provider, prepared.warnings
            for warning in prepared.warnings:
                self.emit(Warned(warning))
            if prepared.refusals:
                raise prepared.refusals[0]
            provider = self.providers.get(prepared.goal.provider)
            result.version = await self.stop.heeded(provider.newest_version())
            found = await self.stop.heeded(self._sort(prepared, result.version))
            if not found.candidates and run_to_continue(prepared) is None:
                result.already_current, result.left = found.current, found.left
                result.outcome = Outcome.PARTLY_DONE if found.left else Outcome.NOTHING_TO_DO
                return result
            if found.candidates:
                # Within a provider the preparation saw nothing to do, and so nothing to refuse.
                refused = [*preflight.before_keys(prepared), *preflight.of_target(prepared, provider)]
                if refused:
                    raise refused[0]
            await self._write(prepared, provider, result)
        except StoppedEarlyError:
            result.stop_reason = self.stop.reason
        return result

    async def _write(self, prepared: Preparation, provider: KeyProvider, result: RewrapReport) -> None:
        await self.database.create_state()
        async with leased(self.database, self.options, self.emit, self.stop) as lease:
            await self._under_lease(prepared, provider, lease, result)

    async def _under_lease(
        self, prepared: Preparation, provider: KeyProvider, lease: Lease, result: RewrapReport
    ) -> None:
        current, result.resumed = await Claim(self.database, self.providers, prepared, lease).run()
        result.run_id = current.id
        self.emit(RunStarted(current.id, result.resumed, prepared.target_provider, len(prepared.ring.rows)))
        progress = await read_data_key_progress(self.database, current.id) or DataKeyProgress()
        work = Rewrapper(self.database, lease, current, provider, prepared.wrap_format)
        found = _Sorted()
        with suppress(StoppedEarlyError):
            looking = self._until_current(prepared, work, progress, result.version)
            found = await self.stop.heeded(looking, grace_seconds=STOP_GRACE_SECONDS)
        if self.stop.reason:
            # What was cancelled may have committed without knowing.
            progress = await read_data_key_progress(self.database, current.id) or progress
        result.rewrapped = progress.changed
        result.already_current = max(0, found.current - result.rewrapped)
        result.left = found.left | {each.row.id: "changed_meanwhile" for each in found.candidates}
        if self.stop.reason:
            result.stop_reason, result.resume = self.stop.reason, command_for(current, self.settings)
        else:
            result.outcome = Outcome.PARTLY_DONE if result.left else Outcome.DONE
            await self._close(lease, current, result)
        self.emit(RunEnded(current.id, result.outcome))

    async def _close(self, lease: Lease, current: Run, result: RewrapReport) -> None:
        if not result.rewrapped and not result.left:
            result.outcome = Outcome.NOTHING_TO_DO
        await close_run(self.database, lease, current, RunState.FINISHED, result.outcome)

    async def _until_current(
        self, prepared: Preparation, work: Rewrapper, progress: DataKeyProgress, version: str
    ) -> _Sorted:
        """Batch by batch, then again for what Grafana made or changed meanwhile; returns how the keys are then."""
        for _ in range(_MOST_LOOKS):
            fresh = await read_data_keys(self.database, prepared.schema.key_table)
            prepared.proof.forget(prepared.ring.load(fresh))
            found = await self._sort(prepared, version)
            for batch in _batches(found.candidates):
                if self.stop.reason:
                    return found
                done = await work.batch(batch, progress)
                self.emit(DataKeysRewrapped(done))
            if not found.candidates:
                break
        return found

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


def _is_current(prepared: Preparation, row: DataKey, version: str) -> bool:
    """Whether a data key is wrapped by this version of the target's key."""
    entry = prepared.ring.entry(row.id)
    return row.provider == prepared.goal.provider and isinstance(entry, Unwrapped) and entry.version == version


def _batches(candidates: Sequence[Candidate]) -> list[Sequence[Candidate]]:
    return [candidates[start : start + BATCH_KEYS] for start in range(0, len(candidates), BATCH_KEYS)]
