"""Moves what `secret_key` itself encrypts, data keys and legacy alerting, to another `secret_key`, in one transaction.

Grafana holds one `secret_key` at a time, so it is stopped meanwhile. After a crash the journal tells, by
hashes of what was written, under which of the two a value is; plausibility decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reencrypt.catalogue.codec import splice
from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.plaintext import evidence, is_plausible
from reencrypt.catalogue.reading import FoundSecret, secrets_of
from reencrypt.catalogue.reason import Reason
from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.ciphers import AuthenticationFailedError
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Encryptor
from reencrypt.databases.protocol import Database, RowUpdate, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.errors import RefusedError
from reencrypt.keys.proof import PROVEN_BITS, Admission, KeyStanding, Proof
from reencrypt.keys.ring import DataKey
from reencrypt.keys.secret_key import SecretKeyProvider
from reencrypt.outcomes import Outcome, RunState
from reencrypt.state.accepted import Accepted, save_accepted
from reencrypt.state.data_keys import DataKeyStore, Wrapping
from reencrypt.state.journal import digest, journal_updates
from reencrypt.state.lease import Lease
from reencrypt.state.quarantine import Finding, read_quarantine, save_findings
from reencrypt.state.rowkey import key_to_text
from reencrypt.state.runs import Run, finish_run, read_runs

_NOT_STOPPED = "something was saved while the change was prepared: is every Grafana stopped?"


@dataclass(frozen=True, slots=True, repr=False)
class NewWrapping:
    """A data key's row, and its wrapping under the new `secret_key`."""

    row: DataKey
    wrapped: bytes

    def instead_of(self, old: Wrapping) -> Wrapping:
        """The row's new content: provider and label stay."""
        return old._replace(wrapped=self.wrapped)


@dataclass(slots=True, repr=False)
class Alerting:
    """The rows of legacy alerting: updates, how many secrets move, findings, and how many were done before.

    `unproven` are places of secrets that the old key decrypts without proof. `accepted` are the rows with implausible
    fields that move because the user or their tag vouches for them.
    """

    updates: list[RowUpdate] = field(default_factory=list)
    moved: int = 0
    findings: list[Finding] = field(default_factory=list)
    before: int = 0
    unproven: list[str] = field(default_factory=list)
    accepted: list[tuple[Row, RowUpdate | None, Sequence[str]]] = field(default_factory=list)


async def wrap_anew(row: DataKey, data_key: bytes, new: SecretKeyProvider) -> NewWrapping:
    """Wrap a data key under the new `secret_key`, and unwrap it again before anybody relies on it."""
    wrapped = await new.wrap(data_key)
    if (await new.unwrap(wrapped)).data_key != data_key:
        raise ArithmeticError("a new wrapping did not give its data key back")
    return NewWrapping(row, wrapped)


def alerting_anew(
    location: Location,
    rows: Sequence[Row],
    *,
    proof: Proof,
    old: bytes,
    encryptor: Encryptor,
    cache: DerivedKeyCache,
    written: Collection[bytes],
    accepted: Accepted,
    given_up: Collection[bytes],
) -> Alerting:
    """Encrypt the secrets of legacy alerting under the new `secret_key`; `written` are the hashes of earlier writes.

    A secret that does not decrypt plausibly under the old one is a finding, and stays, unless the user has accepted it.
    One that was `given_up`, by the hash of its text, stays too, unless it proves itself.
    """
    result = Alerting()
    readings: list[tuple[Row, list[_Reading]]] = []
    for row in rows:
        found = list(secrets_of(location, row))
        if digest(row.cells[0]) in written:
            result.before += len(found)
            continue
        readings.append((row, [_read(secret, old, cache) for secret in found]))
    keeps_tag = encryptor.algorithm is Algorithm.AES_GCM
    for row, in_row in readings:
        for each in in_row:
            each.judge(proof, row, accepted, keeps_tag=keeps_tag)
    # Again: a bad one casts doubt on short ones that were judged before it.
    for row, in_row in readings:
        for each in in_row:
            each.judge(proof, row, accepted, keeps_tag=keeps_tag)
            if digest(each.secret.text_in(row)) in given_up and not each.proves_itself:
                each.admission = Admission.IMPLAUSIBLE
        _row_anew(location, row, in_row, encryptor, result)
    return result


