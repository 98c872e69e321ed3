"""The key-management providers of Grafana Enterprise: `[security.encryption.azurekv.NAME]`, several at once.

A provider that is half configured, or of a kind that is not Azure Key Vault, is no error here: it gets a sentence that
says what is the matter, for whoever needs that provider.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.secret import Secret
from reencrypt.settings.defaults import DEFAULT_PROVIDER
from reencrypt.settings.layers import Layers, Value
from reencrypt.settings.model import AzureKeyVaultSettings, Settings
from reencrypt.settings.vault import check_vault_uri

KIND: Final = "azurekv"
KEYS: Final = ("tenant_id", "client_id", "client_secret", "key_id", "vault_uri")
#: The keys that no provider can do without.
_REQUIRED: Final = ("key_id", "vault_uri")
_PREFIX: Final = "security.encryption."
_OTHER_KINDS: Final = ("awskms", "googlekms", "hashicorpvault")
_KINDS: Final = (KIND, *_OTHER_KINDS)
_KEY_NAME: Final = re.compile(r"[0-9A-Za-z-]{1,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Providers:
    """The usable Azure providers, what is wrong with each other one, and all the values for `config show`."""

    azure: Mapping[str, AzureKeyVaultSettings]
    incomplete: Mapping[str, str]
    values: Mapping[str, Mapping[str, Value]]


def read_providers(layers: Layers, named: Iterable[str], trusted_hosts: Collection[str]) -> Providers:
    """Read every provider that has a section or is `named` in `[security]`; raises nothing."""
    azure: dict[str, AzureKeyVaultSettings] = {}
    incomplete: dict[str, str] = {}
    values: dict[str, Mapping[str, Value]] = {}
    present = [section.removeprefix(_PREFIX) for section in layers.sections() if section.startswith(_PREFIX)]
    # [security.encryption.azurekv] itself is no provider: sections below it inherit its values.
    configured = [provider for provider in present if provider.startswith(tuple(f"{kind}." for kind in _KINDS))]
    for provider in dict.fromkeys([*configured, *named]):
        if provider == DEFAULT_PROVIDER:
            continue
        problem = _kind_problem(provider)
        if not problem and provider not in present:
            problem = f"There is no section [{_PREFIX}{provider}] with a value in Grafana's configuration."
        if problem:
            incomplete[provider] = problem
            continue
        try:
            found = {key: layers.get(_PREFIX + provider, key) for key in KEYS}
        except ConfigurationError as error:
            incomplete[provider] = f"{error.message}."
            continue
        values[provider] = found
        checked = _check(layers, provider, found, trusted_hosts)
        if isinstance(checked, str):
            incomplete[provider] = checked
        else:
            azure[provider] = checked
    return Providers(azure, incomplete, values)


def require_azure(settings: Settings, provider: str) -> AzureKeyVaultSettings:
    """Return the settings of `provider`, or raise a `ConfigurationError` that says what is missing and where."""
    if provider in settings.azure:
        return settings.azure[provider]
    if provider in settings.incomplete:
        raise ConfigurationError(
            f"provider {provider} cannot be used: {settings.incomplete[provider]}",
            hint=f"Complete [{_PREFIX}{provider}] in {settings.config_file or 'the configuration file of Grafana'}. "
            "Grafana, and so this tool, uses a GF_… variable only for a key that has a value in the file.",
        )
    if provider == DEFAULT_PROVIDER:
        raise ConfigurationError(
            f"provider {provider} is not in Azure Key Vault", hint=f"Name a provider of the form {KIND}.NAME."
        )
    known = ", ".join(settings.azure)
    raise ConfigurationError(
        f"provider {provider} is not configured",
        hint=f"Configured are: {known}." if known else f"Add a section [{_PREFIX}{KIND}.NAME] to the file of Grafana.",
    )


def section_problem(settings: Settings, provider: str) -> str:
    """What keeps a provider's section from being used, in a sentence; empty where nothing does.

    A kind that Grafana knows and reencrypt does not is no problem of the configuration.
    """
    if provider == DEFAULT_PROVIDER or provider in settings.azure or provider.partition(".")[0] in _OTHER_KINDS:
        return ""
    unknown = _kind_problem(provider)
    missing = unknown or f"There is no section [{_PREFIX}{provider}] with a value in Grafana's configuration."
    return settings.incomplete.get(provider, missing)


def _kind_problem(provider: str) -> str:
    kind, dot, name = provider.partition(".")
    if not dot or not name:
        return f"The provider id {provider} does not have the form KIND.NAME."
    if kind in _OTHER_KINDS:
        return f"Providers of the kind {kind} are not supported by reencrypt."
    if kind != KIND:
        return f"The kind {kind} is unknown; reencrypt supports {KIND}.NAME and {DEFAULT_PROVIDER}."
    return ""


def _check(
    layers: Layers, provider: str, values: Mapping[str, Value], trusted_hosts: Collection[str]
) -> AzureKeyVaultSettings | str:
    section = _PREFIX + provider
    text = {key: value.text for key, value in values.items()}
    required = [*_REQUIRED, *(("tenant_id", "client_id") if text["client_secret"] else ())]
    missing = [key for key in required if not text[key]]
    if missing:
        because = " (needed where client_secret is set)" if set(missing).isdisjoint(_REQUIRED) else ""
        ignored = [name for key in missing if (name := layers.ignored_variable(section, key))]
        note = f"; {', '.join(ignored)} is ignored, because the key has no value in a file" if ignored else ""
        return f"[{section}] has no {' and no '.join(missing)}{because}{note}."
    if not text["client_secret"] and (name := layers.ignored_variable(section, "client_secret")):
        # Somebody means to sign in with it; another identity of this machine would be used in silence.
        return (
            f"[{section}] client_secret: {name} is ignored, because the key has no value in a file; "
            "give it any value there, and the variable overrides it."
        )
    if not _KEY_NAME.fullmatch(text["key_id"]):
        return f"[{section}] key_id is not the name of a key: letters, digits and hyphens, not its URL or version."
    vault = check_vault_uri(text["vault_uri"], trusted_hosts)
    if isinstance(vault, str):
        return f"[{section}] vault_uri {vault}."
    return AzureKeyVaultSettings(
        provider=provider,
        section=section,
        tenant_id=text["tenant_id"],
        client_id=text["client_id"],
        client_secret=Secret(text["client_secret"]),
        key_name=text["key_id"],
        vault_uri=vault.uri,
        loopback=vault.loopback,
        trusted_suffix=vault.trusted_suffix,
    )
