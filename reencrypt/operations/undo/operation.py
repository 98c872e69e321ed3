"""`reencrypt undo RUN`: restores what the journal holds, where nothing has changed since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.databases.protocol import Database
from reencrypt.databases.statements import AUDIT_TABLE
from reencrypt.errors import ConfigurationError, RefusedError, StoppedEarlyError
from reencrypt.next_steps import NextStep
from reencrypt.operations.ending import ending_of, failure_recorded, record_stop
from reencrypt.operations.names import Names, name_of, names_of
from reencrypt.operations.session import leased
from reencrypt.operations.undo.columns import ColumnUndo
from reencrypt.operations.undo.data_keys import DataKeyUndo
from reencrypt.operations.undo.journal import FINAL, SkippedColumn, UndoSkipReason
from reencrypt.operations.undo.old_keys import OldKeys
from reencrypt.operations.undo.readers import KeyReaders
from reencrypt.outcomes import ExitCode, Operation, Outcome, RunState
from reencrypt.planning.options import given_options
from reencrypt.planning.preflight import of_stale_secret_key
from reencrypt.planning.schema import read_accepted_secrets
from reencrypt.planning.session import Session
from reencrypt.state.audit import AuditEntry, AuditKind, who
from reencrypt.state.checkpoints import (
    ColumnProgress,
    DataKeyProgress,
    read_column_progress,
    read_data_key_progress,
)
from reencrypt.state.data_keys import read_own, read_wrapped
from reencrypt.state.journal import read_extents, read_hashes
from reencrypt.state.lease import Lease
from reencrypt.state.runs import Run, close_run, last_rekey, read_runs, supersede
from reencrypt.state.stop import STOP_GRACE_SECONDS
from reencrypt.wording import counted

#: Columns that stay and are named; an undo under a wrong key may keep all.
_NAMED: Final = 1000


@dataclass(frozen=True, slots=True)
class UndoReport:
    """The result of an undo. `kept` are the columns that this invocation could not restore; numbers cover all.

    `disputed` are the data keys whose secrets are split between their old wrapping and the present one. `deactivated`
    are the data keys that the run made, `collected` the values that the secrets manager has deleted since, because
    nothing used them any more: they are done, although `kept_because` counts them. `names` are what the first of `kept`
    and the secrets of `disputed` belong to in Grafana.
    """

    run_id: str
    outcome: Outcome
    store: StoreName = StoreName.CLASSIC
    restored: int = 0
    kept_because: dict[str, int] = field(default_factory=dict)
    kept: list[SkippedColumn] = field(default_factory=list)
    disputed: list[KeyReaders] = field(default_factory=list)
    data_keys: int = 0
    deactivated: Sequence[str] = ()
    collected: int = 0
    stop_reason: str | None = None
    names: Names = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 where everything is restored, 3 where something was kept, 4 where it was stopped."""
        already = self.outcome is Outcome.ALREADY_UNDONE
        kept = sum(self.kept_because.values()) > self.collected
        return ExitCode.PARTLY_DONE if already and kept else self.outcome.exit_code

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """What to type after it."""
        again = f"reencrypt undo {self.run_id}"
        if self.stop_reason:
            return [NextStep(again, "it resumes from here")]
        if not set(self.kept_because) <= set(FINAL):
            return [NextStep(again, "once what kept them is done")]
        return [NextStep("reencrypt plan", "it says under which keys the secrets are now")]

    def as_json(self) -> dict[str, Any]:
        """For `--output json`."""
        return {
            "outcome": self.outcome,
            "store": self.store,
            "run_id": self.run_id,
            "restored": self.restored,
            "data_keys_restored": self.data_keys,
            "kept_because": self.kept_because,
            "kept": [
                {
                    "table": each.table,
                    "key": each.row_key,
                    "column": each.column,
                    "name": name_of(each.place, self.names),
                    "reason": each.reason.value,
                }
                for each in self.kept
            ],
            "disputed": [
                {
                    "data_key": each.data_key,
                    "readable_under": each.numbers,
                    "secrets": [
                        {
                            "table": one.table,
                            "key": one.row_key,
                            "field": one.field,
                            "name": name_of(one.place, self.names),
                            "readable_under": one.reads,
                        }
                        for one in each.secrets
                    ],
                }
                for each in self.disputed
            ],
            "data_key_set_inactive": self.deactivated[0] if len(self.deactivated) == 1 else None,
            "data_keys_set_inactive": list(self.deactivated),
            "stop_reason": self.stop_reason,
        }


