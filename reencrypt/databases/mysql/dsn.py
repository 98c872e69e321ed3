"""Connection settings for MySQL and MariaDB as Grafana's driver (go-sql-driver/mysql) understands them.

Sources: `pkg/services/sqlstore/database_config.go` of Grafana, which joins the keys of `[database]` without quotes
(`user:password@tcp(host)/name?…`), and the driver's `dsn.go`. What its other parameters decide is how Grafana's own
queries run; the server's variables among them (`sql_mode`, `transaction_isolation`) this session sets itself.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from reencrypt.databases.server.tls import Certificates, NamedContext
from reencrypt.errors import ConfigurationError
from reencrypt.secret import Secret
from reencrypt.settings import DatabaseSettings
from reencrypt.settings.url import shown_host, split_host_port

_DEFAULT_HOST: Final = "127.0.0.1"
_DEFAULT_PORT: Final = 3306
_DEFAULT_SOCKET: Final = "/tmp/mysql.sock"  # noqa: S108 - the driver's own default
_ORIGIN: Final = "[database] connection_string"

_VERIFY: Final = "true"
_SKIP: Final = "skip-verify"
_PREFER: Final = "preferred"
_MODES: Final = {
    **dict.fromkeys(("", "disable", "false", "False", "FALSE", "0"), ""),
    **dict.fromkeys(("true", "True", "TRUE", "1"), _VERIFY),
    _SKIP: _SKIP,
    _PREFER: _PREFER,
}


#: Passwords for which the driver needs a leave that this one does not give.
_REFUSED: Final = {
    "serverPubKey": "Leave it out; the server's key is asked of the server.",
    "allowOldPasswords": "Give the account caching_sha2_password (MySQL) or ed25519 (MariaDB).",
}
_TRUE: Final = frozenset(("1", "true", "TRUE", "True"))  # the driver's


@dataclass(frozen=True, slots=True)
class MysqlTarget:
    """Where to connect and how; `display` names it without the password. With a `socket`, host and port are unused.

    `certificate_name` is the name that the server's certificate has to bear, and `clear_password` whether the server
    may ask for the password itself.
    """

    host: str
    port: int
    socket: str
    user: str
    password: Secret
    name: str
    ssl_mode: str
    certificates: Certificates
    certificate_name: str
    clear_password: bool

    @property
    def display(self) -> str:
        """A URL for people."""
        if self.socket:
            return f"mysql://{self.user}@{self.socket}/{self.name}"
        return f"mysql://{self.user}@{shown_host(self.host)}:{self.port}/{self.name}"

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of `asyncmy.connect`, without TLS. The password as bytes, for any character's sake."""
        return {
            "host": self.host,
            "port": self.port,
            "unix_socket": self.socket or None,
            "user": self.user,
            "password": self.password.reveal().encode(),
            "database": self.name,
            "charset": "utf8mb4",
            "program_name": "reencrypt",
        }

    @property
    def may_be_plain(self) -> bool:
        """Whether to continue without TLS where the server has none: `preferred`."""
        return self.ssl_mode == _PREFER

    def tls(self) -> ssl.SSLContext | None:
        """TLS by the driver's modes: `true` verifies chain and name, `skip-verify` and `preferred` verify nothing."""
        mode = _MODES.get(self.ssl_mode)
        if mode is None:
            raise ConfigurationError(
                f"ssl_mode {self.ssl_mode!r} is not one of MySQL's in Grafana",
                hint="Set false, true, skip-verify or preferred (ssl_mode in [database], tls in a URL).",
            )
        if not mode or self.socket:
            return None
        context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
        context.server_name = self.certificate_name
        self.certificates.load(context)
        if mode != _VERIFY:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def target_of(settings: DatabaseSettings) -> MysqlTarget:
    """The target of Grafana's `[database]`; a `connection_string` is used verbatim, in the Go driver's form.

    Raises `ConfigurationError`, also for what would decide where or as whom and is not followed here.
    """
    text = settings.connection_string.reveal()
    if text:
        return parse_dsn(text)
    if settings.joined:
        return _as_joined(settings)
    return _target(
        (settings.host or _DEFAULT_HOST, settings.port or _DEFAULT_PORT, settings.socket or ""),
        (settings.user, settings.password.reveal(), settings.name),
        {**settings.parameters, "tls": settings.ssl_mode},
        settings.origin,
        _certificates(settings),
        settings.server_cert_name,
    )


