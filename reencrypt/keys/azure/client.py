"""Key Vault's key operations for one key, over the SDK's public `send_request`, with every answer checked.

`send_request` keeps the SDK's authentication and costs about a quarter less than its crypto client. The `kid` of an
answer names the version that was used; the crypto client drops it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from reencrypt.errors import ConfigurationError, RefusedError
from reencrypt.events import Throttled, VaultAnswered
from reencrypt.keys.azure.connection import VaultConnection
from reencrypt.keys.azure.limiter import Limiter
from reencrypt.keys.azure.refusals import Asked, Refusal, api_version_for, disabled
from reencrypt.keys.azure.responses import (
    OK,
    UNAUTHORIZED,
    KeyVersion,
    ListedVersion,
    asks_for_version,
    base64url,
    clock_ahead,
    judge,
    read_crypt,
    read_key,
    read_rotation,
    read_versions,
    reading,
    version_in,
)
from reencrypt.keys.azure.retry import Request, RetryPolicy, TransientError, call_with_retries
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.errors import KeyDisabledError
from reencrypt.keys.kind import ProviderContext

if TYPE_CHECKING:
    from azure.core.rest import AsyncHttpResponse
    from azure.keyvault.keys.aio import KeyClient

T = TypeVar("T")
Operation = Literal["encrypt", "decrypt", "wrapkey", "unwrapkey"]

_HINT: Final = "Check the network and the vault's health, then start again; progress is saved."
_BLOCKS: Final = (256, 384, 512)
_REQUEST_ID: Final = "x-ms-client-request-id"
#: The `code` of a request without an answer.
NO_ANSWER: Final = "no_answer"


class VaultClient:
    """One key in one vault, asked over a connection that other keys of the vault may share."""

    def __init__(
        self,
        settings: AzureKeyVaultSettings,
        connection: VaultConnection,
        *,
        policy: RetryPolicy,
        limiter: Limiter,
        context: ProviderContext,
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._policy = policy
        self._limiter = limiter
        self._context = context
        self._api_version = context.options.api_version
        self._priming = asyncio.Lock()
        self._primed = False
        #: The newest version as it was last read, if it may be read.
        self.newest: KeyVersion | None = None
        #: How far the vault's clock is ahead of this machine's, in seconds, as of its last answer.
        self.clock_ahead: float | None = None
        # Until the key is known: the highest of the usual weights.
        self._weight = settings.capacity.weight_of(2048, hsm=True)

    @property
    def key_name(self) -> str:
        """The key and its vault, for messages."""
        return f"key {self._settings.key_name} in {self._settings.vault_uri}"

    async def get_key(self, version: str = "") -> KeyVersion:
        """Read a version with its public key, the newest one by default; needs `keys/get`."""
        found = await self._call(
            # With a last slash where there is no version, as all SDKs send it.
            "get",
            "GET",
            f"{self._path()}/{version}",
            lambda bundle: read_key(bundle, self._settings),
            version,
        )
        self._weight, self._primed = self.weight_of(found), True
        if not version:
            self.newest = found
        return found

    async def prime(self) -> None:
        """Make the first request alone, with any result: it fetches the token and learns the cost of a request.

        Fifty first requests at once would be fifty challenges and fifty tokens.
        """
        if not self._primed:
            async with self._priming:
                if not self._primed:
                    with suppress(ConfigurationError, RefusedError):
                        await self.get_key()
                    self._primed = True

    async def rotates_after(self) -> str | None:
        """Return when the vault makes a new version by itself, in words with an ISO 8601 duration; None for never.

        Needs `keys/getrotationpolicy`.
        """
        return await self._call("rotationpolicy", "GET", self._path("rotationpolicy"), read_rotation)

    async def list_versions(self) -> list[ListedVersion]:
        """All versions, newest first (the vault lists them by id, which looks random); needs `keys/list`."""

        async def whole() -> list[ListedVersion]:
            found: list[ListedVersion] = []
            query: str | None = ""
            while query is not None:
                path = f"{self._path('versions')}{f'?{query}' if query else ''}"
                page, query = await self._once("list", "GET", path, lambda page: read_versions(page, self._settings))
                found += page
            if not found or (self.newest and self.newest.version not in [each.version for each in found]):
                # A key has at least one version, and the one that was just read is among them.
                raise TransientError("a list of versions that cannot be whole")
            return sorted(found, key=lambda each: (each.created, each.version), reverse=True)

        return await self._retried("list", whole, self._weight)

    async def crypt(
        self, operation: Operation, algorithm: str, data: bytes, version: str = "", *, independent: bool = False
    ) -> tuple[bytes, str]:
        """Encrypt, decrypt, wrap or unwrap; returns the result and the version that the vault used.

        An `independent` request uses a connection of its own, and its answer has to name it.
        Raises `BadCiphertextError`, `AccessDeniedError`, `KeyDisabledError`, `KeyMissingError`, and
        `UnavailableError` when there is no answer before the deadline.
        """
        path = self._path(version, operation)
        body = {"alg": algorithm, "value": base64url(data)}

        await self.prime()
        return await self._retried(
            operation,
            lambda: self._once(
                operation,
                "POST",
                path,
                lambda answer: read_crypt(answer, self._settings, version),
                body,
                version,
                independent=independent,
            ),
            self._weight_of(len(data)),
        )

    def _weight_of(self, length: int) -> float:
        """Return the cost of a request: a block is as long as the key that made it, in any version."""
        if self.newest is not None and length * 8 != self.newest.bits and length in _BLOCKS:
            return self._settings.capacity.weight_of(length * 8, hsm=True)
        if self.newest is None and length in _BLOCKS:
            return self._settings.capacity.weight_of(length * 8, hsm=True)
        return self._weight

    def weight_of(self, version: KeyVersion) -> float:
        """Return the cost of a request with a version, in what the vault bears."""
        return self._settings.capacity.weight_of(version.bits, hsm=version.is_in_hsm)

    def disabled(self, version: str, words: str = "") -> KeyDisabledError:
        """The error for a version that is disabled; `words` are the vault's own."""
        return disabled(self._settings, version, words)

    def _path(self, *rest: str) -> str:
        """Return the path of the key, or below it; an operation without a version has one slash, not two.

        Source: the recordings of .NET's SDK. The vault takes two, but some gateways in front of one redirect them.
        """
        return "/".join(("/keys", self._settings.key_name, *filter(None, rest)))

    async def _call(
        self,
        operation: str,
        method: str,
        path: str,
        read: Callable[[dict[str, Any]], T],
        version: str = "",
    ) -> T:
        """Run one operation with its retries; an answer that `read` cannot parse is retried too."""
        return await self._retried(
            operation, lambda: self._once(operation, method, path, read, version=version), self._weight
        )

    async def _once(
        self,
        operation: str,
        method: str,
        path: str,
        read: Callable[[dict[str, Any]], T],
        body: Mapping[str, str] | None = None,
        version: str = "",
        *,
        independent: bool = False,
    ) -> T:
        spoken = self._api_version or self._connection.api_version
        asked = Asked(self._settings, operation, version)
        response = await self._signed_in(asked, method, _in_version(path, spoken), body, independent=independent)
        unknown = asks_for_version(response)
        if unknown is not None and self._follows(spoken, unknown):
            path = _in_version(path, self._connection.api_version)
            response = await self._signed_in(asked, method, path, body, independent=independent)
        answer = judge(asked, response, (body or {}).get("value", ""))
        return reading(read, answer)

    def _follows(self, spoken: str, refusal: Refusal) -> bool:
        """Whether to ask again in the version that the vault has named: one switch for a connection, and no more.

        Clouds other than the public one know an older version than the SDK's own.
        """
        if self._api_version:
            # The operator's own choice is not changed in silence.
            return False
        if spoken != self._connection.api_version:
            # Another call has switched since this one was sent.
            return True
        if spoken:
            return False
        self._connection.api_version = api_version_for(refusal)
        self._context.warn(
            "older interface of the vault",
            f"{self._settings.vault_uri} is asked in version {self._connection.api_version} of Key Vault's interface "
            f"from now on; {refusal.words}",
        )
        return True

    async def _signed_in(
        self, asked: Asked, method: str, path: str, body: Mapping[str, str] | None, *, independent: bool
    ) -> AsyncHttpResponse:
        """Send a request, once more with a new token where the vault refuses the one that there is."""
        client = self._connection.client(independent=independent)
        response = await self._told(asked, self._send(client, method, path, body, independent=independent))
        if response.status_code == UNAUTHORIZED:
            # The SDK answers a challenge with its cached token, even where that token was refused.
            await self._connection.forget_token(client)
            client = self._connection.client(independent=independent)
            response = await self._told(asked, self._send(client, method, path, body, independent=independent))
        return response

    async def _told(self, asked: Asked, request: Awaitable[AsyncHttpResponse]) -> AsyncHttpResponse:
        """Await the answer to a request, and tell listeners of it, or that there was none."""
        since, code, version = time.monotonic(), NO_ANSWER, ""
        try:
            response = await request
            code, version = str(response.status_code), version_in(response)
            return response
        finally:
            seconds = time.monotonic() - since
            self._context.emit(VaultAnswered(self._settings.provider, asked.operation, code, seconds, version))

    async def _retried(self, operation: str, once: Callable[[], Awaitable[T]], weight: float) -> T:
        return await call_with_retries(
            once,
            Request(weight, f"{operation} with {self.key_name}", _HINT, self._settings.vault_uri),
            policy=self._policy,
            limiter=self._limiter,
            waiting=self._context.waiting,
            throttled=lambda seconds: self._context.emit(Throttled(seconds)),
        )

    async def _send(
        self, client: KeyClient, method: str, path: str, body: Mapping[str, str] | None, *, independent: bool
    ) -> AsyncHttpResponse:
        from azure.core import exceptions  # noqa: PLC0415
        from azure.core.rest import HttpRequest  # noqa: PLC0415

        request_id = self._context.requests.next()
        try:
            response: AsyncHttpResponse = await client.send_request(
                HttpRequest(method, path, json=body, headers={_REQUEST_ID: request_id})
            )
            self._check_echo(response, request_id, independent=independent)
            if method == "GET":
                self.clock_ahead = clock_ahead(response.headers.get("Date", ""))
        except exceptions.HttpResponseError:
            raise TransientError("an answer that the SDK cannot read") from None
        return response

    def _check_echo(self, response: AsyncHttpResponse, request_id: str, *, independent: bool) -> None:
        """Refuse the answer to another request: the service returns each request's id with its answer."""
        echo = response.headers.get(_REQUEST_ID)
        if echo is not None and echo.lower() != request_id:
            raise TransientError("the answer to another request")
        # A managed HSM sends none back (recorded answers); a vault does, with every answer of its own.
        if echo is None and independent and response.status_code == OK and not self._settings.is_managed_hsm:
            raise TransientError("an answer that does not say which request it belongs to")


def _in_version(path: str, api_version: str) -> str:
    """Return a path with an `api-version`; where none is named the SDK adds its own."""
    return f"{path}{'&' if '?' in path else '?'}api-version={api_version}" if api_version else path
