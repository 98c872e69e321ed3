"""Providers of a store in a configuration: the usable ones, and the fault of each other one.

An incomplete provider, or one of an unsupported kind, is no error here: it gets a sentence, which is an error for the
command that needs the provider.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from reencrypt.catalogue.store_name import StoreName
from reencrypt.errors import ConfigurationError
from reencrypt.keys.kind import ConfiguredProvider, ProviderKind, Quota
from reencrypt.keys.manager_options import OPTION, ManagerVault
from reencrypt.keys.manager_vault import BorrowedKey
from reencrypt.keys.registry import find_outside
from reencrypt.keys.store_kinds import STORE_KINDS, StoreKinds
from reencrypt.settings import Settings, ShownValue
from reencrypt.settings.providers import TRUST_VAULT
from reencrypt.settings.show import show_key
from reencrypt.suggestion import did_you_mean, joined


@dataclass(frozen=True, slots=True)
class ProviderConfiguration:
    """The usable providers of a store, the fault of each other one in a sentence, and all their values to show.

    `kinds` are those that are known here, by name: the built-in ones, used or not, and those from outside that the
    configuration names. `broken` are kinds from outside that cannot be loaded. `borrowed` has the kind of each usable
    provider that is only read by a key of the other store (`with_vaults`).
    """

    store: StoreName
    config_file: Path | None
    kinds: Mapping[str, ProviderKind]
    broken: Mapping[str, ConfigurationError]
    usable: Mapping[str, ConfiguredProvider]
    unusable: Mapping[str, str]
    shown: tuple[ShownValue, ...]
    borrowed: Mapping[str, ProviderKind] = field(default_factory=dict)

    def kind_name(self, provider: str) -> str:
        """The name of the kind of a provider of this store, by its id."""
        return self._rules.sections.kind_of(provider)

    def section_of(self, provider: str) -> str:
        """The name of the section of a provider of this store, without brackets."""
        return self._rules.sections.section_of(provider)

    def in_words(self, provider: str) -> str:
        """A provider in a sentence, with its store where that is not the classic one."""
        return f"provider {provider}{self._rules.whose}"

    def kind(self, provider: str) -> ProviderKind | None:
        """Return the kind of a provider, which need not be configured."""
        return self.borrowed.get(provider) or self.kinds.get(self.kind_name(provider))

    def quota(self, provider: str) -> Quota | None:
        """Return the quota of a provider's service; None where it uses no service."""
        kind = self.kind(provider)
        return kind.quota if kind else None

    def is_covered(self, provider: str) -> bool:
        """Whether what a provider wraps can be read with a complete configuration.

        It cannot under a provider of the secrets manager that is Grafana Enterprise's, unless a key is borrowed for it.
        """
        return self.store is StoreName.CLASSIC or provider in self.usable or self.kind(provider) is not None

    def uncovered_in_words(self, provider: str) -> str:
        """Say why a provider is not covered, and what to do."""
        kind = self.kind_name(provider)
        why = self._rules.foreign(kind) or self._rules.unknown(kind, self.kinds)
        return f"{why} {self._rules.borrowing(provider)}".rstrip()

    def require(self, provider: str) -> ConfiguredProvider:
        """Return a usable provider, or raise a `ConfigurationError` that names the fault and its place."""
        if provider in self.usable:
            return self.usable[provider]
        whom = self.in_words(provider)
        if provider in self.unusable:
            raise ConfigurationError(f"{whom} cannot be used: {self.unusable[provider]}", hint=self._hint(provider))
        if unnamed := self._rules.unnamed(provider):
            raise ConfigurationError(
                unnamed.removesuffix("."), hint="Give --grafana-config and --grafana-home as Grafana has them."
            )
        known = ", ".join(self.usable)
        example = self.section_of(f"{next(iter(self.kinds))}.NAME")
        meant = did_you_mean(provider, self.usable)
        hint = (
            joined(meant, f"Configured are: {known}.")
            if known
            else f"Add a section [{example}] to the file of Grafana."
        )
        raise ConfigurationError(f"{whom} is not configured", hint=self._rules.borrowing(provider) or hint)

    def remedy(self, provider: str) -> str:
        """Return what to do about an unusable provider that nothing needs now."""
        return self._other_remedy(provider) or "Complete it, or take it out."

    def problem(self, provider: str) -> str:
        """Return the fault of a provider's section in a sentence; empty where it has none.

        A kind that Grafana knows and reencrypt does not is no problem of the configuration.
        """
        kind = self.kind_name(provider)
        if provider in self.usable or (provider and provider == self._rules.without_section):
            return ""
        if self._rules.foreign(kind) and kind not in self.kinds and kind not in self.broken:
            return ""
        problem = self.unusable.get(provider) or _problem_of_kind(provider, self._rules, self.kinds, self.broken)
        return problem or self._rules.missing(provider)

    @property
    def _rules(self) -> StoreKinds:
        return STORE_KINDS[self.store]

    def _hint(self, provider: str) -> str:
        if TRUST_VAULT in self.unusable.get(provider, ""):
            return "Whoever answers there gets what data keys are wrapped with: trust only a host that is yours."
        return self._other_remedy(provider) or (
            f"Complete [{self.section_of(provider)}] in {self.config_file or 'the configuration file of Grafana'}. "
            "Grafana, and so this tool, uses a GF_… variable only for a key that has a value in the file."
        )

    def _other_remedy(self, provider: str) -> str:
        """What helps instead of a change of the section, if anything does."""
        broken = self.broken.get(self.kind_name(provider))
        return broken.hint if broken else self._rules.borrowing(provider)


