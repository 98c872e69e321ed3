"""Sign in to a MySQL or MariaDB server; what refuses it, in the server's words and with what to change.

Only what may pass by itself is `TransactionLostError`, which is tried again. Numbers are from the servers' own lists of
error messages, and from what proxies and clouds add: ProxySQL (9001), Azure (9000, 9002), Vitess (1105).
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import asyncmy
from asyncmy import errors
from asyncmy.constants import CLIENT

from reencrypt.databases.meanings import UNSUPPORTED
from reencrypt.databases.mysql.dsn import MysqlTarget
from reencrypt.databases.mysql.errors import translated
from reencrypt.databases.server.reaching import stranger, unreachable
from reencrypt.databases.server.tls import failure
from reencrypt.errors import ConfigurationError, ReencryptError, TransactionLostError

_REACHING: Final = "Check the server, its address in [database] and the network, then start again; progress is saved."
_SIGN_IN: Final = "Check user, password and name in [database]."
_SSL_MODE: Final = "Set ssl_mode in [database], with ca_cert_path if your own CA has signed the server's certificate."
_ANOTHER: Final = "Change the password of the account, and then in [database]."
_UNLOCK: Final = "Unlock the account: ALTER USER … ACCOUNT UNLOCK."
_KIND: Final = "Give the account caching_sha2_password (MySQL), or ed25519 or mysql_native_password (MariaDB)."
#: By number, what is said of the server, and the hint.
_REFUSALS: Final[Mapping[int, tuple[str, str]]] = {
    # The server says no more, even where it wants TLS, or has no RSA key for a password without TLS.
    1045: (
        "refuses the connection",
        (
            f"{_SIGN_IN} If they are right, the account may need TLS (ssl_mode), a client certificate "
            "(client_cert_path), or caching_sha2_password in place of an older kind of password."
        ),
    ),
    3159: ("takes TLS connections only", _SSL_MODE),
    9002: ("takes TLS connections only", _SSL_MODE),  # Azure's gateway
    9000: ("refuses the connection", "Let this address through the firewall of the server."),  # the same
    # Vitess and PlanetScale, of everything that is wrong with who signs in, and how.
    1105: ("refuses the connection", f"{_SIGN_IN} If they are right, the server may want TLS (ssl_mode)."),
    1043: ("refuses the connection", "Check the address and ssl_mode in [database]."),
    1044: ("refuses the connection", "Check name in [database], or grant the account rights on that database."),
    1049: ("refuses the connection", "Check name in [database]."),
    1129: ("refuses the connection", "Run FLUSH HOSTS there; too many connections from here have failed."),
    1130: ("refuses the connection", "Let the account sign in from this address: CREATE USER '…'@'…'."),
    1251: ("refuses the connection", _KIND),
    1524: ("refuses the connection", _KIND),
    1698: ("refuses the connection", f"{_SIGN_IN} {_KIND}"),
    2059: ("refuses the connection", _KIND),
    2061: ("refuses the connection", _KIND),
    1820: ("wants another password", _ANOTHER),
    1862: ("wants another password", _ANOTHER),
    3118: ("refuses the connection", _UNLOCK),
    4151: ("refuses the connection", _UNLOCK),
}
_PASSING: Final = frozenset(
    (
        *(1040, 1203, 1226),  # too many connections
        *(1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184),  # a shutdown, the network
        *(2002, 2003, 2006, 2013, 2055, 9001),
        0,  # the driver's own: not connected
    )
)
_REJECTED: Final = "28000"  # an SQLSTATE, of proxies with numbers of their own
_GREETING: Final = 10  # the protocol's version, in the byte behind the packet's header
_ERROR: Final = 255
_NOT_MYSQL: Final = "Check the host and the port in [database]."
_POSTGRES_HELLO: Final = struct.pack("!ii", 8, 80877103)


class NoTlsError(ConfigurationError):
    """The server does not offer TLS."""


def _guarded(target: MysqlTarget, *, safe: bool) -> Mapping[bytes, Callable[[Any], object]]:
    """What asyncmy asks before it signs in by these: a password goes over the wire as it is only where that is safe.

    The server, or who stands in its place, chooses how to sign in. As in Grafana's driver the configuration has to
    allow it (`allowCleartextPasswords`), and here the connection has to be encrypted or a socket as well.
    """

    def refuse(_connection: object) -> object:
        raise ConfigurationError(
            f"{target.display} asks for the password itself, which is not sent",
            hint="If that is right, allow it with allowCleartextPasswords=true in the URL, over TLS (ssl_mode = true).",
        )

    if target.clear_password and safe:
        return {}
    return {b"mysql_clear_password": refuse, b"dialog": refuse}


async def connect(target: MysqlTarget, tls: ssl.SSLContext | None, *, reached_before: bool) -> Any:  # noqa: ANN401
    """Open one connection. Raises `ConfigurationError` or `TransactionLostError`."""
    with translated_sign_in(target, reached_before=reached_before), readable(target):
        return await asyncmy.connect(
            **target.arguments(),
            ssl=tls,
            client_flag=CLIENT.FOUND_ROWS,
            autocommit=True,
            auth_plugin_map=_guarded(target, safe=tls is not None or bool(target.socket)),
        )


@contextmanager
def readable(target: MysqlTarget) -> Iterator[None]:
    """Translate what asyncmy raises where an answer is not what a server of this kind sends.

    That is anything: an index or a number out of range, an unknown kind of password, a host that is no name. So this
    stands around calls of asyncmy alone, and until the session stands.
    """
    try:
        yield
    except (errors.MySQLError, OSError, EOFError, ReencryptError):
        raise
    except Exception as error:
        raise ConfigurationError(
            f"{target.display}: asyncmy cannot sign in there: {error}",
            hint=f"Check the address in [database]. If it is right: {_KIND[0].lower()}{_KIND[1:]}",
        ) from error


async def check_kind(target: MysqlTarget) -> None:
    """Raise `ConfigurationError` where another kind of server answers. A web server waits for its client to begin."""
    if target.socket:
        return
    other = await stranger(target.host, target.port, b"", recognised=_is_greeting)
    if not other:
        postgres = await stranger(target.host, target.port, _POSTGRES_HELLO, recognised=_is_greeting)
        other = "PostgreSQL" if postgres else ""
    if other:
        raise ConfigurationError(f"{target.display}: {other} answers there, not MySQL", hint=_NOT_MYSQL)


def _is_greeting(answer: bytes) -> bool:
    return len(answer) > 4 and answer[4] in (_GREETING, _ERROR)  # noqa: PLR2004 - the header


@contextmanager
def translated_sign_in(target: MysqlTarget, *, reached_before: bool) -> Iterator[None]:
    """Translate what fails until the session stands."""
    try:
        yield
    except errors.MySQLError as error:
        raise _refusal(target, error, reached_before=reached_before) from error
    except EOFError as error:
        raise TransactionLostError(f"{target.display} is not available: {error}", hint=_REACHING) from error
    except OSError as error:
        raise unreachable(target.display, error, socket_path=target.socket, reached_before=reached_before) from error


def _refusal(target: MysqlTarget, error: errors.MySQLError, *, reached_before: bool) -> ReencryptError:
    name = target.display
    if isinstance(error.__cause__, ssl.SSLError):
        return _tls_failure(target, error.__cause__)
    if isinstance(error.__cause__, OSError):
        return unreachable(name, error.__cause__, socket_path=target.socket, reached_before=reached_before)
    number = error.args[0] if error.args and isinstance(error.args[0], int) else -1
    if number not in _REFUSALS and getattr(error, "sqlstate", None) == _REJECTED:
        number = 1045
    said = str(error.args[-1]) if error.args else type(error).__name__
    if number in _REFUSALS:
        what, hint = _REFUSALS[number]
        return ConfigurationError(f"{name} {what}: {said}", hint=hint)
    if number in _PASSING:
        return TransactionLostError(f"{name} is not available: {said}", hint=_REACHING)
    try:
        with translated(name):
            raise error
    except ReencryptError as translation:
        return translation
    except errors.MySQLError:
        # What would be a bug in a statement of ours: those that set up a session are read by every server of these two.
        return UNSUPPORTED.of(name, said)


def _tls_failure(target: MysqlTarget, cause: ssl.SSLError) -> ConfigurationError:
    if cause.reason == "WRONG_VERSION_NUMBER":  # the server answers in plain text
        return NoTlsError(
            f"{target.display} offers no TLS",
            hint="Turn TLS on there, or set ssl_mode = false in [database] if the network is yours.",
        )
    return failure(
        target.display,
        cause,
        expected=target.certificate_name,
        rename="Set server_cert_name in [database] to the name in the certificate.",
    )
