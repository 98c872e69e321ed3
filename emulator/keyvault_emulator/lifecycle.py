"""The operations on the life of a key: create, import, rotate, update, delete, recover, purge, backup, restore."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from keyvault_emulator import backups
from keyvault_emulator.bodies import parse_attributes, parse_backup, parse_create, parse_import
from keyvault_emulator.keystore import generate
from keyvault_emulator.keyversion import RECOVERABLE_DAYS
from keyvault_emulator.lookup import deleted_key_of, key_of, refuse_deleted, version_of
from keyvault_emulator.wire import RefusalError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from keyvault_emulator.keystore import Key, KeyStore
    from keyvault_emulator.lookup import Request

_SECONDS_PER_DAY: Final = 86_400


class Lifecycle:
    """Changes the keys of a store."""

    def __init__(self, store: KeyStore, executor: Executor) -> None:
        self._store = store
        self._executor = executor

    async def create(self, request: Request) -> dict[str, Any]:
        """Make a key, or a new version of one."""
        name, body = request.route.key, parse_create(request.content())
        refuse_deleted(self._store, name)
        private = await self._generate(body.bits)
        # Again: the key may have been deleted while its new version was in the making.
        refuse_deleted(self._store, name)
        version = self._store.add(name, private, body.kty, body.attributes)
        request.trace.version = version.version
        return version.bundle(request.call.base)

    async def rotate(self, request: Request) -> dict[str, Any]:
        """Make a new version like the current one."""
        current = key_of(self._store, request.route).current
        private = await self._generate(current.private.key_size)
        key_of(self._store, request.route)
        # The new version starts enabled and without dates: those of the old one were about the old one.
        attributes = replace(current.attributes, enabled=True, nbf=None, exp=None)
        version = self._store.add(request.route.key, private, current.kty, attributes)
        request.trace.version = version.version
        return version.bundle(request.call.base)

    async def take_in(self, request: Request) -> dict[str, Any]:
        """Import a key that the client has made, as a new version where there is one of that name."""
        body = parse_import(request.content())
        refuse_deleted(self._store, request.route.key)
        version = self._store.add(request.route.key, body.private, body.kty, body.attributes)
        request.trace.version = version.version
        return version.bundle(request.call.base)

    async def update(self, request: Request) -> dict[str, Any]:
        """Change the attributes of a version."""
        version = version_of(self._store, request)
        attributes = parse_attributes(request.content(), version.attributes)
        return self._store.update(version, attributes).bundle(request.call.base)

    async def delete(self, request: Request) -> dict[str, Any]:
        """Delete a key, which can then be recovered or purged."""
        return deleted_bundle(self._store.delete(key_of(self._store, request.route)), request.call.base)

    async def recover(self, request: Request) -> dict[str, Any]:
        """Give a deleted key back."""
        key = self._store.recover(deleted_key_of(self._store, request.route, to_recover=True))
        return key.current.bundle(request.call.base)

    async def purge(self, request: Request) -> None:
        """Forget a deleted key for good."""
        self._store.purge(deleted_key_of(self._store, request.route))

    async def backup(self, request: Request) -> dict[str, Any]:
        """Return all versions of a key in a form that only a vault reads."""
        return {"value": backups.seal(key_of(self._store, request.route))}

    async def restore(self, request: Request) -> dict[str, Any]:
        """Take in a key with all its versions, under its own name and versions."""
        key = backups.open_backup(parse_backup(request.content()))
        if self._store.find(key.name) is not None:
            kid = key.current.kid(request.call.base)
            raise RefusalError(409, "Conflict", _CONFLICT.format(kid=kid))
        self._store.restore(key)
        request.trace.version = key.current.version
        return key.current.bundle(request.call.base)

    async def _generate(self, bits: int) -> Any:  # noqa: ANN401 - a key of the library
        return await asyncio.get_running_loop().run_in_executor(self._executor, generate, bits)


#: Recorded in azure-sdk-for-js, and quoted in azure-sdk-for-python #17630.
_CONFLICT: Final = (
    "There was a conflict restoring the key '{kid}'. This can happen if either: a second key with the same name was "
    "created after the first key was deleted; thus trying to restore a key whose name is already in use. To fix this, "
    "rename the second key to something else so that the restore works. The second probable cause of this exception "
    "is when multiple operations are performed in parallel against the key. To avoid this error, perform operations "
    "against a key in a sequential manner."
)


def deletion(key: Key, base: str) -> dict[str, Any]:
    """Return what is known of a deletion: when, until when, and where the key can be recovered."""
    deleted = key.deleted or 0
    return {
        "recoveryId": f"{base}/deletedkeys/{key.name}",
        "deletedDate": deleted,
        "scheduledPurgeDate": deleted + RECOVERABLE_DAYS * _SECONDS_PER_DAY,
    }


def deleted_bundle(key: Key, base: str) -> dict[str, Any]:
    """Return the bundle of a deleted key."""
    return deletion(key, base) | key.current.bundle(base)
