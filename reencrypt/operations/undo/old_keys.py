"""Decides whether an old value may come back: judges its key by the run's journal, as a run judges.

The run's old values prove an old key; its unwrap does not, because one answer is no proof. Memory
is bounded: a few clipped values for each key in each location.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.plaintext import Kind, evidence, is_plausible
from reencrypt.catalogue.reading import FoundSecret
from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.ciphers import AuthenticationFailedError
from reencrypt.crypto.envelope import Envelope
from reencrypt.errors import ReencryptError
from reencrypt.events import Warned
from reencrypt.keys.errors import KeyDisabledError, KeyMissingError
from reencrypt.keys.proof import PROVEN_BITS, Admission, Evidence, KeyStanding, Proof, Verdict, weigh
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, Unwrapped
from reencrypt.operations.undo.journal import (
    Rewritten,
    UndoSkipReason,
    as_stored_now,
    old_secrets,
    old_text,
    rewritten_secrets,
)
from reencrypt.planning.census import Samples
from reencrypt.planning.key_checks import weigh_keys
from reencrypt.planning.session import Session
from reencrypt.state.accepted import NOTHING, Accepted
from reencrypt.state.journal import END, JournalEntry, digest, read_entries
from reencrypt.state.runs import Run


@dataclass(slots=True)
class OldKeys:
    """The keys of one run's old values. `secret_key_changed` says that a change of `secret_key` came after it.

    After such a change the old values are no proof, because they may prove the former key.
    """

    session: Session
    secret_key_changed: bool
    accepted: Accepted = NOTHING
    _samples: Samples = field(default_factory=lambda: Samples(0))
    _proof: Proof = field(default_factory=lambda: Proof(Verdict.UNPROVEN))
    _weighed: dict[str, bytes] = field(default_factory=dict)
    _unusable: set[str] = field(default_factory=set)

    async def survey(self, run: Run, locations: Mapping[str, Location]) -> None:
        """Read the run's journal once, keep samples of the old values, and judge `secret_key` by them. Only reads."""
        if self.secret_key_changed:
            return
        self._samples = Samples.for_keys(len(self.session.ring.rows))
        before = END
        while entries := await read_entries(self.session.database, run.id, before):
            before = entries[-1].id
            by_table: dict[str, list[JournalEntry]] = {}
            for each in entries:
                by_table.setdefault(each.table, []).append(each)
            for location in locations.values():
                if group := by_table.get(location.table):
                    await self._offer(run, location, group)
        await self._judge()

    async def _offer(self, run: Run, location: Location, entries: list[JournalEntry]) -> None:
        rows = {
            row.key: row
            for row in await self.session.database.read_rows(location, list({entry.key for entry in entries}))
        }
        for entry in entries:
            row = rows.get(entry.key)
            if row is None and not _depends_on_row(location):
                row = Row(entry.key, (None,) * len(location.columns), (None,) * len(location.extras))
            if row is None or entry.column not in location.columns:
                continue
            now = as_stored_now(location, row, entry)
            for secret in _touched(location, row, now):
                # The run's own salt: the run wrote this itself, and rewrote the column later.
                if secret.envelope is None or self.accepted.covers(old_text(now, secret)):
                    continue
                if secret.envelope.salt != run.salt:
                    self._samples.offer(location.name, secret.envelope, secret.kind)

    async def _judge(self) -> None:
        """Judge `secret_key` by its old values, and by those of the data keys that it unwraps, which costs no call."""
        local = [row.id for row in self.session.ring.rows if row.provider == SECRET_KEY_PROVIDER]
        await self.ensure([key_id for key_id in local if key_id in self._samples.key_ids])
        session = self.session
        self._proof = await weigh_keys(self._samples, session.ring, session.secret_key, session.cache, session.pool)
        for key_id in local:
            if (data_key := self._data_key(key_id)) is not None:
                self._weighed[key_id] = data_key

    async def ensure(self, key_ids: Collection[str]) -> None:
        """Unwrap the data keys that are still wrapped; raises a `ReencryptError` where a provider fails as a whole.

        Where the vault's key is disabled or gone, everything else can still come back.
        """
        wanted = [key_id for key_id in key_ids if key_id not in self._unusable]
        try:
            await self.session.ring.ensure(wanted)
        except (KeyDisabledError, KeyMissingError):
            for key_id in wanted:
                try:
                    await self.session.ring.ensure([key_id])
                except (KeyDisabledError, KeyMissingError) as error:
                    self._give_up(key_id, error)

    def _give_up(self, key_id: str, error: ReencryptError) -> None:
        self._unusable.add(key_id)
        self.session.emit(Warned("data key does not unwrap", f"data key {key_id} cannot be unwrapped: {error.message}"))

    async def verdict(self, secret: Rewritten) -> UndoSkipReason | None:
        """Return None where the old secret may come back, else why not. Call `ensure` for its data key first.

        It may where the old plaintext is plausible, or accepted, and the journal proves its key. Otherwise the present
        plaintext has to be the same.
        """
        plaintext = self._decrypt(secret.old.envelope)
        if plaintext is None:
            return UndoSkipReason.OLD_UNREADABLE
        reason = UndoSkipReason.SECRET_KEY_CHANGED if self.secret_key_changed else await self._admit(secret, plaintext)
        if reason is None:
            return None
        present = await self._decrypt_present(secret.present.envelope)
        if present is None:
            return reason if reason is UndoSkipReason.OLD_IMPLAUSIBLE else UndoSkipReason.PRESENT_UNREADABLE
        return None if present == plaintext and not self._by_chance(secret.old, plaintext) else reason

    def _by_chance(self, old: FoundSecret, plaintext: bytes) -> bool:
        """Whether only one byte is the same, as happens one time in 256, and everything else refutes the key."""
        if len(plaintext) != 1 or old.envelope is None or old.envelope.algorithm is Algorithm.AES_GCM:
            return False
        if old.envelope.key_id is None:
            return self._proof.secret_key is Verdict.REFUTED
        own = self._proof.data_keys.get(old.envelope.key_id)
        return own is not None and own.bits < 0

    async def _admit(self, secret: Rewritten, plaintext: bytes) -> UndoSkipReason | None:
        old, envelope = secret.old, secret.old.envelope
        if envelope is None:
            return UndoSkipReason.OLD_UNREADABLE
        if envelope.key_id is not None:
            await self._weigh(envelope.key_id)
        standing = self._standing(envelope.key_id)
        if self.accepted.covers(secret.old_text) and not is_plausible(plaintext, old.kind):
            # The user vouches for it, but not under a key that nothing else proves.
            return None if self._proof.vouches_for(standing) else UndoSkipReason.OLD_UNPROVEN
        admission = self._proof.admit(standing, envelope, plaintext, old.kind, keeps_tag=True)
        if admission is Admission.IMPLAUSIBLE:
            return UndoSkipReason.OLD_IMPLAUSIBLE
        if admission is Admission.MOVE and await self._needs_no_more(old, envelope, plaintext):
            return None
        return UndoSkipReason.OLD_UNPROVEN

    async def _needs_no_more(self, old: FoundSecret, envelope: Envelope, plaintext: bytes) -> bool:
        """Whether a proven or accepted key is enough."""
        if envelope.algorithm is Algorithm.AES_GCM or not envelope.body:
            return True
        if old.kind is Kind.BYTES:
            # All bytes are plausible, so nothing would show that a key was accepted wrongly.
            return await self._proves_itself(envelope.key_id)
        return not old.needs_own_proof or evidence(plaintext, old.kind) >= PROVEN_BITS

    def _standing(self, key_id: str | None) -> KeyStanding:
        row = self.session.ring.row(key_id) if key_id is not None else None
        provider = SECRET_KEY_PROVIDER if row is None else row.provider
        return KeyStanding(key_id, provider, conclusive=False, under_secret_key=provider == SECRET_KEY_PROVIDER)

    async def _weigh(self, key_id: str) -> None:
        """Weigh a data key as it is unwrapped now: evidence is about the key, not its id."""
        data_key = self._data_key(key_id)
        if data_key is None or self._weighed.get(key_id) == data_key:
            return
        samples = self._samples.of(key_id)
        found = await self._in_pool(lambda: weigh(samples, data_key, self.session.cache, exhaustive=False))
        self._proof.learn(key_id, found, under_secret_key=self._standing(key_id).under_secret_key)
        self._weighed[key_id] = data_key

    async def _proves_itself(self, key_id: str | None) -> bool:
        if key_id is not None:
            own = self._proof.data_keys.get(key_id)
            return own is not None and own.proves
        samples = self._samples.of(None)
        return (
            await self._in_pool(lambda: weigh(samples, self.session.secret_key, self.session.cache, exhaustive=True))
        ).proves

    def _data_key(self, key_id: str) -> bytes | None:
        # It may have gone since it was unwrapped.
        if self.session.ring.row(key_id) is None or not self.session.ring.knows(key_id):
            return None
        entry = self.session.ring.entry(key_id)
        return entry.data_key if isinstance(entry, Unwrapped) else None

    def _decrypt(self, envelope: Envelope | None) -> bytes | None:
        if envelope is None:
            return None
        password = self.session.secret_key if envelope.key_id is None else self._data_key(envelope.key_id)
        if password is None:
            return None
        try:
            return envelopes.decrypt(envelope, password, self.session.cache)
        except AuthenticationFailedError:
            return None

    async def _decrypt_present(self, envelope: Envelope | None) -> bytes | None:
        """The present plaintext. An unreachable vault keeps one column, not all that follow."""
        if envelope is None or envelope.key_id in self._unusable:
            return None
        if envelope.key_id is not None:
            try:
                await self.ensure([envelope.key_id])
            except ReencryptError as error:
                self._give_up(envelope.key_id, error)
                return None
        return self._decrypt(envelope)

    async def _in_pool(self, work: Callable[[], Evidence]) -> Evidence:
        return await asyncio.get_running_loop().run_in_executor(self.session.pool, work)


def _depends_on_row(location: Location) -> bool:
    """Whether what an old value is, or the namespace of its data key, is not known without the row."""
    return location.kind_by_type is not None or location.namespace not in (None, *location.key)


def _touched(location: Location, row: Row, entry: JournalEntry) -> list[FoundSecret]:
    """The old secrets that the run rewrote, as far as is known: the others are no evidence of what it did."""
    if digest(row.cells[location.columns.index(entry.column)]) == entry.new_hash:
        return [each.old for each in rewritten_secrets(location, row, entry) or ()]
    # Restored already, or changed since. Possible plain text is no evidence for or against a key.
    return [each for each in old_secrets(location, row, entry) if not each.needs_own_proof]