async def undo(session: Session, run_id: str) -> UndoReport:
    """Undo a run of one store, see `undo_in_stores`."""
    return await undo_in_stores([session], run_id)


async def undo_in_stores(sessions: Sequence[Session], run_id: str) -> UndoReport:
    """Undo a run, in its store. May be interrupted at any moment, and resumes when it is called again.

    `sessions` are the stores of one database. Raises `ConfigurationError` for a run that does not exist, or whose store
    is not among them, `RefusedError` while a later one of its store is not undone, and where the configuration has not
    followed a change of `secret_key`. A finished undo is left alone.
    """
    session = sessions[0]
    try:
        found = await _find(session.database, sessions, run_id)
        session = found.session
        if found.run.state == RunState.UNDONE:
            return await _already(session.database, found.run)
        async with leased(session) as lease:
            # Again: another run may have ended during the wait for the lease.
            found = await _find(session.database, sessions, run_id)
            if found.run.state == RunState.UNDONE:
                return await _already(session.database, found.run)
            session.requests.name(run_id)
            return await _UndoOperation(session, lease, found).run()
    except StoppedEarlyError:
        return UndoReport(run_id, Outcome.STOPPED, session.store, stop_reason=session.stop.reason)


@dataclass(frozen=True, slots=True)
class _UndoableRun:
    """The run that is to be undone, its store's session, and whether a change of `secret_key` came after it.

    `kept_later` are later runs of the store whose own undo kept something.
    """

    session: Session
    run: Run
    secret_key_changed: bool
    kept_later: tuple[str, ...] = ()


async def _find(database: Database, sessions: Sequence[Session], run_id: str) -> _UndoableRun:
    runs = await read_runs(database) if sessions[0].schema.has_state else []
    ids = [run.id for run in runs]
    if run_id not in ids:
        known = f"Known are {', '.join(ids[-5:])}" if ids else "There has been no run"
        raise ConfigurationError(f"there is no run {run_id}", hint=f"{known}. `reencrypt status` lists them.")
    store = runs[ids.index(run_id)].store
    session = next((each for each in sessions if each.store is store), None)
    if session is None:
        raise ConfigurationError(
            f"run {run_id} was in {store.in_words}, which is not in this database now",
            hint="Use the database and the configuration that Grafana had then.",
        )
    # The stores share nothing that a run changes. So only the runs of one stand in each other's way.
    runs = [run for run in runs if run.store is store]
    ids = [run.id for run in runs]
    at = ids.index(run_id)
    if runs[at].state == RunState.UNDONE:
        return _UndoableRun(session, runs[at], secret_key_changed=False)
    if runs[at].state == RunState.COMPLETED:
        raise RefusedError(
            f"run {run_id} was completed, and its journal dropped: nothing is left to restore",
            hint="To have secrets under another key, run again with --to. To have them legacy: `reencrypt rollback`.",
        )
    if runs[at].operation == Operation.REKEY:
        raise RefusedError(
            f"run {run_id} changed secret_key, and Grafana holds only one: undoing it alone would lock Grafana out",
            hint="Change it back with `reencrypt rekey-secret-key`, with the former key as the new one.",
        )
    if stale := of_stale_secret_key(last_rekey(runs), session.settings):
        # Legacy values from the journal would be readable here, but not in Grafana.
        raise stale
    extents = dict.fromkeys(ids, (0, 0)) | await read_extents(database)
    # By the journal, whose ids only grow: clocks step back.
    # A run that has written nothing blocks no other, and no other blocks it. Nor does a change of secret_key, which
    # is not undone: old bytes from before it would not decrypt now, and so stay.
    later = [
        run
        for run in runs
        if extents[run_id][0]
        and run.state not in (RunState.UNDONE, RunState.UNDONE_PARTLY)
        and run.operation != Operation.REKEY
        and extents[run.id][1] > extents[run_id][1]
    ]
    if later:
        newest = max(later, key=lambda run: extents[run.id][1])
        raise RefusedError(
            f"run {newest.id} is later than {run_id} and has written {counted(extents[newest.id][0], 'column')}",
            hint=f"First undo that one: `reencrypt undo {newest.id}`.",
        )
    # A change without rewrites is not in the journal, but it is among the runs.
    changed = any(
        run.operation == Operation.REKEY and run.is_over and (number > at or extents[run.id][1] > extents[run_id][1])
        for number, run in enumerate(runs)
    )
    kept = [run.id for run in runs if run.state == RunState.UNDONE_PARTLY and extents[run.id][1] > extents[run_id][1]]
    return _UndoableRun(session, runs[at], secret_key_changed=changed, kept_later=tuple(kept))


