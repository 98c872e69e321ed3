"""`reencrypt status`: the runs of this database, their progress, and the next command to type."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reencrypt.catalogue.store_name import StoreName
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.events import Emit, RunRecorded, Waiting, ignore
from reencrypt.operations.report import entry_as_json
from reencrypt.operations.session import Shared
from reencrypt.operations.work import Work
from reencrypt.outcomes import ExitCode, Operation, Outcome, RunState
from reencrypt.planning.resume import command_for
from reencrypt.planning.schema import Schema, inspect
from reencrypt.settings import Settings
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

    `resume` is the command that resumes it, empty where it is not interrupted.
    """

    run: Run
    counts: dict[str, Counts]
    data_keys: int = 0
    resume: str = ""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """All runs of the chosen stores, oldest first; `holder` holds the lease now, empty for nobody.

    `stores` has the store of each location in quarantine that is known.
    """

    runs: list[RunStatus]
    holder: str
    quarantine: list[QuarantineEntry]
    stores: Mapping[str, StoreName] = field(default_factory=dict)

    @property
    def next_commands(self) -> list[str]:
        """The commands to type next: one, or one for each interrupted run, the classic store's first."""
        if self.holder:
            return ["reencrypt status (a run is at work, or died a moment ago)"]
        by_store = [each for store in StoreName for each in self.runs if each.run.store is store and each.resume]
        if by_store:
            return [f"{each.resume} (resumes where it was interrupted)" for each in by_store]
        if not self.runs:
            return ["reencrypt plan"]
        if any(entry.is_open for entry in self.quarantine):
            return ["reencrypt quarantine list (then retry, or acknowledge)"]
        return ["reencrypt verify"]

    @property
    def next_command(self) -> str:
        """The first command to type next."""
        return self.next_commands[0]

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
                    "updated": each.run.updated,
                    "data_keys_rewrapped": each.data_keys,
                    "secrets": Counts.sum(each.counts.values()).as_numbers(),
                    "locations": per_location(each.counts),
                    "resume": each.resume or None,
                }
                for each in self.runs
            ],
            "quarantine": [entry_as_json(entry, self.stores.get(entry.location)) for entry in self.quarantine],
            "next_command": self.next_command,
            "next_commands": self.next_commands,
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
    resume = _resumption(runs, settings)
    found = [await _status(database, run, resume.get(run.id, "")) for run in runs]
    stores = {entry: schema.store_of(entry.location) for entry in await read_quarantine(database)}
    # Those of a location that nobody knows any more are shown with every store.
    entries = [entry for entry, store in stores.items() if store is None or store in chosen]
    known = {entry.location: store for entry, store in stores.items() if store is not None}
    return StatusReport(found, await read_holder(database), entries, known)


def _resumption(runs: Sequence[Run], settings: Settings) -> dict[str, str]:
    """The command that resumes each interrupted run, by its id: at most one of a store, else an interrupted undo."""
    found: dict[str, str] = {}
    for store in StoreName:
        undoing = [run for run in runs if run.state == RunState.UNDOING and run.store is store]
        if interrupted := find_open(runs, store):
            found[interrupted.id] = command_for(interrupted, settings.of(store))
        elif undoing:
            found[undoing[0].id] = f"reencrypt undo {undoing[0].id}"
    return found


async def _status(database: Database, run: Run, resume: str) -> RunStatus:
    data_keys = await read_data_key_progress(database, run.id)
    counts = latest_counts(await read_checkpoints(database, run.id))
    return RunStatus(run, counts, data_keys.changed if data_keys else 0, resume)
