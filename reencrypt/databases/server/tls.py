"""TLS to a database server: certificates that are read, names that are sent, and failures in plain words."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reencrypt.errors import ConfigurationError
from reencrypt.settings.files import special_file

if TYPE_CHECKING:
    from ssl import SSLObject

# By OpenSSL's code of what is wrong with the certificate (X509_V_ERR_…, `verify_code`).
_UNKNOWN_CA: Final = (
    "nobody that is trusted here has signed its certificate",
    "Set ca_cert_path in [database] to the certificate of the CA that has.",
)
_OTHER_NAME: Final = "its certificate is for another name than {expected}"
_DISTRUST: Final[Mapping[int, tuple[str, str]]] = {
    2: _UNKNOWN_CA,
    9: ("its certificate is not valid yet", "Check the clocks of this machine and of the server."),
    10: ("its certificate has expired", "Renew the certificate of the server."),
    18: (
        "its certificate is signed by itself",
        "If it is the right one, set ca_cert_path in [database] to a copy of it.",
    ),
    19: _UNKNOWN_CA,
    20: _UNKNOWN_CA,
    21: _UNKNOWN_CA,
    23: ("its certificate is revoked", "Renew the certificate of the server."),
    62: (_OTHER_NAME, ""),
    64: (_OTHER_NAME, ""),
}
# By OpenSSL's name of the failure (`reason`).
_CLIENT_CERTIFICATE: Final = "Set client_cert_path and client_key_path in [database] to a certificate that it accepts."
_REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "UNSUPPORTED_PROTOCOL": ("it speaks no version of TLS that is safe", "Turn TLS 1.2 or newer on there."),
    "TLSV1_ALERT_PROTOCOL_VERSION": ("it refuses this version of TLS", "Turn TLS 1.2 or newer on there."),
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": ("it wants a client certificate", _CLIENT_CERTIFICATE),
    "TLSV1_ALERT_UNKNOWN_CA": ("it does not trust the client certificate", _CLIENT_CERTIFICATE),
    "SSLV3_ALERT_BAD_CERTIFICATE": ("it refuses the client certificate", _CLIENT_CERTIFICATE),
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": ("the client certificate has expired", _CLIENT_CERTIFICATE),
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": ("it refuses the client certificate", _CLIENT_CERTIFICATE),
    "SSLV3_ALERT_HANDSHAKE_FAILURE": (
        "it refuses what this side offers: it may want a client certificate, or know no cipher in common",
        _CLIENT_CERTIFICATE,
    ),
}
_OTHERWISE: Final = "Check ssl_mode, ca_cert_path, client_cert_path and client_key_path in [database]."


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files of `[database]`, each empty where there is none."""

    ca: str
    client: str
    client_key: str

    def load(self, context: ssl.SSLContext) -> None:
        """Put them into a context, or the system's CAs. Raises `ConfigurationError` with the option and the file."""
        if self.ca:
            _ordinary(self.ca, f"ca_cert_path names {self.ca}")
            _load(
                lambda: context.load_verify_locations(cafile=self.ca),
                f"ca_cert_path names {self.ca}",
                "It has to be a file with certificates in PEM form.",
            )
        else:
            context.load_default_certs()
        if self.client:
            key = self.client_key or self.client
            _ordinary(self.client, f"client_cert_path names {self.client}")
            _ordinary(key, f"client_key_path names {key}")
            _readable(key, f"client_key_path names {key}")
            _load(
                # Without a password of its own OpenSSL would ask the terminal for one, and wait.
                lambda: context.load_cert_chain(self.client, self.client_key or None, password=lambda: ""),
                f"client_cert_path names {self.client}, with the key in {key}",
                "Both have to be files in PEM form, the key without a password, and the key that of the certificate.",
            )


def _load(read: Callable[[], None], what: str, hint: str) -> None:
    try:
        read()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; ValueError: a NUL in the name
        raise _unusable(what, error, hint) from None


def _ordinary(path: str, what: str) -> None:
    if special := special_file(path):
        raise ConfigurationError(f"[database] {what}, which {special}", hint="It has to be a file in PEM form.")


def _readable(path: str, what: str) -> None:
    try:
        Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise _unusable(what, error, "It has to be a file in PEM form.") from None


def _unusable(what: str, error: OSError | ValueError, hint: str) -> ConfigurationError:
    reason = (getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)).replace("_", " ")
    return ConfigurationError(f"[database] {what}, which cannot be used: {reason.lower()}", hint=hint)


class NamedContext(ssl.SSLContext):
    """A context that sends and expects `server_name`, whatever address the driver connects to; None sends none."""

    server_name: str | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - the signature is the library's
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> SSLObject:
        """Start TLS under the context's own name."""
        del server_hostname
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name, session)


def failure(name: str, error: ssl.SSLError, *, expected: str, rename: str) -> ConfigurationError:
    """What a failure of TLS means. `expected` is the certificate's name, and `rename` says how to expect another."""
    reason = error.reason or str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        what, hint = _DISTRUST.get(error.verify_code, (error.verify_message, _OTHERWISE))
    else:
        what, hint = _REASONS.get(reason, (reason, _OTHERWISE))
    return ConfigurationError(f"{name}: TLS failed: {what.format(expected=expected)}", hint=hint or rename)
