"""Registration of Azure Key Vault: how Grafana names it, what its section has, and what its service answers."""

from __future__ import annotations

import re
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.quota import BUDGET, WINDOW_SECONDS
from reencrypt.keys.azure.settings import CLIENT_SECRET, KEYS, read_section
from reencrypt.keys.kind import ProviderKind, Quota


def _read_key_version(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{32}", text):
        raise ConfigurationError(
            f"--key-version {text!r} is not a version of a key in Key Vault",
            hint="give the last part of the key's identifier, 32 hexadecimal digits",
        )
    return text.lower()


AZURE_KEY_VAULT: Final = ProviderKind(
    name="azurekv",
    keys=KEYS,
    secret_keys=frozenset({CLIENT_SECRET}),
    read=read_section,
    quota=Quota(BUDGET, WINDOW_SECONDS),
    # Sources: pkg/setting/setting_secrets_manager.go and its tests (`azure_kv`, `azure_keyvault`).
    secrets_manager_names=("azurekv", "azurekeyvault"),
    read_key_version=_read_key_version,
)
