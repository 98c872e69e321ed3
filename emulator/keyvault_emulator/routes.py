"""Routes from a method and an undecoded path to an operation on a key; the service's rules are elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Operation(StrEnum):
    """The operation that a client requests."""

    CREATE = "create"
    ROTATE = "rotate"
    GET = "get"
    LIST = "list"
    LIST_VERSIONS = "versions"
    UPDATE = "update"
    DELETE = "delete"
    GET_DELETED = "getDeleted"
    LIST_DELETED = "listDeleted"
    GET_ROTATION = "getRotationPolicy"
    SET_ROTATION = "setRotationPolicy"
    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    WRAP = "wrapKey"
    UNWRAP = "unwrapKey"


#: Last path segment of the operations that take a body and an algorithm. Both spellings of wrap are in use.
CRYPTO: Final = {
    "encrypt": Operation.ENCRYPT,
    "decrypt": Operation.DECRYPT,
    "wrapkey": Operation.WRAP,
    "wrapKey": Operation.WRAP,
    "unwrapkey": Operation.UNWRAP,
    "unwrapKey": Operation.UNWRAP,
}

#: Methods that lead to an operation on a key or on one version of it.
_KEY_METHODS: Final = {"GET": Operation.GET, "PATCH": Operation.UPDATE, "DELETE": Operation.DELETE}
_VERSION_METHODS: Final = {"GET": Operation.GET, "PATCH": Operation.UPDATE}
#: Words that follow a key's name, and what each method then means.
_WORDS: Final = {
    "versions": {"GET": Operation.LIST_VERSIONS},
    "create": {"POST": Operation.CREATE},
    "rotate": {"POST": Operation.ROTATE},
    "rotationpolicy": {"GET": Operation.GET_ROTATION, "PUT": Operation.SET_ROTATION},
}
_NAME: Final = re.compile(r"[0-9A-Za-z-]{1,127}")
_VERSION: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request leads: `operation` is None where the path exists but not for this method."""

    operation: Operation | None
    key: str = ""
    #: Empty for the current version.
    version: str = ""


def is_key_name(text: str) -> bool:
    """Tell whether the service takes `text` as the name of a key: letters, digits and hyphens, at most 127."""
    return _NAME.fullmatch(text) is not None


def is_vault_path(path: str) -> bool:
    """Tell whether a path belongs to the vault, so that it is challenged before all other checks."""
    return path.split("/", 2)[1:2] in (["keys"], ["deletedkeys"])


def find_route(method: str, path: str) -> Route | None:
    """Return the route of a vault path, or None where the service has no such path.

    `/keys/n/op`, `/keys/n//op` and `/keys/n/v/op` are the same operation: SDKs send the second when they know
    no version, and the service takes all three.
    """
    key, version = "", ""
    operations: dict[str, Operation]
    match path.split("/")[1:]:
        case ["keys"] | ["keys", ""]:
            operations = {"GET": Operation.LIST}
        case ["deletedkeys"] | ["deletedkeys", ""]:
            operations = {"GET": Operation.LIST_DELETED}
        case ["deletedkeys", key] | ["deletedkeys", key, ""]:
            operations = {"GET": Operation.GET_DELETED}
        case ["keys", key] | ["keys", key, ""]:
            operations = _KEY_METHODS
        case ["keys", key, last] if last in _WORDS:
            operations = _WORDS[last]
        case ["keys", key, last] | ["keys", key, "", last] if last in CRYPTO:
            operations = {"POST": CRYPTO[last]}
        case ["keys", key, version] | ["keys", key, version, ""] if _VERSION.fullmatch(version):
            operations = _VERSION_METHODS
        case ["keys", key, version, last] if _VERSION.fullmatch(version) and last in CRYPTO:
            operations = {"POST": CRYPTO[last]}
        case _:
            return None
    return Route(operations.get(method), key, version)
