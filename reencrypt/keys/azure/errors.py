"""Errors of Key Vault and of Microsoft Entra; what a vault refuses becomes one of them in `refusals`."""

from __future__ import annotations

import re
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.errors import AccessDeniedError, KeyDisabledError

OUTSIDE_VALIDITY: Final = "Make a new version of the key, or change its activation or expiry date."
_ENTRA_CODE: Final = re.compile(r"AADSTS\d+|AKV\d+")


class BadCiphertextError(Exception):
    """The vault could not decrypt these bytes with this version and algorithm (400)."""


class TokenError(ConfigurationError):
    """There is no token for the vault, or the vault refuses it (401)."""

    code = "token"


class ForeignAnswerError(ConfigurationError):
    """Something other than the vault answered for good: a proxy, a gateway, a guest network (exit 2)."""

    code = "foreign_answer"


class KeyOperationForbiddenError(AccessDeniedError):
    """The `key_ops` of this key version leave the operation out (403 KeyOperationForbidden); others may allow it."""


class UnexplainedRefusalError(AccessDeniedError):
    """The vault forbids an operation for a reason that is not known here (403); another operation may be permitted."""

    code = "forbidden"


class VersionDisabledError(KeyDisabledError):
    """A version of the key is disabled; `words` are the vault's own, empty where its attributes said it."""

    def __init__(self, message: str, *, hint: str = "", words: str = "") -> None:
        super().__init__(message, hint=hint)
        self.words = words


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
