"""`reencrypt complete`: can the old key be retired? Yes or no, with the evidence; only `--finish` changes anything."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.databases.protocol import Executor, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.databases.statements import AUDIT_TABLE
from reencrypt.errors import ConfigurationError, NoSecretsError, RefusedError, StoppedEarlyError
from reencrypt.events import Waiting
from reencrypt.keys.provider import LEGACY_PROVIDER
from reencrypt.keys.ring import DataKey
from reencrypt.operations.complete.keks import UNKNOWN_VERSION, Kek
from reencrypt.operations.complete.key_usage import KeyUsageReader
from reencrypt.operations.complete.report import CompleteReport
from reencrypt.operations.complete.search import NotSecrets
from reencrypt.operations.session import leased
from reencrypt.outcomes import Outcome, RunState
from reencrypt.planning.command_lines import words_of
from reencrypt.planning.lost_keys import refuse_lost_keys
from reencrypt.planning.options import CompleteOptions, StoreOptions, given_options
from reencrypt.planning.schema import inspect
from reencrypt.planning.session import Session
from reencrypt.planning.unread import refuse_unread
from reencrypt.state.audit import AuditEntry, AuditKind, append_audit, read_audit, who
from reencrypt.state.data_keys import DataKeyStore, read_data_keys
from reencrypt.state.journal import drop_journal
from reencrypt.state.lease import Lease
from reencrypt.state.runs import Run, complete_run, read_runs
from reencrypt.suggestion import did_you_mean, joined

_UNRECORDED: Final = (
    f"nothing records who retired the old key, and when: state of an earlier version lacks the table {AUDIT_TABLE}, "
    "and this account may not create it. Keep this answer for an auditor; `reencrypt plan --ddl` prints the SQL"
)


def check(wanted: CompleteOptions, stores: StoreOptions) -> None:
    """Refuse options that contradict each other; raises `ConfigurationError`."""
    NotSecrets.parse(wanted.not_secrets)
    acts = {"--drop-state": wanted.drop_state, "--delete-data-keys": wanted.delete_data_keys is not None}
    if not wanted.finish:
        for name in (name for name, given in acts.items() if given):
            raise ConfigurationError(
                f"{name} changes the database, and `complete` only answers",
                hint=f"Give --finish with {name}: it answers again, and on yes drops the journal too.",
            )
    if wanted.finish and wanted.check_only:
        raise ConfigurationError("--check only answers, and --finish acts on a yes", hint="Give one of the two.")
    if wanted.delete_data_keys is not None and StoreName.CLASSIC not in stores.names:
        raise ConfigurationError(
            "--delete-data-keys is for the classic store: no data key of the secrets manager is ever deleted, because "
            "nobody can know what names it",
            hint=f"Leave it out, or --store {stores.store}.",
        )
    if wanted.delete_data_keys is not None and wanted.delete_data_keys.exists():
        raise ConfigurationError(
            f"{wanted.delete_data_keys} exists already",
            hint="Data keys are saved to a new file before they are deleted.",
        )


async def complete(sessions: Sequence[Session], wanted: CompleteOptions) -> CompleteReport:
    """Answer without writing or a lease; with `finish` and a yes, drop the journal and what else is `wanted`.

    `sessions` are those of every store that the database has; their options say which are asked about. A yes contains a
    verification of every secret of these with the keys that stay alone.

    Raises `ConfigurationError` for options that contradict each other or a key that nothing is under, `NoSecretsError`
    for a store that the database does not have, `RefusedError` for values that no release reads, and a `ReencryptError`
    where database or vault fails.
    """
    session = sessions[0]
    chosen = session.options.stores
    check(wanted, chosen)
    await refuse_lost_keys(sessions)
    asked = frozenset(each.store for each in sessions if each.store in chosen.names)
    if not any(each.schema.has_store or each.store is StoreName.CLASSIC for each in sessions if each.store in asked):
        raise NoSecretsError(
            f"{session.database.name} holds no secrets at all in {StoreName.MANAGER.in_words}",
            hint="Is this the right database? If so, leave --store out.",
        )
    await refuse_unread([each for each in sessions if each.store in asked])
    reader = KeyUsageReader(sessions, asked, wanted.unsearched, NotSecrets.parse(wanted.not_secrets))
    try:
        return await _Completion([each for each in sessions if each.store in asked], reader, wanted).run()
    except StoppedEarlyError:
        return CompleteReport(Outcome.STOPPED, stop_reason=session.stop.reason)


@dataclass(frozen=True, slots=True)
class _Settled:
    """What is settled after waiting for Grafana's cache: inactive data keys, and runs with their last change."""

    inactive: list[DataKey] = field(default_factory=list)
    runs: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class _Completion:
    """`sessions` are those of the stores that are asked about."""

    sessions: Sequence[Session]
    reader: KeyUsageReader
    wanted: CompleteOptions

    @property
    def session(self) -> Session:
        """The first one, for what all have in common: the classic one where it is asked about."""
        return self.sessions[0]

    async def run(self) -> CompleteReport:
        if self.wanted.drop_state and self.session.schema.has_state:
            # Told before the wait; asked again under the lease.
            self._refuse_to_drop(await self._others(self.session.database))
        settled = _Settled()
        if self.wanted.settle or self.wanted.delete_data_keys is not None:
            settled = await self._settle()
        if self.wanted.delete_data_keys is not None:
            # For the lease, also where there was no run or the state was dropped.
            await self.session.database.create_state()
        elif self.wanted.finish and self.session.schema.has_state:
            # State of an earlier version has no place for the audit. Who may not create one may complete all the same.
            with suppress(ConfigurationError):
                await self.session.database.create_state()
        # Asked anew: Grafana's cache may have been waited for.
        stores = [session.store for session in self.sessions]
        if not (self.wanted.finish and (await inspect(self.session.database, stores=stores)).has_state):
            # Without state tables there is no journal to drop.
            return await self._answer(settled)
        # The lease keeps others from beginning a run between the answer and the changes.
        async with leased(self.session) as lease:
            report = await self._answer(settled)
            if report.outcome is Outcome.YES:
                await self._dispose(lease, settled.inactive, report)
            return report

    async def _answer(self, settled: _Settled) -> CompleteReport:
        usage = await self.session.stop.interruptible(self.reader.gather(self.wanted.retire, settled=settled.runs))
        if unknown := sorted(set(self.wanted.retire) - set(usage.keks)):
            raise ConfigurationError(
                f"--retire {unknown[0]}: nothing here is under such a key",
                hint=joined(did_you_mean(unknown[0], usage.keks), f"Choose one of: {', '.join(usage.keks)}."),
            )
        words = words_of(given_options(self.session.options, self.wanted))
        report = CompleteReport(
            Outcome.NO, usage, usage.retiring(self.wanted.retire), again=" ".join(["reencrypt complete", *words])
        )
        if report.is_no or usage.faults:
            return report
        report.outcome = Outcome.YES
        if any(kek.name == LEGACY_PROVIDER for kek in report.retiring):
            usage.notes.append(
                "nothing is encrypted under secret_key any more; Grafana still needs one: replace it, do not remove it"
            )
        usage.notes += self._sections(report.retiring)
        report.commands = sorted({command for kek in report.retiring if (command := self._command(kek))})
        return report

    async def _settle(self) -> _Settled:
        """Wait for Grafana's cache by the local clock; returns what was settled before the wait."""
        database, schema = self.session.database, self.session.schema
        before = await read_data_keys(database, schema.key_table) if self.wanted.delete_data_keys else []
        runs = await read_runs(database) if schema.has_state else []
        # Where there are no data keys, nothing is in a cache; that of the classic store is what the option is about.
        seconds = max(
            [
                session.store_settings.data_keys_cache_ttl.total_seconds()
                for session in self.sessions
                if session.store is StoreName.CLASSIC or await read_data_keys(database, session.schema.key_table)
            ],
            default=0.0,
        )
        self.session.emit(Waiting(f"Grafana keeps data keys in its cache for {seconds:g} s"))
        await self.session.stop.interruptible(asyncio.sleep(seconds))
        return _Settled([row for row in before if not row.active], frozenset((run.id, run.updated) for run in runs))

    async def _dispose(self, lease: Lease, inactive: list[DataKey], report: CompleteReport) -> None:
        assert report.usage is not None  # noqa: S101 - for the type checker
        # No run can begin under this lease.
        others = await self._others(self.session.database)
        if self.wanted.drop_state:
            self._refuse_to_drop(others)
        if self.wanted.delete_data_keys is not None:
            unused = {row.id: row.wrapped for row in report.usage.unused}
            keys = [row for row in inactive if unused.get(row.id) == row.wrapped]
            report.deleted = await self._delete(lease, keys, self.wanted.delete_data_keys)
        completed = await self._audit(AuditKind.COMPLETED, {"retiring": [kek.name for kek in report.retiring]})

        async def body(transaction: Transaction) -> None:
            await lease.check(transaction)
            dropped = []
            runs = [run for run in await read_runs(transaction) if run.store in self._asked]
            for run in runs:
                if run.state != RunState.COMPLETED:
                    await drop_journal(transaction, run.id)
                    await complete_run(transaction, run)
                    dropped.append(run.id)
            # A try whose answer was lost may have recorded it: the next one finds nothing left to drop.
            if completed is not None and (dropped or await _is_news(transaction, completed, runs)):
                entry = replace(completed, content={**completed.content, "runs": dropped})
                await append_audit(transaction, entry)

        await retry_transaction(self.session.database, body)
        if completed is None:
            report.usage.notes.append(_UNRECORDED)
        report.journal_dropped = True
        report.kept = [run.id for run in others]
        report.usage.notes += [f"the journal of {run.id} stays: {self._whose(run)}" for run in others]
        if self.wanted.drop_state:
            await lease.drop_state(self.session.database)
            report.state_dropped = True

    async def _audit(self, kind: AuditKind, content: Mapping[str, Any]) -> AuditEntry | None:
        """Who did it, with what; None where state of an earlier version has no place for it, and gets none."""
        database = self.session.database
        if AUDIT_TABLE not in await database.columns():
            return None
        given = given_options(self.session.options, self.wanted)
        return AuditEntry.now("", kind, {**who(), "stores": sorted(self._asked), "options": given, **content})

    @property
    def _asked(self) -> frozenset[StoreName]:
        return frozenset(session.store for session in self.sessions)

    async def _others(self, executor: Executor) -> list[Run]:
        """The runs that may have a journal, in stores that are not asked about: nobody looks at what it holds."""
        return [
            run for run in await read_runs(executor) if run.store not in self._asked and run.state != RunState.COMPLETED
        ]

    def _whose(self, run: Run) -> str:
        """Say of a run in a store that is not asked about why its journal is none of ours."""
        if run.store is StoreName.MANAGER and self.session.settings.manager.is_remote:
            return (
                f"{run.store.in_words} is that of another service now (grpc_client_enable), and nobody looks at it here"
            )
        return f"the question is not about {run.store.in_words}"

    def _refuse_to_drop(self, others: Sequence[Run]) -> None:
        """Refuse to drop the tables of every store, where nobody looks at what one of them has in its journal."""
        for run in others:
            raise ConfigurationError(
                f"--drop-state drops the journal of {run.id} in {run.store.in_words} too: {self._whose(run)}",
                hint="Leave --drop-state out: --finish drops the journal of what the question is about.",
            )

    async def _delete(self, lease: Lease, keys: list[DataKey], path: Path) -> list[str]:
        """Save, delete, count again, and only then commit: a data key that something names by then stays."""
        if not keys:
            return []
        rows = await read_data_keys(self.session.database, self.session.schema.key_table)
        _save(keys, path)
        content = {"data_keys": [{"id": row.id, "provider": row.provider} for row in keys], "saved_to": str(path)}
        audit = await self._audit(AuditKind.DATA_KEYS_DELETED, content)
        async with self.session.database.transaction() as transaction:
            await lease.check(transaction)
            for row in keys:
                if not await DataKeyStore(self.session.database, transaction, "").delete(row.id, row.wrapped):
                    raise RefusedError(
                        f"data key {row.id} was changed during the wait", hint="Nothing was deleted. Start again."
                    )
            # Count all that the answer counted: a running Grafana no longer writes under them, but a restored table may
            # name one.
            used = await lease.kept(transaction, self.reader.references(rows))
            if back := sorted(row.id for row in keys if row.id in used):
                raise RefusedError(
                    f"secrets came up under data key {back[0]} during the wait", hint="Nothing was deleted. Run again."
                )
            if audit is not None:
                await append_audit(transaction, audit)
        return [row.id for row in keys]

    def _sections(self, keks: Sequence[Kek]) -> list[str]:
        """What to do about keys that go and are settings."""
        return [
            f"nothing needs [{session.providers.configured.section_of(kek.provider)}] any more: every instance of "
            "Grafana may do without this section"
            for session in self.sessions
            for kek in keks
            if kek.store is session.store is StoreName.MANAGER and not kek.version
        ]

    def _command(self, kek: Kek) -> str:
        """The command that disables the key; empty where there is none, or where the version is unknown."""
        session = next(each for each in self.sessions if each.store is kek.store)
        configured = session.providers.configured.usable.get(kek.provider)
        is_known = configured is not None and kek.version not in ("", UNKNOWN_VERSION)
        return configured.disable_command(kek.version) if configured and is_known else ""


async def _is_news(executor: Executor, completed: AuditEntry, runs: Sequence[Run]) -> bool:
    """Whether an entry names a key that none since the last of the runs says can be retired."""
    last = runs[-1].id if runs else ""
    known: set[str] = set()
    for entry in await read_audit(executor, last):
        if entry.run_id == last != "":
            known.clear()
        elif entry.kind is AuditKind.COMPLETED:
            known.update(entry.content["retiring"])
    return not known.issuperset(completed.content["retiring"])


def _save(keys: list[DataKey], path: Path) -> None:
    """Write the rows, wrapped as they are, to a new file for its owner alone; it is on disk when this returns."""
    content = [
        {
            "name": row.id,
            "provider": row.provider,
            "label": row.label,
            "created": str(row.created),
            "encrypted_data": base64.b64encode(row.wrapped).decode(),
        }
        for row in keys
    ]
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump({"data_keys": content}, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            # Sync the folder too: a file without its name there is lost.
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}", hint="No data key was deleted."
        ) from error
