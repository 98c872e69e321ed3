"""Checks that Grafana could read the secrets with its configuration: faults beyond single secrets.

Sources: `pkg/services/secrets/manager/manager.go` (providers are loaded at the start unless envelope encryption is off;
an envelope is then not decrypted; a data key is looked up by name, and the first row wins).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from reencrypt.keys.configuration import ProviderConfiguration
from reencrypt.keys.provider import SECRET_KEY_PROVIDER
from reencrypt.keys.ring import KeyRing
from reencrypt.settings import Settings

_TOGGLE: Final = "[feature_toggles] disableEnvelopeEncryption"
_AVAILABLE: Final = "[security] available_encryption_providers"


@dataclass(frozen=True, slots=True)
class Fault:
    """A setting that keeps Grafana from reading, or writing, sound secrets."""

    setting: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"configuration: {self.setting}: {self.message}. {self.hint}"

    def as_json(self) -> dict[str, str]:
        """For `--output json`."""
        return {"setting": self.setting, "message": self.message, "hint": self.hint}


def faults_of(
    settings: Settings, configured: ProviderConfiguration, needed: Iterable[str], *, has_envelopes: bool, target: str
) -> list[Fault]:
    """Find the faults of a configuration for a database whose data keys are under the `needed` providers.

    Grafana also has to load the provider that it writes under: the `target`, when another key retires for it. With
    envelope encryption off it loads none, and reads no envelope.
    """
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
    """The providers of these data keys, as far as `data_keys` has them."""
    return {row.provider for key_id in key_ids if (row := ring.row(key_id)) is not None}


def ambiguous(name: str) -> str:
    """The problem of a data key with several rows, in a sentence for people."""
    return (
        f"data key {name} has more than one row in data_keys, and Grafana uses the one that comes first: "
        "delete those that do not unwrap, or are copies, and give the table its primary key back"
    )
