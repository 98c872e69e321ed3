"""The gate: what the samples say about every key that its unwrap does not prove. Nothing is written before it opens."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor as Pool

from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto.ciphers import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import MalformedEnvelopeError
from reencrypt.keys.proof import Evidence, Proof, weigh
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, Unwrapped
from reencrypt.keys.ring import DataKey, Failure, KeyRing
from reencrypt.worker.census import Census


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
    others: dict[str, Evidence] = {}
    legacy = census.samples.of(None)
    if legacy:
        groups[None] = await loop.run_in_executor(pool, lambda: weigh(legacy, secret_key, cache, exhaustive=True))
    for row in ring.rows:
        if not ring.knows(row.id):
            continue
        entry = ring.entry(row.id)
        under_secret_key = row.provider == SECRET_KEY_PROVIDER
        if isinstance(entry, Failure):
            if under_secret_key and _is_gcm(row):
                # The tag says that this secret_key is not the one.
                groups[row.id] = Evidence(bits=-8.0, implausible=1, hints=1)
            continue
        found = await _weigh_data_key(census, row, entry, cache, pool)
        if under_secret_key:
            # A GCM wrapping that opened proves secret_key itself.
            found.authenticated = found.authenticated or entry.conclusive
            groups[row.id] = found
        else:
            others[row.id] = found
    return Proof.judge(groups, others, accepted=accepted, skipped=skipped)


async def _weigh_data_key(
    census: Census, row: DataKey, entry: Unwrapped, cache: DerivedKeyCache, pool: Pool
) -> Evidence:
    samples = census.samples.of(row.id)
    if entry.conclusive or not samples:
        return Evidence()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(pool, lambda: weigh(samples, entry.data_key, cache, exhaustive=False))


def _is_gcm(row: DataKey) -> bool:
    try:
        return envelopes.parse(row.wrapped).algorithm is Algorithm.AES_GCM
    except MalformedEnvelopeError:
        return False
