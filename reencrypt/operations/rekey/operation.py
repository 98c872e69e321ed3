"""`reencrypt rekey-secret-key`: changes the configured `secret_key` to the next, which Grafana itself cannot do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from reencrypt.catalogue.location import Location, Row
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.envelope import Encryptor
from reencrypt.crypto.salt import new_salt
from reencrypt.databases.protocol import Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.errors import ConfigurationError, IncompleteScanError, RefusedError, StoppedEarlyError
from reencrypt.keys.proof import Proof, Verdict
from reencrypt.keys.provider import LEGACY_PROVIDER, SECRET_KEY_PROVIDER, Unwrapped
from reencrypt.keys.ring import DataKey
from reencrypt.keys.secret_key import SecretKeyProvider, fingerprint_of
from reencrypt.operations.ending import ending_of, failure_recorded
from reencrypt.operations.migrate.run import run
from reencrypt.operations.rekey.commit import Alerting, NewWrapping, alerting_anew, commit, wrap_anew
from reencrypt.operations.rekey.journal import all_rows, done_before, left_plain, written_towards
from reencrypt.operations.rekey.report import NEXT_STEPS, STOP_GRAFANA_FIRST, RekeyReport
from reencrypt.operations.rekey.shared_secret import shared_secret_warnings
from reencrypt.operations.report import RunReport
from reencrypt.operations.session import leased, renewed
from reencrypt.outcomes import Operation, Outcome
from reencrypt.planning.beginning import beginning_of
from reencrypt.planning.key_checks import KeyChecks
from reencrypt.planning.plan import Plan
from reencrypt.planning.planner import make_plan
from reencrypt.planning.quarantined_keys import UNREADABLE, count_unchanged
from reencrypt.planning.session import Session
from reencrypt.secret import Secret
from reencrypt.settings import Settings
from reencrypt.settings.defaults import DEFAULT_SECRET_KEY
from reencrypt.settings.holding import problem_of
from reencrypt.state.accepted import read_accepted
from reencrypt.state.audit import AuditEntry, AuditKind
from reencrypt.state.counts import PLAIN_OR_UNPROVEN
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.journal import digest
from reencrypt.state.key_table import KeyTable
from reencrypt.state.lease import Lease
from reencrypt.state.quarantine import QuarantineEntry, read_quarantine, save_findings
from reencrypt.state.recording import record
from reencrypt.state.rowkey import key_to_text
from reencrypt.state.runs import Run, find_open, insert_run, read_runs, supersede

_SHORTEST: Final = 16
_MOST_NAMED: Final = 10


async def rekey(session: Session, new: Secret, *, grafana_stopped: bool) -> RekeyReport:
    """Put legacy secrets into envelopes; once Grafana is stopped, move what `secret_key` itself encrypts.

    Raises `ConfigurationError` for an unusable new key, `RefusedError` where secrets would be lost.
    """
    check_new_secret_key(session.settings, new)
    warnings = await shared_secret_warnings(session)
    report = await _rekey(session, new, grafana_stopped=grafana_stopped)
    return replace(report, warnings=tuple(warnings))


async def _rekey(session: Session, new: Secret, *, grafana_stopped: bool) -> RekeyReport:
    before = await done_before(session, new)
    if before is not None:
        # After a crash behind the commit the configuration still has the old key.
        nothing = RunReport(Outcome.NOTHING_TO_DO, LEGACY_PROVIDER, {}, operation=Operation.ENVELOP)
        return RekeyReport(
            Outcome.DONE if before.complete else Outcome.PARTLY_DONE,
            nothing,
            before=before.values,
            left=before.left,
            quarantined=before.quarantined,
            instructions=NEXT_STEPS,
        )
    session = replace(session, options=replace(session.options, operation=Operation.ENVELOP))
    legacy = await run(session)
    if legacy.outcome is Outcome.STOPPED:
        return RekeyReport(Outcome.STOPPED, legacy)
    if not grafana_stopped:
        return RekeyReport(Outcome.STOP_GRAFANA, legacy, instructions=STOP_GRAFANA_FIRST)
    session = await renewed(session)
    session.trail.restart()
    await _refuse_what_would_be_lost(session, legacy)
    try:
        return await _Rekey(session, new, legacy).run()
    except StoppedEarlyError:
        return RekeyReport(Outcome.STOPPED, legacy, left=_left_plain(legacy))


async def _refuse_what_would_be_lost(session: Session, legacy: RunReport) -> None:
    if legacy.incomplete:
        missed = "; ".join(f"{name}: {coverage}" for name, coverage in legacy.incomplete.items())
        raise IncompleteScanError(
            f"the database leaves rows out of its answers, and their secrets would be lost with secret_key: {missed}",
            hint="Look for what leaves rows out: a proxy, a limit on the rows of a result, a damaged index.",
        )
    if lost := {reason: number for reason, number in legacy.total.left_because.items() if reason != PLAIN_OR_UNPROVEN}:
        raise RefusedError(
            f"secrets are left directly under secret_key ({', '.join(lost)}), and would be lost with it",
            hint="See `reencrypt plan`. Move them, or acknowledge those in quarantine.",
        )
    if await _in_danger(session, legacy.quarantine):
        raise RefusedError(
            "secrets are in quarantine, and would be lost with the old secret_key",
            hint="See `reencrypt quarantine list`. Retry them, or acknowledge that they are given up.",
        )


async def _in_danger(session: Session, quarantine: Sequence[QuarantineEntry]) -> bool:
    """Whether open entries hold secrets directly under `secret_key`, or under an unknown key."""
    entries = [entry for entry in quarantine if entry.is_open]
    if not entries:
        return False
    found = await count_unchanged(session.database, session.locations, entries)
    enveloped = sum(number for (_, key_id), number in found.items() if key_id not in (None, UNREADABLE))
    return enveloped < len(entries)


def _left_plain(legacy: RunReport) -> dict[str, str]:
    plain = legacy.total.left_because.get(PLAIN_OR_UNPROVEN)
    return {PLAIN_OR_UNPROVEN: left_plain(plain)} if plain else {}


def check_new_secret_key(settings: Settings, new: Secret) -> None:
    """Refuse an unusable or unsafe next `secret_key`; raises `ConfigurationError`."""
    text = new.reveal()
    if text == settings.secret_key.reveal():
        problem = "is the configured one: is Grafana's configuration changed already?"
    elif text == DEFAULT_SECRET_KEY:
        problem = "is the default that Grafana ships, which everybody knows"
    elif unfit := problem_of("security", "secret_key", text):
        # Grafana would read another key than the one that encrypted everything.
        problem = unfit
    elif len(text.encode()) < _SHORTEST:
        problem = f"has fewer than {_SHORTEST} bytes"
    else:
        return
    raise ConfigurationError(
        f"the new secret_key {problem}",
        hint="Nothing was changed. Make one of a single line with `openssl rand -base64 32`.",
    )


@dataclass(frozen=True, slots=True)
class _Rekey:
    """The second part, with Grafana stopped. `legacy` is the report of the first part."""

    session: Session
    new: Secret
    legacy: RunReport

    async def run(self) -> RekeyReport:
        session = self.session
        plan = await session.stop.interruptible(make_plan(session))
        if plan.refusals:
            raise plan.refusals[0]
        if plan.schema.key_table is not KeyTable.CURRENT:
            raise RefusedError(
                "the Grafana that wrote this database (before 9) does not read what would be written",
                hint="Upgrade Grafana to version 9 or later, let it start once, then start again.",
            )
        await session.database.create_state()
        async with leased(session) as lease:
            return await self._under_lease(plan, lease)

    async def _under_lease(self, plan: Plan, lease: Lease) -> RekeyReport:
        session, database = self.session, self.session.database
        checks = KeyChecks(session, plan.census.samples, plan.proof.copy())
        written = await written_towards(database, self.new)
        new = SecretKeyProvider(self.new, Algorithm(session.settings.algorithm), session.cache)
        await checks.reload()
        rows = _under_secret_key(session.ring.rows)
        skipped = checks.proof.skipped
        await checks.prove([row.id for row in rows if row.id not in skipped and digest(row.wrapped) not in written])
        location = next((each for each in plan.locations if not each.reencrypted), None)
        alerts = await all_rows(database, location) if location is not None else []
        # Before any data key is believed: unreadable alerting casts doubt on all that only secret_key vouches for.
        alerting = await self._alerting(checks.proof, location, alerts, new, written)
        await self._refuse_unreadable(location, alerting, lease)
        wrappings = await _wrap_all(checks, rows, new, written)
        if (wrappings.new or alerting.moved or alerting.unproven) and not _is_proven(checks.proof):
            raise RefusedError(
                "nothing in this database proves that the configured secret_key is Grafana's own",
                hint=f"If you are sure, give `--accept-unproven {SECRET_KEY_PROVIDER}`.",
            )
        if alerting.unproven:
            raise _unproven_refusal(alerting.unproven)
        current = await self._run(lease, plan)

        async def unchanged(transaction: Transaction) -> bool:
            found = _under_secret_key(await read_data_keys(transaction, plan.schema.key_table))
            now = await lease.kept(transaction, all_rows(database, location)) if location is not None else []
            return {(row.id, row.wrapped) for row in found} == {(row.id, row.wrapped) for row in rows} and now == alerts

        left = _left_plain(self.legacy) | wrappings.left
        async with failure_recorded(session, lease, current):
            done = await commit(
                database,
                lease,
                current,
                wrappings.new,
                location,
                alerting,
                unchanged=unchanged,
                complete=not left,
                ended=partial(ending_of, session, data_keys=len(wrappings.new), left=left),
            )
        return RekeyReport(
            Outcome.DONE if done else Outcome.PARTLY_DONE,
            self.legacy,
            current.id,
            data_keys=len(wrappings.new),
            alerting=alerting.moved,
            before=wrappings.before + alerting.before,
            left=left,
            quarantined=len(alerting.findings),
            instructions=NEXT_STEPS,
        )

    async def _alerting(
        self,
        proof: Proof,
        location: Location | None,
        rows: Sequence[Row],
        new: SecretKeyProvider,
        written: frozenset[bytes],
    ) -> Alerting:
        if location is None:
            return Alerting()
        session, database = self.session, self.session.database
        encryptor = Encryptor.create(
            key_id=None,
            password=new.password,
            algorithm=Algorithm(session.settings.algorithm),
            salt=new_salt(),
            cache=session.cache,
        )
        return await asyncio.to_thread(
            alerting_anew,
            location,
            rows,
            proof=proof,
            old=session.secret_key,
            encryptor=encryptor,
            cache=session.cache,
            written=written,
            accepted=await read_accepted(database),
            given_up={each.secret_hash for each in await read_quarantine(database) if not each.is_open},
        )

    async def _refuse_unreadable(self, location: Location | None, alerting: Alerting, lease: Lease) -> None:
        """Quarantine what does not read, and refuse, unless all of it is acknowledged."""
        if location is None:
            return
        database = self.session.database
        entries = [each for each in await read_quarantine(database) if not each.is_open]
        given_up = {(each.row_key, each.field, each.secret_hash) for each in entries if each.location == location.name}
        bad = [
            each for each in alerting.findings if (key_to_text(each.key), each.field, digest(each.text)) not in given_up
        ]
        if not bad:
            return

        async def body(transaction: Transaction) -> None:
            await lease.check(transaction)
            await save_findings(transaction, self.legacy.run_id or "", 0, location.name, alerting.findings)

        await retry_transaction(database, body)
        raise RefusedError(
            f"{len(bad)} secrets of legacy alerting do not read under the configured secret_key, and would be lost "
            "with it; they are in quarantine now",
            hint="See `reencrypt quarantine list`. Retry what is right anyway with `reencrypt quarantine retry "
            "--accept-implausible`, acknowledge what is given up, then start again.",
        )

    async def _run(self, lease: Lease, plan: Plan) -> Run:
        database, salt = self.session.database, new_salt()
        runs = await read_runs(database)
        found = find_open(runs)
        if found is not None:
            if found.operation == Operation.REKEY and found.wrap_format == fingerprint_of(self.new, found.salt):
                self.session.requests.name(found.id)
                begun = beginning_of(self.session, plan, resumed=True) | {"operation": found.operation}
                await record(database, lease, AuditEntry.now(found.id, AuditKind.BEGUN, begun))
                return found
            await supersede(database, lease, found)
        fresh = Run.begin(
            Operation.REKEY,
            LEGACY_PROVIDER,
            self.session.settings.algorithm,
            salt=salt,
            wrap_format=fingerprint_of(self.new, salt),
            earlier=runs,
            requests=self.session.requests,
        )
        begun = beginning_of(self.session, plan, resumed=False) | {"operation": fresh.operation}
        await insert_run(database, lease, fresh, begun)
        return fresh


@dataclass(slots=True)
class _Wrappings:
    """The `new` wrappings of data keys, how many were wrapped `before`, and why others are left."""

    new: list[NewWrapping] = field(default_factory=list)
    before: int = 0
    left: dict[str, str] = field(default_factory=dict)


async def _wrap_all(
    checks: KeyChecks, rows: Iterable[DataKey], new: SecretKeyProvider, written: frozenset[bytes]
) -> _Wrappings:
    """Wrap every data key under `secret_key` anew, except those that the journal says are done."""
    found, proof = _Wrappings(), checks.proof
    for row in rows:
        if digest(row.wrapped) in written:
            found.before += 1
            continue
        if row.id in proof.skipped:
            found.left[row.id] = "skipped_key"
            continue
        entry = checks.session.ring.entry(row.id)
        if not isinstance(entry, Unwrapped):
            # It does not unwrap under the old secret_key either: nothing is lost.
            found.left[row.id] = f"unwrap_failed: {entry.detail}"
            continue
        if not (checks.proves(row) or proof.accepts(row.id, row.provider)):
            raise RefusedError(
                f"nothing proves that the configured secret_key unwraps data key {row.id} correctly",
                hint=f"Leave it behind with `--skip-key {row.id}`. Or believe it with `--accept-unproven {row.id}`.",
            )
        found.new.append(await wrap_anew(row, entry.data_key, new))
    return found


def _is_proven(proof: Proof) -> bool:
    # Each data key and each secret is judged by itself too.
    return proof.secret_key is Verdict.PROVEN or SECRET_KEY_PROVIDER in proof.accepted


def _unproven_refusal(places: Sequence[str]) -> RefusedError:
    named = ", ".join(places[:_MOST_NAMED]) + (", …" if len(places) > _MOST_NAMED else "")
    return RefusedError(
        f"other secrets cast doubt on secret_key, and nothing proves that it encrypted {len(places)} secrets of legacy "
        f"alerting: {named}",
        hint="Delete the notification channels that no longer work, in quarantine and out of it. If Grafana reads all "
        f"that are left, give `--accept-unproven {SECRET_KEY_PROVIDER}`.",
    )


def _under_secret_key(rows: Iterable[DataKey]) -> list[DataKey]:
    return [row for row in rows if row.provider == SECRET_KEY_PROVIDER]
