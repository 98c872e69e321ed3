"""Evidence that a key is the right one, and what may be rewritten because of it.

AES-CFB yields garbage under a wrong key, without an error. Only the plaintext tells right from wrong, so evidence is
counted in bits: see `reencrypt.catalogue.plaintext`. All rules are here, as pure decisions.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from reencrypt.catalogue.plaintext import Kind, evidence, is_plausible
from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.ciphers import AuthenticationFailedError
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Envelope
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, Unwrapped
from reencrypt.keys.ring import DataKey

PROVEN_BITS: Final = 16.0
# One data key's evidence is not gathered further than this: three times what proves it. Evidence against it is
# gathered to the end, because a few damaged values that happen to be the longest must not refute a good key.
_ENOUGH_BITS: Final = 48.0
_AGAINST_BITS: Final = -8.0


class Verdict(Enum):
    """Verdict of the evidence on a key."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    REFUTED = "refuted"


@dataclass(slots=True)
class Evidence:
    """Evidence for one key: the sum of bits, whether a GCM tag matched, and the number of implausible plaintexts.

    `hints` counts the implausible ones that another key may have written, see `_is_noise`.
    """

    bits: float = 0.0
    authenticated: bool = False
    implausible: int = 0
    hints: int = 0

    @property
    def proves(self) -> bool:
        """Whether it proves a data key by itself."""
        return self.authenticated or self.bits >= PROVEN_BITS

    @property
    def refutes(self) -> bool:
        """Whether it refutes a data key, even one that unwraps: its secrets are under another one."""
        return not self.authenticated and self.bits < 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One ciphertext to judge; `kind` is the expected plaintext, `clipped` means that only its beginning is here."""

    envelope: Envelope
    kind: Kind
    clipped: bool = False


def weigh(samples: Iterable[Sample], password: bytes, cache: DerivedKeyCache, *, exhaustive: bool) -> Evidence:
    """Decrypt samples (longest first) under one key and sum up what their plaintexts say.

    Stops where the sum has become decisive, unless `exhaustive`. About a millisecond per sample with its own salt.
    """
    found = Evidence()
    for sample in samples:
        if not exhaustive and (found.authenticated or found.bits >= _ENOUGH_BITS):
            break
        try:
            plaintext = envelopes.decrypt(sample.envelope, password, cache)
        except AuthenticationFailedError:
            found.bits += _AGAINST_BITS
            found.implausible += 1
            found.hints += 1
            continue
        if sample.envelope.algorithm is Algorithm.AES_GCM:
            found.authenticated = True
            continue
        bits = evidence(_whole_characters(plaintext) if sample.clipped else plaintext, sample.kind)
        found.bits += bits
        found.implausible += bits < 0
        found.hints += bits < 0 and not _is_noise(sample.envelope)
    return found


def _is_noise(envelope: Envelope) -> bool:
    """Whether Grafana cannot have written this under any key: a bare legacy value whose salt is not letters and digits.

    Overwritten bytes look like that. They are implausible, but hint at no earlier `secret_key`.
    """
    salt = envelope.salt
    return envelope.key_id is None and not envelope.prefixed and not (salt.isalnum() and salt.isascii())


def _whole_characters(plaintext: bytes) -> bytes:
    """Drop the beginning of a UTF-8 character that a clipped plaintext may end with: at most three bytes."""
    for back in range(1, min(4, len(plaintext)) + 1):
        byte = plaintext[-back]
        if byte >= 0xC0:  # noqa: PLR2004 - the first byte of a longer character
            return plaintext[:-back]
        if byte < 0x80:  # noqa: PLR2004 - ASCII
            return plaintext
    return plaintext


def judge_secret_key(groups: Mapping[str | None, Evidence]) -> Verdict:
    """Judge `secret_key` over all that it decrypts.

    The groups are its legacy values (key None) and each data key that it unwraps. It is proven when the sum reaches
    16 bits, when one group alone reaches 16 + log2(number of groups), or by a GCM tag; refuted when it is not proven
    and one secret under it is implausible.
    """
    found = groups.values()
    if any(each.authenticated for each in found):
        return Verdict.PROVEN
    if sum(each.bits for each in found) >= PROVEN_BITS:
        return Verdict.PROVEN
    if groups and max(each.bits for each in found) >= PROVEN_BITS + math.log2(len(groups)):
        return Verdict.PROVEN
    return Verdict.REFUTED if any(each.implausible for each in found) else Verdict.UNPROVEN


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """Facts about the key of a secret.

    `key_id` is None for `secret_key` over legacy values. `conclusive`: its unwrap is the proof, with two witnesses
    where a service answered. `under_secret_key`: a proven `secret_key` can vouch for it. `is_reading`: what unwrapped
    was something else, so only its own secrets can vouch for it, not even the user.
    """

    key_id: str | None
    provider: str
    conclusive: bool
    under_secret_key: bool
    is_reading: bool = False

    @classmethod
    def of_secret_key(cls) -> KeyStanding:
        """Return `secret_key` over legacy values."""
        return cls(None, SECRET_KEY_PROVIDER, conclusive=False, under_secret_key=True)

    @classmethod
    def of(cls, row: DataKey, entry: Unwrapped) -> KeyStanding:
        """Return a data key with what its unwrap proves."""
        return cls(
            row.id,
            row.provider,
            conclusive=entry.is_proof and not entry.reading,
            under_secret_key=row.provider == SECRET_KEY_PROVIDER,
            is_reading=bool(entry.reading),
        )


class Admission(Enum):
    """Decision on a decrypted secret. `ACCEPTED` is implausible and moves: the user, or its tag, vouches for it."""

    MOVE = "move"
    ACCEPTED = "accepted"
    IMPLAUSIBLE = "implausible"
    UNPROVEN = "unproven"


@dataclass(slots=True)
class Proof:
    """The verdict on `secret_key`, the evidence per data key, and the doubt that one operation accumulates.

    It has one owner, who adds to it; others get a copy. The owner's threads read it at the same time; `doubt` only
    turns on, so no lock is needed.
    """

    secret_key: Verdict
    data_keys: dict[str, Evidence] = field(default_factory=dict)
    doubt: bool = False
    accepted: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()

    @classmethod
    def judge(
        cls,
        groups: Mapping[str | None, Evidence],
        others: Mapping[str, Evidence],
        *,
        opened: Collection[str] = (),
        accepted: frozenset[str] = frozenset(),
        skipped: frozenset[str] = frozenset(),
    ) -> Proof:
        """Judge the evidence of the key checks: `groups` under `secret_key`, `others` under key services.

        `opened` are the data keys among the groups whose GCM wrapping opened. That proves `secret_key`, and says
        nothing of the secrets under the data key, which may have been written under the one that stood there before.
        """
        data_keys = {key_id: found for key_id, found in groups.items() if key_id is not None} | dict(others)
        # The hint: an implausible secret among just those that a proven secret_key would have to vouch for.
        doubt = any(
            found.hints and (key_id is None or not (found.proves or key_id in opened))
            for key_id, found in groups.items()
        )
        return cls(Verdict.PROVEN if opened else judge_secret_key(groups), data_keys, doubt, accepted, skipped)

    def copy(self) -> Proof:
        """Return a copy for another owner."""
        return replace(self, data_keys=dict(self.data_keys))

    def following(self, before: Proof) -> Proof:
        """Return this judgement with the verdicts of an earlier one of the same keys, over more secrets."""
        return replace(
            self,
            secret_key=Verdict.PROVEN if before.secret_key is Verdict.PROVEN else self.secret_key,
            data_keys=self.data_keys | {key_id: found for key_id, found in before.data_keys.items() if found.proves},
            doubt=self.doubt or before.doubt,
        )

    def learn(self, key_id: str, found: Evidence, *, under_secret_key: bool) -> None:
        """Add the evidence of a data key that appeared in mid-run."""
        self.data_keys[key_id] = found
        if under_secret_key and found.hints and not found.proves:
            self.doubt = True

    def forget(self, key_ids: Iterable[str]) -> None:
        """Drop the evidence of data keys whose rows have changed since."""
        for key_id in key_ids:
            self.data_keys.pop(key_id, None)

    def knows(self, key_id: str) -> bool:
        """Whether there is evidence of the data key."""
        return key_id in self.data_keys

    def is_shown_by_secrets(self, key_id: str) -> bool:
        """Whether the secrets under a data key prove it, so that no second answer is needed."""
        return key_id in self.data_keys and self.data_keys[key_id].proves

    def admit(
        self, key: KeyStanding, envelope: Envelope, plaintext: bytes, kind: Kind, *, keeps_tag: bool
    ) -> Admission:
        """Decide whether a secret that has decrypted to `plaintext` may be rewritten from it.

        `keeps_tag`: the new ciphertext is authenticated too.
        """
        if envelope.algorithm is Algorithm.AES_GCM:
            # Its own tag is proof, so its content does not matter. Where the tag is lost, an acceptance replaces it.
            return Admission.MOVE if keeps_tag or is_plausible(plaintext, kind) else Admission.ACCEPTED
        if not envelope.body:
            # An empty CFB body is empty under every key.
            return Admission.MOVE
        proven_itself = self._proves_itself(key)
        if not is_plausible(plaintext, kind):
            if key.under_secret_key and not proven_itself and not _is_noise(envelope):
                self.doubt = True
            return Admission.IMPLAUSIBLE
        vouched = (
            key.under_secret_key
            and self.secret_key is Verdict.PROVEN
            and (not self.doubt or (key.key_id is None and evidence(plaintext, kind) >= PROVEN_BITS))
        )
        return Admission.MOVE if self.is_firm(key) or vouched else Admission.UNPROVEN

    def skipped_as(self, key_id: str | None, row: DataKey | None) -> str | None:
        """Return the name in --skip-key, its own or its provider's, that excludes a data key or `secret_key`."""
        names = (SECRET_KEY_PROVIDER,) if key_id is None else (key_id, row.provider) if row else (key_id,)
        return next((name for name in names if name in self.skipped), None)

    def accepts(self, key_id: str, provider: str) -> bool:
        """Whether the user trusts the data key, or all under its provider, without proof."""
        return key_id in self.accepted or provider in self.accepted

    def vouches_for(self, key: KeyStanding) -> bool:
        """Whether other secrets prove the key, so that an implausible one may be genuine."""
        return self.proves_data_key(key) if key.key_id is not None else self.secret_key is Verdict.PROVEN

    def is_firm(self, key: KeyStanding) -> bool:
        """Whether every plausible secret under the key may be rewritten, and no doubt can change that."""
        return self._proves_itself(key) or (not key.is_reading and self.accepts(key.key_id or "", key.provider))

    def leaves(self, key: KeyStanding) -> bool:
        """Whether no secret under the key may be rewritten, but for those whose own tag is proof."""
        if self.is_firm(key) or not key.under_secret_key:
            return not self.is_firm(key)
        # With a doubt a long legacy value may still vouch for itself.
        return self.secret_key is not Verdict.PROVEN or (self.doubt and key.key_id is not None)

    def _proves_itself(self, key: KeyStanding) -> bool:
        own = self.data_keys.get(key.key_id) if key.key_id is not None else None
        if own is not None and own.refutes:
            return False
        return key.conclusive or (own is not None and own.proves)

    def proves_data_key(self, key: KeyStanding) -> bool:
        """Whether the data key is the one of its secrets, whoever vouches for it."""
        if self._proves_itself(key):
            return True
        return key.under_secret_key and self.secret_key is Verdict.PROVEN and not self.doubt
