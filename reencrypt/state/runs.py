"""Store of runs: a run is an operation with a durable identity, which survives interruption and is resumed."""

from __future__ import annotations

import secrets
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from reencrypt.catalogue.store_name import StoreName
from reencrypt.databases.protocol import Database, Executor, Transaction, Value
from reencrypt.databases.retry import retry_transaction
from reencrypt.keys.request_ids import RequestIds
from reencrypt.outcomes import Operation, RunState
from reencrypt.state.audit import AuditEntry, AuditKind, append_audit
from reencrypt.state.damaged import read_back
from reencrypt.state.failure_rate import FailureRate
from reencrypt.state.lease import Lease
from reencrypt.state.stamp import stamp


@dataclass(slots=True)
class TargetRecord:
    """The target data key of a run in one namespace, empty where it has none yet, and its state."""

    id: str = ""
    state: str = "none"


@dataclass(slots=True)
class Run:
    """A row of `reencrypt_run`, and those of `reencrypt_namespace` that belong to it.

    `target_key_state` is none, made, active, or alone where all others were set inactive. A `fresh` run has its own
    data key. `failure_rate` counts over all resumptions, so that a wrong key is not overlooked in small portions.
    `salt` is the salt of everything this run writes; it is not secret, and tells its ciphertexts from others.
    `wrap_format` is the one that the user named, or for a change of `secret_key` a fingerprint of the next one.
    In a store with namespaces a run has a target data key in each: `targets`, by namespace, in place of the one.
    Runs that one invocation began, in both stores, have the same `number`.
    """

    id: str
    operation: str
    state: RunState
    target_provider: str
    algorithm: str
    salt: bytes
    wrap_format: str
    target_key: str
    target_key_state: str
    pass_number: int
    outcome: str
    started: str
    updated: str
    failure_rate: FailureRate = field(default_factory=FailureRate)
    fresh: bool = False
    store: StoreName = StoreName.CLASSIC
    targets: dict[str, TargetRecord] = field(default_factory=dict)
    number: int = 0

    @property
    def target_keys(self) -> Mapping[str, TargetRecord]:
        """The target data keys by namespace, empty for the store that has none."""
        if self.store is StoreName.CLASSIC:
            return {"": TargetRecord(self.target_key, self.target_key_state)}
        return self.targets

    def target(self, namespace: str) -> TargetRecord:
        """The target data key of a namespace."""
        return self.target_keys.get(namespace, TargetRecord())

    @property
    def unfinished(self) -> Mapping[str, TargetRecord]:
        """The target data keys that were inserted and never activated, by namespace."""
        return {namespace: each for namespace, each in self.target_keys.items() if each.state == "made"}

    @property
    def is_over(self) -> bool:
        """Whether it has finished, with or without its journal."""
        return self.state in (RunState.FINISHED, RunState.COMPLETED)

    @classmethod
    def begin(
        cls,
        operation: str,
        target_provider: str,
        algorithm: str,
        *,
        salt: bytes,
        wrap_format: str,
        fresh: bool = False,
        store: StoreName = StoreName.CLASSIC,
        namespaces: Iterable[str] = (),
        earlier: Iterable[Run] = (),
        requests: RequestIds | None = None,
    ) -> Run:
        """Return a run that has done nothing yet, and is in no table; one in the secrets manager has namespaces.

        Its id is the one that its `requests` to key services have, unless that is the id of an `earlier` run.
        """
        taken = {run.id for run in earlier}
        requests = requests or RequestIds(new_run_id(taken))
        if requests.run_id in taken:
            requests.name(new_run_id(taken))
        return cls(
            id=requests.run_id,
            operation=operation,
            state=RunState.OPEN,
            target_provider=target_provider,
            algorithm=algorithm,
            salt=salt,
            wrap_format=wrap_format,
            target_key="",
            target_key_state="none",
            pass_number=0,
            outcome="",
            started="",
            updated="",
            fresh=fresh,
            store=store,
            targets={namespace: TargetRecord() for namespace in namespaces},
        )


def new_run_id(taken: Container[str] = ()) -> str:
    """Return a short id, because people type it, that sorts by time, and that is not taken.

    So short that two of one second may be the same: an invocation begins a run in each store.
    """
    while (found := f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}") in taken:
        pass
    return found


async def read_runs(executor: Executor) -> list[Run]:
    """Read all runs, oldest first, ordered by the lease's token, because clocks step back."""
    runs = [read_run(row) for row in await executor.fetch("runs")]
    # State of a version that knew one store has no table for the others. Where there are no runs, nobody asks.
    if runs and (await executor.fetch("namespaces_exist"))[0][0]:
        read_targets(runs, await executor.fetch("namespaces"))
    return runs


def read_targets(runs: Sequence[Run], rows: Iterable[Sequence[Value]]) -> None:
    """Give runs their rows of `reencrypt_namespace`; raises `DamagedStateError`."""
    by_id = {run.id: run for run in runs}
    for run_id, store, namespace, key_id, state in rows:
        run = by_id.get(str(run_id))
        if run is not None:
            with read_back(f"the store of the run {run_id!r} in reencrypt_namespace"):
                run.store = StoreName(str(store))
            run.targets[str(namespace)] = TargetRecord(str(key_id), str(state))


def read_run(row: Sequence[Value]) -> Run:
    """Read a row of `reencrypt_run` back; raises `DamagedStateError`."""
    with read_back(f"the run {row[0]!r} in reencrypt_run"):
        return _run_of(row)