async def _already(database: Database, run: Run) -> UndoReport:
    """Report a finished undo again, from its checkpoints; nothing is written."""
    columns = await read_column_progress(database, _journal_id(run)) or ColumnProgress()
    keys = await read_data_key_progress(database, _journal_id(run)) or DataKeyProgress()
    because = dict(Counter(columns.kept_because) + Counter(keys.kept_because))
    return UndoReport(
        run.id,
        Outcome.ALREADY_UNDONE,
        run.store,
        columns.back,
        because,
        data_keys=keys.changed,
        collected=_collected(run, columns),
    )


def _collected(run: Run, columns: ColumnProgress) -> int:
    """How many columns stay because the secrets manager has deleted their rows, as it does with what nothing uses."""
    return columns.kept_because.get(UndoSkipReason.ROW_GONE, 0) if run.store is StoreName.MANAGER else 0


def _journal_id(run: Run) -> str:
    """The run id under which the undo of a run journals itself."""
    return f"undo-{run.id}"


@dataclass(frozen=True, slots=True)
class _UndoOperation:
    """One undo under the lease."""

    session: Session
    lease: Lease
    found: _UndoableRun

    async def run(self) -> UndoReport:
        session, database, run = self.session, self.session.database, self.found.run
        begun = {
            **who(),
            "operation": "undo",
            "database": database.name,
            "options": given_options(session.options),
        }
        await close_run(
            database, self.lease, run, RunState.UNDOING, run.outcome, audit=self._audit(AuditKind.BEGUN, begun)
        )
        async with failure_recorded(session, self.lease, run, operation="undo") if self._has_audit else nullcontext():
            return await self._to_end()

    async def _to_end(self) -> UndoReport:
        session, database, run = self.session, self.session.database, self.found.run
        for other in await read_runs(database):
            if other.state == RunState.OPEN and other.store is run.store:
                # What it counted as moved may be undone now, so the next run begins anew.
                await supersede(database, self.lease, other)
        progress = await read_column_progress(database, _journal_id(run))
        if progress is None or (progress.done and progress.kept_because):
            # What was kept may be possible now, with another configuration for example, so everything is tried again.
            progress = ColumnProgress()
        await session.ring.reload()
        work, keys = await self._work()
        try:
            giving_back = self._give_back(work, keys, progress)
            stopped = await session.stop.interruptible(giving_back, grace_seconds=STOP_GRACE_SECONDS)
        except StoppedEarlyError:
            stopped = session.stop.reason
            # The cancelled page may have counted what it did not commit.
            progress = await session.stop.reported(read_column_progress(database, _journal_id(run))) or progress
        return await self._report(work, keys, progress, stopped)

    @property
    def _has_audit(self) -> bool:
        """Whether there is a table for it; state of an earlier version that no run has renewed has none."""
        return AUDIT_TABLE not in self.session.schema.missing_tables

    def _audit(self, kind: AuditKind, content: Mapping[str, Any]) -> AuditEntry | None:
        return AuditEntry.now(self.found.run.id, kind, content) if self._has_audit else None

    async def _work(self) -> tuple[ColumnUndo, DataKeyUndo]:
        session, run = self.session, self.found.run
        accepted = await read_accepted_secrets(session.database, session.schema)
        old_keys = OldKeys(session, self.found.secret_key_changed, accepted)
        of_later_runs = await read_hashes(session.database, self.found.kept_later)
        work = ColumnUndo(session, self.lease, run, _journal_id(run), old_keys, of_later_runs)
        return work, DataKeyUndo(session, self.lease, run.id, _journal_id(run), accepted)

    async def _give_back(self, work: ColumnUndo, keys: DataKeyUndo, progress: ColumnProgress) -> str | None:
        """Restore columns, then data keys; returns why it stopped before its end, else None.

        Columns first: their old bytes may need a data key in the wrapping that it has now.
        """
        await self.session.stop.interruptible(work.prepare())
        while not progress.done:
            if stopped := self.session.stop.reason:
                return stopped
            await self.session.brake.wait()
            await work.page(progress)
        await keys.compare()
        await keys.settle(await self.session.stop.interruptible(keys.read()))
        return None

    async def _report(
        self, work: ColumnUndo, keys: DataKeyUndo, progress: ColumnProgress, stopped: str | None
    ) -> UndoReport:
        session, run = self.session, self.found.run
        restored, kept = progress.back, [*work.kept, *keys.kept]
        because = Counter(progress.kept_because) + Counter(each.reason.value for each in keys.kept)
        collected = _collected(run, progress)
        deactivated: list[str] = []

        def ended(outcome: Outcome) -> Mapping[str, Any]:
            return ending_of(
                session,
                outcome,
                stop_reason=stopped,
                operation="undo",
                restored=restored,
                data_keys=keys.restored,
                kept_because=dict(because),
            )

        if stopped:
            outcome = Outcome.STOPPED
            if self._has_audit:
                await record_stop(session, self.lease, run, ended(outcome))
        elif because.keys() <= FINAL:
            outcome = Outcome.PARTLY_DONE if because.total() > collected else Outcome.UNDONE
            deactivated = await keys.activity(await _own_keys(session, run))
            await keys.save()
            audit = self._audit(AuditKind.ENDED, ended(outcome))
            await close_run(session.database, self.lease, run, RunState.UNDONE, Outcome.UNDONE, audit=audit)
        else:
            outcome = Outcome.PARTLY_DONE
            # It may be tried again, with another configuration for example, and blocks no other run.
            audit = self._audit(AuditKind.ENDED, ended(outcome))
            await close_run(session.database, self.lease, run, RunState.UNDONE_PARTLY, run.outcome, audit=audit)
        disputed = [one.place for each in keys.disputed for one in each.secrets]
        places = [*(each.place for each in kept[:_NAMED]), *disputed]
        return UndoReport(
            run.id,
            outcome,
            run.store,
            restored,
            dict(because),
            kept,
            keys.disputed,
            keys.restored,
            deactivated,
            collected,
            stopped,
            await names_of(session.database, places),
        )


async def _own_keys(session: Session, run: Run) -> list[str]:
    """The data keys that the run made. They are never deleted: Grafana may have saved under them since."""
    if not session.schema.has_own_keys:
        return []
    own = await read_own(session.database)
    made = [each.id for each in run.target_keys.values() if each.id and own.get(each.id) == run.id]
    table = session.schema.key_table
    return [key_id for key_id in made if await read_wrapped(session.database, key_id, table) is not None]