@dataclass(slots=True, repr=False)
class _Reading:
    """A secret, its plaintext under the old `secret_key` or the reason for none, and whether it may move."""

    secret: FoundSecret
    plaintext: bytes | None
    reason: Reason
    admission: Admission = Admission.IMPLAUSIBLE

    def judge(self, proof: Proof, row: Row, accepted: Accepted, *, keeps_tag: bool) -> None:
        """Decide by a run's rules. An accepted secret is implausible, so it is no evidence for or against its key."""
        envelope, plaintext = self.secret.envelope, self.plaintext
        if envelope is None or plaintext is None:
            return
        standing = KeyStanding.of_secret_key()
        tagged = envelope.algorithm is Algorithm.AES_GCM
        if not tagged and accepted.covers(self.secret.text_in(row)) and not is_plausible(plaintext, self.secret.kind):
            firm = proof.vouches_for(standing) or proof.is_firm(standing)
            self.admission = Admission.ACCEPTED if firm else Admission.UNPROVEN
            return
        self.admission = proof.admit(standing, envelope, plaintext, self.secret.kind, keeps_tag=keeps_tag)

    @property
    def proves_itself(self) -> bool:
        """Whether its tag matches, or it is too long to look right by chance."""
        if self.secret.envelope is None or self.plaintext is None:
            return False
        tagged = self.secret.envelope.algorithm is Algorithm.AES_GCM
        return tagged or evidence(self.plaintext, self.secret.kind) >= PROVEN_BITS


def _read(secret: FoundSecret, old: bytes, cache: DerivedKeyCache) -> _Reading:
    if secret.envelope is None or secret.envelope.key_id is not None:
        return _Reading(secret, None, secret.problem or Reason.MALFORMED_ENVELOPE)
    try:
        plaintext = envelopes.decrypt(secret.envelope, old, cache)
    except AuthenticationFailedError:
        return _Reading(secret, None, Reason.AUTHENTICATION_FAILED)
    return _Reading(secret, plaintext, Reason.IMPLAUSIBLE_PLAINTEXT)


def _row_anew(
    location: Location, row: Row, readings: Sequence[_Reading], encryptor: Encryptor, result: Alerting
) -> None:
    """Add the outcome of one row to the result."""
    replacements: list[tuple[FoundSecret, bytes]] = []
    on_word: list[str] = []
    for each in readings:
        secret = each.secret
        if each.plaintext is None or each.admission is Admission.IMPLAUSIBLE:
            text = secret.text_in(row)
            result.findings.append(Finding(row.key, secret.field, each.reason, "it stays as it is", text))
        elif each.admission is Admission.UNPROVEN:
            result.unproven.append(f"{location.name} {key_to_text(row.key)} {secret.field}")
        else:
            replacements.append((secret, encryptor.encrypt(each.plaintext)))
            if each.admission is Admission.ACCEPTED:
                on_word.append(secret.field)
    if not replacements:
        return
    cell = splice(row.cells[0] or b"", [(secret.slot, text) for secret, text in replacements])
    update = RowUpdate(row.key, row.cells, (cell, *row.cells[1:]))
    result.updates.append(update)
    result.moved += len(replacements)
    if on_word:
        result.accepted.append((row, update, on_word))


async def commit(
    database: Database,
    lease: Lease,
    run: Run,
    wrappings: Sequence[NewWrapping],
    location: Location | None,
    alerting: Alerting,
    *,
    unchanged: Callable[[Transaction], Coroutine[Any, Any, bool]],
    complete: bool,
    ended: Callable[[Outcome], Mapping[str, Any]],
) -> bool:
    """Commit everything in one transaction; returns whether nothing is left, which `complete` says of the rest.

    `ended` gives the audit of the end.
    Raises `RefusedError` where a value was changed meanwhile, or where `unchanged` finds a new one.
    """

    async def body(transaction: Transaction) -> bool:
        await lease.check(transaction)
        before = next((each for each in await read_runs(transaction) if each.id == run.id), run)
        if before.state == RunState.FINISHED:
            # It was committed; only the answer was lost.
            return before.outcome == Outcome.DONE
        if not await unchanged(transaction):
            raise RefusedError(_NOT_STOPPED, hint="Nothing was changed. Stop Grafana, and start again.")
        store = DataKeyStore(database, transaction, run.id)
        for each in wrappings:
            if not await store.rewrap(each.row.id, each.row.wrapped, each.instead_of):
                await transaction.check_written()
                raise RefusedError(_NOT_STOPPED, hint="Nothing was changed. Stop Grafana, and start again.")
        if location is not None and alerting.updates:
            if await transaction.update_rows(location, alerting.updates):
                await transaction.check_written()
                raise RefusedError(_NOT_STOPPED, hint="Nothing was changed. Stop Grafana, and start again.")
            await journal_updates(transaction, run.id, location, alerting.updates)
            await save_accepted(transaction, run.id, location, alerting.accepted)
        if location is not None:
            await save_findings(transaction, run.id, 0, location.name, alerting.findings)
        done = complete and not any(entry.is_open for entry in await read_quarantine(transaction))
        outcome = Outcome.DONE if done else Outcome.PARTLY_DONE
        await finish_run(transaction, run, outcome, ended(outcome))
        return done

    return await retry_transaction(database, body)
