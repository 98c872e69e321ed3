r"""Connection settings for PostgreSQL as Grafana's driver (lib/pq) understands them.

What decides where to connect or as whom, and is not followed here, is refused by name.

Sources: `pkg/services/sqlstore/database_config.go` of Grafana, which joins the keys of `[database]` without quotes
(`user=%s host=%s …`), and lib/pq's `connector.go` and `ssl.go`. lib/pq knows `hostaddr`, `target_session_attrs`,
`sslnegotiation` and several hosts since 1.11, `sslmode=prefer` and `allow`, `service`, `sslrootcert=system` and the
limits of TLS versions since 1.12 (both of 2026).
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reencrypt.databases.postgres.parameters import WAYS, is_address, is_of_the_session, refuse
from reencrypt.databases.server.tls import Certificates, NamedContext
from reencrypt.errors import ConfigurationError
from reencrypt.secret import Secret
from reencrypt.settings import DatabaseSettings
from reencrypt.settings.ini import GO_SPACE
from reencrypt.settings.url import parse_port, parse_url, shown_host, split_host_port

_DEFAULT_PORT: Final = 5432
_LOCAL: Final = "localhost"
_CONNECT_SECONDS: Final = 10.0
_STRING: Final = "[database] connection_string"
# key = value, with spaces around the sign, or 'value', with \' and \\ inside; a quote elsewhere is a letter.
# Compiled where it is used: it takes as long as a module.
_PAIR: Final = (
    rf"[{GO_SPACE}]*([^{GO_SPACE}=]+)[{GO_SPACE}]*=[{GO_SPACE}]*"
    rf"(?:'((?:[^'\\]|\\.)*)'|((?!')(?:[^{GO_SPACE}\\]|\\.)*))"
)

#: By lib/pq's mode, whether to try TLS, in this order.
_ENCRYPTED: Final[Mapping[str, tuple[bool, ...]]] = {
    "disable": (False,),
    "allow": (False, True),
    "prefer": (True, False),
    "require": (True,),
    "verify-ca": (True,),
    "verify-full": (True,),
}
_VERSIONS: Final[Mapping[str, ssl.TLSVersion]] = {
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


@dataclass(frozen=True, slots=True)
class PostgresTarget:
    """Where to connect and how; `display` names it without the password.

    `host` is a name, an address or the folder of a socket. With an `address` that is connected to, and `host` is the
    name in the certificate. `session` are the settings of the server's session.
    """

    host: str
    address: str
    port: int
    user: str
    password: Secret
    password_file: str
    name: str
    ssl_mode: str
    certificates: Certificates
    sni: bool
    direct: bool
    oldest: ssl.TLSVersion | None
    newest: ssl.TLSVersion | None
    attributes: str
    session: Mapping[str, str]

    @property
    def display(self) -> str:
        """A URL for people."""
        return f"postgresql://{self.user}@{shown_host(self.host)}:{self.port}/{self.name}"

    @property
    def place(self) -> str:
        """What is connected to: a name or an address, or the folder of a socket."""
        return self.address or self.host

    @property
    def socket_path(self) -> str:
        """The Unix socket, or empty."""
        return f"{self.place}/.s.PGSQL.{self.port}" if self.place.startswith("/") else ""

    @property
    def encrypted(self) -> tuple[bool, ...]:
        """Whether to try TLS, in this order; never through a socket, as in lib/pq."""
        return (False,) if self.socket_path else _ENCRYPTED[self.ssl_mode]

    def arguments(self, *, tls: ssl.SSLContext | None) -> dict[str, Any]:
        """The keyword arguments of `asyncpg.connect`; none is left to the environment but the password.

        Statements are not cached by name, because behind PgBouncer in transaction mode the next transaction may run on
        another server connection.
        """
        return {
            "host": self.place,
            "port": self.port,
            "user": self.user,
            "password": self.password.reveal() or None,
            "passfile": self.password_file or None,
            "database": self.name,
            "ssl": tls or False,
            "direct_tls": self.direct and tls is not None,
            "timeout": _CONNECT_SECONDS,
            "statement_cache_size": 0,
            "target_session_attrs": self.attributes,
            "server_settings": {"application_name": "reencrypt", **self.session},
        }

    def tls(self) -> ssl.SSLContext:
        """A context by lib/pq's modes: `require` verifies nothing unless a CA is named; `verify-full` also the name."""
        context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
        system = self.certificates.ca == "system"
        Certificates(
            "" if system else self.certificates.ca, self.certificates.client, self.certificates.client_key
        ).load(context)
        context.check_hostname = self.ssl_mode == "verify-full"
        # As in lib/pq, a connection that verifies the name also sends it, and no address is ever sent as one.
        if context.check_hostname or (self.sni and not is_address(self.host)):
            context.server_name = self.host
        if self.ssl_mode in ("allow", "prefer", "require") and not self.certificates.ca:
            context.verify_mode = ssl.CERT_NONE
        if self.oldest is not None:
            context.minimum_version = self.oldest
        if self.newest is not None:
            context.maximum_version = self.newest
        if self.direct:
            context.set_alpn_protocols(["postgresql"])
        return context


