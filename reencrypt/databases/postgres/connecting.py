"""Sign in to a PostgreSQL server; what refuses it, in the server's words and with what to change.

Only what may pass by itself is `TransactionLostError`, which is tried again. The tables are of SQLSTATEs, and of words
of proxies, which send one SQLSTATE for everything: PgBouncer 08P01 (its `client.c` and `objects.c`), Supavisor XX000.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import asyncpg

from reencrypt.databases.meanings import READ_ONLY
from reencrypt.databases.postgres.dsn import PostgresTarget
from reencrypt.databases.server.reaching import stranger, unreachable
from reencrypt.databases.server.tls import failure
from reencrypt.errors import ConfigurationError, ReencryptError, TransactionLostError

_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)
_ANSWERS: Final = b"SNE"  # what a PostgreSQL server, or a proxy before one, answers to that: yes, no, or an error
_REJECTED_TLS: Final = "rejected SSL upgrade"  # asyncpg's words, which are its only sign of it
_REACHING: Final = "Check the server, its address in [database] and the network, then start again; progress is saved."
_SIGN_IN: Final = "Check user, password and name in [database]."
_PROXY: Final = f"{_SIGN_IN} If they are right, look into the settings of the proxy before the server."
_TLS: Final = (
    "If the server takes TLS connections only, set ssl_mode in [database] to require, or to verify-full with "
    "ca_cert_path. If not, let its pg_hba.conf allow this user, database and address."
)
_NO_TLS: Final = (
    "Turn TLS on there, or set ssl_mode = disable in [database] (sslmode in a URL or a connection_string) if the "
    "network is yours."
)
_PARAMETER: Final = (
    "Leave that parameter out of the URL or the connection_string, or list it in PgBouncer's ignore_startup_parameters."
)
# Hints by the name of the server's function, because its messages are localised.
_BY_FUNCTION: Final = {
    "InitializeSessionUserId": f"{_SIGN_IN} If they are right: ALTER ROLE … LOGIN.",
    "auth_failed": _SIGN_IN,
}
# A last digit says nothing here; what is not in the table is the operator's to judge, in the server's words.
_BY_STATE: Final = {
    "3D000": _SIGN_IN,
    "28P01": _SIGN_IN,
    "42501": "Grant the role CONNECT on the database, or the setting that the connection string asks for.",
    "42601": _PARAMETER,  # in the options, which are like a command line
    "55000": "Let the database take connections: ALTER DATABASE … ALLOW_CONNECTIONS true.",
    "58P01": "Leave out what names that file, or put it there.",
    "57P04": "Check name in [database]; that database was dropped.",
}
_PASSING_STATES: Final = ("08", "53", "57", "58")  # connections, resources, an operator's intervention, the system
_PASSING_WORDS: Final = (
    *("no more connections", "too many", "max clients", "connections exceeded", "query_wait_timeout"),
    *("server_login_retry", "client_login_timeout", "shutting down", "server conn crashed", "server is down"),
    *("pause", "out of memory", "no memory", "resources exhaustion", "cannot connect", "could not connect", "timeout"),
    *("couldn't connect", "timed out", "suspend", "is not available", "try again"),
)
# First, because a name beside them may be made of any words.
_LASTING_WORDS: Final = (
    *("no such", "does not exist", "is disabled", "unsupported", "rejected", "not allowed", "authentication failed"),
    "not found",
)
_PROXIES: Final = ("08P01", "XX000")


class NoTlsError(ConfigurationError):
    """The server does not offer TLS."""


async def connect(target: PostgresTarget, *, tls: bool, reached_before: bool) -> Any:  # noqa: ANN401 - asyncpg's
    """Open one connection, with TLS or without it. Raises `ConfigurationError` or `TransactionLostError`."""
    context = target.tls() if tls else None
    with _translated(target, tls=tls, reached_before=reached_before):
        try:
            return await asyncpg.connect(**target.arguments(tls=context))
        except (OSError, asyncpg.ConnectionDoesNotExistError, asyncpg.InternalClientError) as error:
            if not (isinstance(error, ssl.SSLError | socket.gaierror) or target.socket_path or reached_before):
                await _check_kind(target)
            raise
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, OverflowError):
            raise
        except Exception as error:
            # Whatever asyncpg stumbles over in an answer that is not what a server of this kind sends.
            raise _unreadable(target.display, error) from error


def _unreadable(name: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{name}: asyncpg cannot sign in there: {error}",
        hint="Check the address in [database]. If it is right, let the server ask for a password by scram-sha-256 "
        "or md5, or for a certificate.",
    )


async def _check_kind(target: PostgresTarget) -> None:
    other = await stranger(target.place, target.port, _SSL_REQUEST, recognised=_is_answer)
    if other:
        raise ConfigurationError(
            f"{target.display}: {other} answers there, not PostgreSQL",
            hint="Check the host and the port in [database].",
        )


def _is_answer(answer: bytes) -> bool:
    # MySQL greets with a length in three bytes, the number 0 and its protocol, 10: the length may look like a letter.
    return answer[0] in _ANSWERS and answer[1:5] != b"\0\0\0\x0a"


@contextmanager
def _translated(target: PostgresTarget, *, tls: bool, reached_before: bool) -> Iterator[None]:
    name = target.display
    try:
        yield
    except asyncpg.PostgresError as error:
        raise refusal(name, error, tls=tls) from error
    except ssl.SSLError as error:
        raise failure(
            name,
            error,
            expected=target.host,
            rename="Name the host in [database] as the certificate does, or set ssl_mode = verify-ca if any server of "
            "that CA is as good.",
        ) from error
    except asyncpg.TargetServerAttributeNotMatched as error:
        # At the start a wrong address; later a failover, after which the primary is waited for.
        if reached_before:
            raise READ_ONLY.of(name, str(error)) from error
        raise ConfigurationError(f"{name}: {error}", hint="Give the address of the primary in [database].") from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        # A way to sign in that asyncpg does not know, or an answer that it cannot read.
        raise _unreadable(name, error) from error
    except (OSError, ValueError, OverflowError) as error:
        if _REJECTED_TLS in str(error):
            raise NoTlsError(f"{name} offers no TLS", hint=_NO_TLS) from error
        wrong = ValueError(str(error)) if isinstance(error, OverflowError) else error
        raise unreachable(name, wrong, socket_path=target.socket_path, reached_before=reached_before) from error


def refusal(name: str, error: asyncpg.PostgresError, *, tls: bool) -> ReencryptError:
    """What it means that the server, or a proxy before it, sends this error instead of a session."""
    state, said = str(error.sqlstate or ""), str(error)
    if not said.strip():
        said = type(error).__name__
    if isinstance(error, asyncpg.ConnectionDoesNotExistError) or _may_pass(state, said.lower()):
        return TransactionLostError(f"{name} is not available: {said}", hint=_REACHING)
    return ConfigurationError(f"{name} refuses the connection: {said}", hint=_hint(error, state, said, tls=tls))


def _may_pass(state: str, said: str) -> bool:
    if state in _PROXIES:
        lasting = any(word in said for word in _LASTING_WORDS)
        return not lasting and any(word in said for word in _PASSING_WORDS)
    return state not in _BY_STATE and state.startswith(_PASSING_STATES)


def _hint(error: asyncpg.PostgresError, state: str, said: str, *, tls: bool) -> str:
    function = error.as_dict().get("server_source_function")
    if function in _BY_FUNCTION:
        return _BY_FUNCTION[function]
    if "parameter" in said:
        return _PARAMETER
    if not tls and any(word in said.lower() for word in ("ssl", "tls", "insecure")):
        return _TLS
    if state in _BY_STATE:
        return _BY_STATE[state]
    if state in _PROXIES:
        return _PROXY
    return f"{_SIGN_IN} If the server wants a client certificate, set client_cert_path." if tls else _TLS
