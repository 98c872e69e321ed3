"""Errors that any key service can raise; what Key Vault's own refusals mean is in `keys/azure/errors.py`."""

from __future__ import annotations

from reencrypt.errors import ConfigurationError, RefusedError


class UnwrapFailedError(Exception):
    """A wrapped data key does not unwrap under its provider; the message says why in one clause, without bytes."""


class ContradictionError(RefusedError):
    """A key service gave two different answers to one question, so neither of them is believed (exit 6)."""

    code = "contradiction"


class AccessDeniedError(ConfigurationError):
    """The identity may not do this with the key (exit 2)."""

    code = "permission"


class KeyDisabledError(RefusedError):
    """The key, or the version of it that is needed, is disabled (exit 6)."""

    code = "key_disabled"


class KeyMissingError(ConfigurationError):
    """The key service has no such key or version (exit 2)."""

    code = "key_missing"