def read_providers(settings: Settings, store: StoreName = StoreName.CLASSIC) -> ProviderConfiguration:
    """Read every provider of a store that has a section or is named; raises nothing."""
    rules, sections = STORE_KINDS[store], settings.of(store).providers
    kinds, broken = _find_kinds(rules, {section.kind for section in sections.values()})
    usable: dict[str, ConfiguredProvider] = {}
    unusable: dict[str, str] = {}
    shown: list[ShownValue] = []
    for provider, section in sections.items():
        kind = kinds.get(section.kind)
        if not (section.is_named or section.kind in {*kinds, *broken} or rules.foreign(section.kind)):
            continue  # Something else that is configured there.
        problem = _problem_of_kind(provider, rules, kinds, broken)
        problem = problem or ("" if section.is_present else rules.missing(provider))
        if kind is None or problem:
            unusable[provider] = problem
            continue
        try:
            shown += [show_key(section, key, secret=key in kind.secret_keys) for key in kind.keys]
            usable[provider] = kind.read(section)
        except ConfigurationError as error:
            unusable[provider] = f"{error.message}."
    return ProviderConfiguration(store, settings.config_file, kinds, broken, usable, unusable, tuple(shown))


def with_vaults(
    manager: ProviderConfiguration, classic: ProviderConfiguration, vaults: Iterable[ManagerVault]
) -> ProviderConfiguration:
    """Return the secrets manager's providers with those that the user lets read by a key of the classic store.

    Raises `ConfigurationError` for a provider with a secret of its own or two keys, and a key that cannot be used.
    """
    keys: dict[str, ConfiguredProvider] = {}
    borrowed: dict[str, ProviderKind] = {}
    for each in dict.fromkeys(vaults):
        named = f"{OPTION} {each}"
        if each.provider in keys:
            raise ConfigurationError(f"{named}: {each.provider} has another key by {OPTION} already", hint="Give one.")
        if manager.kind(each.provider) is not None:
            raise ConfigurationError(
                f"{named}: what {each.provider} wraps is read by the secret in "
                f"[{manager.section_of(each.provider)}], and by no vault",
                hint=f"Leave {OPTION} out for providers of the kind {manager.kind_name(each.provider)}.",
            )
        try:
            lender = classic.require(each.vault)
        except ConfigurationError as error:
            raise ConfigurationError(f"{named}: {error.message}", hint=error.hint) from None
        keys[each.provider] = BorrowedKey(each.provider, lender)
        if (kind := classic.kind(each.vault)) is not None:
            borrowed[each.provider] = kind
    unusable = {provider: problem for provider, problem in manager.unusable.items() if provider not in keys}
    return replace(manager, usable={**manager.usable, **keys}, unusable=unusable, borrowed=borrowed)


def _find_kinds(
    rules: StoreKinds, wanted: Collection[str]
) -> tuple[dict[str, ProviderKind], dict[str, ConfigurationError]]:
    """Return the built-in kinds with the wanted ones from outside, and those that cannot be loaded."""
    kinds = {kind.name: kind for kind in rules.built_in}
    broken: dict[str, ConfigurationError] = {}
    for name in sorted(set(wanted) - set(kinds)) if rules.takes_packages else ():
        try:
            kind = find_outside(name)
        except ConfigurationError as error:
            broken[name] = error
        else:
            kinds |= {name: kind} if kind else {}
    return kinds, broken


def _problem_of_kind(
    provider: str, rules: StoreKinds, kinds: Mapping[str, ProviderKind], broken: Mapping[str, ConfigurationError]
) -> str:
    kind = rules.sections.kind_of(provider)
    if kind in kinds and rules.has_form(provider):
        return ""
    if not rules.has_form(provider):
        return rules.malformed(provider)
    if kind in broken:
        return f"{broken[kind].message}."
    return rules.foreign(kind) or rules.unknown(kind, kinds)
