"""Key Vault's key operations for one key, over the SDK's public `send_request`, with every answer checked.

`send_request` keeps the SDK's authentication and costs about a quarter less than its crypto client; and the `kid` of
an answer says which version was used, which the crypto client drops.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from reencrypt.errors import ConfigurationError, RefusedError
from reencrypt.keys.credential import make_credential, proxies_for
from reencrypt.keys.pacer import Pacer
from reencrypt.keys.quota import weight_of
from reencrypt.keys.retry import Request, RetryPolicy, ThrottledError, TransientError, call_with_retries
from reencrypt.keys.vault_errors import (
    BadCiphertextError,
    KeyDisabledError,
    KeyMissingError,
    disabled,
    forbidden,
    unauthorized,
)
from reencrypt.settings.model import AzureKeyVaultSettings

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError
    from azure.core.rest import AsyncHttpResponse
    from azure.keyvault.keys.aio import KeyClient

T = TypeVar("T")
Operation = Literal["encrypt", "decrypt", "wrapkey", "unwrapkey"]

_NOT_ENTRA: Final = "Unexpected response from Microsoft Entra ID"
_TRANSIENT: Final = frozenset({408, 500, 502, 503, 504})
_THROTTLED: Final = 429
_HINT: Final = "check the network and the vault's health, then start again; progress is saved"
_OK, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 400, 401, 403, 404


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """A version of the key as `GET key` shows it; `modulus` and `exponent` are big-endian, times Unix seconds."""

    version: str
    enabled: bool
    not_before: int | None
    expires: int | None
    created: int
    kty: str
    modulus: bytes
    exponent: bytes

    @property
    def public_key(self) -> RSAPublicKey:
        """The key itself."""
        return RSAPublicNumbers(int.from_bytes(self.exponent), int.from_bytes(self.modulus)).public_key()

    @property
    def bits(self) -> int:
        """The length of the modulus; a leading zero byte of an imported key is not part of it."""
        return int.from_bytes(self.modulus).bit_length()

    @property
    def weight(self) -> float:
        """What a request with it costs of the vault's quota."""
        return weight_of(self.bits, hsm=self.kty.endswith("-HSM"))

    @property
    def is_valid(self) -> bool:
        """Whether the vault encrypts with it now; decrypting goes on before and after that."""
        now = time.time()
        return (self.not_before is None or self.not_before <= now) and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version as a list shows it, without its key; times in Unix seconds."""

    created: int
    version: str
    enabled: bool
    not_before: int | None
    expires: int | None


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unbase64url(text: object) -> bytes:
    # Nothing is a value too: RSA1_5 may make it of a block that is not its own.
    if not isinstance(text, str):
        raise TransientError("an answer without a value")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise TransientError("an answer whose value is not base64url") from None


def _read_rotation(policy: dict[str, Any]) -> str | None:
    for action in policy.get("lifetimeActions") or []:
        if str(action["action"]["type"]).lower() == "rotate":
            trigger = action.get("trigger") or {}
            after, before = trigger.get("timeAfterCreate"), trigger.get("timeBeforeExpiry")
            return f"{after} after it was made" if after else f"{before} before it expires"
    return None


class VaultClient:
    """One key in one vault. Opens its session at the first call; `close` when done."""

    def __init__(
        self, settings: AzureKeyVaultSettings, *, policy: RetryPolicy, pacer: Pacer, waiting: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._pacer = pacer
        self._waiting = waiting
        self._priming = asyncio.Lock()
        self._primed = False
        #: The newest version as it was last read, if it may be read.
        self.newest: KeyVersion | None = None
        #: How far the vault's clock is ahead of ours, in seconds, as of its last answer.
        self.clock_ahead: float | None = None
        # Until the key is known: the dearest of the usual ones.
        self._weight = weight_of(2048, hsm=True)
        self._session: Any = None
        self._credential: Any = None
        self._client: KeyClient | None = None

    @property
    def key_name(self) -> str:
        """For messages: the key and its vault."""
        return f"key {self._settings.key_name} in {self._settings.vault_uri}"

    async def get_key(self, version: str = "") -> KeyVersion:
        """Read a version with its public key, the newest one by default; needs `keys/get`."""
        found = await self._call("get", "GET", f"/keys/{self._settings.key_name}/{version}", self._read_key)
        self._weight, self._primed = found.weight, True
        if not version:
            self.newest = found
        return found

    async def prime(self) -> None:
        """Make the first request alone, whatever it answers: it fetches the token and learns what a request costs.

        Fifty first requests at once would be fifty challenges and fifty tokens.
        """
        if not self._primed:
            async with self._priming:
                if not self._primed:
                    with suppress(ConfigurationError, RefusedError):
                        await self.get_key()
                    self._primed = True

    def _read_key(self, bundle: dict[str, Any]) -> KeyVersion:
        key, attributes = bundle.get("key"), bundle.get("attributes")
        if not isinstance(key, dict) or not isinstance(attributes, dict):
            raise TransientError("an answer that is not a key")
        if not str(key.get("kty", "")).startswith("RSA"):
            raise ConfigurationError(
                f"{self.key_name} has type {key.get('kty')}, not RSA", hint="Grafana wraps with RSA keys only"
            )
        return KeyVersion(
            version=str(key["kid"]).rsplit("/", 1)[-1],
            enabled=bool(attributes.get("enabled")),
            not_before=attributes.get("nbf"),
            expires=attributes.get("exp"),
            created=int(attributes.get("created", 0)),
            kty=str(key["kty"]),
            modulus=_unbase64url(key.get("n")),
            exponent=_unbase64url(key.get("e")),
        )

    async def rotates_after(self) -> str | None:
        """When the vault makes a new version by itself, in words around an ISO 8601 duration; None for never.

        Needs `keys/getrotationpolicy`.
        """
        path = f"/keys/{self._settings.key_name}/rotationpolicy"
        return await self._call("rotationpolicy", "GET", path, _read_rotation)

    async def list_versions(self) -> list[ListedVersion]:
        """All versions, newest first (the vault lists them by id, which looks random); needs `keys/list`."""
        found: list[ListedVersion] = []
        target: str | None = f"/keys/{self._settings.key_name}/versions"
        while target:
            page, target = await self._call("list", "GET", target, self._read_versions)
            found += page
        return sorted(found, key=lambda each: (each.created, each.version), reverse=True)

    def _read_versions(self, answer: dict[str, Any]) -> tuple[list[ListedVersion], str | None]:
        page = [
            ListedVersion(
                created=int(item["attributes"].get("created", 0)),
                version=str(item["kid"]).rsplit("/", 1)[-1],
                enabled=bool(item["attributes"].get("enabled", True)),
                not_before=item["attributes"].get("nbf"),
                expires=item["attributes"].get("exp"),
            )
            for item in answer.get("value") or []
        ]
        return page, self._next(answer.get("nextLink"))

    def _next(self, link: object) -> str | None:
        """Follow a next link by its path alone: where the token goes is not the answer's to say."""
        if not isinstance(link, str) or not link:
            return None
        parts = urlsplit(link)
        query = "&".join(part for part in parts.query.split("&") if not part.startswith("api-version="))
        return f"{parts.path}?{query}"

    async def crypt(self, operation: Operation, algorithm: str, data: bytes, version: str = "") -> tuple[bytes, str]:
        """Encrypt, decrypt, wrap or unwrap; returns the result and the version that the vault used.

        Raises `BadCiphertextError`, `OperationDeniedError`, `KeyDisabledError`, `KeyMissingError`, and
        `UnavailableError` when there is no answer before the deadline.
        """
        path = f"/keys/{self._settings.key_name}/{version}/{operation}"
        body = {"alg": algorithm, "value": _base64url(data)}

        def read(answer: dict[str, Any]) -> tuple[bytes, str]:
            return _unbase64url(answer.get("value")), str(answer.get("kid", "")).rsplit("/", 1)[-1]

        await self.prime()
        return await self._call(operation, "POST", path, read, body, version)

    async def close(self) -> None:
        """Close session and credential; both hold sockets."""
        opened = (self._client, self._credential, self._session)
        self._session = self._credential = self._client = None
        for closable in opened:
            if closable is not None:
                await closable.close()

    def disabled(self, version: str) -> KeyDisabledError:
        """The error for a version that is disabled."""
        return disabled(self._settings, version)

    async def _call(
        self,
        operation: str,
        method: str,
        path: str,
        read: Callable[[dict[str, Any]], T],
        body: Mapping[str, str] | None = None,
        version: str = "",
    ) -> T:
        """One operation with its retries; an answer that `read` can make nothing of is tried again, too."""

        async def once() -> T:
            client = self._open()
            response = await self._send(client, method, path, body)
            if response.status_code == _UNAUTHORIZED:
                # The SDK answers a challenge with the token it remembers, also where exactly that one was refused.
                await self._forget_token(client)
                response = await self._send(self._open(), method, path, body)
            answer = self._judge(operation, response, version)
            try:
                return read(answer)
            except (AttributeError, LookupError, TypeError, ValueError):
                raise TransientError("an answer of another form than Key Vault's") from None

        return await call_with_retries(
            once,
            Request(self._weight, f"{operation} with {self.key_name}", _HINT),
            policy=self._policy,
            pacer=self._pacer,
            waiting=self._waiting,
        )

    def _open(self) -> KeyClient:
        if self._client is not None:
            return self._client
        # Heavy imports, needed only where a vault is.
        import aiohttp  # noqa: PLC0415
        from azure.core.pipeline.transport import AioHttpTransport  # noqa: PLC0415
        from azure.keyvault.keys.aio import KeyClient  # noqa: PLC0415

        settings = self._settings
        if self._session is None:
            # One session with one TLS context, for the vault and for tokens: a context per request defeats keep-alive
            # and costs a handshake per call, and a CA that one of them trusts the other must trust too.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(), limit=0),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        transport = AioHttpTransport(session=self._session, session_owner=False)
        self._credential = make_credential(settings, transport)
        self._client = KeyClient(
            settings.vault_uri,
            self._credential,
            transport=transport,
            proxies=proxies_for(settings.vault_uri),
            retry_total=0,
            # A vault outside Azure's domains cannot name a resource above itself; its host was allowed by name.
            verify_challenge_resource=settings.trusted_suffix,
        )
        return self._client

    async def _forget_token(self, refused: KeyClient) -> None:
        """Drop client and credential, which both remember the token, unless another call has done so."""
        if self._client is refused:
            credential, self._credential, self._client = self._credential, None, None
            await refused.close()
            await credential.close()

    async def _send(
        self, client: KeyClient, method: str, path: str, body: Mapping[str, str] | None
    ) -> AsyncHttpResponse:
        from azure.core import exceptions  # noqa: PLC0415
        from azure.core.rest import HttpRequest  # noqa: PLC0415

        try:
            response: AsyncHttpResponse = await client.send_request(HttpRequest(method, path, json=body))
            if method == "GET":
                self.clock_ahead = _clock_ahead(response.headers.get("Date", ""))
        except exceptions.ClientAuthenticationError as error:
            if error.status_code == _THROTTLED or error.status_code in _TRANSIENT:
                raise TransientError(f"the token endpoint answered {error.status_code}") from None
            if _NOT_ENTRA in str(error.message):
                # A page of some proxy; the SDK drops its status.
                raise TransientError("the token endpoint gave no answer of Microsoft Entra") from None
            raise unauthorized(self._settings, str(error.message)) from None
        except (exceptions.ServiceRequestError, exceptions.ServiceResponseError) as error:
            raise self._no_connection(error) from None
        except exceptions.HttpResponseError as error:
            raise TransientError(f"the token endpoint failed ({_first_line(error)})") from None
        except ValueError as error:
            if "challenge" not in str(error):
                raise
            raise ConfigurationError(
                f"{self._settings.vault_uri} asks for a token for somebody else's resource",
                hint=f"check vault_uri in [{self._settings.section}]: this is not Azure's Key Vault",
            ) from None
        return response

    @staticmethod
    def _no_connection(error: AzureError) -> TransientError | ConfigurationError:
        reason = _first_line(error)
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            return ConfigurationError(
                f"a certificate is not trusted: {reason}",
                hint="set SSL_CERT_FILE to the CA bundle of your network's proxy, if it inspects TLS",
            )
        return TransientError(f"no connection ({reason})")

    def _judge(self, operation: str, response: AsyncHttpResponse, version: str) -> dict[str, Any]:
        status = response.status_code
        if status == _THROTTLED:
            raise ThrottledError(f"the vault answered {status}", _retry_after(response.headers))
        if status in _TRANSIENT:
            raise TransientError(f"the vault answered {status}", _retry_after(response.headers))
        answer = _json(response)
        if status == _OK:
            if answer is None:
                raise TransientError("an answer that is not JSON")
            return answer
        error = (answer or {}).get("error") or {}
        code, inner = str(error.get("code", "")), str((error.get("innererror") or {}).get("code", ""))
        named = f"{self.key_name}, version {version}" if version else self.key_name
        if status == _BAD_REQUEST and code and operation in ("decrypt", "unwrapkey"):
            raise BadCiphertextError(code)
        if status == _UNAUTHORIZED:
            raise unauthorized(self._settings, str(error.get("message", "")))
        if status == _NOT_FOUND:
            raise KeyMissingError(
                f"{named} does not exist",
                hint=f"check key_id in [{self._settings.section}]; deleted keys can be recovered",
            )
        if status == _FORBIDDEN:
            raise forbidden(self._settings, operation, version, inner, str(error.get("message", "")))
        raise ConfigurationError(
            f"{operation} with {named}: the vault answered {status} {code}".rstrip(),
            hint=f"Azure's support finds it by its request id, {response.headers.get('x-ms-request-id', 'not given')}",
        )


def _clock_ahead(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (TypeError, ValueError):
        return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers.get("Retry-After", "")))
    except ValueError:
        return None


def _json(response: AsyncHttpResponse) -> dict[str, Any] | None:
    try:
        answer = json.loads(response.text())
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
