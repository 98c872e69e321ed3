"""Checked answers of Key Vault: keys, versions, values, and refusals as errors with a remedy.

An answer that is not Key Vault's own, such as a proxy's page, proves nothing about a key. Its status decides what
follows: what may pass by itself is asked again, a 4xx and a redirect are not.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.errors import BadCiphertextError, ForeignAnswerError
from reencrypt.keys.azure.refusals import Asked, Refusal, api_version_for, in_one_line, refused
from reencrypt.keys.azure.retry import ThrottledError, TransientError, delay_asked_for, may_pass
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.azure.sign_in_errors import unauthorized

T = TypeVar("T")

THROTTLED: Final = 429
UNAUTHORIZED: Final = 401
OK: Final = 200
_BAD_REQUEST, _REDIRECTS, _CLIENT_ERRORS, _SERVER_ERRORS = 400, 300, 400, 500
#: A vault's own, which says where tokens come from. Gateways that want a token of their own say `Bearer realm="…"`.
_CHALLENGE: Final = re.compile(r"\s*Bearer\s.*\bauthorization(_uri)?=", re.IGNORECASE)
_DECRYPTING: Final = ("decrypt", "unwrapkey")
#: A managed HSM says so of a block that it cannot decrypt, and need not use the vaults' code.
_BAD_BLOCK: Final = re.compile(r"\berror while (decrypting|unwrapping)\b|\bdecoding OAEP padding\b", re.IGNORECASE)
_LATEST_SECONDS: Final = 253_402_300_799  # the year 9999, the last of Python's calendar
_KEY_BITS: Final = (2048, 3072, 4096)
#: No braces: the SDK takes them for the names of its own arguments.
_QUERY: Final = re.compile(r"[\w%&=.~+/:;,$!*'()@?-]+", re.ASCII)
_KID: Final = re.compile(r"https://(?P<host>[^/?#]+)/keys/(?P<name>[^/?#]+)/(?P<version>[0-9a-f]{32})")
_KID_IN_BODY: Final = re.compile(rb'"kid"\s*:\s*"https://[^/?#"]+/keys/[^/?#"]+/([0-9a-f]{32})"')


class Response(Protocol):
    """The parts of the SDK's response that an answer is judged by."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, whose names have no case."""
        ...

    @property
    def content(self) -> bytes:
        """The body."""
        ...


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
    def is_in_hsm(self) -> bool:
        """Whether it is in hardware, which costs more."""
        return self.kty.endswith("-HSM")

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


def version_in(response: Response) -> str:
    """Return the version of the key that an answer is about, for the record; empty where it names none or several."""
    found = _KID_IN_BODY.findall(response.content) if response.status_code == OK else ()
    return found[0].decode() if len(found) == 1 else ""


def version_of(kid: str, settings: AzureKeyVaultSettings) -> str:
    """Return the version in a key's id; raises `TransientError` where it is not an id of that key.

    The host counts where the vault has one of Azure's names. Behind another name the vault still says its own.
    """
    id_ = _KID.fullmatch(kid)
    if id_ is None or id_["name"].lower() != settings.key_name.lower():
        raise TransientError("an answer about another key")
    host = id_["host"].lower().removesuffix(":443")
    if settings.trusted_suffix and host != urlsplit(settings.vault_uri).netloc.lower().removesuffix(":443"):
        raise TransientError("an answer of another vault")
    return id_["version"]


def read_key(bundle: dict[str, Any], settings: AzureKeyVaultSettings) -> KeyVersion:
    """Read a key bundle."""
    key, attributes = bundle.get("key"), bundle.get("attributes")
    if not isinstance(key, dict) or not isinstance(attributes, dict):
        raise TransientError("an answer that is not a key")
    kty = key["kty"]
    if not isinstance(kty, str):
        raise TransientError("an answer that is not a key")
    if kty not in ("RSA", "RSA-HSM"):
        raise ConfigurationError(
            f"{_key(settings)} has type {in_one_line(kty, longest=40)}, not RSA",
            hint="Grafana wraps with RSA keys only.",
        )
    found = KeyVersion(
        version=version_of(str(key["kid"]), settings),
        enabled=_flag(attributes["enabled"]),
        not_before=_time(attributes.get("nbf")),
        expires=_time(attributes.get("exp")),
        created=_time(attributes.get("created")) or 0,
        kty=kty,
        modulus=unbase64url(key.get("n")),
        exponent=unbase64url(key.get("e")),
    )
    if found.bits not in _KEY_BITS:
        raise TransientError(f"an answer whose key has {found.bits} bits, which Key Vault makes none of")
    # Raises ValueError for numbers that are no key.
    _ = found.public_key
    return found


