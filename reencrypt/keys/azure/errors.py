"""Errors of Key Vault, which `refusals` makes of what a vault refuses; those of a token are in `sign_in_errors`."""

from __future__ import annotations

from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.keys.errors import AccessDeniedError, KeyDisabledError

OUTSIDE_VALIDITY: Final = "Make a new version of the key, or change its activation or expiry date."


class BadCiphertextError(Exception):
    """The vault could not decrypt these bytes with this version and algorithm (400)."""


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
