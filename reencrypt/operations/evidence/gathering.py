"""The evidence of runs, for an auditor: their audit, what database and vault say now, and the answer of `complete`.

It changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.databases.statements import AUDIT_TABLE
from reencrypt.errors import ConfigurationError, ReencryptError, StoppedEarlyError
from reencrypt.next_steps import NextStep
from reencrypt.operations.complete.operation import complete
from reencrypt.operations.complete.report import BLIND_SPOTS
from reencrypt.operations.evidence.of_run import section_of
from reencrypt.operations.verify.operation import verify_stores
from reencrypt.outcomes import ExitCode, RunState
from reencrypt.planning.options import CompleteOptions
from reencrypt.planning.session import Session
from reencrypt.state.audit import AuditEntry, AuditKind, read_audit, who
from reencrypt.state.runs import Run, read_runs
from reencrypt.state.stamp import stamp

#: What happened to the old key: that its journal was dropped, and that data keys were deleted.
_RETIREMENT: Final = (AuditKind.COMPLETED, AuditKind.DATA_KEYS_DELETED)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence, as the object that reports are made of."""

    content: Mapping[str, Any]

    @property
    def exit_code(self) -> int:
        """0: whatever it says, it is there."""
        return ExitCode.DONE

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """None: what is read for an auditor says nothing of commands."""
        return ()

    def as_json(self) -> Mapping[str, Any]:
        """The object itself."""
        return self.content


async def evidence_of(sessions: Sequence[Session], run_id: str | None, cryptoperiod: timedelta | None) -> Evidence:
    """Gather the evidence of a run, by default of the last one in each store; `sessions` are those of every store.

    With a `cryptoperiod` each key is judged by its age. Raises `ConfigurationError` where there is no such run, and a
    `ReencryptError` where database or vault fails.
    """
    first = sessions[0]
    database = first.database
    of_run, gone = _placed(sessions, await _find(first, run_id))
    if run_id is not None or not of_run:
        for run in gone:
            raise _gone_error(run)
    has_audit = AUDIT_TABLE not in first.schema.missing_tables
    audits = {run.id: without_copies(await read_audit(database, run.id)) if has_audit else [] for _, run in of_run}
    verified = await _verified(sessions)
    sections = [await section_of(session, run, audits[run.id], cryptoperiod) for session, run in of_run]
    answered = await _answered(sessions)
    return Evidence(
        {
            "kind": "run",
            "made": f"{stamp()}Z",
            "made_by": who(),
            "database": database.name,
            "runs": sections,
            "verify": verified,
            "complete": answered,
            "retirement": _retirement(audits[of_run[0][1].id], min(run.started for _, run in of_run)),
            "not_seen": [*(_left_out(run) for run in gone), *answered.get("not_seen", BLIND_SPOTS)],
        }
    )


async def _find(session: Session, run_id: str | None) -> list[Run]:
    runs = await read_runs(session.database) if session.schema.has_state else []
    if not runs:
        raise ConfigurationError("there has been no run in this database", hint="`reencrypt status` lists the runs.")
    if run_id is None:
        # A superseded run counts where there is no other.
        ordered = sorted(runs, key=lambda run: run.state is not RunState.SUPERSEDED)
        last = {run.store: run for run in ordered}
        return [last[store] for store in StoreName if store in last]
    found = next((run for run in runs if run.id == run_id), None)
    if found is None:
        known = ", ".join(run.id for run in runs[-5:])
        raise ConfigurationError(f"there is no run {run_id}", hint=f"Known are {known}. `reencrypt status` lists them.")
    return [found]


def _placed(sessions: Sequence[Session], runs: Sequence[Run]) -> tuple[list[tuple[Session, Run]], list[Run]]:
    """The runs with the sessions of their stores, and those whose store this database does not have now."""
    of_store = {session.store: session for session in sessions}
    placed = [(of_store[run.store], run) for run in runs if run.store in of_store]
    return placed, [run for run in runs if run.store not in of_store]


def _gone_error(run: Run) -> ConfigurationError:
    return ConfigurationError(
        f"run {run.id} was in {run.store.in_words}, which is not in this database now",
        hint="Use the database and the configuration that Grafana had then, or name a run of another store.",
    )


def _left_out(run: Run) -> str:
    return (
        f"the last run in {run.store.in_words}, {run.id}, and its secrets: that store is not in this database now, or "
        "another service keeps it"
    )


def without_copies(entries: Sequence[AuditEntry]) -> list[AuditEntry]:
    """Without copies: a transaction whose answer was lost may have been made twice."""
    return [entry for number, entry in enumerate(entries) if not number or entry != entries[number - 1]]


def _retirement(entries: Sequence[AuditEntry], since: str) -> list[dict[str, Any]]:
    """Who has retired an old key since a run began: dropped its journal, or deleted its data keys."""
    return [
        {"at": f"{entry.at}Z", "kind": entry.kind, **entry.content}
        for entry in entries
        if entry.kind in _RETIREMENT and entry.at >= since
    ]


async def _verified(sessions: Sequence[Session]) -> list[dict[str, Any]]:
    """Every secret of each store read now; an error instead where that cannot be done."""
    try:
        reports = await verify_stores(sessions)
    except StoppedEarlyError:
        raise
    except ReencryptError as error:
        return [{"store": each.store, "outcome": error.code, "error": error.message} for each in sessions]
    return [{"store": each.store, **each.as_json()} for each in reports]


async def _answered(sessions: Sequence[Session]) -> dict[str, Any]:
    """The answer of `complete`, which changes nothing without --finish; an error instead where there is none."""
    try:
        report = await complete(sessions, CompleteOptions())
    except StoppedEarlyError:
        raise
    except ReencryptError as error:
        return {"outcome": error.code, "error": error.message}
    return report.as_json()
