"""Claims the run under the lease, the interrupted one or a new one, and the key that it writes under."""

from __future__ import annotations

from dataclasses import dataclass

from reencrypt.crypto.salt import new_salt
from reencrypt.databases.protocol import Database
from reencrypt.errors import LeaseHeldError, RefusedError
from reencrypt.keys.provider import Unwrapped
from reencrypt.keys.providers import Providers
from reencrypt.planning.plan import Preparation, run_to_continue
from reencrypt.planning.target import Operation
from reencrypt.planning.target_key import (
    LegacyTarget,
    NoTarget,
    Target,
    TargetKey,
    deactivate_others,
    discard_target_key,
    finish_target_key,
    make_target_key,
)
from reencrypt.settings import Settings
from reencrypt.state.data_keys import read_wrapped
from reencrypt.state.lease import Lease
from reencrypt.state.runs import (
    REKEY,
    Run,
    choose_format,
    find_open,
    insert_run,
    read_runs,
    record_target_key,
    supersede,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What was prepared, and the lease that makes it ours."""

    database: Database
    providers: Providers
    prepared: Preparation
    lease: Lease

    async def run(self) -> tuple[Run, bool]:
        """Go on with the interrupted run, or begin a new one, now that nobody else can; whether it was interrupted.

        Raises `LeaseHeldError` where another one began or ended since the preparation.
        """
        prepared = self.prepared
        found = find_open(await read_runs(self.database))
        before = prepared.open_run
        if (found.id if found else None) != (before.id if before else None):
            raise LeaseHeldError(
                "another run began or ended while this one was preparing", hint="start again; progress is saved"
            )
        interrupted = run_to_continue(prepared)
        wrap_format = str(prepared.options.wrap_format or "")
        if interrupted:
            if wrap_format and wrap_format != interrupted.wrap_format:
                await choose_format(self.database, self.lease, interrupted, wrap_format)
            return interrupted, True
        goal = prepared.goal
        fresh = Run.begin(
            goal.operation, goal.name, goal.algorithm, salt=new_salt(), wrap_format=wrap_format, fresh=goal.fresh
        )
        if found and found.fresh and not goal.fresh:
            raise RefusedError(
                f"run {found.id} is an interrupted rotation: what it has not moved is under old data keys still",
                hint=f"first finish it: {command_for(found, prepared.settings)}; or: reencrypt undo {found.id}",
            )
        if found:
            # It went elsewhere; this run takes over whatever it left.
            await self._discard_unfinished(found)
            await supersede(self.database, self.lease, found)
        await insert_run(self.database, self.lease, fresh)
        return fresh, False

    async def target(self, current: Run) -> Target:
        """What to write under: `secret_key` for a rollback, a data key otherwise, alone where it has to be fresh.

        Nothing where nothing is to move and there is no data key to move it under.
        """
        goal = self.prepared.goal
        if goal.is_legacy:
            return LegacyTarget(self.providers.secret_key.password)
        if not self.prepared.movable and not self.prepared.existing:
            await self._discard_unfinished(current)
            return NoTarget()
        target = await self._data_key(current)
        if goal.fresh:
            goal.own_key = target.id
            if current.target_key_state != "alone":
                await deactivate_others(self.database, self.lease, current)
        return target

    async def _discard_unfinished(self, run: Run) -> None:
        """Remove a data key that a run has inserted and never activated."""
        if run.target_key_state == "made":
            wrapped = await read_wrapped(self.database, run.target_key)
            if wrapped is not None:
                await discard_target_key(self.database, self.lease, run, wrapped)

    async def _data_key(self, current: Run) -> TargetKey:
        """A proven existing data key, the one this run had begun to make, or a new one."""
        prepared = self.prepared
        provider = self.providers.get(prepared.goal.provider)
        if current.target_key_state == "made":
            unfinished = await read_wrapped(self.database, current.target_key)
            if unfinished is not None and not prepared.existing:
                return await finish_target_key(self.database, self.lease, current, provider, expected=None)
            await self._discard_unfinished(current)
        for row in prepared.existing:
            # What was proven, not what another answer of the service might be.
            entry = prepared.ring.entry(row.id)
            if isinstance(entry, Unwrapped):
                if current.target_key != row.id:
                    async with self.database.transaction() as transaction:
                        await self.lease.check(transaction)
                        await record_target_key(transaction, current, row.id, "active")
                return TargetKey(row.id, row.provider, entry.data_key, row.wrapped, made=False)
        return await make_target_key(self.database, self.lease, current, provider, prepared.wrap_format)


def command_for(run: Run, settings: Settings) -> str:
    """What to type, with the options that make it the same operation under this configuration."""
    if run.operation in (REKEY, Operation.ENVELOP):
        return "reencrypt rekey-secret-key, with the same --new-secret-key-file"
    words = ["reencrypt", run.operation]
    if run.operation != Operation.ROLLBACK and run.target_provider != settings.encryption_provider:
        words.append(f"--to {run.target_provider}")
    if run.algorithm != settings.algorithm:
        words.append(f"--algorithm {run.algorithm}")
    return " ".join(words)
