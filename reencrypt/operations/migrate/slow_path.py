"""Slow path: parses, judges and re-encrypts every secret of a row. Pure functions, run in threads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reencrypt.catalogue.codec import splice
from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.catalogue.plaintext import evidence, is_plausible
from reencrypt.catalogue.reading import FoundSecret, ParsedRow
from reencrypt.catalogue.reason import Reason
from reencrypt.catalogue.text_hash import rehash
from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.ciphers import AuthenticationFailedError
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Encryptor, Envelope
from reencrypt.databases.cut_off import cut_off
from reencrypt.databases.protocol import ColumnLimit, RowUpdate, Span
from reencrypt.keys.proof import PROVEN_BITS, Admission, KeyStanding, Proof
from reencrypt.state.accepted import NOTHING, Accepted
from reencrypt.state.counts import LEGACY_KEPT, PLAIN_OR_UNPROVEN, UNPROVEN_KEY, Counts
from reencrypt.state.failure_rate import FailureRate
from reencrypt.state.journal import Entries
from reencrypt.state.quarantine import Finding, KnownSecret, Place, known_of


@dataclass(frozen=True, slots=True, repr=False)
class UsableKey:
    """A key that decrypts: its bytes (a data key, or `secret_key`) and how far it is proven."""

    password: bytes
    standing: KeyStanding


@dataclass(frozen=True, slots=True)
class UnusableKey:
    """Why secrets under a key stay: a reason code for the quarantine, or None and the reason in `detail`."""

    reason: Reason | None
    detail: str


@dataclass(slots=True)
class RowOutcome:
    """The outcome of one row: findings, counters, and how many of its secrets `moved`.

    `accepted` are the fields with implausible plaintexts that the user accepts, whether they move or stay.
    """

    row: Row
    findings: list[Finding] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    moved: int = 0
    accepted: list[str] = field(default_factory=list)


@dataclass(slots=True)
class PageOutcome:
    """The outcome of a page. `updates` are all row updates.

    `detailed` are the outcomes of rows that need more than one moved secret or no change to describe them; `unchanged`
    counts the secrets of rows that do not change. `namespaces` are those of the rows that do. `span` is that of the
    page where all rows are from one. `entries` are the journal's for the updates, once they are built.
    """

    updates: list[RowUpdate] = field(default_factory=list)
    detailed: list[RowOutcome] = field(default_factory=list)
    unchanged: Counts = field(default_factory=Counts)
    failure_rate: FailureRate = field(default_factory=FailureRate)
    namespaces: set[str] = field(default_factory=set)
    span: Span | None = None
    entries: Entries | None = None

    @property
    def moved(self) -> int:
        """The number of secrets that get a new ciphertext."""
        return self._ordinary + sum(each.moved for each in self.detailed)

    @property
    def is_unchanged(self) -> bool:
        """Whether there is nothing to write but progress."""
        return not (self.updates or self.detailed)

    @property
    def secrets(self) -> int:
        """The number of all secrets."""
        return self.unchanged.total + self._ordinary + sum(each.counts.total for each in self.detailed)

    @property
    def counts(self) -> Counts:
        """The counters of all secrets."""
        counts = Counts.sum([self.unchanged, *(each.counts for each in self.detailed)])
        counts.re_encrypted += self._ordinary
        return counts

    @property
    def _ordinary(self) -> int:
        """The number of row updates without a detailed outcome, with one secret each."""
        return len(self.updates) - sum(each.moved > 0 for each in self.detailed)

    def without(self, keys: Collection[Key]) -> PageOutcome:
        """Copy without the changes of some rows and their outcomes."""
        return replace(
            self,
            entries=None,
            updates=[each for each in self.updates if each.key not in keys],
            detailed=[each for each in self.detailed if not (each.moved and each.row.key in keys)],
        )

    def merge(self, other: PageOutcome) -> None:
        """Append the outcome of the rows that follow."""
        self.updates += other.updates
        self.detailed += other.detailed
        self.unchanged.add(other.unchanged)
        self.failure_rate.add(other.failure_rate)
        self.namespaces |= other.namespaces


@dataclass(frozen=True, slots=True)
class Transformer:
    """Everything that decides about a secret, fixed for the rows of a page that have one `namespace`.

    `is_current` tells whether a data key and algorithm are the target; `key_of` finds a data key. `known` are the
    secrets in quarantine, `accepted` those that the user has vouched for since an earlier run. `with_envelopes` are the
    names of locations in whose column Grafana has written an envelope, for those where that decides.
    """

    encryptor: Encryptor
    is_current: Callable[[str | None, Algorithm], bool]
    key_of: Callable[[str | None], UsableKey | UnusableKey]
    proof: Proof
    cache: DerivedKeyCache
    limits: tuple[ColumnLimit | None, ...]
    key_to_read: Callable[[str | None], UsableKey | UnusableKey]
    known: Mapping[Place, KnownSecret] = field(default_factory=dict)
    accepted: Accepted = NOTHING
    namespace: str = ""
    with_envelopes: Collection[str] = ()

    def transform(self, location: Location, rows: Iterable[ParsedRow]) -> PageOutcome:
        """Decrypt, judge and encrypt anew; a bad secret spoils neither its row nor its page."""
        page = PageOutcome()
        for parsed in rows:
            outcome, update = self._row(location, parsed, page.failure_rate)
            if update:
                page.updates.append(update)
                page.namespaces.add(self.namespace)
            if update or outcome.findings or outcome.accepted:
                page.detailed.append(outcome)
            else:
                page.unchanged.add(outcome.counts)
        return page

    def _row(
        self, location: Location, parsed: ParsedRow, failure_rate: FailureRate
    ) -> tuple[RowOutcome, RowUpdate | None]:
        outcome = RowOutcome(parsed.row)
        replacements: dict[int, list[tuple[FoundSecret, bytes]]] = {}
        for secret in parsed.secrets:
            left = outcome.counts.left
            ciphertext = self._secret(location, secret, outcome, failure_rate)
            if outcome.counts.left > left and (known := known_of(self.known, location, secret, parsed.row)):
                # It was not read this time, so the earlier finding stands, with its acknowledgement.
                text = secret.text_in(parsed.row)
                outcome.findings.append(
                    Finding(parsed.row.key, secret.field, known.reason, known.detail, text, news=False)
                )
            if ciphertext is not None:
                replacements.setdefault(secret.column, []).append((secret, ciphertext))
        new = list(parsed.row.cells)
        for column, secrets in replacements.items():
            cell = splice(new[column] or b"", [(secret.slot, text) for secret, text in secrets])
            limit = self.limits[column]
            if limit is not None and not limit.admits(cell):
                self._too_long(outcome, secrets, len(cell), limit)
                continue
            new[column] = cell
            outcome.moved += len(secrets)
        if not outcome.moved:
            return outcome, None
        if location.text_hash:
            new[-1] = rehash(location, parsed.row, new)
        return outcome, RowUpdate(parsed.row.key, parsed.row.cells, tuple(new))

    def _too_long(
        self, outcome: RowOutcome, secrets: Sequence[tuple[FoundSecret, bytes]], length: int, limit: ColumnLimit
    ) -> None:
        """Quarantine secrets that are too long for their column: an engine might cut them off silently."""
        outcome.counts.re_encrypted -= len(secrets)
        fields = {secret.field for secret, _ in secrets}
        outcome.accepted = [each for each in outcome.accepted if each not in fields]
        detail = f"the column would need {length} bytes and holds {limit.size}"
        for secret, _ in secrets:
            self._quarantine(outcome, secret, Reason.VALUE_TOO_LONG, detail)

    def _secret(
        self, location: Location, secret: FoundSecret, outcome: RowOutcome, failure_rate: FailureRate
    ) -> bytes | None:
        """Count the secret; return its new ciphertext where it moves."""
        counts, envelope = outcome.counts, secret.envelope
        if not location.reencrypted:
            if not self._is_still_bad(location, secret, outcome):
                counts.not_applicable += 1
            return None
        if envelope is None:
            self._quarantine(outcome, secret, secret.problem or Reason.MALFORMED_ENVELOPE, secret.detail)
            return None
        if self.is_current(envelope.key_id, envelope.algorithm):
            if self._is_still_bad(location, secret, outcome):
                return None
            # The run's own salt marks what this run has written, also before an interruption.
            if envelope.salt == self.encryptor.salt:
                counts.re_encrypted += 1
            else:
                counts.already_current += 1
            return None
        kept = envelope.key_id is None and self._keeps_legacy(location)
        key = UnusableKey(None, LEGACY_KEPT) if kept else self.key_of(envelope.key_id)
        if isinstance(key, UnusableKey):
            if key.reason is None:
                counts.leave(key.detail)
            else:
                self._quarantine(outcome, secret, key.reason, key.detail)
            return None
        return self._judge(location, secret, envelope, key, outcome, failure_rate)

    def _keeps_legacy(self, location: Location) -> bool:
        """Whether an envelope may be what Grafana cannot read in the place of a legacy value."""
        return self.encryptor.key_id is not None and location.keeps_legacy(self.with_envelopes)

    def _is_still_bad(self, location: Location, secret: FoundSecret, outcome: RowOutcome) -> bool:
        """Whether a secret that does not move is in quarantine, and must stay there because it does not read yet.

        Where the user accepts it now, that is recorded instead.
        """
        known = known_of(self.known, location, secret, outcome.row)
        if known is None:
            return False
        if known.accepted and known.reason is Reason.IMPLAUSIBLE_PLAINTEXT:
            outcome.accepted.append(secret.field)
            return False
        if self._reads(secret, known, outcome.row):
            return False
        outcome.counts.quarantine(known.reason)
        text = secret.text_in(outcome.row)
        outcome.findings.append(Finding(outcome.row.key, secret.field, known.reason, known.detail, text, news=False))
        return True

    def _reads(self, secret: FoundSecret, known: KnownSecret, row: Row) -> bool:
        """Whether a secret decrypts to what it should, or to what the user has accepted.

        An implausible secret becomes plausible only under another key, and then perhaps by chance.
        """
        envelope = secret.envelope
        key = self.key_to_read(envelope.key_id) if envelope is not None else None
        if envelope is None or not isinstance(key, UsableKey):
            return False
        try:
            plaintext = envelopes.decrypt(envelope, key.password, self.cache)
        except AuthenticationFailedError:
            return False
        if envelope.algorithm is Algorithm.AES_GCM or self.accepted.covers(secret.text_in(row)):
            return True
        if known.reason is Reason.IMPLAUSIBLE_PLAINTEXT:
            return evidence(plaintext, secret.kind) >= PROVEN_BITS
        return is_plausible(plaintext, secret.kind)

    def _judge(
        self,
        location: Location,
        secret: FoundSecret,
        envelope: Envelope,
        key: UsableKey,
        outcome: RowOutcome,
        failure_rate: FailureRate,
    ) -> bytes | None:
        """Decrypt a secret that is to move, decide whether it may, and count it towards its key."""
        if not secret.slot.strict and self._cut_off(secret, outcome.row):
            # Its padding is what was cut off first: with a new one Grafana would read a part of it as the whole.
            self._quarantine(outcome, secret, Reason.MALFORMED_ENCODING, "the padding of its base64 is missing")
            return None
        try:
            plaintext = envelopes.decrypt(envelope, key.password, self.cache)
        except AuthenticationFailedError as error:
            if known_of(self.known, location, secret, outcome.row) is None:
                failure_rate.note(key.standing.key_id or "", secret.text_in(outcome.row), failed=True)
            self._quarantine(outcome, secret, Reason.AUTHENTICATION_FAILED, str(error))
            return None
        admission = self._admit(location, secret, envelope, plaintext, key.standing, outcome.row, failure_rate)
        return self._move(secret, plaintext, admission, key.standing, outcome)

    def _admit(
        self,
        location: Location,
        secret: FoundSecret,
        envelope: Envelope,
        plaintext: bytes,
        key: KeyStanding,
        row: Row,
        failure_rate: FailureRate,
    ) -> Admission:
        """Decide whether a secret may move: by its plaintext, or by the user's word for exactly this text."""
        known = known_of(self.known, location, secret, row)
        remembered = self.accepted.covers(secret.text_in(row))
        named = known is not None and known.accepted and known.reason is Reason.IMPLAUSIBLE_PLAINTEXT
        tagged = envelope.algorithm is Algorithm.AES_GCM
        if (remembered or named) and not tagged and not is_plausible(plaintext, secret.kind):
            # An accepted secret is no evidence for or against its key: others have to prove that.
            if self.proof.vouches_for(key) or self.proof.accepts(key.key_id or "", key.provider):
                return Admission.ACCEPTED
            return Admission.UNPROVEN if remembered else Admission.IMPLAUSIBLE
        keeps_tag = self.encryptor.algorithm is Algorithm.AES_GCM
        admission = self.proof.admit(key, envelope, plaintext, secret.kind, keeps_tag=keeps_tag)
        if known is None:
            failure_rate.note(key.key_id or "", secret.text_in(row), failed=admission is Admission.IMPLAUSIBLE)
        return admission

    def _move(
        self, secret: FoundSecret, plaintext: bytes, admission: Admission, key: KeyStanding, outcome: RowOutcome
    ) -> bytes | None:
        if admission is Admission.IMPLAUSIBLE:
            detail = f"what {key.key_id or 'secret_key'} yields is not {secret.kind}"
            self._quarantine(outcome, secret, Reason.IMPLAUSIBLE_PLAINTEXT, detail)
            return None
        if admission is Admission.UNPROVEN:
            outcome.counts.leave(f"{UNPROVEN_KEY} {key.key_id or key.provider}")
            return None
        if secret.needs_own_proof and evidence(plaintext, secret.kind) < PROVEN_BITS:
            # It may be plain text that only looks like an old ciphertext, and must not be damaged.
            outcome.counts.leave(PLAIN_OR_UNPROVEN)
            return None
        ciphertext = self.encryptor.encrypt(plaintext)
        if not secret.slot.admits(ciphertext):
            self._quarantine(outcome, secret, Reason.NOT_UNDERSTOOD, "it does not show whether its base64 is padded")
            return None
        outcome.counts.re_encrypted += 1
        if admission is Admission.ACCEPTED:
            outcome.accepted.append(secret.field)
        return ciphertext

    def _cut_off(self, secret: FoundSecret, row: Row) -> str:
        return cut_off(row.cells[secret.column] or b"", self.limits[secret.column])

    def _quarantine(self, outcome: RowOutcome, secret: FoundSecret, reason: Reason, detail: str) -> None:
        outcome.counts.quarantine(reason)
        text = secret.text_in(outcome.row)
        if reason is not Reason.VALUE_TOO_LONG and (cut := self._cut_off(secret, outcome.row)):
            detail = f"{cut}: {detail}"
        outcome.findings.append(Finding(outcome.row.key, secret.field, reason, detail, text))
