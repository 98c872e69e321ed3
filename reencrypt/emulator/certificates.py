"""The emulator's certificates: a CA that lives in its folder and a server certificate made at every start."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reencrypt.emulator.state import PUBLIC, write_file
from reencrypt.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

CA_LIFETIME: Final = dt.timedelta(days=3650)
#: Some TLS clients refuse server certificates that are valid for more than 398 days.
SERVER_LIFETIME: Final = dt.timedelta(days=397)
#: Names under which a client may reach the emulator; the wildcards serve clients that bring their own resolver.
SERVER_NAMES: Final = ("localhost", "*.vault.localhost", "*.vault.azure.net")
SERVER_ADDRESSES: Final = ("127.0.0.1", "::1")

#: Clocks of containers and hosts differ a little; a certificate must not be "not yet valid" for that.
_CLOCK_SKEW: Final = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """The CA that clients trust by `SSL_CERT_FILE`."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    #: PEM file with the CA's certificate alone.
    bundle: Path

    @staticmethod
    def of(folder: Path) -> CertificateAuthority:
        """Return the CA in `folder`, made and saved at the first call.

        Raises:
            ConfigurationError: the files are there but are not a CA of ours.
        """
        bundle, key_file = folder / "ca.pem", folder / "ca.key.pem"
        if not (bundle.exists() and key_file.exists()):
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = _ca_certificate(key)
            write_file(key_file, _private_pem(key))
            write_file(bundle, certificate.public_bytes(serialization.Encoding.PEM), mode=PUBLIC)
            return CertificateAuthority(certificate, key, bundle)
        try:
            certificate = x509.load_pem_x509_certificate(bundle.read_bytes())
            loaded = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise _foreign(folder) from error
        if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.public_key() != certificate.public_key():
            raise _foreign(folder)
        return CertificateAuthority(certificate, loaded, bundle)

    def server_context(self, folder: Path) -> ssl.SSLContext:
        """Return the TLS settings of a server with a fresh certificate for every name of the emulator."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._server_certificate(key)
        # `ssl` loads certificates from files only, so this one passes through the folder.
        path = folder / "server.pem"
        write_file(path, _private_pem(key) + certificate.public_bytes(serialization.Encoding.PEM))
        # Not `create_default_context`: that reads the system's CAs, which say nothing to a server.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(path)
        return context

    def _server_certificate(self, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in SERVER_NAMES]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in SERVER_ADDRESSES]
        return (
            x509.CertificateBuilder()
            .subject_name(_name("localhost"))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(min(now + SERVER_LIFETIME, self.certificate.not_valid_after_utc))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            # Python 3.13 verifies strictly: it wants both key identifiers.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )


def _ca_certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    name = _name("reencrypt emulator CA")
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _foreign(folder: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{folder / 'ca.pem'} and {folder / 'ca.key.pem'} are not a CA of the emulator.",
        hint="Delete both to get a new CA, or name another folder with --state.",
    )
