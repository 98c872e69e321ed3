"""The gate: what the samples say about every key. Nothing is written before it opens."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import Executor as Pool

from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto.ciphers import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import MalformedEnvelopeError
from reencrypt.keys.proof import Evidence, Proof, weigh
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, Unwrapped
from reencrypt.keys.ring import DataKey, Failure, KeyRing
from reencrypt.planning.census import Census


async def weigh_keys(
    census: Census,
    ring: KeyRing,
    secret_key: bytes,
    cache: DerivedKeyCache,
    pool: Pool,
    *,
    accepted: frozenset[str],
    skipped: frozenset[str],
) -> Proof:
    """Judge `secret_key` over all that it decrypts, and each data key over its own secrets.

    `ring` holds what was unwrapped; a data key that nobody unwrapped takes no part.
    """
    loop = asyncio.get_running_loop()
    groups: dict[str | None, Evidence] = {}
    legacy = census.samples.of(None)
    if legacy:
        groups[None] = await loop.run_in_executor(pool, lambda: weigh(legacy, secret_key, cache, exhaustive=True))
    found = await weigh_data_keys(census, ring, [row.id for row in ring.rows], cache, pool)
    others: dict[str, Evidence] = {}
    opened: set[str] = set()
    for row in ring.rows:
        if not ring.knows(row.id):
            continue
        entry = ring.entry(row.id)
        under_secret_key = row.provider == SECRET_KEY_PROVIDER
        if isinstance(entry, Failure):
            if under_secret_key and _is_gcm(row):
                # The tag says that this secret_key is not the one.
                groups[row.id] = Evidence(bits=-8.0, implausible=1, hints=1)
        elif under_secret_key:
            if entry.conclusive:
                opened.add(row.id)
            groups[row.id] = found[row.id]
        else:
            others[row.id] = found[row.id]
    return Proof.judge(groups, others, opened=opened, accepted=accepted, skipped=skipped)


async def weigh_data_keys(
    census: Census, ring: KeyRing, key_ids: Iterable[str], cache: DerivedKeyCache, pool: Pool
) -> dict[str, Evidence]:
    """What the samples say about each of these data keys that was unwrapped."""
    loop = asyncio.get_running_loop()
    unwrapped = {
        key_id: entry for key_id in key_ids if ring.knows(key_id) and isinstance(entry := ring.entry(key_id), Unwrapped)
    }

    def weighed(key_id: str, data_key: bytes) -> Evidence:
        return weigh(census.samples.of(key_id), data_key, cache, exhaustive=False)

    found = await asyncio.gather(
        *(loop.run_in_executor(pool, weighed, key_id, entry.data_key) for key_id, entry in unwrapped.items())
    )
    return dict(zip(unwrapped, found, strict=True))


def _is_gcm(row: DataKey) -> bool:
    try:
        return envelopes.parse(row.wrapped).algorithm is Algorithm.AES_GCM
    except MalformedEnvelopeError:
        return False
