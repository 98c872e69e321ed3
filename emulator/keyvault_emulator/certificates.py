"""The emulator's certificates: a CA in its folder and a server certificate made at every start."""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from keyvault_emulator.errors import EmulatorError
from keyvault_emulator.state import PUBLIC, write_file

if TYPE_CHECKING:
    from pathlib import Path

#: Some TLS clients refuse server certificates that are valid for more than 398 days.
SERVER_LIFETIME: Final = dt.timedelta(days=397)
#: Names under which a client may reach the emulator; those of Azure are for clients with their own resolver.
SERVER_NAMES: Final = (
    *("localhost", "*.vault.localhost", "127.0.0.1", "::1"),
    *("*.vault.azure.net", "login.microsoftonline.com"),
)

#: Clocks of containers and hosts differ a little; a certificate must not be "not yet valid" for that.
_CLOCK_SKEW: Final = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """The CA that clients trust by `SSL_CERT_FILE`."""

    ca: trustme.CA
    #: PEM file with the CA's certificate alone.
    bundle: Path

    @staticmethod
    def of(folder: Path) -> CertificateAuthority:
        """Return the CA in `folder`, made and saved at the first call.

        Raises:
            EmulatorError: the files are there but are not a CA of the emulator.
        """
        bundle, key_file = folder / "ca.pem", folder / "ca.key.pem"
        if not (bundle.exists() and key_file.exists()):
            ca = trustme.CA(organization_name="keyvault-emulator")
            write_file(key_file, ca.private_key_pem.bytes())
            write_file(bundle, ca.cert_pem.bytes(), mode=PUBLIC)
            return CertificateAuthority(ca, bundle)
        try:
            certificate, key = bundle.read_bytes(), key_file.read_bytes()
            _check_pair(certificate, key)
            return CertificateAuthority(trustme.CA.from_pem(certificate, key), bundle)
        except (OSError, ValueError) as error:
            raise EmulatorError(
                f"{bundle} and {key_file} are not a CA of the emulator.",
                hint="Delete both to get a new CA, or name another folder with --state.",
            ) from error

    def server_context(self) -> ssl.SSLContext:
        """Return the TLS settings of a server with a fresh certificate for every name of the emulator."""
        now = dt.datetime.now(dt.UTC)
        certificate = self.ca.issue_cert(
            *SERVER_NAMES, common_name="localhost", not_before=now - _CLOCK_SKEW, not_after=now + SERVER_LIFETIME
        )
        # Not `create_default_context`: that reads the system's CAs, which a server does not need.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        certificate.configure_cert(context)
        return context


def _check_pair(certificate: bytes, key: bytes) -> None:
    """Raise `ValueError` where the certificate is not that of the key."""
    public = x509.load_pem_x509_certificate(certificate).public_key()
    if serialization.load_pem_private_key(key, password=None).public_key() != public:
        raise ValueError("the certificate belongs to another key")
