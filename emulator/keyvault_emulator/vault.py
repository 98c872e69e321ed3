"""The vault: admits a request by version of the interface, path, name and permission, and has its operation done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from keyvault_emulator.apiversions import ApiVersions
from keyvault_emulator.lifecycle import Lifecycle, deleted_bundle, deletion
from keyvault_emulator.listing import page
from keyvault_emulator.lookup import Request, Trace, deleted_key_of, key_of, version_of
from keyvault_emulator.permissions import Permissions, permission_of
from keyvault_emulator.quota import Quota
from keyvault_emulator.rotation import RotationPolicies
from keyvault_emulator.routes import Operation, is_key_name
from keyvault_emulator.usage import Usage
from keyvault_emulator.wire import Answer, RefusalError, bad_parameter, forbidden, not_emulated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Executor

    from keyvault_emulator.credentials import Credentials
    from keyvault_emulator.keystore import KeyStore
    from keyvault_emulator.routes import Route
    from keyvault_emulator.wire import Call

    _Handler: TypeAlias = Callable[[Request], Awaitable[dict[str, Any] | None]]


class Vault:
    """One vault: answers requests that are authenticated and have a route."""

    def __init__(
        self, store: KeyStore, credentials: Credentials, executor: Executor, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._rotation = RotationPolicies(clock)
        lifecycle = Lifecycle(store, executor)
        #: The use of keys.
        self.usage = Usage(store, executor, clock)
        #: The versions of the interface.
        self.api_versions = ApiVersions()
        #: The quota of ten seconds.
        self.quota = Quota(clock)
        #: Whether a version that is disabled can be read. Reports of the service differ: notaryproject/ratify #1474
        #: reads one, and a secret cannot be.
        self.shows_disabled = True
        #: The permissions of the application.
        self.permissions = Permissions()
        self._handlers: dict[Operation, _Handler] = {
            Operation.CREATE: lifecycle.create,
            Operation.IMPORT: lifecycle.take_in,
            Operation.ROTATE: lifecycle.rotate,
            Operation.UPDATE: lifecycle.update,
            Operation.DELETE: lifecycle.delete,
            Operation.RECOVER: lifecycle.recover,
            Operation.PURGE: lifecycle.purge,
            Operation.BACKUP: lifecycle.backup,
            Operation.RESTORE: lifecycle.restore,
            Operation.GET: self._get,
            Operation.LIST: self._list,
            Operation.LIST_VERSIONS: self._list_versions,
            Operation.GET_DELETED: self._get_deleted,
            Operation.LIST_DELETED: self._list_deleted,
            Operation.GET_ROTATION: self._get_rotation,
            Operation.SET_ROTATION: self._set_rotation,
            Operation.ENCRYPT: self.usage.encrypt,
            Operation.DECRYPT: self.usage.decrypt,
            Operation.WRAP: self.usage.encrypt,
            Operation.UNWRAP: self.usage.decrypt,
            Operation.SIGN: self.usage.sign,
            Operation.VERIFY: self.usage.verify,
        }

    async def perform(self, call: Call, route: Route, body: bytes, trace: Trace) -> Answer:
        """Return the answer to one operation.

        Raises:
            RefusalError: the service says no.
        """
        key = self._store.find(route.key) if route.key else None
        self.quota.count(key.find(route.version) if key else None)
        operation = self._admit(call, route)
        content = await self._handlers[operation](Request(call, route, body, trace))
        return Answer(204, b"") if content is None else Answer.of_json(content)

    def _admit(self, call: Call, route: Route) -> Operation:
        """Return the operation of a request that is well formed and permitted; others do not learn what exists."""
        self.api_versions.check(call.query.get("api-version", ""))
        if route.missing is not None:
            raise not_emulated(route.missing.what, route.missing.why)
        if route.operation is None:
            raise _wrong_method(call.method, route.word)
        if route.key and not is_key_name(route.key):
            raise bad_parameter(f"The request URI contains an invalid name: {route.key}")
        permission = permission_of(route.operation)
        if not self.permissions.allows(permission):
            vault = (urlsplit(call.base).hostname or "").partition(".")[0]
            raise self.permissions.refusal(permission, key=route.key, vault=vault, caller=self._credentials)
        return route.operation

    async def _get(self, request: Request) -> dict[str, Any]:
        version = version_of(self._store, request)
        if not version.attributes.enabled and not self.shows_disabled:
            raise forbidden("Operation get is not allowed on a disabled key.", "KeyDisabled")
        return version.bundle(request.call.base)

    async def _get_deleted(self, request: Request) -> dict[str, Any]:
        return deleted_bundle(deleted_key_of(self._store, request.route), request.call.base)

    async def _get_rotation(self, request: Request) -> dict[str, Any]:
        return self._rotation.get(key_of(self._store, request.route).name, request.call.base)

    async def _set_rotation(self, request: Request) -> dict[str, Any]:
        name = key_of(self._store, request.route).name
        self._rotation.set(name, request.content())
        return self._rotation.get(name, request.call.base)

    async def _list_versions(self, request: Request) -> dict[str, Any]:
        key = self._store.find(request.route.key)
        # A key that is not there has no versions, which is no error (azure-sdk-for-net #16444).
        versions = key.versions if key and key.deleted is None else ()
        base = request.call.base
        return page(request.call, {version.version: version.item(version.kid(base)) for version in versions})

    async def _list(self, request: Request) -> dict[str, Any]:
        base = request.call.base
        return page(
            request.call,
            {
                key.name: key.current.item(f"{base}/keys/{key.name}")
                for key in self._store.all_keys()
                if key.deleted is None
            },
        )

    async def _list_deleted(self, request: Request) -> dict[str, Any]:
        base = request.call.base
        return page(
            request.call,
            {
                key.name: key.current.item(f"{base}/keys/{key.name}") | deletion(key, base)
                for key in self._store.all_keys()
                if key.deleted is not None
            },
        )


def _wrong_method(method: str, word: str) -> RefusalError:
    if word:
        # As azure-cli #23390 quotes it: the service takes what follows a name for an operation.
        return bad_parameter(f"Method {method} does not allow operation '{word}'")
    return RefusalError(405, "MethodNotAllowed", f"The requested resource does not support http method '{method}'.")
