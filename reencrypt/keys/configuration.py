"""Providers of a configuration: the usable ones, and the fault of each other one.

An incomplete provider, or one of an unsupported kind, is no error here: it gets a sentence, which is an error for the
command that needs the provider.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from reencrypt.errors import ConfigurationError
from reencrypt.keys.kind import ConfiguredProvider, ProviderKind, Quota
from reencrypt.keys.provider import SECRET_KEY_PROVIDER
from reencrypt.keys.registry import BUILT_IN, find_outside
from reencrypt.settings import Settings, ShownValue
from reencrypt.settings.providers import UNSUPPORTED_KINDS, kind_of, section_of
from reencrypt.settings.show import show_key


@dataclass(frozen=True, slots=True)
class ProviderConfiguration:
    """The usable providers, the fault of each other one in a sentence, and all their values for `config show`.

    `kinds` are those that are known here, by name: the built-in ones, used or not, and those from outside that the
    configuration names. `broken` are kinds from outside that cannot be loaded.
    """

    config_file: Path | None
    kinds: Mapping[str, ProviderKind]
    broken: Mapping[str, ConfigurationError]
    usable: Mapping[str, ConfiguredProvider]
    unusable: Mapping[str, str]
    shown: tuple[ShownValue, ...]

    def kind(self, provider: str) -> ProviderKind | None:
        """Return the kind of a provider, which need not be configured."""
        return self.kinds.get(kind_of(provider))

    def quota(self, provider: str) -> Quota | None:
        """Return the quota of a provider's service; None where it uses no service."""
        kind = self.kind(provider)
        return kind.quota if kind else None

    def require(self, provider: str) -> ConfiguredProvider:
        """Return a usable provider, or raise a `ConfigurationError` that names the fault and its place."""
        if provider in self.usable:
            return self.usable[provider]
        if provider in self.unusable:
            broken = self.broken.get(kind_of(provider))
            raise ConfigurationError(
                f"provider {provider} cannot be used: {self.unusable[provider]}",
                hint=broken.hint
                if broken
                else f"Complete [{section_of(provider)}] in {self.config_file or 'the configuration file of Grafana'}. "
                "Grafana, and so this tool, uses a GF_… variable only for a key that has a value in the file.",
            )
        known = ", ".join(self.usable)
        example = section_of(f"{next(iter(self.kinds))}.NAME")
        raise ConfigurationError(
            f"provider {provider} is not configured",
            hint=f"Configured are: {known}." if known else f"Add a section [{example}] to the file of Grafana.",
        )

    def problem(self, provider: str) -> str:
        """Return the fault of a provider's section in a sentence; empty where it has none.

        A kind that Grafana knows and reencrypt does not is no problem of the configuration.
        """
        kind = kind_of(provider)
        if provider == SECRET_KEY_PROVIDER or provider in self.usable:
            return ""
        if kind in UNSUPPORTED_KINDS and kind not in self.kinds and kind not in self.broken:
            return ""
        problem = self.unusable.get(provider) or _problem_of_kind(provider, self.kinds, self.broken)
        return problem or _no_section(provider)


def read_providers(settings: Settings) -> ProviderConfiguration:
    """Read every provider that has a section or is named; raises nothing."""
    kinds, broken = _find_kinds({section.kind for section in settings.providers.values()})
    usable: dict[str, ConfiguredProvider] = {}
    unusable: dict[str, str] = {}
    shown: list[ShownValue] = []
    for provider, section in settings.providers.items():
        kind = kinds.get(section.kind)
        if not (section.is_named or section.kind in {*kinds, *broken, *UNSUPPORTED_KINDS}):
            continue  # Something else that is configured there.
        problem = _problem_of_kind(provider, kinds, broken) or ("" if section.is_present else _no_section(provider))
        if kind is None or problem:
            unusable[provider] = problem
            continue
        try:
            shown += [show_key(section, key, secret=key in kind.secret_keys) for key in kind.keys]
            usable[provider] = kind.read(section)
        except ConfigurationError as error:
            unusable[provider] = f"{error.message}."
    return ProviderConfiguration(settings.config_file, kinds, broken, usable, unusable, tuple(shown))


def _find_kinds(wanted: Collection[str]) -> tuple[dict[str, ProviderKind], dict[str, ConfigurationError]]:
    """Return the built-in kinds with the wanted ones from outside, and those that cannot be loaded."""
    kinds = {kind.name: kind for kind in BUILT_IN}
    broken: dict[str, ConfigurationError] = {}
    for name in sorted(set(wanted) - set(kinds)):
        try:
            kind = find_outside(name)
        except ConfigurationError as error:
            broken[name] = error
        else:
            kinds |= {name: kind} if kind else {}
    return kinds, broken


def _problem_of_kind(provider: str, kinds: Mapping[str, ProviderKind], broken: Mapping[str, ConfigurationError]) -> str:
    kind, dot, name = provider.partition(".")
    if not dot or not name:
        return f"The provider id {provider} does not have the form KIND.NAME."
    if kind in kinds:
        return ""
    if kind in broken:
        return f"{broken[kind].message}."
    if kind in UNSUPPORTED_KINDS:
        return f"Providers of the kind {kind} are not supported by reencrypt."
    supported = ", ".join(f"{each}.NAME" for each in kinds)
    return (
        f"The kind {kind} is unknown; reencrypt supports {supported} and {SECRET_KEY_PROVIDER}, "
        "and no installed package adds this one."
    )


def _no_section(provider: str) -> str:
    return f"There is no section [{section_of(provider)}] with a value in Grafana's configuration."
