"""Connection settings for PostgreSQL as Grafana's driver (lib/pq) understands them.

Sources: `pkg/services/sqlstore/database_config.go` of Grafana, and lib/pq's `conn.go` and `ssl.go`.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from reencrypt.errors import ConfigurationError
from reencrypt.secret import Secret
from reencrypt.settings import DatabaseSettings

_DEFAULT_PORT: Final = 5432
_CONNECT_SECONDS: Final = 10.0
# key = value, with spaces around the sign, or 'value' with \' and \\ inside.
_PAIR: Final = re.compile(r"\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\']|\\.)*))(?=\s|$)", re.DOTALL)
_SESSION: Final = ("search_path", "application_name", "options")


@dataclass(frozen=True, slots=True)
class PostgresTarget:
    """Where to connect and how; `display` names it without the password."""

    host: str
    port: int
    user: str
    password: Secret
    name: str
    ssl_mode: str
    ca_cert_path: str
    client_cert_path: str
    client_key_path: str
    sni: bool
    session: Mapping[str, str]

    @property
    def display(self) -> str:
        """A URL for people."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.name}"

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of `asyncpg.connect`.

        Statements are not cached by name, because behind PgBouncer in transaction mode the next transaction may run on
        another server connection.
        """
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password.reveal() or None,
            "database": self.name,
            "ssl": self.tls(),
            "timeout": _CONNECT_SECONDS,
            "statement_cache_size": 0,
            "server_settings": {"application_name": "reencrypt", **self.session},
        }

    def tls(self) -> ssl.SSLContext | bool:
        """TLS by lib/pq's modes: `require` verifies nothing unless a CA is named; `verify-full` also the name."""
        if self.ssl_mode in ("disable", "") or self.host.startswith("/"):
            return False
        if self.ssl_mode not in ("require", "verify-ca", "verify-full"):
            raise ConfigurationError(
                f"ssl_mode {self.ssl_mode!r} is not one of PostgreSQL's in Grafana",
                hint="Set disable, require, verify-ca or verify-full in [database] ssl_mode.",
            )
        try:
            context = self._context()
            if self.client_cert_path:
                context.load_cert_chain(self.client_cert_path, self.client_key_path or None)
        except OSError as error:
            raise ConfigurationError(
                f"a certificate in [database] cannot be read: {error}",
                hint="Check ca_cert_path, client_cert_path and client_key_path.",
            ) from None
        context.check_hostname = self.ssl_mode == "verify-full"
        if self.ssl_mode == "require" and not self.ca_cert_path:
            context.verify_mode = ssl.CERT_NONE
        return context

    def _context(self) -> ssl.SSLContext:
        # As in lib/pq, a connection that verifies the name also sends it.
        if self.sni or self.ssl_mode == "verify-full":
            return ssl.create_default_context(cafile=self.ca_cert_path or None)
        context = _WithoutServerName(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca_cert_path:
            context.load_verify_locations(self.ca_cert_path)
        else:
            context.load_default_certs()
        return context


class _WithoutServerName(ssl.SSLContext):
    """TLS context that sends no server name, although asyncpg always gives one."""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - the signature is the library's
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Start TLS without a server name."""
        del server_hostname
        return super().wrap_bio(incoming, outgoing, server_side, None, session)


def target_of(settings: DatabaseSettings) -> PostgresTarget:
    """The target of Grafana's `[database]`; a `connection_string` is used verbatim, in either of lib/pq's forms."""
    text = settings.connection_string.reveal()
    if not text:
        return PostgresTarget(
            host=settings.host,
            port=settings.port or _DEFAULT_PORT,
            user=settings.user,
            password=settings.password,
            name=settings.name,
            ssl_mode=settings.ssl_mode,
            ca_cert_path=settings.ca_cert_path,
            client_cert_path=settings.client_cert_path,
            client_key_path=settings.client_key_path,
            sni=_sends_name(settings.ssl_sni),
            session={key: value for key, value in settings.parameters.items() if key in _SESSION},
        )
    values = _from_url(text) if text.startswith(("postgres://", "postgresql://")) else parse_keywords(text)
    return PostgresTarget(
        host=values.get("host", "localhost"),
        port=_port(values.get("port", "")),
        user=values.get("user", ""),
        password=Secret(values.get("password", "")),
        name=values.get("dbname", values.get("user", "")),
        # lib/pq's own default, where Grafana's [database] says disable.
        ssl_mode=values.get("sslmode", "require"),
        ca_cert_path=values.get("sslrootcert", ""),
        client_cert_path=values.get("sslcert", ""),
        client_key_path=values.get("sslkey", ""),
        sni=_sends_name(values.get("sslsni", "")),
        session={key: value for key, value in values.items() if key in _SESSION},
    )


def _sends_name(sslsni: str) -> bool:
    """Whether the server's name is sent in the clear: lib/pq does so unless a value does not begin with 1."""
    return not sslsni or sslsni.startswith("1")


def parse_keywords(text: str) -> dict[str, str]:
    r"""Read `host=… dbname='o\'x'`. Raises `ConfigurationError` without quoting the text, which holds a password."""
    values: dict[str, str] = {}
    position = 0
    while text[position:].strip():
        match = _PAIR.match(text, position)
        if match is None:
            raise ConfigurationError(
                f"[database] connection_string cannot be read from character {position + 1} on",
                hint="Write host=… dbname=… user=… password='…', with \\' and \\\\ inside quotes.",
            )
        raw = match[2] if match[2] is not None else match[3]
        values[match[1]] = re.sub(r"\\(.)", r"\1", raw, flags=re.DOTALL)
        position = match.end()
    return values


def _from_url(text: str) -> dict[str, str]:
    url = urlsplit(text)
    values = {
        "host": unquote(url.hostname or "localhost"),
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "dbname": unquote(url.path.lstrip("/")),
        "port": str(url.port or ""),
    }
    return {key: value for key, value in values.items() if value} | dict(parse_qsl(url.query))


def _port(text: str) -> int:
    if not text:
        return _DEFAULT_PORT
    if not text.isdigit():
        raise ConfigurationError("the port in [database] connection_string is not a number", hint="Write port=5432.")
    return int(text)
