"""Access tokens: issued to the application, checked by the vault, and the challenge for requests without one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from keyvault_emulator.wire import RefusalError, decode_base64url, encode_base64url

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyvault_emulator.credentials import Credentials

#: The audience of every token: also the emulator's, so that clients ask for what they ask of Azure.
RESOURCE: Final = "https://vault.azure.net"

_MISSING: Final = "AKV10000: Request is missing a Bearer or PoP token."
_EXPIRED: Final = "[TokenExpired] Error validating token: 'S2S12086'."
_CLAIMS: Final = "[TokenRevoked] Continuous access evaluation resulted in challenge with result: InteractionRequired."
_FOREIGN: Final = "AKV10046: Unable to resolve the key used for signature validation."


_CURVE: Final = ec.SECP256R1()
#: Bytes of a coordinate, and of each half of a signature.
_COORDINATE: Final = 32
#: The order of the curve's group: a private key is a number from 1 to one less.
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
#: Tokens whose signature is remembered: a client sends the same one with every request.
_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token and its times, in Unix seconds."""

    text: str = field(repr=False)
    issued: int
    expires: int


class Tokens:
    """Issues and checks JWTs, stateless but for the moment before which every token is refused.

    They are signed with ES256, by a key that follows from the folder's secret: Entra signs with RS256, but making an
    RSA key would take a tenth of a second at every first start, and a client that checks tokens takes either.

    A client can decode the tokens; they say nothing that real ones would not.
    """

    def __init__(self, credentials: Credentials, authority: str, lifetime: int, clock: Callable[[], float]) -> None:
        self._credentials = credentials
        self._private = _signing_key(credentials.signing_key.encode())
        self._header = encode_base64url(
            json.dumps(
                {"typ": "JWT", "alg": "ES256", "kid": _key_id(self._private), "x5t": _key_id(self._private)}
            ).encode()
        )
        self._is_signed = lru_cache(_REMEMBERED)(self._verifies)
        self._authority = authority
        self._clock = clock
        self._refused_until = 0
        self._claims_until = 0
        #: Seconds for which a token is good.
        self.lifetime = lifetime

    def issue(self) -> AccessToken:
        """Return a new token for the application."""
        now = int(self._clock())
        claims: dict[str, Any] = {
            "aud": RESOURCE,
            "iss": f"https://sts.windows.net/{self._credentials.tenant_id}/",
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime,
            "appid": self._credentials.client_id,
            # 1: it proved itself by a secret. Nobody looks at which proof it was.
            "appidacr": "1",
            "idp": f"https://sts.windows.net/{self._credentials.tenant_id}/",
            "idtyp": "app",
            "oid": self._credentials.object_id,
            "sub": self._credentials.object_id,
            "tid": self._credentials.tenant_id,
            "uti": uuid.uuid4().hex,
            "ver": "1.0",
            # `iat` has only seconds; `expire_all` has to tell tokens from just before and just after it apart.
            "issued_ns": time.monotonic_ns(),
        }
        signed = f"{self._header}.{encode_base64url(json.dumps(claims).encode())}"
        numbers = decode_dss_signature(self._private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = b"".join(number.to_bytes(_COORDINATE) for number in numbers)
        return AccessToken(f"{signed}.{encode_base64url(signature)}", now, claims["exp"])

    def key_set(self) -> dict[str, Any]:
        """Return the public key that tokens are signed with, as a JSON web key set."""
        point = self._private.public_key().public_numbers()
        key = {
            "kty": "EC",
            "use": "sig",
            "alg": "ES256",
            "kid": _key_id(self._private),
            "crv": "P-256",
            "x": encode_base64url(point.x.to_bytes(_COORDINATE)),
            "y": encode_base64url(point.y.to_bytes(_COORDINATE)),
        }
        return {"keys": [key]}

    def expire_all(self) -> None:
        """Refuse every token issued so far as expired; lasts until the emulator is restarted."""
        self._refused_until = time.monotonic_ns()

    def demand_claims(self) -> None:
        """Refuse every token issued so far with a claims challenge, as Entra's continuous access evaluation does."""
        self._claims_until = time.monotonic_ns()

    def check(self, authorization: str) -> None:
        """Accept the value of an `Authorization` header.

        Raises:
            RefusalError: 401 with the challenge; there is no token, it is not the emulator's, or it has expired.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise self._challenge(_MISSING)
        if not self._is_signed(token.strip()):
            raise self._challenge(self._stranger(token))
        claims = json.loads(decode_base64url(token.split(".")[1]))
        if claims["issued_ns"] <= self._claims_until:
            raise self._challenge(_CLAIMS, claims=True)
        if claims["exp"] <= self._clock() or claims["issued_ns"] <= self._refused_until:
            raise self._challenge(_EXPIRED)

    def _stranger(self, token: str) -> str:
        """Return what the service says of a token that is not the vault's: of another tenant, or for something else."""
        try:
            claims = json.loads(decode_base64url(token.split(".")[1]))
            issuer, audience = claims["iss"], claims["aud"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return _FOREIGN
        own = f"https://sts.windows.net/{self._credentials.tenant_id}/"
        if issuer != own:
            return f"AKV10032: Invalid issuer. Expected one of {own}, found {issuer}."
        if audience != RESOURCE:
            return f"AKV10022: Invalid audience. Expected {RESOURCE}, found: {audience}."
        return _FOREIGN

    def _verifies(self, token: str) -> bool:
        """Tell whether `token` is the emulator's own, expired or not."""
        signed, _, signature = token.rpartition(".")
        try:
            raw = decode_base64url(signature)
            halves = int.from_bytes(raw[:_COORDINATE]), int.from_bytes(raw[_COORDINATE:])
            self._private.public_key().verify(encode_dss_signature(*halves), signed.encode(), ec.ECDSA(hashes.SHA256()))
        except (ValueError, InvalidSignature):
            return False
        return True

    def _challenge(self, message: str, *, claims: bool = False) -> RefusalError:
        authorization = f"{self._authority}/{self._credentials.tenant_id}"
        challenge = f'Bearer authorization="{authorization}", resource="{RESOURCE}"'
        if claims:
            wanted = {"access_token": {"nbf": {"essential": True, "value": str(int(self._clock()))}}}
            encoded = base64.b64encode(json.dumps(wanted).encode()).decode()
            challenge += f', error="insufficient_claims", claims="{encoded}"'
        return RefusalError(401, "Unauthorized", message, headers={"WWW-Authenticate": challenge})


def _signing_key(secret: bytes) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(hmac.digest(secret, b"access tokens", "sha512")) % (_ORDER - 1) + 1
    return ec.derive_private_key(number, _CURVE)


def _key_id(private: ec.EllipticCurvePrivateKey) -> str:
    point = private.public_key().public_numbers()
    return encode_base64url(hashlib.sha256(f"{point.x} {point.y}".encode()).digest()[:20])
