"""Resumes the interrupted run under the lease, or begins a new one, and gets its target key."""

from __future__ import annotations

from dataclasses import dataclass

from reencrypt.crypto.salt import new_salt
from reencrypt.errors import LeaseHeldError, RefusedError
from reencrypt.keys.provider import Unwrapped
from reencrypt.outcomes import Operation
from reencrypt.planning.plan import Plan
from reencrypt.planning.session import Session
from reencrypt.planning.target_key import (
    NoTargetKey,
    TargetDataKey,
    TargetKey,
    TargetSecretKey,
    deactivate_others,
    discard_target_key,
    finish_target_key,
    make_target_key,
)
from reencrypt.settings import Settings
from reencrypt.state.data_keys import read_wrapped
from reencrypt.state.lease import Lease
from reencrypt.state.runs import Run, choose_format, find_open, insert_run, read_runs, record_target_key, supersede


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
        found = find_open(await read_runs(database))
        if (found.id if found else None) != (plan.open_run.id if plan.open_run else None):
            raise LeaseHeldError(
                "another run began or ended while this one was preparing", hint="Start again; progress is saved."
            )
        wrap_format = str(plan.options.target.wrap_format or "")
        if interrupted := plan.run_to_continue:
            if wrap_format and wrap_format != interrupted.wrap_format:
                await choose_format(database, lease, interrupted, wrap_format)
            return interrupted, True
        target = plan.target
        fresh = Run.begin(
            target.operation,
            target.name,
            target.algorithm,
            salt=new_salt(),
            wrap_format=wrap_format,
            fresh=target.fresh,
        )
        if found and found.fresh and not target.fresh:
            raise RefusedError(
                f"run {found.id} is an interrupted rotation: what it has not moved is under old data keys still",
                hint=f"First finish it with `{command_for(found, plan.settings)}`, "
                f"or undo it with `reencrypt undo {found.id}`.",
            )
        if found:
            # It had another target; this run takes over the secrets that it left.
            await self._discard_unfinished(found)
            await supersede(database, lease, found)
        await insert_run(database, lease, fresh)
        return fresh, False

    async def target_key(self, run: Run) -> TargetKey:
        """Get the target key: `secret_key` for a rollback, a data key otherwise, the only active one where it is fresh.

        `NoTargetKey` where nothing is to move and no data key is there to write under.
        """
        plan = self.plan
        if plan.target.is_legacy:
            return TargetSecretKey(self.session.secret_key)
        if not plan.movable and not plan.existing:
            await self._discard_unfinished(run)
            return NoTargetKey()
        key = await self._data_key(run)
        if plan.target.fresh and run.target_key_state != "alone":
            await deactivate_others(self.session.database, self.lease, run)
        return key

    async def _discard_unfinished(self, run: Run) -> None:
        """Remove a data key that a run has inserted and never activated."""
        if run.target_key_state == "made":
            wrapped = await read_wrapped(self.session.database, run.target_key)
            if wrapped is not None:
                await discard_target_key(self.session.database, self.lease, run, wrapped)

    async def _data_key(self, run: Run) -> TargetDataKey:
        """A proven existing data key, the one that this run had begun to make, or a new one."""
        plan, database = self.plan, self.session.database
        provider = self.session.providers.get(plan.target.provider)
        if run.target_key_state == "made":
            unfinished = await read_wrapped(database, run.target_key)
            if unfinished is not None and not plan.existing:
                return await finish_target_key(database, self.lease, run, provider, expected=None)
            await self._discard_unfinished(run)
        for row in plan.existing:
            # The proven answer: the service may give another one now.
            entry = plan.ring.entry(row.id)
            if isinstance(entry, Unwrapped):
                if run.target_key != row.id:
                    async with database.transaction() as transaction:
                        await self.lease.check(transaction)
                        await record_target_key(transaction, run, row.id, "active")
                return TargetDataKey(row.id, row.provider, entry.data_key, row.wrapped, made=False)
        return await make_target_key(database, self.lease, run, provider, plan.wrap_format)


def command_for(run: Run, settings: Settings) -> str:
    """The command that resumes a run, with the options that make it the same operation under this configuration."""
    if run.operation in (Operation.REKEY, Operation.ENVELOP):
        return "reencrypt rekey-secret-key, with the same --new-secret-key-file"
    words = ["reencrypt", run.operation]
    if run.operation != Operation.ROLLBACK and run.target_provider != settings.encryption_provider:
        words.append(f"--to {run.target_provider}")
    if run.algorithm != settings.algorithm:
        words.append(f"--algorithm {run.algorithm}")
    return " ".join(words)