def read_versions(answer: dict[str, Any], settings: AzureKeyVaultSettings) -> tuple[list[ListedVersion], str | None]:
    """Read a page of versions, and the query of the next one, without its `api-version`."""
    page = [
        ListedVersion(
            created=_time(item["attributes"].get("created")) or 0,
            version=version_of(str(item["kid"]), settings),
            enabled=_flag(item["attributes"].get("enabled", True)),
            not_before=_time(item["attributes"].get("nbf")),
            expires=_time(item["attributes"].get("exp")),
        )
        for item in answer["value"]
    ]
    return page, _next(answer.get("nextLink"))


def _next(link: object) -> str | None:
    """Return the query of a next link, which is all of it that is used: an answer must not decide what is asked."""
    if link in (None, ""):
        return None
    query = urlsplit(link).query if isinstance(link, str) else ""
    if not _QUERY.fullmatch(query):
        raise TransientError("an answer whose next page is no query of a URL")
    rest = "&".join(part for part in query.split("&") if not part.startswith("api-version="))
    if not rest:
        raise TransientError("an answer whose next page is the first one")
    return rest


def _time(value: object) -> int | None:
    """Return Unix seconds; raises ValueError for what is no time."""
    # A bool is an int in Python.
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError("not a time")
    if value is not None and not 0 <= value <= _LATEST_SECONDS:
        raise ValueError("not a time of any calendar")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")  # noqa: TRY004 - one error for every answer of another form
    return value


def read_crypt(answer: dict[str, Any], settings: AzureKeyVaultSettings, version: str) -> tuple[bytes, str]:
    """Read the value of a crypto operation, and the version that was used: the one that was asked, if one was."""
    value, used = unbase64url(answer.get("value")), version_of(answer["kid"], settings)
    if version not in ("", used):
        raise TransientError("an answer about another version than was asked for")
    return value, used


def read_rotation(policy: dict[str, Any]) -> str | None:
    """Return when a rotation policy makes a new version, in words; None for never."""
    for action in policy.get("lifetimeActions") or []:
        if str(action["action"]["type"]).lower() == "rotate":
            trigger = action.get("trigger") or {}
            after, before = trigger.get("timeAfterCreate"), trigger.get("timeBeforeExpiry")
            when = in_one_line(str(after or before), longest=40)
            return f"{when} after it was made" if after else f"{when} before it expires"
    return None


def reading(read: Callable[[dict[str, Any]], T], answer: dict[str, Any]) -> T:
    """Read the object of an answer; raises `TransientError` where it has not the form that `read` expects."""
    try:
        return read(answer)
    except (AttributeError, LookupError, TypeError, ValueError):
        raise TransientError("an answer of another form than Key Vault's") from None


def asks_for_version(response: Response) -> Refusal | None:
    """Return the refusal of an `api-version` that the vault does not know, where it names one that it knows."""
    if response.status_code != _BAD_REQUEST:
        return None
    refusal = _refusal_in(_json(response), response, "")
    return refusal if refusal is not None and api_version_for(refusal) else None


