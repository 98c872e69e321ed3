"""Sections of key-management providers, `[security.encryption.KIND.NAME]`, and their values.

The kind interprets the values (`reencrypt.keys`): it reads a section key by key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from reencrypt.settings.defaults import DEFAULT_PROVIDER
from reencrypt.settings.layers import Layers, Value

#: The kinds of Grafana Enterprise that this program does not have.
UNSUPPORTED_KINDS: Final = ("awskms", "googlekms", "hashicorpvault")
_PREFIX: Final = "security.encryption."


def kind_of(provider: str) -> str:
    """The kind of a provider, by its id."""
    return provider.partition(".")[0]


def section_of(provider: str) -> str:
    """The name of the section of a provider."""
    return _PREFIX + provider


@dataclass(frozen=True, slots=True)
class ProviderSection:
    """One provider that has a section (`is_present`), or that `[security]` names (`is_named`), or both.

    `trusted_hosts` are those, as `host` or `host:port`, that the user allows a key service to have (`--trust-vault`).
    """

    provider: str
    is_present: bool
    is_named: bool
    trusted_hosts: tuple[str, ...]
    _layers: Layers = field(repr=False)

    @property
    def kind(self) -> str:
        """The kind of provider."""
        return kind_of(self.provider)

    @property
    def name(self) -> str:
        """The section's name, without brackets."""
        return section_of(self.provider)

    def get(self, key: str) -> Value:
        """Return what Grafana reads; raises `ConfigurationError` where that cannot be resolved."""
        return self._layers.get(self.name, key)

    def ignored_variable(self, key: str) -> str:
        """Return the name of a variable that is set for a key which no file has, so that Grafana ignores it."""
        return self._layers.ignored_variable(self.name, key)


def read_sections(layers: Layers, named: Iterable[str], trusted_hosts: Iterable[str]) -> dict[str, ProviderSection]:
    """Find every provider that has a section or is `named` in `[security]`, by its id; raises nothing."""
    present = [section.removeprefix(_PREFIX) for section in layers.sections() if section.startswith(_PREFIX)]
    # [security.encryption.KIND] itself is no provider: sections below it inherit its values.
    configured = [provider for provider in present if "." in provider]
    names, hosts = frozenset(named), tuple(trusted_hosts)
    return {
        provider: ProviderSection(provider, provider in present, provider in names, hosts, layers)
        for provider in dict.fromkeys([*configured, *named])
        if provider != DEFAULT_PROVIDER
    }
