"""The keys of a report: the versions that wrap data keys before and after a run, and their ages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from reencrypt.errors import ReencryptError, StoppedEarlyError
from reencrypt.keys.provider import LEGACY_PROVIDER, KeyProvider
from reencrypt.planning.inventory import SecretState, StoreInventory
from reencrypt.planning.session import Session
from reencrypt.planning.target import created_at
from reencrypt.state.stamp import read_stamp, stamp

_DAY: Final = timedelta(days=1)


async def key_versions(
    session: Session, before: Mapping[str, Any] | None, after: StoreInventory
) -> list[dict[str, Any]]:
    """The key-encryption keys of data keys in use: each provider and version, its age, its data keys.

    `before` is the inventory that the audit recorded, if it did. Raises `StoppedEarlyError`; a key service that does
    not answer has no dates.
    """
    listed = before["key_versions"] if before else ()
    then = Counter({(each["provider"], each["version"] or ""): each["data_keys"] for each in listed})
    now = after.key_versions
    dates = {provider: await _dates(session, provider) for provider in {name for name, _ in [*then, *now]}}
    found = []
    for provider, version in sorted({*then, *now}):
        made = dates[provider].get(version)
        found.append(
            {
                "provider": provider,
                "version": version or None,
                "created": f"{made:%Y-%m-%dT%H:%M:%SZ}" if made is not None else None,
                "data_keys_before": then[provider, version] if before else None,
                "data_keys_after": now[provider, version],
            }
        )
    return found


async def _dates(session: Session, name: str) -> dict[str, datetime]:
    """When the versions of a provider's key were made; nothing where nobody can be asked."""
    try:
        provider: KeyProvider = session.providers.get(name)
        return await provider.version_dates()
    except StoppedEarlyError:
        raise
    except ReencryptError:
        # A vault that is left behind need not answer any more; its dates are unknown then.
        return {}


def judged(
    period: timedelta | None, inventory: StoreInventory, versions: Sequence[Mapping[str, Any]], now: object
) -> dict[str, Any] | None:
    """Each key that is in use now, by its age; None without a period. `now` is the database's time, if it gives one."""
    if period is None:
        return None
    # This machine's time where the database gives none.
    today = created_at(now) or read_stamp(stamp())
    found = [
        {"key": f"data key {each.id}", "provider": each.provider, **_age(each.created, today, period)}
        for each in inventory.keys_in_use
    ]
    for each in versions:
        if each["data_keys_after"]:
            made = datetime.fromisoformat(each["created"]).replace(tzinfo=None) if each["created"] else None
            what = f"version {each['version']}" if each["version"] else "key of no known version"
            found.append({"key": what, "provider": each["provider"], **_age(made, today, period)})
    if any(
        provider == LEGACY_PROVIDER and number
        for (_, provider, state), number in inventory.secrets.items()
        if state is not SecretState.NOT_APPLICABLE
    ):
        # Directly, without a data key: nobody knows how old it is.
        found.append({"key": LEGACY_PROVIDER, "provider": LEGACY_PROVIDER, "age_days": None, "verdict": "unknown"})
    counts = Counter(str(each["verdict"]) for each in found)
    return {
        "days": round(period / _DAY, 3),
        "within": counts["within"],
        "exceeded": counts["exceeded"],
        "unknown": counts["unknown"],
        "keys": found,
    }


def _age(created: datetime | None, today: datetime, period: timedelta) -> dict[str, Any]:
    if created is None:
        return {"age_days": None, "verdict": "unknown"}
    age = today - created
    return {"age_days": round(age / _DAY, 1), "verdict": "within" if age <= period else "exceeded"}
