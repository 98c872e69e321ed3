"""The kinds of provider that each of Grafana's stores can have, and the words for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.keys.kind import ProviderKind
from reencrypt.keys.manager_options import OPTION
from reencrypt.keys.provider import SECRET_KEY_PROVIDER
from reencrypt.keys.registry import BUILT_IN, MANAGER_BUILT_IN
from reencrypt.settings.defaults import NO_MANAGER_PROVIDER
from reencrypt.settings.providers import CLASSIC, MANAGER, UNSUPPORTED_KINDS, SectionRules


def plain(kind: str) -> str:
    """A kind of the secrets manager in one spelling; its releases differ in capitals and `_`."""
    return kind.replace("_", "").lower()


@dataclass(frozen=True, slots=True)
class StoreKinds:
    """A store's kinds of provider.

    `takes_packages`: kinds from outside may be added. `foreign_kinds` are Grafana's that this program does not have,
    spelled by `spell`; `foreign_words` say why they cannot be used. The keys of the kinds `lenders` may be borrowed
    (`--manager-vault`). `without_section` is the provider that needs none, `nobody` what Grafana reads where no
    provider is named; each is empty where the store has no such thing. `whose` follows a provider in sentences.
    """

    sections: SectionRules
    built_in: tuple[ProviderKind, ...]
    takes_packages: bool
    foreign_kinds: frozenset[str]
    foreign_words: str
    spell: Callable[[str], str]
    lenders: tuple[ProviderKind, ...] = ()
    without_section: str = ""
    nobody: str = ""
    whose: str = ""

    def foreign(self, kind: str) -> str:
        """Say of a kind that Grafana has and this program does not, why it cannot be used; empty for all others."""
        return f"Providers of the kind {kind} {self.foreign_words}." if self.spell(kind) in self.foreign_kinds else ""

    def unknown(self, kind: str, known: Iterable[str]) -> str:
        """Say that a kind is none of Grafana's, nor one of the `known`."""
        supported = ", ".join(f"{each}.NAME" for each in known)
        if not self.takes_packages:
            return f"The kind {kind} is unknown; reencrypt supports {supported}."
        return (
            f"The kind {kind} is unknown; reencrypt supports {supported} and {self.without_section}, "
            "and no installed package adds this one."
        )

    def has_form(self, provider: str) -> bool:
        """Whether a provider's id can be one."""
        kind, _, name = provider.partition(".")
        leading = self.sections.leading_kind
        return bool(kind and name) or (leading != "" and provider.startswith(leading))

    def malformed(self, provider: str) -> str:
        """Say that an id cannot be a provider's."""
        return self.unnamed(provider) or f"The provider id {provider} does not have the form KIND.NAME."

    def unnamed(self, provider: str) -> str:
        """Say that Grafana's configuration names no provider at all; empty where this is the id of one."""
        if not self.nobody or provider != self.nobody:
            return ""
        return (
            "[secrets_manager] has no encryption_provider, neither in the configuration nor in the conf/defaults.ini "
            "that goes with it: no Grafana with a secrets manager starts with these files."
        )

    def missing(self, provider: str) -> str:
        """Say that a provider has no section."""
        return f"There is no section [{self.sections.section_of(provider)}] with a value in Grafana's configuration."

    def borrowing(self, provider: str) -> str:
        """Say how to name a provider's key, where it may be borrowed; else empty."""
        kind = plain(self.sections.kind_of(provider))
        lender = next((each for each in self.lenders if kind in each.secrets_manager_names), None)
        if lender is None:
            return ""
        return (
            f"If its key is that of a section [{CLASSIC.section_of(lender.name)}.NAME], give "
            f"{OPTION} {provider}={lender.name}.NAME: then what it wraps can be read, and moved."
        )


STORE_KINDS: Final[Mapping[StoreName, StoreKinds]] = {
    StoreName.CLASSIC: StoreKinds(
        CLASSIC,
        BUILT_IN,
        takes_packages=True,
        foreign_kinds=frozenset(UNSUPPORTED_KINDS),
        foreign_words="are not supported by reencrypt",
        spell=str,
        without_section=SECRET_KEY_PROVIDER,
    ),
    StoreName.MANAGER: StoreKinds(
        MANAGER,
        MANAGER_BUILT_IN,
        takes_packages=False,
        # Sources: a comment in pkg/setting/setting_secrets_manager.go (`aws_kms`, `azure_keyvault`, `google_kms`,
        # `hashicorp_vault`), and its tests (`azure_kv`).
        foreign_kinds=frozenset(("awskms", "azurekeyvault", "azurekv", "googlekms", "hashicorpvault")),
        foreign_words="are Grafana Enterprise's, and how they wrap for the secrets manager is not public",
        spell=plain,
        lenders=BUILT_IN,
        nobody=NO_MANAGER_PROVIDER,
        whose=" of the secrets manager",
    ),
}
