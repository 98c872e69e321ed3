"""Routes from a method and an undecoded path to an operation on a key; the service's rules are elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote


class Operation(StrEnum):
    """The operation that a client requests."""

    CREATE = "create"
    IMPORT = "import"
    ROTATE = "rotate"
    GET = "get"
    LIST = "list"
    LIST_VERSIONS = "versions"
    UPDATE = "update"
    DELETE = "delete"
    BACKUP = "backup"
    RESTORE = "restore"
    GET_DELETED = "getDeleted"
    LIST_DELETED = "listDeleted"
    RECOVER = "recover"
    PURGE = "purge"
    GET_ROTATION = "getRotationPolicy"
    SET_ROTATION = "setRotationPolicy"
    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    WRAP = "wrapKey"
    UNWRAP = "unwrapKey"
    SIGN = "sign"
    VERIFY = "verify"


@dataclass(frozen=True, slots=True)
class Missing:
    """What the service has and the emulator has not: its name, and why it is not there."""

    what: str
    why: str


_ByMethod = Mapping[str, Operation | Missing]

_RELEASE: Final = Missing("The operation 'release'", "none of its keys can be exported")
_ATTEST: Final = Missing("The operation 'get key attestation'", "it has no HSM")
_RANDOM: Final = Missing("The operation 'get random bytes'", "it is a vault, and only a managed HSM has it")
#: Collections of the service other than keys.
_COLLECTIONS: Final = {
    name: Missing(f"The collection '{name}'", "it has keys alone")
    for kind in ("secrets", "certificates", "storage")
    for name in (kind, f"deleted{kind}")
}

#: Methods on a collection itself.
_ROOTS: Final[Mapping[str, _ByMethod]] = {
    "keys": {"GET": Operation.LIST},
    "deletedkeys": {"GET": Operation.LIST_DELETED},
    "rng": {"POST": _RANDOM},
}
_RESTORE: Final[_ByMethod] = {"POST": Operation.RESTORE}
#: Methods that lead to an operation on one key, or on one version of it.
_KEY_METHODS: Final[_ByMethod] = {
    "GET": Operation.GET,
    "PUT": Operation.IMPORT,
    "PATCH": Operation.UPDATE,
    "DELETE": Operation.DELETE,
}
_VERSION_METHODS: Final[_ByMethod] = {"GET": Operation.GET, "PATCH": Operation.UPDATE}
_DELETED_METHODS: Final[_ByMethod] = {"GET": Operation.GET_DELETED, "DELETE": Operation.PURGE}
#: Words that follow a key's name, and what each method then means.
_WORDS: Final[Mapping[str, _ByMethod]] = {
    "versions": {"GET": Operation.LIST_VERSIONS},
    "create": {"POST": Operation.CREATE},
    "rotate": {"POST": Operation.ROTATE},
    "rotationpolicy": {"GET": Operation.GET_ROTATION, "PUT": Operation.SET_ROTATION},
    "backup": {"POST": Operation.BACKUP},
}
#: Words that may follow a version as well. Both spellings of wrap are in use.
_VERSIONED_WORDS: Final[Mapping[str, _ByMethod]] = {
    "encrypt": {"POST": Operation.ENCRYPT},
    "decrypt": {"POST": Operation.DECRYPT},
    "wrapkey": {"POST": Operation.WRAP},
    "wrapKey": {"POST": Operation.WRAP},
    "unwrapkey": {"POST": Operation.UNWRAP},
    "unwrapKey": {"POST": Operation.UNWRAP},
    "sign": {"POST": Operation.SIGN},
    "verify": {"POST": Operation.VERIFY},
    "release": {"POST": _RELEASE},
    "attestation": {"GET": _ATTEST},
}
_DELETED_WORDS: Final[Mapping[str, _ByMethod]] = {"recover": {"POST": Operation.RECOVER}}

_NAME: Final = re.compile(r"[0-9A-Za-z-]{1,127}")
_VERSION: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request leads: `operation` is None where the path exists but not for this method."""

    operation: Operation | None
    key: str = ""
    #: Empty for the current version.
    version: str = ""
    #: The last part of the path where the service reads it as the name of an operation.
    word: str = ""
    #: What the request is for, where only the service has it.
    missing: Missing | None = None


def is_key_name(text: str) -> bool:
    """Tell whether the service takes `text` as the name of a key: letters, digits and hyphens, at most 127."""
    return _NAME.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Tell whether `text` has the form of a version id."""
    return _VERSION.fullmatch(text) is not None


def is_vault_path(path: str) -> bool:
    """Tell whether a path belongs to the vault, so that it is challenged before all other checks."""
    first = unquote(path.split("/", 2)[1]) if path.startswith("/") else ""
    return first in _ROOTS or first in _COLLECTIONS


def find_route(method: str, path: str) -> Route | None:
    """Return the route of a vault path, or None where the service has no such path.

    `/keys/n/op`, `/keys/n//op` and `/keys/n/v/op` are the same operation: SDKs send the second when they know
    no version, and the service takes all three. It takes anything else behind a name for an operation, too.
    """
    collection, *rest = [unquote(part) for part in path.split("/")[1:]] or [""]
    if collection in _COLLECTIONS:
        return Route(None, missing=_COLLECTIONS[collection])
    place = _place_of(collection, rest, method)
    if place is None:
        return None
    found = place.operations.get(method)
    if isinstance(found, Missing):
        return Route(None, place.key, place.version, place.word, found)
    return Route(found, place.key, place.version, place.word)


@dataclass(frozen=True, slots=True)
class _Place:
    """What a path names, whatever the method."""

    operations: _ByMethod
    key: str = ""
    version: str = ""
    word: str = ""


def _place_of(collection: str, rest: list[str], method: str) -> _Place | None:
    if rest in ([], [""]):
        operations = _ROOTS.get(collection)
        return _Place(operations) if operations is not None else None
    key, *more = rest
    if not key:
        return None
    if collection == "deletedkeys":
        return _place_below_deleted(key, more)
    if collection == "keys":
        # A key may have that name, too.
        return _Place(_RESTORE) if (method, rest) == ("POST", ["restore"]) else _place_below(key, more)
    return None


def _place_below(key: str, more: list[str]) -> _Place | None:
    match more:
        case [] | [""]:
            return _Place(_KEY_METHODS, key)
        case [version] | [version, ""] if is_version(version):
            return _Place(_VERSION_METHODS, key, version)
        case [word]:
            return _Place(_WORDS.get(word) or _VERSIONED_WORDS.get(word, {}), key, word=word)
        case [version, word] if (not version or is_version(version)) and word in _VERSIONED_WORDS:
            return _Place(_VERSIONED_WORDS[word], key, version, word)
    return None


def _place_below_deleted(key: str, more: list[str]) -> _Place | None:
    match more:
        case [] | [""]:
            return _Place(_DELETED_METHODS, key)
        case [word]:
            return _Place(_DELETED_WORDS.get(word, {}), key, word=word)
    return None
