"""Database URLs, split and decoded as by Go's `net/url`; an error names the fault and never shows the URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import unquote_to_bytes

from reencrypt.errors import ConfigurationError

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.ASCII | re.DOTALL)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_USER_INFO: Final = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*", re.ASCII)
_HOST: Final = re.compile(r"[^\s/?#@\\^{}|]*")
_PORT: Final = re.compile(r"[0-9]{1,5}", re.ASCII)
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True, repr=False)
class Url:
    """The parts of a URL, percent-decoded. `host` still has its port."""

    scheme: str
    user: str
    password: str
    host: str
    path: str
    query: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"Url(scheme={self.scheme!r}, host={self.host!r})"


def parse_url(text: str, origin: str) -> Url:
    """Split `text`; errors name its `origin`. Raises `ConfigurationError`."""

    def fail(problem: str) -> ConfigurationError:
        return ConfigurationError(
            f"the database URL from {origin} {problem}",
            hint="Write scheme://user:password@host:port/name, with special characters in user and password "
            "percent-encoded: # is %23, @ is %40, / is %2F, % is %25.",
        )

    def decode(part: str, what: str) -> str:
        if _BAD_ESCAPE.search(part):
            raise fail(f"has a % without two hexadecimal digits in its {what}")
        try:
            return unquote_to_bytes(part).decode()
        except UnicodeDecodeError:
            raise fail(f"has percent-encoded bytes in its {what} that are not UTF-8") from None

    if _CONTROL.search(text):
        raise fail("has a control character")
    scheme = _SCHEME.fullmatch(text)
    if scheme is None:
        raise fail("does not begin with scheme://")
    before_query, _, query = scheme[2].partition("#")[0].partition("?")
    authority, slash, path = before_query.partition("/")
    user_info, at, host = authority.rpartition("@")
    # A / or ? that is not encoded ends the host, and makes a user the host and the beginning of a password its port.
    if authority and not at and "@" in (path if slash else scheme[2]):
        raise fail("has an @ behind its host, so the / or ? before it ends the host")
    if not _USER_INFO.fullmatch(user_info):
        raise fail("has a character in its user or password that must be percent-encoded")
    if not _HOST.fullmatch(host):
        raise fail("has a character in its host that cannot stand there")
    user, _, password = user_info.partition(":")
    return Url(
        scheme=scheme[1].lower(),
        user=decode(user, "user"),
        password=decode(password, "password"),
        host=decode(host, "host"),
        path=decode(slash + path, "path"),
        query=_query(query),
    )


def _query(text: str) -> tuple[tuple[str, str], ...]:
    """Split a query; malformed parts are left out, as by Go."""
    pairs = []
    for part in text.split("&"):
        if not part or ";" in part or _BAD_ESCAPE.search(part):
            continue
        name, _, value = part.replace("+", " ").partition("=")
        pairs.append(
            (unquote_to_bytes(name).decode(errors="replace"), unquote_to_bytes(value).decode(errors="replace"))
        )
    return tuple(pairs)


def split_host_port(text: str, *, default_host: str, default_port: int, origin: str) -> tuple[str, int]:
    """Split `host:port`, `[::1]:port`, `/folder:port` or one part alone, as Grafana's `SplitHostPortDefault` does.

    More lenient than Grafana in two cases that cannot mean anything else: an IPv6 address without brackets, and the
    folder of a socket with colons in its name (`/cloudsql/project:region:instance`).
    """
    if "," in text:
        raise ConfigurationError(
            f"the database host from {origin} names several servers",
            hint="Which of them answers is left to chance, so name the one that takes writes, alone.",
        )
    bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::(.*))?", text) if text.startswith("[") else None
    if bracketed is not None:
        host, port = bracketed[1], bracketed[2] or ""
    elif text.count(":") > 1 and (text.startswith("/") or _is_ipv6(text)):
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    return host or default_host, parse_port(port, origin) if port else default_port


def parse_port(text: str, origin: str) -> int:
    """Read a port, 1 to 65535 in ASCII digits; an error names its `origin`. Raises `ConfigurationError`."""
    if _PORT.fullmatch(text) and 0 < int(text) < 1 << 16:
        return int(text)
    raise ConfigurationError(
        f"the database host from {origin} is not host:port, with a port from 1 to 65535",
        hint="Write host:port; an IPv6 address stands in brackets, [::1]:5432.",
    )


def shown_host(host: str) -> str:
    """The host as it stands before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("/") else host


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
