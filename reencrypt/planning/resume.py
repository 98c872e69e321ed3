"""Resumes the interrupted run under the lease, or begins a new one."""

from __future__ import annotations

from dataclasses import dataclass

from reencrypt.crypto.salt import new_salt
from reencrypt.errors import LeaseHeldError, RefusedError
from reencrypt.planning.beginning import beginning_of
from reencrypt.planning.command_lines import resume_command
from reencrypt.planning.declared import save_changes
from reencrypt.planning.plan import Plan
from reencrypt.planning.session import Session
from reencrypt.planning.target_keys import discard_unfinished
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
        async with database.together():
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
        hint=f"First finish it with `{resume_command(found, plan)}`, or undo it with `reencrypt undo {found.id}`.",
    )
