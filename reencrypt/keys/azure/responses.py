"""Checked answers of Key Vault: keys, versions, values, and refusals as errors with a remedy.

An answer that is not Key Vault's own, such as a proxy's page, proves nothing: the request is repeated.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.errors import BadCiphertextError, forbidden, unauthorized
from reencrypt.keys.azure.quota import weight_of
from reencrypt.keys.azure.retry import ThrottledError, TransientError
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.errors import KeyMissingError

if TYPE_CHECKING:
    from azure.core.rest import AsyncHttpResponse

THROTTLED: Final = 429
TRANSIENT: Final = frozenset({408, 500, 502, 503, 504})
UNAUTHORIZED: Final = 401
OK: Final = 200
_BAD_REQUEST, _FORBIDDEN, _NOT_FOUND, _SERVER_ERRORS = 400, 403, 404, 500
_KID: Final = re.compile(r"https://[^/?#]+/keys/(?P<name>[^/?#]+)/(?P<version>[0-9a-f]{32})")


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
        """The cost of a request with it in the vault's quota."""
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


def base64url(data: bytes) -> str:
    """Encode a value."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text: object) -> bytes:
    """Decode a value; raises `TransientError` for anything else."""
    # The empty value is valid: RSA1_5 may return it for a foreign block.
    if not isinstance(text, str):
        raise TransientError("an answer without a value")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise TransientError("an answer whose value is not base64url") from None


def version_of(kid: str, key_name: str) -> str:
    """Return the version in a key's id; raises ValueError where it is not an id of that key."""
    id_ = _KID.fullmatch(kid)
    if id_ is None or id_["name"].lower() != key_name.lower():
        raise ValueError(kid)
    return id_["version"]


def read_key(bundle: dict[str, Any], settings: AzureKeyVaultSettings) -> KeyVersion:
    """Read a key bundle."""
    key, attributes = bundle.get("key"), bundle.get("attributes")
    if not isinstance(key, dict) or not isinstance(attributes, dict):
        raise TransientError("an answer that is not a key")
    if not str(key.get("kty", "")).startswith("RSA"):
        raise ConfigurationError(
            f"{_key(settings)} has type {key.get('kty')}, not RSA", hint="Grafana wraps with RSA keys only."
        )
    return KeyVersion(
        version=version_of(str(key["kid"]), settings.key_name),
        enabled=bool(attributes.get("enabled")),
        not_before=attributes.get("nbf"),
        expires=attributes.get("exp"),
        created=int(attributes.get("created", 0)),
        kty=str(key["kty"]),
        modulus=unbase64url(key.get("n")),
        exponent=unbase64url(key.get("e")),
    )


def read_versions(answer: dict[str, Any], key_name: str) -> tuple[list[ListedVersion], str | None]:
    """Read a page of versions, and the path of the next one."""
    page = [
        ListedVersion(
            created=int(item["attributes"].get("created", 0)),
            version=version_of(str(item["kid"]), key_name),
            enabled=bool(item["attributes"].get("enabled", True)),
            not_before=item["attributes"].get("nbf"),
            expires=item["attributes"].get("exp"),
        )
        for item in answer["value"]
    ]
    return page, _next(answer.get("nextLink"))


def _next(link: object) -> str | None:
    """Follow a next link by its path alone: an answer must not decide where the token goes."""
    if not isinstance(link, str) or not link:
        return None
    parts = urlsplit(link)
    query = "&".join(part for part in parts.query.split("&") if not part.startswith("api-version="))
    return f"{parts.path}?{query}"


def read_rotation(policy: dict[str, Any]) -> str | None:
    """Return when a rotation policy makes a new version, in words; None for never."""
    for action in policy.get("lifetimeActions") or []:
        if str(action["action"]["type"]).lower() == "rotate":
            trigger = action.get("trigger") or {}
            after, before = trigger.get("timeAfterCreate"), trigger.get("timeBeforeExpiry")
            return f"{after} after it was made" if after else f"{before} before it expires"
    return None


def judge(settings: AzureKeyVaultSettings, operation: str, response: AsyncHttpResponse, version: str) -> dict[str, Any]:
    """Return the object of a good answer; everything else raises.

    `TransientError` for temporary faults, `BadCiphertextError`, and the errors of `errors` for the vault's refusals.
    """
    status = response.status_code
    if status == THROTTLED:
        raise ThrottledError(_retry_after(response.headers))
    if status in TRANSIENT:
        raise TransientError(f"the vault answered {status}", _retry_after(response.headers))
    answer = _json(response)
    if status == OK:
        if answer is None:
            raise TransientError("an answer that is not JSON")
        return answer
    code, inner, message = _error_of(answer)
    if status >= _SERVER_ERRORS or not (code or (status == UNAUTHORIZED and "WWW-Authenticate" in response.headers)):
        # From a proxy or a gateway. Key Vault's refusals have its own form.
        raise TransientError(f"an answer {status} that is not Key Vault's")
    if status == _BAD_REQUEST and operation in ("decrypt", "unwrapkey"):
        if code != "BadParameter" or "'value'" in message:
            raise TransientError(f"the vault did not understand the request ({code})")
        raise BadCiphertextError(code)
    raise _refusal(settings, operation, response, version, (code, inner, message))


def _refusal(
    settings: AzureKeyVaultSettings,
    operation: str,
    response: AsyncHttpResponse,
    version: str,
    said: tuple[str, str, str],
) -> Exception:
    status = response.status_code
    code, inner, message = said
    named = f"{_key(settings)}, version {version}" if version else _key(settings)
    if status == UNAUTHORIZED:
        return unauthorized(settings, message)
    if status == _NOT_FOUND:
        return KeyMissingError(
            f"{named} does not exist", hint=f"Check key_id in [{settings.section}]; deleted keys can be recovered."
        )
    if status == _FORBIDDEN:
        return forbidden(settings, operation, version, inner, message)
    return ConfigurationError(
        f"{operation} with {named}: the vault answered {status} {code}".rstrip(),
        hint=f"Azure's support finds it by its request id, {response.headers.get('x-ms-request-id', 'not given')}.",
    )


def _key(settings: AzureKeyVaultSettings) -> str:
    return f"key {settings.key_name} in {settings.vault_uri}"


def _error_of(answer: dict[str, Any] | None) -> tuple[str, str, str]:
    """Return code, inner code and message of Key Vault's envelope; empty where it has another form."""
    error = (answer or {}).get("error")
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return "", "", ""
    inner = error.get("innererror")
    return error["code"], str(inner.get("code", "")) if isinstance(inner, dict) else "", str(error.get("message", ""))


def clock_ahead(date: str) -> float | None:
    """Return how far a `Date` header is ahead of this machine's clock, in seconds."""
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (TypeError, ValueError):
        return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a vault asks for; a date or another value that is no delay is ignored."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None


def _json(response: AsyncHttpResponse) -> dict[str, Any] | None:
    try:
        answer = json.loads(response.text())
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
