"""Identities without a client secret: a certificate, a federated token, the identity of a machine.

A file or a header in the emulator's folder or environment proves each of them, as on a real machine.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trustme
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from keyvault_emulator.denials import DenialError
from keyvault_emulator.state import write_file
from keyvault_emulator.wire import encode_base64url

if TYPE_CHECKING:
    from keyvault_emulator.credentials import Credentials

_ISSUER: Final = "https://oidc.emulator"
_SUBJECT: Final = "system:serviceaccount:grafana:reencrypt"
_AUDIENCE: Final = "api://AzureADTokenExchange"
#: The claims of a federated token that have to match, each with its word and its error.
_FEDERATED: Final = (
    ("iss", _ISSUER, "issuer", 700211),
    ("sub", _SUBJECT, "subject", 700213),
    ("aud", _AUDIENCE, "audience", 700212),
)
#: By algorithm of a client assertion: MSAL and the SDKs sign with PS256, older ones with RS256.
_PADDINGS: Final = {
    "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH),
    "RS256": padding.PKCS1v15(),
}
#: Seconds that the clocks of a client and of Entra may differ.
_CLOCK_SKEW: Final = 300


class Identities:
    """Proofs of the application without its secret. Missing files are made."""

    def __init__(self, folder: Path, credentials: Credentials) -> None:
        self._credentials = credentials
        self._key = credentials.signing_key.encode()
        #: PEM file with key and certificate, for `AZURE_CLIENT_CERTIFICATE_PATH`.
        self.certificate = folder / "client.pem"
        #: File with the token of a Kubernetes service account, for `AZURE_FEDERATED_TOKEN_FILE`.
        self.federated_token = folder / "federated-token"
        if not self.certificate.exists():
            write_file(self.certificate, _make_certificate())
        self._public = x509.load_pem_x509_certificate(self.certificate.read_bytes()).public_key()
        write_file(self.federated_token, self._service_account().encode())

    @property
    def header(self) -> str:
        """The header that a process sends to its managed identity, for `IDENTITY_HEADER`."""
        return hmac.digest(self._key, b"managed identity", "sha256").hex()

    def check(self, assertion: str) -> None:
        """Accept a client assertion that is one of the certificate's, or the service account's token.

        Raises:
            DenialError: it is neither.
        """
        signed, _, signature = assertion.rpartition(".")
        try:
            header, claims = (json.loads(_decode(part)) for part in signed.split("."))
            raw = _decode(signature)
        except (ValueError, RecursionError) as error:
            raise _malformed() from error
        if not isinstance(header, dict) or not isinstance(claims, dict):
            raise _malformed()
        if claims.get("iss") == claims.get("sub") == self._credentials.client_id:
            self._check_certificate(signed, header, claims, raw)
        else:
            self._check_federated(signed, claims, raw)

    def _check_certificate(self, signed: str, header: dict[str, Any], claims: dict[str, Any], raw: bytes) -> None:
        padding_of = _PADDINGS.get(str(header.get("alg")))
        try:
            if padding_of is None or not isinstance(self._public, rsa.RSAPublicKey):
                raise InvalidSignature  # noqa: TRY301 - the same report
            self._public.verify(raw, signed.encode(), padding_of, hashes.SHA256())
        except InvalidSignature as error:
            raise _unknown_certificate(header, self._credentials.client_id) from error
        expires, now = claims.get("exp"), time.time()
        if not isinstance(expires, int | float) or not now - _CLOCK_SKEW < expires:
            raise _out_of_time(claims, now)

    def _check_federated(self, signed: str, claims: dict[str, Any], raw: bytes) -> None:
        for claim, expected, word, number in _FEDERATED:
            if claims.get(claim) != expected:
                presented = f"{word} '{claims.get(claim)}'"
                text = (
                    f"No matching federated identity record found for presented assertion {presented}. Check your "
                    "federated identity credential Subject, Audience and Issuer against the presented assertion. "
                    "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
                )
                raise DenialError(401, "invalid_client", number, text)
        if not hmac.compare_digest(raw, self._mac(signed)):
            text = (
                "Assertion failed signature validation. [Reason - The provided signature value did not match the "
                "expected signature value.]"
            )
            raise DenialError(401, "invalid_client", 50013, text)

    def _service_account(self) -> str:
        claims = {"iss": _ISSUER, "sub": _SUBJECT, "aud": _AUDIENCE}
        parts: list[dict[str, Any]] = [{"alg": "HS256", "typ": "JWT"}, claims]
        signed = ".".join(encode_base64url(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{encode_base64url(self._mac(signed))}"

    def _mac(self, signed: str) -> bytes:
        return hmac.digest(self._key, f"federated {signed}".encode(), "sha256")


def _malformed() -> DenialError:
    return DenialError(400, "invalid_request", 50027, "JWT token is invalid or malformed.")


def _unknown_certificate(header: dict[str, Any], client_id: str) -> DenialError:
    thumbprint = str(header.get("x5t#S256") or header.get("x5t") or "")
    text = (
        "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - "
        f"The key was not found., Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal, "
        f"Graph Explorer or directly use MS Graph to see configured keys for app Id '{client_id}'.]"
    )
    return DenialError(401, "invalid_client", 700027, text)


def _out_of_time(claims: dict[str, Any], now: float) -> DenialError:
    text = (
        f"Client assertion is not within its valid time range. Current time: {_moment(now)}, expiry time of assertion "
        f"{_moment(claims.get('exp'))}. Review the documentation at "
        "https://learn.microsoft.com/entra/identity-platform/certificate-credentials ."
    )
    return DenialError(401, "invalid_client", 700024, text)


def _moment(seconds: object) -> str:
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        # An assertion says what its maker likes.
        return str(seconds)


def _decode(text: str) -> bytes:
    # The SDK pads, the standard does not.
    return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


def _make_certificate() -> bytes:
    certificate = trustme.CA().issue_cert(common_name="client", key_type=trustme.KeyType.RSA)
    return certificate.private_key_pem.bytes() + certificate.cert_chain_pems[0].bytes()
