"""Registration of Azure Key Vault: its names in Grafana, the keys of its section, and its quota."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.quota import VAULT, WINDOW_SECONDS, Window
from reencrypt.keys.azure.settings import CLIENT_SECRET, KEYS, AzureKeyVaultSettings, read_section
from reencrypt.keys.kind import ProviderContext, ProviderKind, Quota
from reencrypt.keys.provider import KeyProvider
from reencrypt.settings import ProviderSection


def _read_key_version(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{32}", text):
        raise ConfigurationError(
            f"--key-version {text!r} is not a version of a key in Key Vault",
            hint="Give the last part of the key's identifier, 32 hexadecimal digits.",
        )
    return text.lower()


@dataclass(frozen=True, slots=True)
class ConfiguredVaultKey:
    """A key in a vault, as Grafana's configuration describes it."""

    settings: AzureKeyVaultSettings

    def key_id(self, version: str = "") -> str:
        """The key identifier of Key Vault, in lower case."""
        return self.settings.key_id(version)

    def disable_command(self, version: str) -> str:
        """Return the command of Azure's command line that disables one version."""
        return f"az keyvault key set-attributes --id {self.key_id(version)} --enabled false"

    def open(self, context: ProviderContext) -> KeyProvider:
        """Open the key. All keys of a vault share a limiter, because they draw on one quota, and a connection."""
        # Azure's libraries take a quarter of a second to import, and not every Grafana has a vault.
        from reencrypt.keys.azure.connection import VaultConnection  # noqa: PLC0415
        from reencrypt.keys.azure.limiter import Limiter  # noqa: PLC0415
        from reencrypt.keys.azure.provider import AzureKeyProvider  # noqa: PLC0415

        settings = self.settings
        host = urlsplit(settings.vault_uri).netloc.lower().removesuffix(":443")
        return AzureKeyProvider(
            settings,
            context,
            connection=context.shared(
                VaultConnection, VaultConnection.name_of(settings), lambda: VaultConnection(settings)
            ),
            limiter=context.shared(Limiter, host, lambda: Limiter(Window(context.options.share, settings.capacity))),
        )


def _read(section: ProviderSection) -> ConfiguredVaultKey:
    return ConfiguredVaultKey(read_section(section))


AZURE_KEY_VAULT: Final = ProviderKind(
    name="azurekv",
    keys=KEYS,
    secret_keys=frozenset({CLIENT_SECRET}),
    read=_read,
    quota=Quota(VAULT.budget, WINDOW_SECONDS),
    # Sources: pkg/setting/setting_secrets_manager.go and its tests (`azure_kv`, `azure_keyvault`).
    secrets_manager_names=("azurekv", "azurekeyvault"),
    read_key_version=_read_key_version,
)
