"""Finding what a request is about, or the service's own 404 and 409."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keyvault_emulator.wire import RefusalError, parse_object

if TYPE_CHECKING:
    from keyvault_emulator.keystore import Key, KeyStore
    from keyvault_emulator.keyversion import KeyVersion
    from keyvault_emulator.routes import Route
    from keyvault_emulator.wire import Call


@dataclass(slots=True)
class Trace:
    """Facts about a request, noted as they become known, because refused requests are logged too."""

    version: str = ""
    alg: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One admitted request to the vault."""

    call: Call
    route: Route
    body: bytes
    trace: Trace

    def content(self) -> dict[str, Any]:
        """Return the JSON object in the body.

        Raises:
            RefusalError: 400, it is none.
        """
        return parse_object(self.body)


def key_of(store: KeyStore, route: Route) -> Key:
    """Return the key of the route.

    Raises:
        RefusalError: 404, there is none, or it is deleted.
    """
    key = store.find(route.key)
    if key is None or key.deleted is not None:
        raise _not_found(route)
    return key


def version_of(store: KeyStore, request: Request) -> KeyVersion:
    """Return the version of a request.

    Raises:
        RefusalError: 404, there is none, or its key is deleted.
    """
    version = key_of(store, request.route).find(request.route.version)
    if version is None:
        raise _not_found(request.route)
    request.trace.version = version.version
    return version


def deleted_key_of(store: KeyStore, route: Route, *, to_recover: bool = False) -> Key:
    """Return the deleted key of the route.

    Raises:
        RefusalError: 404, there is none. What a client that recovers is told is the text for keys (recorded).
    """
    key = store.find(route.key)
    if key is None or key.deleted is None:
        raise (
            _not_found(route) if to_recover else RefusalError(404, "KeyNotFound", f"Deleted Key not found: {route.key}")
        )
    return key


def refuse_deleted(store: KeyStore, name: str) -> None:
    """Refuse the name of a deleted key.

    Raises:
        RefusalError: 409.
    """
    key = store.find(name)
    if key is not None and key.deleted is not None:
        raise RefusalError(
            409,
            "Conflict",
            f"Key {name} is currently in a deleted but recoverable state, and its name cannot be reused; in "
            "this state, the key can only be recovered or purged.",
            inner="ObjectIsDeletedButRecoverable",
        )


def _not_found(route: Route) -> RefusalError:
    name = f"{route.key}/{route.version}" if route.version else route.key
    return RefusalError(
        404,
        "KeyNotFound",
        f"A key with (name/id) {name} was not found in this key vault. If you recently deleted this key you may be "
        "able to recover it using the correct recovery command. For help resolving this issue, please see "
        "https://go.microsoft.com/fwlink/?linkid=2125182",
    )
