"""What Key Vault's refusals mean, as errors with a remedy.

Codes and messages are those of the service: 403 with an inner code, 401 with a code of Entra or of the vault.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from reencrypt.errors import ConfigurationError, RefusedError
from reencrypt.settings.model import AzureKeyVaultSettings

#: What each operation needs: its access-policy permission.
_PERMISSION: Final = {
    "get": "get",
    "list": "list",
    "encrypt": "encrypt",
    "decrypt": "decrypt",
    "wrapkey": "wrapKey",
    "unwrapkey": "unwrapKey",
}


class BadCiphertextError(Exception):
    """The vault could not decrypt these bytes with this version and algorithm (400)."""


class OperationDeniedError(ConfigurationError):
    """The identity may not do this, or the key's `key_ops` leave it out (403)."""

    code = "permission"


class KeyDisabledError(RefusedError):
    """The key version is disabled (403 KeyDisabled)."""

    code = "key_disabled"


class KeyMissingError(ConfigurationError):
    """The vault has no such key or version (404)."""

    code = "key_missing"


def forbidden(
    settings: AzureKeyVaultSettings, operation: str, inner: str, named: str, message: str
) -> ConfigurationError | RefusedError:
    """Name the missing permission, the disabled version or the firewall, each with its remedy."""
    permission = _PERMISSION[operation]
    vault = (urlsplit(settings.vault_uri).hostname or "").split(".")[0]
    if inner == "KeyDisabled":
        return KeyDisabledError(
            f"{named} is disabled",
            hint=f"az keyvault key set-attributes --vault-name {vault} --name {settings.key_name} --enabled true",
        )
    if inner == "KeyOperationForbidden":
        return OperationDeniedError(
            f"{named}: its key_ops do not allow {permission}",
            hint=f"az keyvault key set-attributes --vault-name {vault} --name {settings.key_name} --ops ...",
        )
    if inner in ("ForbiddenByFirewall", "ForbiddenByConnection") or "network access" in message:
        return ConfigurationError(
            f"the firewall of {settings.vault_uri} refuses this machine",
            hint="allow its address in the vault's networking settings, or run where Grafana runs",
        )
    if "expired" in message.lower() or "not yet valid" in message.lower():
        return RefusedError(
            f"{named} is outside its validity period and cannot {permission}",
            hint="make a new version of the key, or extend its expiry",
        )
    identity = settings.client_id or "the identity of this machine"
    return OperationDeniedError(
        f"{identity} lacks the permission {permission} on {named}",
        hint=f"az keyvault set-policy --name {vault} --spn {settings.client_id or 'CLIENT_ID'} --key-permissions "
        f"get list encrypt decrypt (access policies), or the role 'Key Vault Crypto User' (RBAC)",
    )


def unauthorized(settings: AzureKeyVaultSettings, message: str) -> ConfigurationError:
    """Say which of the three credentials is wrong where Entra's code tells; the codes hold no secret."""
    where = f"[{settings.section}]"
    for code, what in (
        ("AADSTS7000215", "client_secret is wrong"),
        ("AADSTS7000222", "client_secret has expired"),
        ("AADSTS700016", "client_id is unknown in that tenant"),
        ("AADSTS90002", "tenant_id is wrong"),
        ("AKV10032", "tenant_id is not the vault's tenant"),
        ("not configured to acquire tokens for tenant", "tenant_id is not the vault's tenant"),
    ):
        if code in message:
            return ConfigurationError(f"{where}: {what} ({code})", hint=f"correct it in {where}")
    return ConfigurationError(
        f"{where}: no token for {settings.vault_uri}", hint="check tenant_id, client_id and client_secret there"
    )
