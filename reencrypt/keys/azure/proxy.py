"""Proxy to a host by the environment, read as Go reads it: Grafana is a Go program, and takes the same way.

Source of the rules: golang.org/x/net/http/httpproxy. A variable that Go ignores without a word is an error here.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from reencrypt.errors import ConfigurationError
from reencrypt.secret import Secret

_VARIABLES: Final = ("HTTPS_PROXY", "https_proxy")
_EXCEPTIONS: Final = ("NO_PROXY", "no_proxy")
_SCHEMES: Final = ("http", "https")
_HTTPS: Final = 443
_LABEL: Final = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?", re.ASCII)
_NETWORK: Final = re.compile(r"[^/]+/[0-9]+", re.ASCII)
_FORM: Final = (
    "Set it to http://HOST:PORT, or to http://USER:PASSWORD@HOST:PORT with special characters percent-encoded."
)


class ProxyError(ConfigurationError):
    """The proxy of the environment cannot be used, or refuses the way (exit 2)."""

    code = "proxy"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: `url` is `scheme://host[:port]`; what its user and password make is in `authorization` alone."""

    url: str
    authorization: Secret
    variable: str

    def __str__(self) -> str:
        return f"{self.url} ({self.variable})"


def proxy_for(url: str, environment: Mapping[str, str] | None = None) -> Proxy | None:
    """Return the proxy for a URL, None where the way is direct; raises `ProxyError` for one that cannot be used.

    Plain http is never proxied: the endpoints of managed identities are on this machine or link-local.
    """
    variables = os.environ if environment is None else environment
    variable = next((name for name in _VARIABLES if variables.get(name)), None)
    target = urlsplit(url)
    if variable is None or target.scheme != "https":
        return None
    exceptions = next((variables[name] for name in _EXCEPTIONS if variables.get(name)), "")
    if is_excepted(target.hostname or "", target.port or _HTTPS, exceptions):
        return None
    return _read(variable, variables[variable])


def _read(variable: str, value: str) -> Proxy:
    # "proxy:3128" is a host and its port, as in Go, and not a scheme.
    parts, why = _split(value if "://" in value else f"http://{value}")
    if parts is None:
        # The value itself may hold a password.
        raise ProxyError(f"{variable} is not the address of a proxy: {why}", hint=_FORM)
    if parts.scheme not in _SCHEMES:
        raise ProxyError(
            f"{variable} names a proxy of the kind {parts.scheme}, and only http and https proxies are supported",
            hint="Name an HTTP proxy in it, or except the vault and the sign-in with NO_PROXY.",
        )
    host = _ascii(parts.hostname or "")
    shown = f"[{host}]" if ":" in host else host
    return Proxy(
        f"{parts.scheme}://{shown}:{parts.port}" if parts.port else f"{parts.scheme}://{shown}",
        _basic(parts),
        variable,
    )


def _split(text: str) -> tuple[SplitResult | None, str]:
    """Return the parts of an address, or None and what is wrong with it, which repeats nothing of it."""
    if any(character.isspace() or not character.isprintable() for character in text):
        return None, "it holds a blank or a control character"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None, "its host or its port is not valid"
    if parts.query or parts.fragment or "@" in parts.path:
        return None, "a character such as #, ? or / in its password is not percent-encoded, or it is not a host alone"
    host = _ascii(parts.hostname or "")
    if not host or port == 0 or not (_NAME.fullmatch(host) or _address(host)):
        return None, "its host or its port is not valid"
    return parts, ""


def _basic(parts: SplitResult) -> Secret:
    if parts.username is None:
        return Secret("")
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Secret("Basic " + base64.b64encode(user.encode(errors="surrogateescape")).decode())


def is_excepted(host: str, port: int, no_proxy: str) -> bool:
    """Whether the way to a host is direct: this machine always is, everything else by the value of `NO_PROXY`.

    Its entries are separated by commas: `*`, an address, a network (`10.0.0.0/8`), or a name. `example.com` is that
    host and all below it, `.example.com` and `*.example.com` only what is below; a port binds an entry to it.
    """
    host = _ascii(host.lower())
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = [entry.strip().lower() for entry in no_proxy.split(",")]
    return "*" in entries or any(_matches(entry, host, address, str(port)) for entry in entries)


def _matches(entry: str, host: str, address: IPv4Address | IPv6Address | None, port: str) -> bool:
    if _NETWORK.fullmatch(entry):
        try:
            network = ip_network(entry, strict=False)
        except ValueError:
            # A name with a slash in it, which is no host.
            return False
        return address is not None and address in network
    name, bound = _host_and_port(entry)
    if not name or bound not in ("", port):
        return False
    exact = None if "%" in name else _address(name)
    if exact is not None or address is not None:
        return exact is not None and exact == address
    name = _ascii(name[1:] if name.startswith("*.") else name)
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def _host_and_port(entry: str) -> tuple[str, str]:
    """Split as Go does: what has no port, or too many colons for one, is a host."""
    bracketed = re.fullmatch(r"\[([^\[\]]*)\]:([^:]*)", entry)
    if bracketed:
        return bracketed[1], bracketed[2]
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """Read an address, without its zone; IPv4 in the form of IPv6 is IPv4."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _ascii(host: str) -> str:
    """Return a name as DNS knows it (`xn--…`); empty labels and what no such name can be are left as they are."""
    try:
        return ".".join(label.encode("idna").decode() if label else "" for label in host.split("."))
    except UnicodeError:
        return host
