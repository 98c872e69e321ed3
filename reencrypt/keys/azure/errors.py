"""Errors for Key Vault's refusals, each with a remedy.

Codes and messages are those of the service: 403 with an inner code, 401 with a code of Entra or of the vault.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from reencrypt.errors import ConfigurationError, RefusedError
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.errors import AccessDeniedError, KeyDisabledError

#: The access-policy permission that each operation needs.
_PERMISSION: Final = {
    "get": "get",
    "list": "list",
    "encrypt": "encrypt",
    "decrypt": "decrypt",
    "wrapkey": "wrapKey",
    "unwrapkey": "unwrapKey",
    "rotationpolicy": "getRotationPolicy",
}


OUTSIDE_VALIDITY: Final = "Make a new version of the key, or change its activation or expiry date."
_ENTRA_CODE: Final = re.compile(r"AADSTS\d+|AKV\d+")


class BadCiphertextError(Exception):
    """The vault could not decrypt these bytes with this version and algorithm (400)."""


class TokenError(ConfigurationError):
    """There is no token for the vault, or the vault refuses it (401)."""

    code = "token"


class KeyOperationForbiddenError(AccessDeniedError):
    """The `key_ops` of this key version leave the operation out (403 KeyOperationForbidden); others may allow it."""


def forbidden(
    settings: AzureKeyVaultSettings, operation: str, version: str, inner: str, message: str
) -> ConfigurationError | RefusedError:
    """Name the missing permission, the disabled version or the firewall, each with its remedy."""
    permission = _PERMISSION[operation]
    key = f"key {settings.key_name} in {settings.vault_uri}"
    exactly = f"{key}, version {version}" if version else f"the newest version of {key}"
    if inner == "KeyDisabled":
        return disabled(settings, version)
    if inner == "KeyOperationForbidden":
        return KeyOperationForbiddenError(
            f"{exactly}: its key_ops do not allow {permission}",
            hint=f"Run `{_set_attributes(settings, version)} --ops encrypt decrypt wrapKey unwrapKey`.",
        )
    if inner in ("ForbiddenByFirewall", "ForbiddenByConnection") or "network access" in message:
        return ConfigurationError(
            f"the firewall of {settings.vault_uri} refuses this machine",
            hint="Allow its address in the vault's networking settings, or run where Grafana runs.",
        )
    if "expired" in message.lower() or "not yet valid" in message.lower():
        return RefusedError(f"{exactly} is outside its validity period and cannot {permission}", hint=OUTSIDE_VALIDITY)
    identity = settings.client_id or "the identity of this machine"
    return AccessDeniedError(
        f"{identity} lacks the permission {permission} on {key}", hint=_grant(settings, operation, inner)
    )


def _grant(settings: AzureKeyVaultSettings, operation: str, inner: str) -> str:
    """Return the hint with the command that grants a permission, by the vault's kind and permission model."""
    vault, who = _vault_name(settings), settings.client_id or "CLIENT_ID"
    if operation == "rotationpolicy":
        # Not worth a permission of its own.
        return f"Have the vault's owner run `az keyvault key rotation-policy show {_place(settings)}`."
    if settings.is_managed_hsm:
        return (
            f"Run `az keyvault role assignment create --hsm-name {vault} --assignee {who} "
            f"--role 'Managed HSM Crypto User' --scope /keys/{settings.key_name}`."
        )
    if inner == "ForbiddenByRbac":
        scope = f"az keyvault show --name {vault} --query id --output tsv"
        command = f"az role assignment create --assignee {who} --role 'Key Vault Crypto User' --scope \"$({scope})\""
        return f"Run `{command}`."
    # The command replaces earlier grants, so it names all useful permissions.
    return (
        f"Run `az keyvault set-policy --name {vault} --spn {who} "
        "--key-permissions get list encrypt decrypt wrapKey unwrapKey`."
    )


def _place(settings: AzureKeyVaultSettings) -> str:
    option = "--hsm-name" if settings.is_managed_hsm else "--vault-name"
    return f"{option} {_vault_name(settings)} --name {settings.key_name}"


def disabled(settings: AzureKeyVaultSettings, version: str) -> KeyDisabledError:
    """Build the error for a disabled version, named where known: an answer about the newest one does not say."""
    key = f"key {settings.key_name} in {settings.vault_uri}"
    return KeyDisabledError(
        f"{key}, version {version} is disabled" if version else f"the newest version of {key} is disabled",
        hint=f"Run `{_set_attributes(settings, version)} --enabled true`.",
    )


def _set_attributes(settings: AzureKeyVaultSettings, version: str) -> str:
    which = f" --version {version}" if version else ""
    return f"az keyvault key set-attributes {_place(settings)}{which}"


def _vault_name(settings: AzureKeyVaultSettings) -> str:
    return (urlsplit(settings.vault_uri).hostname or "").split(".")[0]


def unauthorized(settings: AzureKeyVaultSettings, message: str) -> TokenError:
    """Name the wrong one of the three credentials where Entra's code tells; the codes hold no secret."""
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
            return TokenError(f"{where}: {what} ({code})", hint=f"Correct it in {where}.")
    if not settings.client_secret:
        return TokenError(
            f"{where} has no client_secret, and this machine's own identity got no token for {settings.vault_uri}",
            hint="Give this machine a managed or workload identity (AZURE_… variables), or set tenant_id, client_id "
            f"and client_secret in {where}.",
        )
    known = _ENTRA_CODE.search(message)
    return TokenError(
        f"{where}: no token for {settings.vault_uri}{f' ({known[0]})' if known else ''}",
        hint="Check tenant_id, client_id and client_secret there.",
    )