def target_of(settings: DatabaseSettings, environment: Mapping[str, str] = os.environ) -> PostgresTarget:
    """The target of Grafana's `[database]`; a `connection_string` is used verbatim, in either of lib/pq's forms.

    Raises `ConfigurationError`, also for what would decide where or as whom and is not followed here.
    """
    text = settings.connection_string.reveal()
    if text:
        url = text.startswith(("postgres://", "postgresql://"))
        return _target(_from_url(text) if url else parse_keywords(text), _STRING, environment)
    values = _from_keys(settings)
    return _target(_as_joined(values, settings.origin) if settings.joined else values, settings.origin, environment)


def _from_keys(settings: DatabaseSettings) -> dict[str, str]:
    """The parameters in Grafana's order; those of a URL's query come last and win."""
    sni = {"sslsni": settings.ssl_sni} if settings.ssl_sni else {}
    password = {"password": settings.password.reveal()} if settings.password else {}
    return {
        "user": settings.user,
        "host": settings.host,
        "port": str(settings.port or _DEFAULT_PORT),
        "dbname": settings.name,
        "sslmode": settings.ssl_mode,
        "sslcert": settings.client_cert_path,
        "sslkey": settings.client_key_path,
        "sslrootcert": settings.ca_cert_path,
        **sni,
        **password,
        **settings.parameters,
    }


def _as_joined(values: Mapping[str, str], origin: str) -> dict[str, str]:
    """What lib/pq reads in the string that Grafana makes of the values, which it does not quote."""
    pairs = {key: f"{key}={value or chr(39) * 2}" for key, value in values.items()}
    try:
        return parse_keywords(" ".join(pairs.values()))
    except ConfigurationError:
        raise ConfigurationError(
            f"a value of [database] from {origin} cannot be read where Grafana puts it, in the middle of others: "
            f"{', '.join(sorted(_unreadable(pairs))) or 'a space or a backslash is in the way'}",
            hint="Grafana cannot start like this either. Put a \\ before each space, each \\ and a ' that the value "
            "begins with.",
        ) from None


def _unreadable(pairs: Mapping[str, str]) -> list[str]:
    found = []
    for key, pair in pairs.items():
        try:
            parse_keywords(pair)
        except ConfigurationError:
            found.append(key)
    return found


