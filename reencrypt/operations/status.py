"""`reencrypt status`: the runs of this database, their progress, and the next command to type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.events import Emit, Waiting, ignore
from reencrypt.operations.report import entry_as_json
from reencrypt.outcomes import RunState
from reencrypt.planning.resume import command_for
from reencrypt.planning.schema import inspect
from reencrypt.settings import Settings
from reencrypt.state.checkpoints import latest_counts, read_checkpoints, read_data_key_progress
from reencrypt.state.counts import Counts, per_location
from reencrypt.state.lease import read_holder
from reencrypt.state.quarantine import QuarantineEntry, read_quarantine
from reencrypt.state.runs import Run, find_open, read_runs


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run, the counters of its locations, and how many data keys it has wrapped anew."""

    run: Run
    counts: dict[str, Counts]
    data_keys: int = 0


@dataclass(frozen=True, slots=True)
class StatusReport:
    """All runs, oldest first; `holder` holds the lease now, empty for nobody.

    `resume` is the command that resumes the interrupted run, empty where there is none.
    """

    runs: list[RunStatus]
    holder: str
    quarantine: list[QuarantineEntry]
    resume: str = ""

    @property
    def next_command(self) -> str:
        """The command to type next."""
        if self.holder:
            return "reencrypt status (a run is at work, or died a moment ago)"
        if self.resume:
            return f"{self.resume} (resumes where it was interrupted)"
        for each in self.runs:
            if each.run.state == RunState.UNDOING:
                return f"reencrypt undo {each.run.id} (resumes where it was interrupted)"
        if not self.runs:
            return "reencrypt plan"
        if any(entry.is_open for entry in self.quarantine):
            return "reencrypt quarantine list (then retry, or acknowledge)"
        return "reencrypt verify"

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints."""
        return {
            "outcome": "status",
            "lease_holder": self.holder or None,
            "runs": [
                {
                    "run_id": each.run.id,
                    "operation": each.run.operation,
                    "state": each.run.state,
                    "outcome": each.run.outcome or None,
                    "target_provider": each.run.target_provider,
                    "target_data_key": each.run.target_key or None,
                    "pass": each.run.pass_number,
                    "started": each.run.started,
                    "updated": each.run.updated,
                    "data_keys_rewrapped": each.data_keys,
                    "secrets": Counts.sum(each.counts.values()).as_numbers(),
                    "locations": per_location(each.counts),
                }
                for each in self.runs
            ],
            "quarantine": [entry_as_json(entry) for entry in self.quarantine],
            "next_command": self.next_command,
        }


async def status(settings: Settings, *, emit: Emit = ignore) -> StatusReport:
    """Read the state tables; a database without them has had no run."""
    database = await open_database(settings.database, write=False, waiting=lambda reason: emit(Waiting(reason)))
    try:
        if not (await inspect(database, pages=False)).has_state:
            return StatusReport([], "", [])
        return await _read(database, settings)
    finally:
        await database.close()


async def _read(database: Database, settings: Settings) -> StatusReport:
    runs = [await _status(database, run) for run in await read_runs(database)]
    found = find_open([each.run for each in runs])
    resume = command_for(found, settings.classic) if found else ""
    return StatusReport(runs, await read_holder(database), await read_quarantine(database), resume)


async def _status(database: Database, run: Run) -> RunStatus:
    data_keys = await read_data_key_progress(database, run.id)
    counts = latest_counts(await read_checkpoints(database, run.id))
    return RunStatus(run, counts, data_keys.changed if data_keys else 0)
