"""The part of Grafana's configuration that names the emulator's keys as encryption providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keyvault_emulator.credentials import Credentials


def render(keys: Sequence[str], credentials: Credentials, vault_uri: str) -> str:
    """Return an ini file with a section for each of `keys`; Grafana encrypts with the first one.

    It has no `secret_key` line: that key belongs to the Grafana whose configuration this is added to.
    """
    providers = [f"azurekv.{key}" for key in keys]
    lines = [
        "[security]",
        f"encryption_provider = {providers[0]}",
        f"available_encryption_providers = {' '.join(['secretKey.v1', *providers])}",
    ]
    for key, provider in zip(keys, providers, strict=True):
        lines += [
            "",
            f"[security.encryption.{provider}]",
            f"tenant_id = {credentials.tenant_id}",
            f"client_id = {credentials.client_id}",
            f"client_secret = {credentials.client_secret}",
            f"key_id = {key}",
            f"vault_uri = {vault_uri}",
        ]
    return "\n".join(lines) + "\n"