def parse_keywords(text: str) -> dict[str, str]:
    r"""Read `host=… dbname='o\'x'`. Raises `ConfigurationError` without quoting the text, which holds a password."""
    values: dict[str, str] = {}
    pair = re.compile(_PAIR, re.DOTALL)
    position, end = 0, len(text.rstrip(GO_SPACE))
    while position < end:
        match = pair.match(text, position)
        if match is None:
            raise ConfigurationError(
                f"{_STRING} cannot be read from character {position + 1} on",
                hint="Write host=… dbname=… user=… password='…', with \\' and \\\\ inside quotes.",
            )
        raw = match[2] if match[2] is not None else match[3]
        values[match[1]] = re.sub(r"\\(.)", r"\1", raw, flags=re.DOTALL)
        position = match.end()
    return values


def _from_url(text: str) -> dict[str, str]:
    url = parse_url(text, _STRING)
    host, port = split_host_port(url.host, default_host="", default_port=_DEFAULT_PORT, origin=_STRING)
    values = {"host": host, "user": url.user, "password": url.password, "dbname": url.path.removeprefix("/")}
    if url.host:
        values["port"] = str(port)
    values = {key: value for key, value in values.items() if value}
    for key, value in url.query:
        # lib/pq takes the greater of two values here, in the order of the alphabet.
        if value and values.setdefault(key, value) != value:
            raise ConfigurationError(
                f"{_STRING} names {key} twice, with different values", hint="Leave the one that is wrong out."
            )
    return values


def _target(given: Mapping[str, str], origin: str, environment: Mapping[str, str]) -> PostgresTarget:
    values = {**{name: environment[each] for name, each in WAYS.items() if environment.get(each)}, **given}
    if "database" in values:  # what lib/pq has long taken for dbname, too
        values["dbname"] = values.pop("database")
    refuse(values, origin, environment)
    mode = values.get("sslmode") or ("verify-full" if values.get("sslrootcert") == "system" else "require")
    if mode not in _ENCRYPTED:
        raise ConfigurationError(
            f"ssl_mode {mode!r} is not one of PostgreSQL's in Grafana",
            hint="Set disable, require, verify-ca or verify-full in [database] ssl_mode (sslmode in a URL or string).",
        )
    return PostgresTarget(
        host=values.get("host") or values.get("hostaddr") or _LOCAL,
        address=values.get("hostaddr", ""),
        port=parse_port(values["port"], origin) if values.get("port") else _DEFAULT_PORT,
        user=values["user"],
        password=Secret(values.get("password", "")),
        password_file=values.get("passfile", ""),
        name=values.get("dbname") or values["user"],  # the server's default, and lib/pq's
        ssl_mode=mode,
        certificates=Certificates(values.get("sslrootcert", ""), values.get("sslcert", ""), values.get("sslkey", "")),
        sni=not values.get("sslsni") or values["sslsni"].startswith("1"),  # lib/pq's rule
        direct=_direct(values.get("sslnegotiation", ""), mode, origin),
        oldest=_version(values, "ssl_min_protocol_version", origin),
        newest=_version(values, "ssl_max_protocol_version", origin),
        attributes=values.get("target_session_attrs") or "any",
        session={key: value for key, value in values.items() if is_of_the_session(key)},
    )


def _direct(negotiation: str, mode: str, origin: str) -> bool:
    if negotiation in ("", "postgres"):
        return False
    if negotiation == "direct" and mode in ("require", "verify-ca", "verify-full"):
        return True
    raise ConfigurationError(
        f"the database's parameter sslnegotiation from {origin} cannot be followed",
        hint="It is postgres or direct, and direct only with sslmode require, verify-ca or verify-full.",
    )


def _version(values: Mapping[str, str], key: str, origin: str) -> ssl.TLSVersion | None:
    text = values.get(key, "")
    if text in ("", "TLSv1", "TLSv1.0", "TLSv1.1") and key == "ssl_min_protocol_version":
        return None  # safer than asked
    if not text or text in _VERSIONS:
        return _VERSIONS.get(text)
    raise ConfigurationError(
        f"the database's parameter {key} from {origin} names no safe version of TLS",
        hint=f"Write {' or '.join(_VERSIONS)}.",
    )
