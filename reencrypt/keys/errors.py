"""Errors that any key service can raise; Key Vault's own refusals are in `keys/azure/errors.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reencrypt.errors import ConfigurationError, RefusedError, UnavailableError

if TYPE_CHECKING:
    from reencrypt.keys.provider import Unwrapped


class UnwrapFailedError(Exception):
    """A wrapped data key does not unwrap under its provider; the message says why in one clause, without bytes."""


class MalformedWrappingError(UnwrapFailedError):
    """The bytes are not what any key of this kind of provider makes, so another key would not unwrap them either."""


class OddLengthError(UnwrapFailedError):
    """A conclusive unwrap gave other than a data key's 16 bytes.

    `reading` is the data key that these bytes may stand for, None where nobody knows one. Nothing may be read under it
    until secrets prove it, and nothing is ever written under it.
    """

    def __init__(self, message: str, reading: Unwrapped | None) -> None:
        super().__init__(message)
        self.reading = reading


class ContradictionError(RefusedError):
    """A key service gave two different answers to one question, so neither is trusted (exit 6)."""

    code = "contradiction"


class AccessDeniedError(ConfigurationError):
    """The identity lacks a permission on the key (exit 2)."""

    code = "permission"


class KeyDisabledError(RefusedError):
    """The key, or the needed version of it, is disabled (exit 6)."""

    code = "key_disabled"


class ServiceGoneError(UnavailableError):
    """The key service did not answer, or throttled every request, until the deadline (exit 7).

    `service` is its name, the same for all keys that it has.
    """

    def __init__(self, message: str, *, hint: str = "", service: str = "") -> None:
        super().__init__(message, hint=hint)
        self.service = service


class KeyMissingError(ConfigurationError):
    """The key service has no such key or version (exit 2)."""

    code = "key_missing"
