"""Checks that Grafana could read the secrets with its configuration: faults beyond single secrets.

Sources: `pkg/services/secrets/manager/manager.go` (providers are loaded at the start unless envelope encryption is off;
an envelope is then not decrypted; a data key is looked up by name, and the first row wins). For the secrets manager:
`pkg/registry/apis/secret/encryption/kmsproviders/kmsproviders.go` (every section is loaded at the start, which fails
without the section of `encryption_provider`, or with one that has no secret).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.keys.configuration import ProviderConfiguration
from reencrypt.keys.provider import SECRET_KEY_PROVIDER
from reencrypt.keys.ring import KeyRing
from reencrypt.planning.preflight import public_secret
from reencrypt.planning.session import Session
from reencrypt.settings import Settings
from reencrypt.settings.defaults import NO_MANAGER_PROVIDER
from reencrypt.state.key_table import KeyTable

_TOGGLE: Final = "[feature_toggles] disableEnvelopeEncryption"
_AVAILABLE: Final = "[security] available_encryption_providers"
_MANAGER: Final = "[secrets_manager]"


@dataclass(frozen=True, slots=True)
class Fault:
    """A setting that keeps Grafana from reading, or writing, sound secrets of a store."""

    setting: str
    message: str
    hint: str
    store: StoreName = StoreName.CLASSIC

    def __str__(self) -> str:
        return f"configuration: {self.setting}: {self.message}. {self.hint}"

    def as_json(self) -> dict[str, str]:
        """For `--output json`."""
        return {"store": self.store, "setting": self.setting, "message": self.message, "hint": self.hint}


def faults_of(session: Session, needed: Iterable[str], *, has_envelopes: bool, target: str) -> list[Fault]:
    """Find the faults of a configuration for a store whose data keys are under the `needed` providers.

    Grafana also has to load the provider that it writes under: the `target`, when another key retires for it. A
    secrets manager that holds nothing has no faults: a Grafana that uses none may have any settings for it.
    """
    configured = session.providers.configured
    if session.store is StoreName.MANAGER:
        return _of_manager(session, configured, needed, target) if session.ring.rows or has_envelopes else []
    return _of_classic(session.settings, configured, needed, has_envelopes=has_envelopes, target=target)


def _of_manager(session: Session, configured: ProviderConfiguration, needed: Iterable[str], target: str) -> list[Fault]:
    store, settings = session.store, session.store_settings
    found = []
    if settings.fault is not None:
        found.append(Fault(_MANAGER, settings.fault.message, settings.fault.hint, store))
    providers = {*needed, target, settings.encryption_provider} - {""}
    for provider in sorted(providers):
        if not (problem := configured.problem(provider)):
            continue
        is_nobody = provider == NO_MANAGER_PROVIDER
        setting = f"{_MANAGER} encryption_provider" if is_nobody else f"[{configured.section_of(provider)}]"
        where = session.settings.config_file or "the configuration file of Grafana"
        hint = "Give --grafana-config and --grafana-home as Grafana has them."
        found.append(
            Fault(
                setting,
                f"{configured.in_words(provider)} cannot be loaded: {problem.removesuffix('.')}",
                hint if is_nobody else f"Complete [{configured.section_of(provider)}] in {where}.",
                store,
            )
        )
    return found


def public_secret_notes(session: Session) -> list[str]:
    """Sentences on data keys of the secrets manager under the secret that Grafana ships, which everybody knows."""
    if session.store is not StoreName.MANAGER:
        return []
    numbers = Counter(row.provider for row in session.ring.rows)
    return [
        f"{number} data keys of the secrets manager are under {provider}: {'; '.join(public_secret(provider))}"
        for provider, number in sorted(numbers.items())
        if session.settings.manager.secret_is_default(provider)
    ]


def _of_classic(
    settings: Settings, configured: ProviderConfiguration, needed: Iterable[str], *, has_envelopes: bool, target: str
) -> list[Fault]:
    """With envelope encryption off Grafana loads no provider, and reads no envelope."""
    found: list[Fault] = []
    providers = set(needed)
    if settings.envelope_encryption:
        providers |= {target, settings.encryption_provider}
    elif has_envelopes:
        found.append(
            Fault(
                _TOGGLE,
                "the feature toggle disableEnvelopeEncryption is on, so Grafana neither reads nor writes envelopes",
                "Remove the toggle and restart Grafana.",
            )
        )
    for provider in sorted(providers - {SECRET_KEY_PROVIDER}):
        if provider not in settings.available_providers:
            found.append(
                Fault(
                    _AVAILABLE,
                    f"{provider} is not among available_encryption_providers, so Grafana would not load it",
                    f"Set `available_encryption_providers = {' '.join((*settings.available_providers, provider))}`.",
                )
            )
        if problem := configured.problem(provider):
            found.append(
                Fault(
                    f"[security.encryption.{provider}]",
                    f"provider {provider} cannot be loaded: {problem}",
                    f"Complete [security.encryption.{provider}] in "
                    f"{settings.config_file or 'the configuration file of Grafana'}.",
                )
            )
    return found


def providers_of(ring: KeyRing, key_ids: Iterable[str]) -> set[str]:
    """The providers of these data keys, as far as their table has them."""
    return {row.provider for key_id in key_ids if (row := ring.row(key_id)) is not None}


def ambiguous(name: str, table: KeyTable) -> str:
    """The problem of a data key with several rows, in a sentence for people."""
    return (
        f"data key {name} has more than one row in {table.table_name}, and Grafana uses the one that comes first: "
        "delete those that do not unwrap, or are copies, and give the table its primary key back"
    )
