"""Settings of a key in Azure Key Vault: the checked values of `[security.encryption.azurekv.NAME]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.address import check_vault_uri
from reencrypt.keys.azure.quota import MANAGED_HSM, VAULT, Capacity
from reencrypt.secret import Secret
from reencrypt.settings import ProviderSection

CLIENT_SECRET: Final = "client_secret"  # noqa: S105 - a key's name
KEYS: Final = ("tenant_id", "client_id", CLIENT_SECRET, "key_id", "vault_uri")
#: The keys that every provider needs.
_REQUIRED: Final = ("key_id", "vault_uri")
_KEY_NAME: Final = re.compile(r"[0-9A-Za-z-]{1,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AzureKeyVaultSettings:
    """One complete and valid `[security.encryption.azurekv.NAME]`.

    `vault_uri` is `https://host[:port]`, without a trailing slash. `trusted_suffix` says that the host is one of
    Azure's, so that the resource in its authentication challenge can be, and has to be, checked.
    """

    provider: str
    section: str
    tenant_id: str
    client_id: str
    client_secret: Secret
    key_name: str
    vault_uri: str
    loopback: bool
    trusted_suffix: bool

    @property
    def is_managed_hsm(self) -> bool:
        """Whether the vault is a managed HSM, by its domain."""
        return ".managedhsm." in self.vault_uri

    @property
    def capacity(self) -> Capacity:
        """What the vault bears, by its kind."""
        return MANAGED_HSM if self.is_managed_hsm else VAULT

    def key_id(self, version: str = "") -> str:
        """The key identifier of Key Vault, in lower case."""
        return f"{self.vault_uri}/keys/{self.key_name}{f'/{version}' if version else ''}".lower()


def read_section(section: ProviderSection) -> AzureKeyVaultSettings:
    """Check a section; raises `ConfigurationError` with its fault."""
    text = {key: section.get(key).text for key in KEYS}
    where = f"[{section.name}]"
    required = [*_REQUIRED, *(("tenant_id", "client_id") if text[CLIENT_SECRET] else ())]
    missing = [key for key in required if not text[key]]
    if missing:
        because = " (needed where client_secret is set)" if set(missing).isdisjoint(_REQUIRED) else ""
        ignored = [name for key in missing if (name := section.ignored_variable(key))]
        note = f"; {', '.join(ignored)} is ignored, because the key has no value in a file" if ignored else ""
        raise ConfigurationError(f"{where} has no {' and no '.join(missing)}{because}{note}")
    if not text[CLIENT_SECRET] and (name := section.ignored_variable(CLIENT_SECRET)):
        # The user means to sign in with it; without it another identity of this machine would be used silently.
        raise ConfigurationError(
            f"{where} client_secret: {name} is ignored, because the key has no value in a file; "
            "give it any value there, and the variable overrides it"
        )
    if not _KEY_NAME.fullmatch(text["key_id"]):
        raise ConfigurationError(
            f"{where} key_id is not the name of a key: letters, digits and hyphens, not its URL or version"
        )
    vault = check_vault_uri(text["vault_uri"], section.trusted_hosts)
    if isinstance(vault, str):
        raise ConfigurationError(f"{where} vault_uri {vault}")
    return AzureKeyVaultSettings(
        provider=section.provider,
        section=section.name,
        tenant_id=text["tenant_id"],
        client_id=text["client_id"],
        client_secret=Secret(text[CLIENT_SECRET]),
        key_name=text["key_id"],
        vault_uri=vault.uri,
        loopback=vault.loopback,
        trusted_suffix=vault.trusted_suffix,
    )
