"""Key checks: what the samples of a census say about every key, before anything is written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor as Pool
from dataclasses import dataclass

from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import MalformedEnvelopeError
from reencrypt.keys.proof import Evidence, KeyStanding, Proof, weigh
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, Unwrapped
from reencrypt.keys.ring import DataKey, Failure, KeyRing
from reencrypt.planning.census import Samples
from reencrypt.planning.session import Session


@dataclass(slots=True)
class KeyChecks:
    """The key checks of one operation. It owns `proof`, and keeps there what it found out."""

    session: Session
    samples: Samples
    proof: Proof

    @classmethod
    async def judge(
        cls,
        session: Session,
        samples: Samples,
        key_ids: Sequence[str],
        *,
        accepted: frozenset[str],
        skipped: frozenset[str],
    ) -> KeyChecks:
        """Unwrap these data keys and judge all that were unwrapped, and `secret_key`; `confirm` has to follow.

        Raises a `ReencryptError` where a key service fails as a whole.
        """
        await session.ring.ensure(key_ids)
        proof = await weigh_keys(
            samples,
            session.ring,
            session.secret_key,
            session.cache,
            session.pool,
            accepted=accepted,
            skipped=skipped,
        )
        return cls(session, samples, proof)

    async def reload(self) -> None:
        """Read `data_keys` again, and forget the verdicts on keys that were wrapped anew."""
        self.proof.forget(await self.session.ring.reload())

    async def prove(self, key_ids: Sequence[str]) -> None:
        """Unwrap data keys and prove them by their secrets, or by a second answer where those do not suffice.

        Raises `ContradictionError` where a key service answers differently, and its own error where it fails.
        """
        session = self.session
        await session.ring.ensure(key_ids)
        new = [key_id for key_id in key_ids if not self.proof.knows(key_id)]
        found = await weigh_data_keys(self.samples, session.ring, new, session.cache, session.pool)
        for key_id, evidence in found.items():
            row = session.ring.row(key_id)
            self.proof.learn(key_id, evidence, under_secret_key=row is not None and row.provider == SECRET_KEY_PROVIDER)
        await self.confirm(key_ids)

    def proves(self, row: DataKey) -> bool:
        """Whether new secrets may be written under a data key that was unwrapped; by RSA1_5 its secrets decide."""
        entry = self.session.ring.entry(row.id)
        # Never under a reading: how Grafana would read these bytes is not known.
        proven = isinstance(entry, Unwrapped) and self.proof.proves_data_key(KeyStanding.of(row, entry))
        return proven and not entry.reading

    async def confirm(self, key_ids: Iterable[str]) -> None:
        """Ask a second time for the data keys that have only one answer as proof.

        Raises `ContradictionError` where a key service answers differently, and its own error where it fails.
        """
        await self.session.ring.confirm(each for each in key_ids if not self.proof.is_shown_by_secrets(each))


async def weigh_keys(
    samples: Samples,
    ring: KeyRing,
    secret_key: bytes,
    cache: DerivedKeyCache,
    pool: Pool,
    *,
    accepted: frozenset[str] = frozenset(),
    skipped: frozenset[str] = frozenset(),
) -> Proof:
    """Judge `secret_key` by all that it decrypts, and each data key by its own secrets.

    `ring` holds the unwrapped data keys; others take no part.
    """
    loop = asyncio.get_running_loop()
    groups: dict[str | None, Evidence] = {}
    legacy = samples.of(None)
    if legacy:
        groups[None] = await loop.run_in_executor(pool, lambda: weigh(legacy, secret_key, cache, exhaustive=True))
    found = await weigh_data_keys(samples, ring, [row.id for row in ring.rows], cache, pool)
    others: dict[str, Evidence] = {}
    opened: set[str] = set()
    for row in ring.rows:
        if not ring.knows(row.id):
            continue
        entry = ring.entry(row.id)
        under_secret_key = row.provider == SECRET_KEY_PROVIDER
        if isinstance(entry, Failure):
            if under_secret_key and _is_gcm(row):
                # The tag says that this secret_key is the wrong one.
                groups[row.id] = Evidence(bits=-8.0, implausible=1, hints=1)
        elif under_secret_key:
            if entry.conclusive:
                opened.add(row.id)
            groups[row.id] = found[row.id]
        else:
            others[row.id] = found[row.id]
    return Proof.judge(groups, others, opened=opened, accepted=accepted, skipped=skipped)


async def weigh_data_keys(
    samples: Samples, ring: KeyRing, key_ids: Iterable[str], cache: DerivedKeyCache, pool: Pool
) -> dict[str, Evidence]:
    """The evidence of the samples for each of these data keys that was unwrapped.

    Where something of another length unwrapped, its secrets decide: they prove how it is read, or it stays a failure.
    """
    loop = asyncio.get_running_loop()
    known = [key_id for key_id in key_ids if ring.knows(key_id)]
    unwrapped = {key_id: entry for key_id in known if isinstance(entry := ring.entry(key_id), Unwrapped)}
    readings = {key_id: reading for key_id in known if (reading := ring.reading(key_id)) is not None}

    def weighed(key_id: str, data_key: bytes) -> Evidence:
        return weigh(samples.of(key_id), data_key, cache, exhaustive=False)

    asked = unwrapped | readings
    found = await asyncio.gather(
        *(loop.run_in_executor(pool, weighed, key_id, entry.data_key) for key_id, entry in asked.items())
    )
    evidence = dict(zip(asked, found, strict=True))
    for key_id in readings:
        if evidence[key_id].proves:
            ring.trust_reading(key_id)
        else:
            del evidence[key_id]
    return evidence


def _is_gcm(row: DataKey) -> bool:
    try:
        return envelopes.parse(row.wrapped).algorithm is Algorithm.AES_GCM
    except MalformedEnvelopeError:
        return False
