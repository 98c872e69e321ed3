"""Checks of the data keys under one provider, by unwrapping all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from reencrypt.errors import ReencryptError
from reencrypt.keys.diagnostics import Check, State, failed
from reencrypt.keys.provider import Unwrapped
from reencrypt.keys.providers import Providers
from reencrypt.keys.ring import DataKey, Failure, KeyRing
from reencrypt.wording import counted

_NAMED: Final = 5  # data keys in one line


async def unwrapping(providers: Providers, rows: Sequence[DataKey]) -> list[Check]:
    """Unwrap every data key under a provider, to find which versions of its key are still needed."""
    if not rows:
        return [Check("data keys", State.OK, "none are under it yet")]

    async def read() -> list[DataKey]:
        return list(rows)

    ring = KeyRing(providers.get, read)
    try:
        await ring.ensure([row.id for row in rows])
    except ReencryptError as error:
        return [failed("data keys", error)]
    entries = {row.id: ring.entry(row.id) for row in rows}
    versions = Counter(entry.version for entry in entries.values() if isinstance(entry, Unwrapped))
    has_versions = all(providers.configured.quota(row.provider) is not None for row in rows)
    checks = [
        Check("needed version", State.OK, f"{version or 'unknown'}: {counted(count, 'data key')}")
        if has_versions or version
        else Check("data keys", State.OK, f"{count} unwrap")
        for version, count in versions.items()
    ]
    reasons: dict[str, list[str]] = {}
    for key_id, entry in entries.items():
        if isinstance(entry, Failure):
            reasons.setdefault(entry.detail, []).append(key_id)
    for detail, ids in reasons.items():
        named = ", ".join(ids[:_NAMED]) + (" …" if len(ids) > _NAMED else "")
        checks.append(Check("data keys", State.WARNING, f"{len(ids)} do not unwrap ({named}): {detail}"))
    return checks
