"""Finds the key that decrypts a secret: unwraps what a page needs and judges keys before their secrets are touched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor as Pool

from reencrypt.catalogue.reading import FoundSecret
from reencrypt.catalogue.reason import Reason
from reencrypt.crypto.ciphers import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.keys.proof import KeyStanding, Proof, Sample, weigh
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, Unwrapped
from reencrypt.keys.ring import DataKey, Failure, KeyRing
from reencrypt.worker.accepted import NOTHING, Accepted
from reencrypt.worker.transform import ParsedRow, UnusableKey, UsableKey


class Resolver:
    """The keys of a run: ring, proof and what the user decided about keys.

    A run that `only_looks` moves nothing: what has come up since it was prepared is left for the next one.
    """

    def __init__(
        self,
        *,
        ring: KeyRing,
        proof: Proof,
        secret_key: bytes,
        cache: DerivedKeyCache,
        reload: Callable[[], Awaitable[Iterable[DataKey]]],
        pool: Pool,
        only_looks: bool = False,
        accepted: Accepted = NOTHING,
    ) -> None:
        self.ring = ring
        self._accepted = accepted
        self._only_looks = only_looks
        self.proof = proof
        self._secret_key = secret_key
        self._cache = cache
        self._reload = reload
        self._pool = pool

    async def prepare(
        self,
        rows: Sequence[ParsedRow],
        is_current: Callable[[str | None, Algorithm], bool],
        is_held: Callable[[ParsedRow, FoundSecret], bool],
    ) -> None:
        """Unwrap the data keys of a page's secrets that are to move, and weigh those that are met for the first time.

        `is_held` tells what is in quarantine: that is read also where it need not move, and is no sample there.
        Raises a `ReencryptError` where a provider fails as a whole.
        """
        if self._only_looks:
            return
        named = {secret.envelope.key_id for row in rows for secret in row.secrets if secret.envelope is not None} - {
            None
        }
        unknown = {key_id for key_id in named if key_id is not None and not self.ring.knows(key_id)}
        if not unknown:
            return
        samples: dict[str, list[Sample]] = {key_id: [] for key_id in sorted(unknown)}
        wanted: set[str] = set()
        for row in rows:
            for secret in row.secrets:
                envelope = secret.envelope
                if envelope is None or envelope.key_id not in unknown:
                    continue
                current = is_current(envelope.key_id, envelope.algorithm)
                held = current and is_held(row, secret)
                if held or not current:
                    wanted.add(envelope.key_id)
                if not held and not self._accepted.covers(secret.text_in(row.row)):
                    samples[envelope.key_id].append(Sample(envelope, secret.kind))
        # Whatever was weighed under such an id was so under another row.
        self.proof.forget(unknown)
        if any(self.ring.row(key_id) is None for key_id in unknown):
            self.proof.forget(self.ring.load(await self._reload()))
        in_order = [key_id for key_id in samples if key_id in wanted]
        await self.ring.ensure([key_id for key_id in in_order if self._skipped_as(key_id) is None], self._reload)
        for key_id in in_order:
            await self._weigh(key_id, samples[key_id])
        # A second answer is asked for only where the secrets do not prove the first one.
        await self.ring.confirm(key_id for key_id in in_order if not self.proof.is_shown_by_secrets(key_id))

    def _skipped_as(self, key_id: str | None) -> str | None:
        """The name, its own or its provider's, under which the user wants a data key, or `secret_key`, left alone."""
        row = self.ring.row(key_id) if key_id is not None else None
        names = (SECRET_KEY_PROVIDER,) if key_id is None else (key_id, row.provider) if row else (key_id,)
        return next((name for name in names if name in self.proof.skipped), None)

    async def _weigh(self, key_id: str, samples: list[Sample]) -> None:
        if not self.ring.knows(key_id) or self.proof.knows(key_id):
            return
        entry = self.ring.entry(key_id)
        if isinstance(entry, Unwrapped):
            samples.sort(key=lambda sample: len(sample.envelope.body), reverse=True)
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(
                self._pool, lambda: weigh(samples, entry.data_key, self._cache, exhaustive=False)
            )
            row = self.ring.row(key_id)
            self.proof.learn(key_id, found, under_secret_key=row is not None and row.provider == SECRET_KEY_PROVIDER)

    def key_of(self, key_id: str | None) -> UsableKey | UnusableKey:
        """The key for an envelope, after `prepare` has seen its page; called from threads."""
        if self._only_looks:
            return UnusableKey(None, "saved_meanwhile")
        skipped = self._skipped_as(key_id)
        if skipped is not None:
            return UnusableKey(None, f"skipped_key {skipped}")
        if key_id is None:
            return UsableKey(self._secret_key, standing_of_secret_key())
        row = self.ring.row(key_id)
        if not self.ring.knows(key_id) or row is None:
            return UnusableKey(Reason.UNKNOWN_DATA_KEY, f"data_keys has no key {key_id}")
        entry = self.ring.entry(key_id)
        if isinstance(entry, Failure):
            reason = Reason.UNKNOWN_DATA_KEY if entry.unknown else Reason.UNWRAP_FAILED
            return UnusableKey(reason, f"data key {key_id}: {entry.detail}")
        return UsableKey(entry.data_key, standing_of(row, entry))


def standing_of_secret_key() -> KeyStanding:
    """`secret_key` over legacy values."""
    return KeyStanding(None, SECRET_KEY_PROVIDER, conclusive=False, under_secret_key=True)


def standing_of(row: DataKey, entry: Unwrapped) -> KeyStanding:
    """A data key and what its unwrap proves."""
    return KeyStanding(
        row.id, row.provider, conclusive=entry.is_proof, under_secret_key=row.provider == SECRET_KEY_PROVIDER
    )
