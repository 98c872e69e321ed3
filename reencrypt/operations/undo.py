"""`reencrypt undo RUN`: returns to what the journal holds, as far as nothing has changed since."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.databases.protocol import Database
from reencrypt.errors import ConfigurationError, RefusedError, StoppedEarlyError, first_error
from reencrypt.events import Emit
from reencrypt.keys.ring import DataKey, KeyRing
from reencrypt.operations.opening import Schema, inspect, leased, open_database, open_providers, read_data_keys
from reencrypt.operations.options import RunOptions
from reencrypt.settings import Settings
from reencrypt.worker.counts import Counts
from reencrypt.worker.lease import Lease
from reencrypt.worker.runs import (
    REKEY,
    UNDOING,
    UNDONE,
    UNDONE_PARTLY,
    Checkpoint,
    Run,
    close_run,
    read_checkpoints,
    read_runs,
)
from reencrypt.worker.stop import STOP_GRACE_SECONDS, StopRequest
from reencrypt.worker.undo import JOURNAL, Kept, KeptColumn, Undo
from reencrypt.worker.undo_keys import UndoKeys

#: Reasons that another configuration, or a data key that comes back, can remove: the undo is not over with them.
_MAY_PASS: Final = frozenset((Kept.OLD_UNREADABLE.value, Kept.PRESENT_UNREADABLE.value, Kept.DIFFERS.value))


@dataclass(slots=True)
class UndoReport:
    """What was given back. `kept` are the columns that could not be, of this invocation; the numbers are of all."""

    run_id: str
    outcome: str
    restored: int = 0
    kept_because: dict[str, int] = field(default_factory=dict)
    kept: list[KeptColumn] = field(default_factory=list)
    data_keys: int = 0
    deactivated: str | None = None
    stop_reason: str | None = None

    @property
    def exit_code(self) -> int:
        """0 when everything is back, 3 when something had to stay, 4 when it was stopped."""
        if self.outcome == "stopped":
            return 4
        return 3 if self.kept_because else 0

    def as_json(self) -> dict[str, Any]:
        """For `--output json`."""
        return {
            "outcome": self.outcome,
            "run_id": self.run_id,
            "restored": self.restored,
            "data_keys_restored": self.data_keys,
            "kept_because": self.kept_because,
            "kept": [
                {"table": each.table, "key": each.row_key, "column": each.column, "reason": each.reason.value}
                for each in self.kept
            ],
            "data_key_set_inactive": self.deactivated,
            "stop_reason": self.stop_reason,
        }


async def undo(settings: Settings, run_id: str, options: RunOptions, *, emit: Emit, stop: StopRequest) -> UndoReport:
    """Undo a run; may be interrupted at any moment, and goes on when it is called again.

    Raises `ConfigurationError` for a run that does not exist, `RefusedError` while a later one is not undone.
    """
    database = await open_database(settings.database, write=True)
    try:
        schema = await inspect(database)
        await _find(database, schema, run_id)
        async with leased(database, options, emit, stop) as lease:
            # Again: somebody else may have run while we waited for the lease.
            run = await _find(database, schema, run_id)
            return await _under_lease(database, schema, settings, options, lease, run, emit, stop)
    except StoppedEarlyError:
        return UndoReport(run_id, "stopped", stop_reason=stop.reason)
    except BaseExceptionGroup as failures:
        raise first_error(failures) from failures
    finally:
        await database.close()


async def _find(database: Database, schema: Schema, run_id: str) -> Run:
    runs = await read_runs(database) if schema.has_state else []
    ids = [run.id for run in runs]
    if run_id not in ids:
        known = f"known are {', '.join(ids[-5:])}" if ids else "there has been no run"
        raise ConfigurationError(f"there is no run {run_id}", hint=f"{known}; `reencrypt status` lists them")
    if runs[ids.index(run_id)].state == "completed":
        raise RefusedError(
            f"run {run_id} was completed, and its journal dropped: there is nothing to go back to",
            hint="to have secrets under another key, run again with --to; to have them legacy, `reencrypt rollback`",
        )
    if runs[ids.index(run_id)].operation == REKEY:
        raise RefusedError(
            f"run {run_id} changed secret_key, and Grafana holds only one: undoing it alone would lock Grafana out",
            hint="change it back the same way: reencrypt rekey-secret-key, with the former key as the new one",
        )
    extents = dict.fromkeys((run.id for run in runs), (0, 0)) | await _extents(database)
    # By the journal, whose ids only grow: clocks step back.
    # One that has written nothing is in nobody's way, and nobody in its own. Nor is a change of secret_key, which is
    # not undone: what went back into bytes of before it would not decrypt now, and so stays.
    later = [
        run
        for run in runs
        if extents[run_id][0]
        and run.state not in (UNDONE, UNDONE_PARTLY)
        and run.operation != REKEY
        and extents[run.id][1] > extents[run_id][1]
    ]
    if later:
        newest = max(later, key=lambda run: extents[run.id][1])
        raise RefusedError(
            f"run {newest.id} is later than {run_id} and has written {extents[newest.id][0]} columns",
            hint=f"first: reencrypt undo {newest.id}",
        )
    return runs[ids.index(run_id)]


async def _extents(database: Database) -> dict[str, tuple[int, int]]:
    """How many columns each run has written, and its last place in the journal."""
    rows = await database.fetch("journal_extents")
    return {str(run_id): (int(str(count)), int(str(last))) for run_id, count, last in rows}


async def _under_lease(
    database: Database,
    schema: Schema,
    settings: Settings,
    options: RunOptions,
    lease: Lease,
    run: Run,
    emit: Emit,
    stop: StopRequest,
) -> UndoReport:
    journal_id = f"undo-{run.id}"
    if run.state != UNDONE:
        await close_run(database, lease, run, UNDOING, run.outcome)
    for other in await read_runs(database):
        if other.state == "open":
            # What it counted as moved may be moved back now; the next run begins anew.
            await close_run(database, lease, other, "superseded", "superseded")
    saved = [each for each in await read_checkpoints(database, journal_id) if each.location == JOURNAL]
    unfinished = [each for each in saved if not (each.done and each.counts.left)]
    # What was kept may be possible now, with another configuration for one: then all is looked at again.
    checkpoint = unfinished[0] if unfinished else Checkpoint(JOURNAL, 0, None, done=False, counts=Counts())
    cache = DerivedKeyCache()

    async def reload() -> list[DataKey]:
        return await read_data_keys(database, schema.key_table)

    async with open_providers(settings, cache, options.vault, emit) as providers:
        ring = KeyRing(providers.get)
        ring.load(await reload())
        work = Undo(
            database=database,
            lease=lease,
            run_id=run.id,
            journal_id=journal_id,
            locations={location.name: location for location in schema.fitted.locations},
            ring=ring,
            secret_key=providers.secret_key.password,
            cache=cache,
            reload=reload,
        )
        keys = UndoKeys(database, lease, run.id, journal_id, ring, reload)
        with suppress(StoppedEarlyError):
            await stop.heeded(_give_back(work, keys, checkpoint, stop), grace_seconds=STOP_GRACE_SECONDS)
    if stop.reason:
        # What was cancelled may have counted what it did not commit.
        saved = [each for each in await read_checkpoints(database, journal_id) if each.location == JOURNAL]
        checkpoint = next((each for each in saved if each.pass_number == checkpoint.pass_number), checkpoint)
    counts = checkpoint.counts
    restored, kept = counts.re_encrypted + counts.already_current, [*work.kept, *keys.kept]
    because = Counter(counts.left_because) + Counter(each.reason.value for each in keys.kept)
    report = UndoReport(run.id, "stopped", restored, dict(because), kept, keys.restored)
    if stop.reason:
        report.stop_reason = stop.reason
        return report
    if not _MAY_PASS & set(report.kept_because):
        own_key = await _own_key(database, schema, run)
        report.deactivated = own_key if await keys.activity(own_key) else None
        await close_run(database, lease, run, UNDONE, "undone")
    elif run.state != UNDONE:
        # It may be tried again, with another configuration for one, and stands in nobody's way.
        await close_run(database, lease, run, UNDONE_PARTLY, run.outcome)
    report.outcome = "partly_done" if report.kept_because else "undone"
    return report


async def _give_back(work: Undo, keys: UndoKeys, checkpoint: Checkpoint, stop: StopRequest) -> None:
    """Columns first: their old bytes may need a data key in the wrapping that it has now."""
    await work.remember(checkpoint)
    while not checkpoint.done and not stop.reason:
        await work.page(checkpoint)
    if not stop.reason:
        await keys.wrappings()


async def _own_key(database: Database, schema: Schema, run: Run) -> str | None:
    """The data key that the run made, if it did. It is never deleted: Grafana may have saved under it since."""
    if not schema.has_own_keys or not run.target_key:
        return None
    own = {str(key_id): str(maker) for key_id, maker in await database.fetch("own_data_keys")}
    there = await database.fetch("data_key_read", id=run.target_key)
    return run.target_key if there and own.get(run.target_key) == run.id else None
