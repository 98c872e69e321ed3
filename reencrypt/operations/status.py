"""`reencrypt status`: the runs of this database, their progress, and the next command to type."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reencrypt.catalogue.store_name import StoreName
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.databases.statements import AUDIT_TABLE
from reencrypt.events import Emit, RunRecorded, Waiting, ignore
from reencrypt.next_steps import NextStep
from reencrypt.operations.names import Names, names_of
from reencrypt.operations.report import entry_as_json
from reencrypt.operations.session import Shared
from reencrypt.operations.work import Work
from reencrypt.outcomes import ExitCode, Operation, Outcome, RunState
from reencrypt.planning.command_lines import REKEY_COMMAND, REPORT_COMMAND, command_for, resuming
from reencrypt.planning.schema import Schema, inspect
from reencrypt.settings import Settings
from reencrypt.state.audit import read_last_signs
from reencrypt.state.checkpoints import latest_counts, read_checkpoints, read_data_key_progress
from reencrypt.state.counts import Counts, per_location
from reencrypt.state.lease import read_holder
from reencrypt.state.quarantine import QuarantineEntry, read_quarantine
from reencrypt.state.runs import Run, find_open, read_runs
from reencrypt.state.stamp import read_stamp
from reencrypt.state.stop import StopRequest


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run, the counters of its locations, and how many data keys it has wrapped anew.

    `resume` is the command that resumes it, empty where it is not interrupted. `changed` is when it last committed
    something, as far as that is recorded: to some seconds while it is at work.
    """

    run: Run
    counts: dict[str, Counts]
    changed: str
    data_keys: int = 0
    resume: str = ""


def _after(last: RunStatus) -> list[NextStep]:
    """What comes after the last run of a store, which is not interrupted and has left nothing open in quarantine."""
    run = last.run
    match run.state:
        case RunState.UNDONE:
            return [NextStep("reencrypt plan", f"run {run.id} is undone: see what is there")]
        case RunState.UNDONE_PARTLY:
            # Undoing it again helps only once its cause is gone, which nobody can know here.
            return [
                NextStep("reencrypt plan", f"run {run.id} is undone, apart from what had to stay: see what is there")
            ]
        case RunState.COMPLETED:
            return [NextStep(REPORT_COMMAND, "everything is done; this writes the evidence of it")]
        case _:
            return _after_finished(last)


def _after_finished(last: RunStatus) -> list[NextStep]:
    complete = NextStep("reencrypt complete", "then it answers whether the old key can be retired")
    run = last.run
    match run.operation:
        case Operation.ENVELOP:
            command = f"{REKEY_COMMAND} --grafana-stopped"
            why = "once every Grafana is stopped: the change of secret_key is half done"
            return [resuming(command, why)]
        case Operation.REKEY:
            return [NextStep("reencrypt verify", "with the new secret_key in Grafana's configuration")]
        case _ if run.outcome == Outcome.PARTLY_DONE and Counts.sum(last.counts.values()).left:
            return [NextStep("reencrypt plan", "some secrets stay where they are, and it says why"), complete]
        case _:
            return [NextStep("reencrypt verify", "it reads every secret again"), complete]


@dataclass(frozen=True, slots=True)
class StatusReport:
    """All runs of the chosen stores, oldest first; `holder` holds the lease now, empty for nobody.

    `stores` has the store of each location in quarantine that is known, `names` what the entries belong to.
    """

    runs: list[RunStatus]
    holder: str
    quarantine: list[QuarantineEntry]
    stores: Mapping[str, StoreName] = field(default_factory=dict)
    names: Names = field(default_factory=dict)

    @property
    def next_steps(self) -> list[NextStep]:
        """What to type next: one command, or one for each interrupted run, or a few in this order."""
        if self.holder:
            return [NextStep("reencrypt status", "a run is at work, or died a moment ago")]
        by_store = [each for store in StoreName for each in self.runs if each.run.store is store and each.resume]
        if by_store:
            return [resuming(each.resume, "it resumes where it was interrupted") for each in by_store]
        if not self.runs:
            return [NextStep("reencrypt plan", "there has been no run: see what is there")]
        if any(entry.is_open for entry in self.quarantine):
            return [NextStep("reencrypt quarantine list", "then retry, or acknowledge")]
        # A superseded run has left its work to another one, and that of a store which is elsewhere is none of ours.
        over = [each for each in self.runs if each.run.state not in (RunState.SUPERSEDED, RunState.OPEN)]
        last = {each.run.store: each for each in over}
        if not last:
            return [NextStep("reencrypt plan", "no run has ended here: see what is there")]
        steps = [step for store in StoreName if store in last for step in _after(last[store])]
        return list(dict.fromkeys(steps))

    @property
    def exit_code(self) -> int:
        """Whatever it finds is an answer."""
        return ExitCode.DONE

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints."""
        return {
            "outcome": "status",
            "lease_holder": self.holder or None,
            "runs": [
                {
                    "run_id": each.run.id,
                    "store": each.run.store,
                    "operation": each.run.operation,
                    "state": each.run.state,
                    "outcome": each.run.outcome or None,
                    "target_provider": each.run.target_provider,
                    "target_data_key": each.run.target_key or None,
                    "target_data_keys": {space: one.id for space, one in each.run.targets.items() if one.id},
                    "pass": each.run.pass_number,
                    "started": each.run.started,
                    "updated": each.changed,
                    "data_keys_rewrapped": each.data_keys,
                    "secrets": Counts.sum(each.counts.values()).as_numbers(),
                    "locations": per_location(each.counts),
                    "resume": each.resume or None,
                }
                for each in self.runs
            ],
            "quarantine": [
                entry_as_json(entry, self.stores.get(entry.location), self.names) for entry in self.quarantine
            ],
        }


def status_of(chosen: Collection[StoreName]) -> Work[StatusReport]:
    """The work of `reencrypt status` for the chosen stores."""

    async def perform(settings: Settings, _shared: Shared, *, emit: Emit, stop: StopRequest) -> StatusReport:
        del stop
        report = await status(settings, chosen, emit=emit)
        for together in _invocations([each.run for each in report.runs]):
            if (recorded := _recorded(together)) is not None:
                emit(recorded)
        return report

    return Work(perform, lambda report: report.exit_code, stops=False)


def _invocations(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs that began together, one in each store."""
    found: dict[tuple[int, str], list[Run]] = {}
    for run in runs:
        found.setdefault((run.number, run.operation), []).append(run)
    return list(found.values())


