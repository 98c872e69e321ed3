"""Finds which of two wrappings of a data key is right, by all secrets under it.

A wrapping with another data key than the one before makes every secret under its id unreadable, and Grafana saves under
the other key from then on. The old wrapping may come back only where the present one reads nothing.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.plaintext import Kind, evidence, is_plausible
from reencrypt.catalogue.reading import FoundSecret, secrets_of
from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.ciphers import AuthenticationFailedError
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Envelope
from reencrypt.databases.paging import LookAt, read_to_end
from reencrypt.keys.proof import PROVEN_BITS
from reencrypt.operations.undo.journal import UndoSkipReason
from reencrypt.planning.census import identity_of
from reencrypt.planning.session import Session
from reencrypt.state.accepted import Accepted
from reencrypt.state.quarantine import Place
from reencrypt.state.rowkey import key_to_text

_PAGE_ROWS: Final = 1000
_PAGE_BYTES: Final = 4 * 1024 * 1024
#: Secrets of each side that are named; more would make the report unreadable.
_MOST_WEIGHED: Final = 4096  # secrets under a data key, far more than a proof needs
_NAMED: Final = 1000
_SIDES: Final = ("old", "present", "neither")
_OLD, _PRESENT, _NEITHER = _SIDES


@dataclass(frozen=True, slots=True, repr=False)
class DataKeyPair:
    """The data key of the old wrapping and that of the present one, None where the present one does not unwrap.

    `is_proof`: the tag of the old wrapping has shown that the old one is what was wrapped.
    """

    old: bytes
    present: bytes | None
    is_proof: bool


@dataclass(frozen=True, slots=True)
class DisputedSecret:
    """A secret that one data key reads and the other does not: `reads` is `old`, `present`, or `neither` of the two."""

    location: str
    table: str
    row_key: str
    field: str
    reads: str

    @property
    def place(self) -> Place:
        """Where it is, as names are found by."""
        return self.location, self.row_key, self.field


@dataclass(slots=True)
class KeyReaders:
    """Counts of the secrets under one data key id that only the old data key reads, only the present one, neither.

    `bits` is the evidence for the old one, `authenticated` whether a GCM tag matched: its own, or one under it.
    `secrets` names the first thousand of each; the numbers are of all.
    """

    data_key: str
    present_unwraps: bool
    bits: float = 0.0
    authenticated: bool = False
    numbers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SIDES, 0))
    secrets: list[DisputedSecret] = field(default_factory=list)
    _weighed: set[bytes] = field(default_factory=set)

    def weigh(self, envelope: Envelope, bits: float) -> None:
        """Add a secret's evidence for the old data key; a copy of a ciphertext adds none."""
        identity = identity_of(envelope)
        if identity not in self._weighed and len(self._weighed) < _MOST_WEIGHED:
            self._weighed.add(identity)
            self.bits += bits

    def verdict(self) -> UndoSkipReason | None:
        """Return None where the old wrapping may come back, else why not."""
        if self.numbers[_PRESENT]:
            return UndoSkipReason.UNDER_BOTH if self.numbers[_OLD] else UndoSkipReason.OLD_IMPLAUSIBLE
        if not (self.authenticated or self.bits >= PROVEN_BITS):
            if self.bits < 0:
                return UndoSkipReason.OLD_IMPLAUSIBLE
            return UndoSkipReason.OLD_UNPROVEN if self.present_unwraps else UndoSkipReason.PRESENT_UNREADABLE
        # Secrets that the old one does not read may be under the present one, which does not unwrap.
        return UndoSkipReason.PRESENT_UNREADABLE if self.numbers[_NEITHER] and not self.present_unwraps else None

    def count(
        self, location: Location, row: Row, secret: FoundSecret, *, old: bool | None, present: bool | None
    ) -> None:
        """Count a secret by which data key reads it; None where the plaintext cannot tell, or there is no such key."""
        if old and present is not True:
            side = _OLD
        elif old is False:
            side = _PRESENT if present else _NEITHER
        else:
            return  # raw bytes, or a text so short that either might have written it
        self.numbers[side] += 1
        if self.numbers[side] <= _NAMED:
            where = location.name, location.table, key_to_text(row.key), secret.field
            self.secrets.append(DisputedSecret(*where, side))


async def find_readers(session: Session, pairs: Mapping[str, DataKeyPair], accepted: Accepted) -> dict[str, KeyReaders]:
    """Decrypt every secret under these data keys with both pairs; one read-only pass over all locations.

    `accepted` secrets are no evidence: they are implausible under the right key too.
    """
    found = {
        key_id: KeyReaders(key_id, each.present is not None, authenticated=each.is_proof)
        for key_id, each in pairs.items()
    }
    for location in session.locations:
        before = found

        def begin(location: Location = location, before: dict[str, KeyReaders] = before) -> LookAt:
            nonlocal found
            # A location that is read again counts once.
            found = copy.deepcopy(before)

            async def look(rows: list[Row]) -> None:
                # A derivation takes about a millisecond, which would block the event loop.
                await asyncio.to_thread(_read, location, rows, pairs, found, session.cache, accepted)

            return look

        await read_to_end(session.database, location, begin, rows=_PAGE_ROWS, size=_PAGE_BYTES)
    return found


def _read(
    location: Location,
    rows: Iterable[Row],
    pairs: Mapping[str, DataKeyPair],
    found: Mapping[str, KeyReaders],
    cache: DerivedKeyCache,
    accepted: Accepted,
) -> None:
    for row in rows:
        for secret in secrets_of(location, row):
            envelope = secret.envelope
            keys = pairs.get(envelope.key_id) if envelope is not None and envelope.key_id is not None else None
            if envelope is None or keys is None or envelope.key_id is None or accepted.covers(secret.text_in(row)):
                continue
            readers = found[envelope.key_id]
            old, text = _reads(envelope, keys.old, secret.kind, cache)
            present = None if keys.present is None else _reads(envelope, keys.present, secret.kind, cache)[0]
            if envelope.algorithm is Algorithm.AES_GCM:
                readers.authenticated = readers.authenticated or bool(old)
            elif text is not None:
                readers.weigh(envelope, evidence(text, secret.kind))
            readers.count(location, row, secret, old=old, present=present)


def _reads(envelope: Envelope, data_key: bytes, kind: Kind, cache: DerivedKeyCache) -> tuple[bool | None, bytes | None]:
    """Whether a data key reads a secret, None where the plaintext cannot tell; and the plaintext."""
    try:
        plaintext = envelopes.decrypt(envelope, data_key, cache)
    except AuthenticationFailedError:
        return False, None
    if envelope.algorithm is Algorithm.AES_GCM:
        return True, plaintext
    if kind is Kind.BYTES or not plaintext:
        return None, plaintext
    return is_plausible(plaintext, kind), plaintext
