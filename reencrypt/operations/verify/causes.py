"""Tells one cause behind many unreadable secrets, a setting, from secrets that are damaged one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.keys.manager_options import OPTION
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, Unwrapped
from reencrypt.keys.ring import Failure, KeyRing
from reencrypt.operations.verify.readability import Fault
from reencrypt.operations.verify.verification import Verification
from reencrypt.planning.preflight import of_stale_secret_key
from reencrypt.planning.session import Session
from reencrypt.settings import Settings
from reencrypt.state.runs import Run

_SECRET_KEY: Final = "[security] secret_key"  # noqa: S105 - its name
#: One secret, or one data key in a vault, that does not read may as well be damaged.
_FEW: Final = 2


@dataclass(frozen=True, slots=True)
class Cause:
    """A setting that explains why all these secrets do not read, and how many they are."""

    fault: Fault
    secrets: int


def causes_of(found: Verification, session: Session, rekeyed: Run | None) -> list[Cause]:
    """Find the settings behind what a verification could not read: a wrong `secret_key`, and wrong keys in vaults.

    In the secrets manager it is the wrong secret of a section. `rekeyed` is the latest change of `secret_key`.
    """
    ring, is_classic = session.ring, session.store is StoreName.CLASSIC
    by_provider: dict[str, list[str | None]] = {SECRET_KEY_PROVIDER: [None]} if is_classic else {}
    for row in ring.rows:
        by_provider.setdefault(row.provider, []).append(row.id)
    causes = []
    for provider, key_ids in by_provider.items():
        used = [key_id for key_id in key_ids if any(each.by_key[key_id] for each in found.locations.values())]
        cause = (
            _of_secret_key(found, ring, used, session.settings, rekeyed)
            if is_classic and provider == SECRET_KEY_PROVIDER
            else _of_section(found, provider, session, used)
        )
        if cause is not None:
            causes.append(cause)
    return causes


def _of_secret_key(
    found: Verification, ring: KeyRing, key_ids: list[str | None], settings: Settings, rekeyed: Run | None
) -> Cause | None:
    failing = sum(found.failing[key_id] for key_id in key_ids)
    # A tag that matches says that this secret_key is the right one, and so does what it decrypts.
    proven = any(found.is_proven(key_id) or _opens(ring, key_id) for key_id in key_ids)
    if stale := of_stale_secret_key(rekeyed, settings):
        return Cause(Fault(_SECRET_KEY, stale.message, stale.hint), 0 if proven else failing)
    total = sum(each.by_key[key_id] for each in found.locations.values() for key_id in key_ids)
    # Short values are plausible by chance under a wrong key too, so some may seem to read.
    if failing < _FEW or 2 * failing <= total or proven:
        return None
    fault = Fault(
        _SECRET_KEY,
        f"{failing} of {total} secrets under secret_key (from {settings.secret_key_origin}) do not read, and none "
        "shows that it is the right one",
        "Give Grafana's own secret_key, in its file or as GF_SECURITY_SECRET_KEY. If this is it, restore data_keys "
        "from a backup.",
    )
    return Cause(fault, failing)


def _opens(ring: KeyRing, key_id: str | None) -> bool:
    entry = ring.entry(key_id) if key_id is not None and ring.knows(key_id) else None
    return isinstance(entry, Unwrapped) and entry.conclusive


def _of_section(found: Verification, provider: str, session: Session, key_ids: list[str | None]) -> Cause | None:
    ring, configured = session.ring, session.providers.configured
    entries = {key_id: ring.entry(key_id) for key_id in key_ids if key_id is not None and ring.knows(key_id)}
    failures = {key_id: entry for key_id, entry in entries.items() if isinstance(entry, Failure)}
    if len(failures) < len(key_ids) or any(entry.has_unwrapped for entry in failures.values()):
        # The key does unwrap: it is the right one.
        return None
    # What no key would unwrap says nothing of this one.
    failures = {key_id: entry for key_id, entry in failures.items() if entry.another_key}
    if len(failures) < _FEW:
        return None
    table = session.schema.key_table.table_name
    is_vault = configured.store is StoreName.CLASSIC or provider in configured.borrowed
    question = (
        "Is it the key that Grafana uses, in the vault that it uses?"
        if is_vault
        else "Does the section have the secret that Grafana uses? A variable counts only for a key that a file has."
    )
    fault = Fault(
        f"{OPTION} {provider}" if provider in configured.borrowed else f"[{configured.section_of(provider)}]",
        f"none of the {len(failures)} data keys under {provider} unwraps: {next(iter(failures.values())).detail}",
        f"{question} If it does, restore {table} from a backup.",
        session.store,
    )
    return Cause(fault, sum(found.failing[key_id] for key_id in failures))