def judge(asked: Asked, response: Response, sent: str = "") -> dict[str, Any]:
    """Return the object of a good answer; everything else raises.

    `TransientError` for what may pass, `BadCiphertextError`, the errors of `refusals` for what the vault refuses, and
    `ForeignAnswerError` for a 4xx or a redirect that is not the vault's. `sent` is the value of the request, which no
    message repeats.
    """
    status = response.status_code
    if status == THROTTLED:
        raise ThrottledError(delay_asked_for(response.headers))
    answer = _json(response)
    if status == OK:
        if answer is None:
            raise TransientError(f"an answer that is not JSON ({_describe(response, sent)})")
        return answer
    if status < _REDIRECTS or may_pass(status):
        raise TransientError(f"the vault answered {status}", delay_asked_for(response.headers))
    refusal = _refusal_in(answer, response, sent)
    challenge = response.headers.get("WWW-Authenticate", "")
    if status == UNAUTHORIZED and (refusal is not None or _CHALLENGE.match(challenge)):
        # A managed HSM's has no body.
        raise unauthorized(asked.settings, refusal.text if refusal else "")
    if refusal is None or not _CLIENT_ERRORS <= status < _SERVER_ERRORS:
        raise _foreign(asked, response, sent)
    if status == _BAD_REQUEST and asked.operation in _DECRYPTING and _is_bad_block(refusal):
        raise BadCiphertextError(refusal.words)
    raise refused(asked, refusal)


def _is_bad_block(refusal: Refusal) -> bool:
    """Whether a 400 says that the bytes do not decrypt: else the request itself was not understood."""
    # A request that has lost its body is a BadParameter too, which names the property.
    return _BAD_BLOCK.search(refusal.text) is not None or (
        refusal.code == "BadParameter" and "'value'" not in refusal.text and "specified version" not in refusal.text
    )


def _foreign(asked: Asked, response: Response, sent: str) -> ForeignAnswerError:
    """Return the error for an answer that no vault gives and that will not pass."""
    target = _host_of(response.headers.get("Location", "")) if response.status_code < _CLIENT_ERRORS else ""
    where = f" with a redirect to {target}" if target else ""
    host = urlsplit(asked.settings.vault_uri).hostname
    return ForeignAnswerError(
        f"{asked.operation} with {asked.named}: {host} answered {response.status_code}{where}, in another form than "
        f"Key Vault's ({_describe(response, sent)})",
        hint=f"Something answers in the place of the vault: a proxy, a firewall or the sign-in of a network, or "
        f"vault_uri in [{asked.settings.section}] is not a vault. Check HTTPS_PROXY and NO_PROXY, and have {host} let "
        "through.",
    )


def _host_of(location: str) -> str:
    """Return the host of a redirect: its path and query may hold what is nobody's business."""
    try:
        return in_one_line(urlsplit(location).hostname or "", longest=100)
    except ValueError:
        return ""


def _describe(response: Response, sent: str) -> str:
    """Describe an answer by its headers alone: a body may hold anything."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
    server = response.headers.get("Server", "")
    return in_one_line(f"{kind or 'no content type'}{f', from {server}' if server else ''}", sent, longest=100)


def _key(settings: AzureKeyVaultSettings) -> str:
    return f"key {settings.key_name} in {settings.vault_uri}"


def _refusal_in(answer: dict[str, Any] | None, response: Response, sent: str) -> Refusal | None:
    """Return what Key Vault's envelope says; None for an answer of another form."""
    error = (answer or {}).get("error")
    if not isinstance(error, dict) or not isinstance(error.get("code"), str) or not error["code"]:
        return None
    inner = error.get("innererror")
    inner = inner.get("code") if isinstance(inner, dict) else None
    return Refusal(
        response.status_code,
        in_one_line(error["code"], sent, longest=80),
        in_one_line(inner, sent, longest=80) if isinstance(inner, str) else "",
        in_one_line(str(error.get("message") or ""), sent),
        in_one_line(response.headers.get("x-ms-request-id", ""), sent, longest=80),
    )


def clock_ahead(date: str) -> float | None:
    """Return how far a `Date` header is ahead of this machine's clock, in seconds."""
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError, OSError):
        # The last two for years that no machine's clock reaches.
        return None


def _json(response: Response) -> dict[str, Any] | None:
    try:
        answer = json.loads(response.content)
    except (ValueError, RecursionError):
        # Not JSON, or nested without end.
        return None
    return answer if isinstance(answer, dict) else None
