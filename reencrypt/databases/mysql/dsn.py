"""Connection settings for MySQL and MariaDB as Grafana's driver (go-sql-driver/mysql) understands them.

Sources: `pkg/services/sqlstore/database_config.go` of Grafana, and the driver's `dsn.go`.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from reencrypt.errors import ConfigurationError
from reencrypt.secret import Secret
from reencrypt.settings import DatabaseSettings
from reencrypt.settings.url import split_host_port

if TYPE_CHECKING:
    from ssl import SSLObject

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


class _NamedContext(ssl.SSLContext):
    """TLS context that expects the certificate's name, `server_cert_name`, instead of the host's."""

    certificate_name = ""

    def wrap_bio(self, *args: Any, **kwargs: Any) -> SSLObject:  # noqa: ANN401 - passed on
        """Start TLS under the certificate's name."""
        kwargs["server_hostname"] = self.certificate_name or kwargs.get("server_hostname")
        return super().wrap_bio(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class MysqlTarget:
    """Where to connect and how; `display` names it without the password. With a `socket`, host and port are unused."""

    host: str
    port: int
    socket: str
    user: str
    password: Secret
    name: str
    ssl_mode: str
    ca_cert_path: str
    client_cert_path: str
    client_key_path: str
    server_cert_name: str

    @property
    def display(self) -> str:
        """A URL for people."""
        if self.socket:
            return f"mysql://{self.user}@{self.socket}/{self.name}"
        return f"mysql://{self.user}@{self.host}:{self.port}/{self.name}"

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
        context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
        context.certificate_name = self.server_cert_name
        try:
            if self.ca_cert_path:
                context.load_verify_locations(cafile=self.ca_cert_path)
            else:
                context.load_default_certs()
            if self.client_cert_path:
                context.load_cert_chain(self.client_cert_path, self.client_key_path or None)
        except OSError as error:
            raise ConfigurationError(
                f"a certificate in [database] cannot be read: {error}",
                hint="Check ca_cert_path, client_cert_path and client_key_path.",
            ) from None
        if mode != _VERIFY:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def target_of(settings: DatabaseSettings) -> MysqlTarget:
    """The target of Grafana's `[database]`; a `connection_string` is used verbatim, in the Go driver's form."""
    text = settings.connection_string.reveal()
    if text:
        return parse_dsn(text)
    return MysqlTarget(
        host=settings.host or _DEFAULT_HOST,
        port=settings.port or _DEFAULT_PORT,
        socket=settings.socket or "",
        user=settings.user,
        password=settings.password,
        name=settings.name,
        ssl_mode=settings.ssl_mode,
        ca_cert_path=settings.ca_cert_path,
        client_cert_path=settings.client_cert_path,
        client_key_path=settings.client_key_path,
        server_cert_name=settings.server_cert_name,
    )


def parse_dsn(text: str) -> MysqlTarget:
    """Read `user:password@tcp(host:port)/name?tls=true`. Raises `ConfigurationError` without quoting the text.

    Nothing in the password is escaped: the last slash begins the name, the last @ before it ends the password.
    """
    before, slash, after = text.rpartition("/")
    if not slash:
        raise _unreadable("there is no / before the database's name")
    user_info, _, address = before.rpartition("@")
    user, _, password = user_info.partition(":")
    network, bracket, place = address.partition("(")
    if bracket and not place.endswith(")"):
        raise _unreadable("the address does not end with )")
    place = place.removesuffix(")")
    name, _, query = after.partition("?")
    parameters = dict(parse_qsl(query))
    host, port, socket = _DEFAULT_HOST, _DEFAULT_PORT, ""
    if network == "unix":
        socket = place or _DEFAULT_SOCKET
    elif network in ("", "tcp"):
        host, port = split_host_port(place, default_host=host, default_port=port, origin=_ORIGIN)
    else:
        raise _unreadable("the network is neither tcp nor unix")
    return MysqlTarget(
        host=host,
        port=port,
        socket=socket,
        user=user,
        password=Secret(password),
        name=unquote(name),
        ssl_mode=parameters.get("tls", ""),
        ca_cert_path="",
        client_cert_path="",
        client_key_path="",
        server_cert_name="",
    )


def _unreadable(problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"{_ORIGIN} cannot be read: {problem}", hint="Write user:password@tcp(host:port)/name?tls=true."
    )
