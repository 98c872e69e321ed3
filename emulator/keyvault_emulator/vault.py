"""The operations of the vault and the rules on them: permissions, key_ops, enabled, validity, soft delete."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from keyvault_emulator import rsa
from keyvault_emulator.apiversions import ApiVersions
from keyvault_emulator.bodies import CreateBody, parse_attributes, parse_create, parse_crypto
from keyvault_emulator.keystore import generate
from keyvault_emulator.keyversion import RECOVERABLE_DAYS
from keyvault_emulator.listing import page
from keyvault_emulator.permissions import Permissions, permission_of
from keyvault_emulator.quota import Quota
from keyvault_emulator.rotation import RotationPolicies
from keyvault_emulator.routes import Operation, is_key_name
from keyvault_emulator.wire import (
    Answer,
    RefusalError,
    bad_parameter,
    encode_base64url,
    forbidden,
    parse_object,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from keyvault_emulator.credentials import Credentials
    from keyvault_emulator.keystore import Key, KeyStore
    from keyvault_emulator.keyversion import KeyVersion
    from keyvault_emulator.routes import Route
    from keyvault_emulator.wire import Call

_SECONDS_PER_DAY: Final = 86_400
#: Operations that make new ciphertexts: only these end with the validity of a key, so that old data stays readable.
_PRODUCING: Final = (Operation.ENCRYPT, Operation.WRAP)


@dataclass(slots=True)
class Trace:
    """Facts about a request, noted as they become known, because refused requests are logged too."""

    version: str = ""
    alg: str = ""


class Vault:
    """One vault: answers requests that are authenticated and have a route."""

    def __init__(
        self, store: KeyStore, credentials: Credentials, executor: Executor, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._credentials = credentials
        # OpenSSL releases the GIL, so the loop answers other requests during a private-key operation.
        self._executor = executor
        self._clock = clock
        self._rotation = RotationPolicies(clock)
        #: The versions of the interface.
        self.api_versions = ApiVersions()
        #: The quota of ten seconds.
        self.quota = Quota(clock)
        #: The permissions of the application.
        self.permissions = Permissions()
        #: The result of RSA1_5 with wrong padding.
        self.bad_padding: rsa.BadPadding = "error"

    async def perform(self, call: Call, route: Route, body: bytes, trace: Trace) -> Answer:
        """Return the answer to one operation.

        Raises:
            RefusalError: the service says no.
        """
        key = self._store.find(route.key) if route.key else None
        self.quota.count(key.find(route.version) if key else None)
        operation = self._admit(call, route)
        content: dict[str, Any]
        match operation:
            case Operation.ENCRYPT | Operation.DECRYPT | Operation.WRAP | Operation.UNWRAP:
                content = await self._crypt(call, route, operation, parse_object(body), trace)
            case Operation.CREATE | Operation.ROTATE:
                version = await self._make(route, operation, parse_object(body))
                trace.version = version.version
                content = version.bundle(call.base)
            case Operation.GET:
                content = self._version(route, trace).bundle(call.base)
            case Operation.UPDATE:
                version = self._version(route, trace)
                attributes = parse_attributes(parse_object(body), version.attributes)
                content = self._store.update(version, attributes).bundle(call.base)
            case Operation.DELETE:
                content = _deleted_bundle(self._store.delete(self._key(route)), call.base)
            case Operation.GET_ROTATION:
                content = self._rotation.get(self._key(route).name, call.base)
            case Operation.SET_ROTATION:
                self._rotation.set(self._key(route).name, parse_object(body))
                content = self._rotation.get(route.key, call.base)
            case Operation.GET_DELETED:
                content = _deleted_bundle(self._deleted_key(route), call.base)
            case _:
                content = self._list(call, route, operation)
        return Answer.of_json(content)

    def _admit(self, call: Call, route: Route) -> Operation:
        """Return the operation of a request that is well formed and permitted; others do not learn what exists."""
        self.api_versions.check(call.query.get("api-version", ""))
        if route.operation is None:
            raise RefusalError(
                405, "MethodNotAllowed", f"The requested resource does not support http method '{call.method}'."
            )
        if route.key and not is_key_name(route.key):
            raise bad_parameter(f"The request URI contains an invalid name: {route.key}")
        permission = permission_of(route.operation)
        if not self.permissions.allows(permission):
            vault = (urlsplit(call.base).hostname or "").partition(".")[0]
            raise self.permissions.refusal(permission, key=route.key, vault=vault, caller=self._credentials)
        return route.operation

    async def _crypt(
        self, call: Call, route: Route, operation: Operation, content: dict[str, Any], trace: Trace
    ) -> dict[str, Any]:
        request = parse_crypto(content)
        trace.alg = request.alg
        version = self._version(route, trace)
        self._check_usable(version, operation)
        try:
            if operation in _PRODUCING:
                # Twenty microseconds: a hop to another thread would cost more.
                value = rsa.encrypt(request.alg, version.private.public_key(), request.value)
            else:
                value = await asyncio.get_running_loop().run_in_executor(
                    self._executor, rsa.decrypt, request.alg, version.private, request.value, self.bad_padding
                )
        except rsa.PaddingError as error:
            raise bad_parameter(str(error)) from error
        return {"kid": version.kid(call.base), "value": encode_base64url(value)}

    def _check_usable(self, version: KeyVersion, operation: Operation) -> None:
        attributes = version.attributes
        if not attributes.enabled:
            raise forbidden(f"Operation {operation} is not allowed on a disabled key.", "KeyDisabled")
        if operation in _PRODUCING:
            now = self._clock()
            # Status and rule are documented; these two texts and codes follow those of disabled keys.
            if attributes.nbf is not None and now < attributes.nbf:
                raise forbidden(
                    f"Operation {operation} is not allowed on a key that is not yet valid.", "KeyNotYetValid"
                )
            if attributes.exp is not None and now >= attributes.exp:
                raise forbidden(f"Operation {operation} is not allowed on an expired key.", "KeyExpired")
        if operation.value not in attributes.key_ops:
            raise forbidden(f"Operation {operation} is not permitted on this key.", "KeyOperationForbidden")

    async def _make(self, route: Route, operation: Operation, content: dict[str, Any]) -> KeyVersion:
        if operation is Operation.CREATE:
            request = parse_create(content)
        else:
            current = self._key(route).current
            # The new version starts enabled and without dates: those of the old one were about the old one.
            attributes = replace(current.attributes, enabled=True, nbf=None, exp=None)
            request = CreateBody(current.kty, current.private.key_size, attributes)
        self._refuse_deleted(route)
        private = await asyncio.get_running_loop().run_in_executor(self._executor, generate, request.bits)
        # Again: the key may have been deleted while its new version was in the making.
        self._refuse_deleted(route)
        return self._store.add(route.key, private, request.kty, request.attributes)

    def _list(self, call: Call, route: Route, operation: Operation) -> dict[str, Any]:
        keys = self._store.keys()
        if operation is Operation.LIST_VERSIONS:
            key = self._store.find(route.key)
            # A key that is not there has no versions, which is no error (azure-sdk-for-net #16444).
            versions = key.versions if key and key.deleted is None else ()
            return page(call, {version.version: version.item(version.kid(call.base)) for version in versions})
        if operation is Operation.LIST:
            return page(
                call,
                {key.name: key.current.item(f"{call.base}/keys/{key.name}") for key in keys if key.deleted is None},
            )
        return page(
            call,
            {
                key.name: key.current.item(f"{call.base}/keys/{key.name}") | _deletion(key, call.base)
                for key in keys
                if key.deleted is not None
            },
        )

    def _key(self, route: Route) -> Key:
        key = self._store.find(route.key)
        if key is None or key.deleted is not None:
            raise _not_found(route)
        return key

    def _version(self, route: Route, trace: Trace) -> KeyVersion:
        version = self._key(route).find(route.version)
        if version is None:
            raise _not_found(route)
        trace.version = version.version
        return version

    def _deleted_key(self, route: Route) -> Key:
        key = self._store.find(route.key)
        if key is None or key.deleted is None:
            raise RefusalError(404, "KeyNotFound", f"Deleted Key not found: {route.key}")
        return key

    def _refuse_deleted(self, route: Route) -> None:
        key = self._store.find(route.key)
        if key is not None and key.deleted is not None:
            raise RefusalError(
                409,
                "Conflict",
                f"Key {route.key} is currently in a deleted but recoverable state, and its name cannot be reused; in "
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


def _deletion(key: Key, base: str) -> dict[str, Any]:
    deleted = key.deleted or 0
    return {
        "recoveryId": f"{base}/deletedkeys/{key.name}",
        "deletedDate": deleted,
        "scheduledPurgeDate": deleted + RECOVERABLE_DAYS * _SECONDS_PER_DAY,
    }


def _deleted_bundle(key: Key, base: str) -> dict[str, Any]:
    return _deletion(key, base) | key.current.bundle(base)
