"""Errors of the way to a host: its proxy, its name, its certificate. What can pass is tried again, the rest is not.

The SDK's text is not shown, but for the operating system's reason in it: it repeats the address, and so its password.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.proxy import Proxy, ProxyError
from reencrypt.keys.azure.retry import TransientError, may_pass

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError

_FORBIDDEN, _CREDENTIALS = 403, 407
_WAIT_FOR_PROXY: Final = "Check the proxy's health and its way out, then start again; progress is saved."
_CHECK_NAME: Final = (
    "Check vault_uri in the provider's section, AZURE_AUTHORITY_HOST if it is set, and the name server; then start "
    "again."
)
_USER_INFO: Final = re.compile(r"//[^/\s]*@")
#: What OpenSSL says of an answer that is not TLS.
_NOT_TLS: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")


def no_connection(url: str, proxy: Proxy | None, error: AzureError) -> ConfigurationError | TransientError:
    """Return the error for a request that got no answer from its host, from what the SDK raised."""
    import aiohttp  # noqa: PLC0415

    cause, host = error.inner_exception, host_of(url)
    if isinstance(cause, aiohttp.ClientHttpProxyError) and proxy is not None:
        return refused_by(proxy, host, cause.status, cause.message)
    if isinstance(cause, aiohttp.InvalidURL):
        return not_a_host(host)
    reason = _reason(cause or error)
    to_proxy = proxy is not None and _is_of(cause, proxy)
    where = f"the proxy {proxy}" if to_proxy else host
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return ConfigurationError(f"the certificate of {where} is not trusted: {reason}", hint=_trust(reason))
    if any(word in reason for word in _NOT_TLS):
        return ConfigurationError(
            f"{where} does not speak TLS: {reason}",
            hint="Check its scheme and its port: an http:// proxy is not an https:// one, and a vault speaks TLS only.",
        )
    through = f" through the proxy {proxy}" if proxy is not None and not to_proxy else ""
    hint = _WAIT_FOR_PROXY if to_proxy else _CHECK_NAME if _is_unknown(cause) else ""
    return TransientError(f"no connection to {where}{through} ({reason})", hint=hint)


def _is_unknown(error: BaseException | None) -> bool:
    """Whether the name server knows no such host, or does not answer."""
    return isinstance(getattr(error, "os_error", None) or error, socket.gaierror)


def refused_by(proxy: Proxy, host: str, status: int, reason: str) -> ConfigurationError | TransientError:
    """Return the error for a proxy's answer to CONNECT; it says nothing of the health of the host behind it."""
    said = f"{status} {_printable(reason)}".rstrip()
    if may_pass(status):
        return TransientError(f"the proxy {proxy} answered {said} to the way to {host}", hint=_WAIT_FOR_PROXY)
    if status == _CREDENTIALS:
        sent = "does not accept the user and the password in it" if proxy.authorization else "asks for credentials"
        return ProxyError(
            f"the proxy {proxy} {sent} ({said})",
            hint=f"Set {proxy.variable} to http://USER:PASSWORD@HOST:PORT with special characters percent-encoded. "
            "Only Basic authentication is supported.",
        )
    refuses = "refuses" if status == _FORBIDDEN else "cannot open"
    return ProxyError(
        f"the proxy {proxy} {refuses} the way to {host} ({said})",
        hint=f"Have the proxy allow CONNECT to {host}, or name the host in NO_PROXY if it can be reached directly.",
    )


def not_a_host(host: str) -> ConfigurationError:
    """Return the error for a name that DNS cannot know."""
    return ConfigurationError(
        f"{host} is not a name of a host", hint="Check vault_uri, and AZURE_AUTHORITY_HOST where it is set."
    )


def host_of(url: str) -> str:
    """Return host and port of a URL, without a user."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _is_of(cause: BaseException | None, proxy: Proxy) -> bool:
    """Whether a failed connection is one to the proxy itself: its name, its port, or its own TLS."""
    import aiohttp  # noqa: PLC0415

    if not isinstance(cause, aiohttp.ClientConnectorError):
        return False
    return isinstance(cause, aiohttp.ClientProxyConnectionError) or cause.host == urlsplit(proxy.url).hostname


def _reason(error: BaseException) -> str:
    """Return the operating system's or the library's reason, in one line."""
    text = str(getattr(error, "os_error", None) or error) or type(error).__name__
    return _USER_INFO.sub("//", _printable(text.splitlines()[0]))[:200]


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in str(text))[:200].strip()


def _trust(reason: str) -> str:
    if "mismatch" in reason:
        return (
            "Check the host's name: its certificate is for another one, or something on the way answers in its place."
        )
    if "expired" in reason or "not yet valid" in reason:
        return "Renew the certificate, or correct this machine's clock."
    return "Set SSL_CERT_FILE to the CA bundle of your network's proxy, if it inspects TLS."
