"""Resumes the interrupted run under the lease, or begins a new one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.salt import new_salt
from reencrypt.errors import LeaseHeldError, RefusedError
from reencrypt.keys.manager_options import OPTION, ManagerVault
from reencrypt.outcomes import Operation
from reencrypt.planning.beginning import beginning_of
from reencrypt.planning.declared import save_changes
from reencrypt.planning.plan import Plan
from reencrypt.planning.session import Session
from reencrypt.planning.target_keys import discard_unfinished
from reencrypt.settings.model import StoreSettings
from reencrypt.state.audit import AuditEntry, AuditKind
from reencrypt.state.lease import Lease
from reencrypt.state.recording import record
from reencrypt.state.runs import Run, choose_format, find_open, insert_run, read_runs, supersede


@dataclass(frozen=True, slots=True)
class Resumption:
    """Turns a plan into a run, while the lease keeps others out."""

    session: Session
    plan: Plan
    lease: Lease

    async def run(self) -> tuple[Run, bool]:
        """Resume the interrupted run, or begin a new one; returns it, and whether it was interrupted.

        Raises `LeaseHeldError` where another one began or ended since the plan was made.
        """
        plan, database, lease = self.plan, self.session.database, self.lease
        runs = await read_runs(database)
        found = find_open(runs, plan.store)
        if (found.id if found else None) != (plan.open_run.id if plan.open_run else None):
            raise LeaseHeldError(
                "another run began or ended while this one was preparing", hint="Start again; progress is saved."
            )
        wrap_format = str(plan.options.target.wrap_format or "")
        if interrupted := plan.run_to_continue:
            await save_changes(database, lease, interrupted.id, plan.schema.declared, plan.store)
            if wrap_format and wrap_format != interrupted.wrap_format:
                await choose_format(database, lease, interrupted, wrap_format)
            begun = beginning_of(self.session, plan, resumed=True)
            await record(database, lease, AuditEntry.now(interrupted.id, AuditKind.BEGUN, begun))
            return interrupted, True
        target = plan.target
        fresh = Run.begin(
            target.operation,
            target.name,
            target.algorithm,
            salt=new_salt(),
            wrap_format=wrap_format,
            fresh=target.fresh,
            store=plan.store,
            namespaces=plan.namespaces,
            earlier=runs,
            requests=self.session.requests,
        )
        if refused := of_interrupted_rotation(plan):
            raise refused
        if found:
            # It had another target; this run takes over the secrets that it left.
            await discard_unfinished(self.session, lease, found)
            await supersede(database, lease, found)
        # First, so that whoever resumes the run has the locations that it began with.
        await save_changes(database, lease, fresh.id, plan.schema.declared, plan.store)
        await insert_run(database, lease, fresh, beginning_of(self.session, plan, resumed=False))
        return fresh, False


def of_interrupted_rotation(plan: Plan) -> RefusedError | None:
    """Refusal to begin another run in the place of an interrupted rotation."""
    found = plan.open_run
    if found is None or plan.run_to_continue or plan.target.fresh or not found.fresh:
        return None
    return RefusedError(
        f"run {found.id} is an interrupted rotation: what it has not moved is under old data keys still",
        hint=f"First finish it with `{command_for(found, plan.store_settings, plan.options.manager.vaults)}`, "
        f"or undo it with `reencrypt undo {found.id}`.",
    )


#: The file is the one with the next `secret_key`, which is recorded nowhere.
REKEY_COMMAND: Final = "reencrypt rekey-secret-key --new-secret-key-file FILE"


def command_for(run: Run, settings: StoreSettings, vaults: Iterable[ManagerVault] = ()) -> str:
    """The command that resumes a run, with the options that make it the same operation under this configuration.

    `vaults` are those that the user has named for providers of the secrets manager.
    """
    if run.operation in (Operation.REKEY, Operation.ENVELOP):
        return REKEY_COMMAND
    words = ["reencrypt", run.operation]
    if run.store is not StoreName.CLASSIC:
        # Without it the classic store would be worked on as well, and before it.
        words.append(f"--store {run.store}")
        words += [f"{OPTION} {each}" for each in vaults]
    if run.operation != Operation.ROLLBACK and run.target_provider != settings.encryption_provider:
        words.append(f"--to {run.target_provider}")
    if run.algorithm != settings.algorithm:
        words.append(f"--algorithm {run.algorithm}")
    return " ".join(words)
