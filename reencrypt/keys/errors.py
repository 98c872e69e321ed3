"""Errors that any key service can raise; Key Vault's own refusals are in `keys/azure/errors.py`."""

from __future__ import annotations

from reencrypt.errors import ConfigurationError, RefusedError


class UnwrapFailedError(Exception):
    """A wrapped data key does not unwrap under its provider; the message says why in one clause, without bytes."""


class ContradictionError(RefusedError):
    """A key service gave two different answers to one question, so neither is trusted (exit 6)."""

    code = "contradiction"


class AccessDeniedError(ConfigurationError):
    """The identity lacks a permission on the key (exit 2)."""

    code = "permission"


class KeyDisabledError(RefusedError):
    """The key, or the needed version of it, is disabled (exit 6)."""

    code = "key_disabled"


class KeyMissingError(ConfigurationError):
    """The key service has no such key or version (exit 2)."""

    code = "key_missing"
