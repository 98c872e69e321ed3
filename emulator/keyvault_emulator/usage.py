"""The operations that use a key: encrypt, decrypt, wrap, unwrap, sign, verify, and when the service allows each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from keyvault_emulator import rsa, signatures
from keyvault_emulator.bodies import parse_crypto, parse_verify
from keyvault_emulator.lookup import version_of
from keyvault_emulator.routes import Operation
from keyvault_emulator.wire import bad_parameter, encode_base64url, forbidden

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from keyvault_emulator.keystore import KeyStore
    from keyvault_emulator.keyversion import KeyVersion
    from keyvault_emulator.lookup import Request

#: Operations that make something new: only these end with the validity of a key, so that old data stays readable.
_PRODUCING: Final = (Operation.ENCRYPT, Operation.WRAP, Operation.SIGN)


class Usage:
    """Uses the keys of a store."""

    def __init__(self, store: KeyStore, executor: Executor, clock: Callable[[], float]) -> None:
        self._store = store
        # OpenSSL releases the GIL, so the loop answers other requests during a private-key operation.
        self._executor = executor
        self._clock = clock
        #: The result of RSA1_5 with wrong padding.
        self.bad_padding: rsa.BadPadding = "error"

    async def encrypt(self, request: Request) -> dict[str, Any]:
        """Answer encrypt and wrapKey, which are the same for RSA."""
        body = parse_crypto(request.content(), rsa.ALGORITHMS)
        request.trace.alg = body.alg
        version = self._usable(request)
        try:
            # Twenty microseconds: a hop to another thread would cost more.
            value = rsa.encrypt(body.alg, version.private.public_key(), body.value)
        except rsa.PaddingError as error:
            raise bad_parameter(str(error)) from error
        return {"kid": version.kid(request.call.base), "value": encode_base64url(value)}

    async def decrypt(self, request: Request) -> dict[str, Any]:
        """Answer decrypt and unwrapKey."""
        body = parse_crypto(request.content(), rsa.ALGORITHMS)
        request.trace.alg = body.alg
        version = self._usable(request)
        try:
            value = await asyncio.get_running_loop().run_in_executor(
                self._executor, rsa.decrypt, body.alg, version.private, body.value, self.bad_padding
            )
        except rsa.PaddingError as error:
            raise bad_parameter(str(error)) from error
        return {"kid": version.kid(request.call.base), "value": encode_base64url(value)}

    async def sign(self, request: Request) -> dict[str, Any]:
        """Answer sign: the body has a digest, and the client has made it."""
        body = parse_crypto(request.content(), signatures.ALGORITHMS)
        request.trace.alg = body.alg
        version = self._usable(request)
        signatures.check_digest(body.alg, body.value)
        value = await asyncio.get_running_loop().run_in_executor(
            self._executor, signatures.sign, body.alg, version.private, body.value
        )
        return {"kid": version.kid(request.call.base), "value": encode_base64url(value)}

    async def verify(self, request: Request) -> dict[str, Any]:
        """Answer verify; a wrong signature is an answer, too."""
        body = parse_verify(request.content(), signatures.ALGORITHMS)
        request.trace.alg = body.alg
        version = self._usable(request)
        signatures.check_digest(body.alg, body.digest)
        return {"value": signatures.verify(body.alg, version.private.public_key(), body.digest, body.signature)}

    def _usable(self, request: Request) -> KeyVersion:
        """Return the version of a request that may be used for its operation."""
        version, operation = version_of(self._store, request), request.route.operation
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
        if operation not in attributes.key_ops:
            raise forbidden(f"Operation {operation} is not permitted on this key.", "KeyOperationForbidden")
        return version
