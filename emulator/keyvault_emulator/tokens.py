"""Access tokens: issued to the application, checked by the vault, and the challenge for requests without one."""

from __future__ import annotations

import base64
import hmac
import json
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from keyvault_emulator.wire import RefusalError, decode_base64url, encode_base64url

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyvault_emulator.credentials import Credentials

#: The audience of every token: also the emulator's, so that clients ask for what they ask of Azure.
RESOURCE: Final = "https://vault.azure.net"

_HEADER: Final = encode_base64url(b'{"alg":"HS256","typ":"JWT"}')
_MISSING: Final = "AKV10000: Request is missing a Bearer or PoP token."
_EXPIRED: Final = "[TokenExpired] Error validating token: 'S2S12086'."
_CLAIMS: Final = "[TokenRevoked] Continuous access evaluation resulted in challenge with result: InteractionRequired."
_FOREIGN: Final = "AKV10046: Unable to resolve the key used for signature validation."


class Tokens:
    """Issues and checks JWTs, stateless but for the moment before which every token is refused.

    A client can decode the tokens; they say nothing that real ones would not.
    """

    def __init__(self, credentials: Credentials, authority: str, lifetime: int, clock: Callable[[], float]) -> None:
        self._credentials = credentials
        self._key = credentials.signing_key.encode()
        self._authority = authority
        self._clock = clock
        self._refused_until = 0
        self._claims_until = 0
        #: Seconds for which a token is good.
        self.lifetime = lifetime

    def issue(self) -> str:
        """Return a new token for the application."""
        now = int(self._clock())
        claims: dict[str, Any] = {
            "aud": RESOURCE,
            "iss": f"https://sts.windows.net/{self._credentials.tenant_id}/",
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime,
            "appid": self._credentials.client_id,
            "oid": self._credentials.object_id,
            "tid": self._credentials.tenant_id,
            "uti": uuid.uuid4().hex,
            # `iat` has only seconds; `expire_all` has to tell tokens from just before and just after it apart.
            "issued_ns": time.monotonic_ns(),
        }
        signed = f"{_HEADER}.{encode_base64url(json.dumps(claims).encode())}"
        return f"{signed}.{self._signature(signed)}"

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
        signed, _, signature = token.strip().rpartition(".")
        if not signed.isascii() or not hmac.compare_digest(_bytes(signature), _bytes(self._signature(signed))):
            raise self._challenge(_FOREIGN)
        claims = json.loads(decode_base64url(signed.partition(".")[2]))
        if claims["issued_ns"] <= self._claims_until:
            raise self._challenge(_CLAIMS, claims=True)
        if claims["exp"] <= self._clock() or claims["issued_ns"] <= self._refused_until:
            raise self._challenge(_EXPIRED)

    def _signature(self, signed: str) -> str:
        return encode_base64url(hmac.digest(self._key, signed.encode(), "sha256"))

    def _challenge(self, message: str, *, claims: bool = False) -> RefusalError:
        authorization = f"{self._authority}/{self._credentials.tenant_id}"
        challenge = f'Bearer authorization="{authorization}", resource="{RESOURCE}"'
        if claims:
            wanted = {"access_token": {"nbf": {"essential": True, "value": str(int(self._clock()))}}}
            encoded = base64.b64encode(json.dumps(wanted).encode()).decode()
            challenge += f', error="insufficient_claims", claims="{encoded}"'
        return RefusalError(401, "Unauthorized", message, headers={"WWW-Authenticate": challenge})


def _bytes(text: str) -> bytes:
    # Header bytes that are not UTF-8 arrive as lone surrogates.
    return text.encode("utf-8", "surrogateescape")