def _certificates(settings: DatabaseSettings) -> Certificates:
    return Certificates(settings.ca_cert_path, settings.client_cert_path, settings.client_key_path)


def _as_joined(settings: DatabaseSettings) -> MysqlTarget:
    """What the driver reads in the string that Grafana makes of the keys: a : ends the user, a ? the name."""
    address = f"{shown_host(settings.host)}:{settings.port}"
    place = f"unix({settings.socket})" if settings.socket else f"tcp({address})"
    text = f"{settings.user}:{settings.password.reveal()}@{place}/{settings.name}"
    return _parse(
        text,
        settings.origin,
        {**settings.parameters, "tls": settings.ssl_mode},
        _certificates(settings),
        settings.server_cert_name,
    )


def parse_dsn(text: str) -> MysqlTarget:
    """Read `user:password@tcp(host:port)/name?tls=true`. Raises `ConfigurationError` without quoting the text.

    Nothing in the password is escaped: the last slash begins the name, the last @ before it ends the password.
    """
    return _parse(text, _ORIGIN, {}, Certificates("", "", ""), "")


def _parse(
    text: str, origin: str, parameters: Mapping[str, str], certificates: Certificates, certificate_name: str
) -> MysqlTarget:
    before, slash, after = text.rpartition("/")
    if not slash:
        raise _unreadable(origin, "there is no / before the database's name")
    user_info, _, address = before.rpartition("@")
    user, _, password = user_info.partition(":")
    network, bracket, place = address.partition("(")
    if bracket and not place.endswith(")"):
        raise _unreadable(origin, "the address does not end with )")
    place = place.removesuffix(")")
    name, _, query = after.partition("?")
    host, port, socket = _DEFAULT_HOST, _DEFAULT_PORT, ""
    if network == "unix":
        socket = place or _DEFAULT_SOCKET
    elif network in ("", "tcp"):
        host, port = split_host_port(place, default_host=host, default_port=port, origin=origin)
    else:
        raise _unreadable(origin, "the network is neither tcp nor unix")
    found = {**dict(parse_qsl(query, keep_blank_values=True)), **parameters}
    account = (user, password, unquote(name, errors="surrogateescape"))
    return _target((host, port, socket), account, found, origin, certificates, certificate_name)


def _target(
    place: tuple[str, int, str],
    account: tuple[str, str, str],
    parameters: Mapping[str, str],
    origin: str,
    certificates: Certificates,
    certificate_name: str,
) -> MysqlTarget:
    host, port, socket = place
    user, password, name = account
    for key, value in {"user": user, "password": password, "name": name, "host": host + socket}.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            held = False
        else:
            held = "\0" not in value
        if not held:
            raise ConfigurationError(
                f"{key} of the database from {origin} is no text in UTF-8", hint="MySQL cannot take such a value."
            )
    for key, remedy in _REFUSED.items():
        if parameters.get(key) and (key != "allowOldPasswords" or parameters[key] in _TRUE):
            raise ConfigurationError(f"the database's parameter {key} from {origin} is not followed here", hint=remedy)
    if not user:
        raise ConfigurationError(
            f"the database from {origin} names no user",
            hint="Grafana would sign in without a name, and asyncmy under that of this process. Write user.",
        )
    return MysqlTarget(
        host=host,
        port=port,
        socket=socket,
        user=user,
        password=Secret(password),
        name=name,
        ssl_mode=parameters.get("tls", ""),
        certificates=certificates,
        certificate_name=certificate_name or host,
        clear_password=parameters.get("allowCleartextPasswords", "") in _TRUE,
    )


def _unreadable(origin: str, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"the database from {origin} cannot be read: {problem}",
        hint="Write user:password@tcp(host:port)/name?tls=true, with each / in a parameter as %2F.",
    )
