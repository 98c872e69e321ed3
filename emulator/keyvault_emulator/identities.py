"""Identities without a client secret: a certificate, a federated token, the identity of a machine.

A file or a header in the emulator's folder or environment proves each of them, as on a real machine.
"""

from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trustme
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from keyvault_emulator.state import write_file
from keyvault_emulator.wire import encode_base64url

if TYPE_CHECKING:
    from keyvault_emulator.credentials import Credentials

_SUBJECT: Final = "system:serviceaccount:grafana:reencrypt"


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

    def proves(self, assertion: str) -> bool:
        """Whether a client assertion is one of the certificate's, or the service account's token."""
        signed, _, signature = assertion.rpartition(".")
        try:
            header, claims = (json.loads(_decode(part)) for part in signed.split("."))
            raw = _decode(signature)
        except (ValueError, TypeError):
            return False
        if header.get("alg") == "HS256":
            return hmac.compare_digest(raw, self._mac(signed)) and claims.get("sub") == _SUBJECT
        if not isinstance(self._public, rsa.RSAPublicKey) or header.get("alg") != "PS256":
            return False
        try:
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            self._public.verify(raw, signed.encode(), pss, hashes.SHA256())
        except InvalidSignature:
            return False
        return bool(claims.get("iss") == claims.get("sub") == self._credentials.client_id)

    def _service_account(self) -> str:
        claims = {"iss": "https://oidc.emulator", "sub": _SUBJECT, "aud": "api://AzureADTokenExchange"}
        parts: list[dict[str, Any]] = [{"alg": "HS256", "typ": "JWT"}, claims]
        signed = ".".join(encode_base64url(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{encode_base64url(self._mac(signed))}"

    def _mac(self, signed: str) -> bytes:
        return hmac.digest(self._key, f"federated {signed}".encode(), "sha256")


def _decode(text: str) -> bytes:
    # The SDK pads, the standard does not.
    return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


def _make_certificate() -> bytes:
    certificate = trustme.CA().issue_cert(common_name="client", key_type=trustme.KeyType.RSA)
    return certificate.private_key_pem.bytes() + certificate.cert_chain_pems[0].bytes()