def _recorded(runs: Sequence[Run]) -> RunRecorded | None:
    """What listeners are told of an invocation that has ended by itself in every store; the worst of them counts."""
    if not all(run.is_over and run.outcome in set(Outcome) for run in runs):
        return None
    try:
        operation = Operation(runs[0].operation)
        started = min(read_stamp(run.started) for run in runs)
        ended = max(read_stamp(run.updated) for run in runs)
    except ValueError:
        # Somebody has changed it by hand; it is for people only.
        return None
    code = max(int(Outcome(run.outcome).exit_code) for run in runs)
    if operation is Operation.ENVELOP:
        # Whatever its own end: the command has only begun, and a rekey ends it with a run of its own.
        code = int(Outcome.STOP_GRAFANA.exit_code)
    return RunRecorded(operation.command, code, (ended - started).total_seconds(), ended)


async def status(
    settings: Settings, chosen: Collection[StoreName] = tuple(StoreName), *, emit: Emit = ignore
) -> StatusReport:
    """Read the state tables for the chosen stores; a database without them has had no run."""
    database = await open_database(settings.database, write=False, waiting=lambda reason: emit(Waiting(reason)))
    try:
        schema = await inspect(database, pages=False)
        return await _read(database, schema, settings, chosen) if schema.has_state else StatusReport([], "", [])
    finally:
        await database.close()


async def _read(database: Database, schema: Schema, settings: Settings, chosen: Collection[StoreName]) -> StatusReport:
    runs = [run for run in await read_runs(database) if run.store in chosen]
    resume = _resumption(runs, settings, name_store=schema.of(StoreName.MANAGER).has_store)
    signs = await read_last_signs(database) if AUDIT_TABLE not in schema.missing_tables else {}
    found = [
        await _status(database, run, resume.get(run.id, ""), max(run.updated, signs.get(run.id, ""))) for run in runs
    ]
    stores = {entry: schema.store_of(entry.location) for entry in await read_quarantine(database)}
    # Those of a location that nobody knows any more are shown with every store.
    entries = [entry for entry, store in stores.items() if store is None or store in chosen]
    known = {entry.location: store for entry, store in stores.items() if store is not None}
    names = await names_of(database, [entry.place for entry in entries])
    return StatusReport(found, await read_holder(database), entries, known, names)


def _resumption(runs: Sequence[Run], settings: Settings, *, name_store: bool) -> dict[str, str]:
    """The command that resumes each interrupted run, by its id: at most one of a store, else an interrupted undo.

    A run in a store that is another service's now can be resumed only there.
    """
    found: dict[str, str] = {}
    here = [store for store in StoreName if store is StoreName.CLASSIC or not settings.manager.is_remote]
    for store in here:
        undoing = [run for run in runs if run.state == RunState.UNDOING and run.store is store]
        if interrupted := find_open(runs, store):
            found[interrupted.id] = command_for(interrupted, settings.of(store), name_store=name_store)
        elif undoing:
            found[undoing[0].id] = f"reencrypt undo {undoing[0].id}"
    return found


async def _status(database: Database, run: Run, resume: str, changed: str) -> RunStatus:
    data_keys = await read_data_key_progress(database, run.id)
    counts = latest_counts(await read_checkpoints(database, run.id))
    return RunStatus(run, counts, changed, data_keys.changed if data_keys else 0, resume)