def _run_of(row: Sequence[Value]) -> Run:
    salt = row[5]
    return Run(
        id=str(row[0]),
        operation=str(row[1]),
        state=RunState(str(row[2])),
        target_provider=str(row[3]),
        algorithm=str(row[4]),
        salt=bytes(salt) if isinstance(salt, bytes) else b"",
        wrap_format=str(row[6]),
        target_key=str(row[7]),
        target_key_state=str(row[8]),
        pass_number=int(str(row[9])),
        outcome=str(row[10]),
        started=str(row[11]),
        updated=str(row[12]),
        failure_rate=FailureRate.from_json(str(row[13])),
        fresh=bool(row[14]),
        number=int(str(row[15])),
    )


def find_open(runs: Sequence[Run], store: StoreName = StoreName.CLASSIC) -> Run | None:
    """Return the interrupted run in a store, if any; there is at most one."""
    return next((run for run in reversed(runs) if run.state == RunState.OPEN and run.store is store), None)


def last_rekey(runs: Sequence[Run]) -> Run | None:
    """Return the latest committed change of `secret_key`; the commit itself ends such a run."""
    return next((run for run in reversed(runs) if run.operation == Operation.REKEY and run.is_over), None)


async def insert_run(database: Database, lease: Lease, run: Run, begun: Mapping[str, Any] | None = None) -> None:
    """Record a new run, with its namespaces and the audit of its beginning.

    Raises `ValueError` for one in the secrets manager that has none.
    """
    if (run.store is StoreName.CLASSIC) is bool(run.targets):
        raise ValueError(f"a run in {run.store.in_words} with {len(run.targets)} namespaces")

    entry = AuditEntry.now(run.id, AuditKind.BEGUN, begun) if begun is not None else None

    async def body(transaction: Transaction) -> None:
        await lease.check(transaction)
        await transaction.execute(
            "run_insert",
            id=run.id,
            number=lease.token,
            operation=run.operation,
            target_provider=run.target_provider,
            algorithm=run.algorithm,
            salt=run.salt,
            wrap_format=run.wrap_format,
            target_key=run.target_key,
            target_key_state=run.target_key_state,
            fresh=int(run.fresh),
            at=stamp(),
        )
        for namespace, target in run.targets.items():
            await _insert_target(transaction, run, namespace, target)
        if entry is not None:
            await append_audit(transaction, entry)

    await retry_transaction(database, body)


async def record_target_key(transaction: Transaction, run: Run, key_id: str, state: str, namespace: str = "") -> None:
    """Record the run's target data key and its state: none, made, active or alone.

    In a store with namespaces it is that of a namespace, which may be one that the run did not know at its beginning.
    """
    if run.store is StoreName.CLASSIC:
        run.target_key, run.target_key_state = key_id, state
    else:
        target = run.targets[namespace] = TargetRecord(key_id, state)
        if not await transaction.execute(
            "namespace_target_key", run_id=run.id, namespace=namespace, target_key=key_id, target_key_state=state
        ):
            await _insert_target(transaction, run, namespace, target)
    await transaction.execute(
        "run_target_key",
        id=run.id,
        target_key=run.target_key,
        target_key_state=run.target_key_state,
        at=stamp(),
    )


async def _insert_target(transaction: Transaction, run: Run, namespace: str, target: TargetRecord) -> None:
    await transaction.execute(
        "namespace_insert",
        run_id=run.id,
        store=run.store,
        namespace=namespace,
        target_key=target.id,
        target_key_state=target.state,
    )


async def save_failure_rate(transaction: Transaction, run: Run) -> None:
    """Record the failure rate of the first sweep in the transaction that met the failures."""
    await transaction.execute("run_tally", id=run.id, tally=run.failure_rate.to_json(), at=stamp())


async def enter_pass(database: Database, lease: Lease, run: Run, number: int) -> None:
    """Record that a run has started another sweep."""
    await lease.apply(database, "run_pass", id=run.id, pass_number=number, at=stamp())
    run.pass_number = number


async def choose_format(database: Database, lease: Lease, run: Run, wrap_format: str) -> None:
    """Record how an interrupted run wraps data keys from now on."""
    await lease.apply(database, "run_settings", id=run.id, wrap_format=wrap_format, at=stamp())


async def finish_run(transaction: Transaction, run: Run, outcome: str, ended: Mapping[str, Any]) -> None:
    """Record that a run is finished, with the audit of its end, in the transaction that finishes it."""
    await transaction.execute("run_close", id=run.id, state=RunState.FINISHED, outcome=outcome, at=stamp())
    await append_audit(transaction, AuditEntry.now(run.id, AuditKind.ENDED, ended))


async def complete_run(transaction: Transaction, run: Run) -> None:
    """Record for a run that has ended that its journal is gone, in the transaction that drops it."""
    await transaction.execute("run_complete", id=run.id)


async def supersede(database: Database, lease: Lease, run: Run) -> None:
    """Record that another run takes the place of an interrupted one."""
    await close_run(database, lease, run, RunState.SUPERSEDED, RunState.SUPERSEDED)


async def close_run(
    database: Database,
    lease: Lease,
    run: Run,
    state: RunState,
    outcome: str,
    *,
    audit: AuditEntry | None = None,
) -> None:
    """Record how a run has ended, with the audit of it."""

    async def body(transaction: Transaction) -> None:
        await lease.check(transaction)
        await transaction.execute("run_close", id=run.id, state=state, outcome=outcome, at=stamp())
        if audit is not None:
            await append_audit(transaction, audit)

    await retry_transaction(database, body)
