"""Sections of key-management providers, such as `[security.encryption.KIND.NAME]`, and their values.

The kind interprets the values (`reencrypt.keys`): it reads a section key by key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from reencrypt.settings.defaults import DEFAULT_PROVIDER
from reencrypt.settings.layers import Layers, Value

#: The kinds of Grafana Enterprise that this program does not have.
#: The option that allows a key service a host which is not its own kind's.
TRUST_VAULT: Final = "--trust-vault"
UNSUPPORTED_KINDS: Final = ("awskms", "googlekms", "hashicorpvault")
#: The kind of provider of the secrets manager that open-source Grafana has.
MANAGER_KIND: Final = "secret_key"
#: The one key of a section of that kind.
SECRET_KEY: Final = "secret_key"  # noqa: S105 - a key's name


@dataclass(frozen=True, slots=True)
class SectionRules:
    """How Grafana finds the sections of a store's providers, and reads them.

    `inherits`: a section has the values of those above it too, and `%(key)s` is replaced. Every provider whose id
    begins with `leading_kind` is of that kind; the kind of any other ends at the first dot.
    """

    prefix: str
    inherits: bool
    leading_kind: str = ""

    def section_of(self, provider: str) -> str:
        """The name of the section of a provider."""
        return self.prefix + provider

    def kind_of(self, provider: str) -> str:
        """The kind of a provider, by its id."""
        if self.leading_kind and provider.startswith(self.leading_kind):
            return self.leading_kind
        return provider.partition(".")[0]


CLASSIC: Final = SectionRules("security.encryption.", inherits=True)
#: Sources: `pkg/setting/setting_secrets_manager.go` (`KeysHash` of each section) and, for the kind,
#: `pkg/registry/apis/secret/encryption/kmsproviders/kmsproviders.go`.
MANAGER: Final = SectionRules("secrets_manager.encryption.", inherits=False, leading_kind=MANAGER_KIND)


def kind_of(provider: str) -> str:
    """The kind of a provider of the classic store, by its id."""
    return CLASSIC.kind_of(provider)


def section_of(provider: str) -> str:
    """The name of the section of a provider of the classic store."""
    return CLASSIC.section_of(provider)


@dataclass(frozen=True, slots=True)
class ProviderSection:
    """One provider that has a section (`is_present`), or that its store's settings name (`is_named`), or both.

    `trusted_hosts` are those, as `host` or `host:port`, that the user allows a key service to have (`--trust-vault`).
    """

    provider: str
    is_present: bool
    is_named: bool
    trusted_hosts: tuple[str, ...]
    _layers: Layers = field(repr=False)
    rules: SectionRules = CLASSIC

    @property
    def kind(self) -> str:
        """The kind of provider."""
        return self.rules.kind_of(self.provider)

    @property
    def name(self) -> str:
        """The section's name, without brackets."""
        return self.rules.section_of(self.provider)

    def get(self, key: str, *, needed: bool = False) -> Value:
        """Return what Grafana reads; raises `ConfigurationError` where that cannot be resolved.

        Where it is `needed`, that includes an expression with nothing behind it.
        """
        read = self._layers.get if self.rules.inherits else self._layers.get_own
        return read(self.name, key, needed=needed)

    def ignored_variable(self, key: str) -> str:
        """Return the name of a variable that is set for a key which no file has, so that Grafana ignores it."""
        return self._layers.ignored_variable(self.name, key)


def read_sections(layers: Layers, named: Iterable[str], trusted_hosts: Iterable[str]) -> dict[str, ProviderSection]:
    """Find every provider that has a section or is `named` in `[security]`, by its id; raises nothing."""
    # [security.encryption.KIND] itself is no provider: sections below it inherit its values.
    configured = [provider for provider in _present(layers, CLASSIC) if "." in provider]
    found = _sections(layers, CLASSIC, configured, named, trusted_hosts)
    found.pop(DEFAULT_PROVIDER, None)
    return found


def read_manager_sections(layers: Layers, named: Iterable[str]) -> dict[str, ProviderSection]:
    """Find every provider of the secrets manager that has a section or is `named`, by its id; raises nothing.

    All sections count: there is no list of the available ones, as the classic store has.
    """
    return _sections(layers, MANAGER, [each for each in _present(layers, MANAGER) if each], named, ())


def _present(layers: Layers, rules: SectionRules) -> list[str]:
    return [name.removeprefix(rules.prefix) for name in layers.sections() if name.startswith(rules.prefix)]


def _sections(
    layers: Layers, rules: SectionRules, configured: Iterable[str], named: Iterable[str], trusted_hosts: Iterable[str]
) -> dict[str, ProviderSection]:
    present, names, hosts = frozenset(_present(layers, rules)), tuple(named), tuple(trusted_hosts)
    return {
        provider: ProviderSection(provider, provider in present, provider in names, hosts, layers, rules)
        for provider in dict.fromkeys([*configured, *names])
    }
