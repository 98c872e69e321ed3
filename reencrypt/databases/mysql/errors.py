"""Translate the errors of MySQL and MariaDB servers and connections, in one place; the cause is kept.

Numbers are from the servers' own lists of error messages: 1xxx to 4xxx the server's, 2xxx the client's.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from asyncmy import errors

from reencrypt.errors import ConfigurationError, ReencryptError, RefusedError, TransactionLostError, UnavailableError


@dataclass(frozen=True, slots=True)
class _Kind:
    """Errors of one kind: their numbers, message and hint."""

    numbers: frozenset[int]
    error: type[ReencryptError]
    what: str
    hint: str


_KINDS: Final = (
    _Kind(
        frozenset((1045,)),
        ConfigurationError,
        "refuses the connection",
        # The server says no more, even where it wants TLS, or has no RSA key for a password without TLS.
        "Check user, password and name in [database]. If they are right, the account may need TLS (ssl_mode), or "
        "caching_sha2_password in place of an older kind of password.",
    ),
    _Kind(
        frozenset((3159,)),
        ConfigurationError,
        "takes TLS connections only",
        "Set ssl_mode in [database], with ca_cert_path if your own CA has signed the server's certificate.",
    ),
    _Kind(
        frozenset((1044, 1049, 1129, 1130, 1251, 1698, 1820, 1862, 2059, 3118, 4151)),
        ConfigurationError,
        "refuses the connection",
        "Check user, password and name in [database].",
    ),
    _Kind(
        frozenset((1142, 1143, 1227, 1370)),
        ConfigurationError,
        "does not allow that",
        "Grant the account what it lacks; `reencrypt plan` prints the statements that create the state tables, "
        "for a DBA to run.",
    ),
    _Kind(
        frozenset((1036, 1290, 1792, 1836, 1874)),
        ConfigurationError,
        "is read-only",
        "Give the address of the primary in [database].",
    ),
    _Kind(
        frozenset((1054, 1146)),
        UnavailableError,
        "has another schema than a moment ago",
        "Let Grafana finish its migrations, then start again; progress is saved.",
    ),
    _Kind(
        frozenset((1442, 1644)),  # a trigger that writes to its own table, or raises
        RefusedError,
        "has a trigger that refuses what is written",
        "Nothing of this page was committed. Drop the trigger, then start again.",
    ),
    _Kind(
        frozenset((1665,)),
        ConfigurationError,
        "replicates by statement",
        "Set binlog_format to ROW or MIXED: READ COMMITTED cannot be replicated by statement.",
    ),
    _Kind(
        frozenset((1153, 1301, 2020)),
        UnavailableError,
        "takes no row as large as one with its new ciphertext",
        "Raise max_allowed_packet on the server, then start again; progress is saved.",
    ),
    _Kind(
        frozenset((3, 1021, 1026, 1030, 1037, 1038, 1041, 1114, 1135, 1206)),
        UnavailableError,
        "is out of room",
        "Make room on the server, then start again; progress is saved.",
    ),
)

# The server aborted the transaction, or is away for a while: start again.
_AGAIN: Final = frozenset(
    (
        *(1205, 1213, 1020, 1614),  # lock wait timeout, deadlock, snapshot isolation, XA deadlock
        *(1180, 1637, 3032, 3100, 3101),  # a commit that failed, among them group replication's certification
        *(1040, 1203, 1226),  # too many connections
        *(1047, 1053, 1077, 1079, 1080),  # Galera not ready, shutdown in progress
        *(1152, 1158, 1159, 1160, 1161, 1184),  # the network
        *(1317, 1927, 1969, 3024, 4031),  # killed, timed out
        *(2002, 2003, 2006, 2013, 2014, 2027, 2055),
        0,  # the driver's own: not connected
    )
)


class NoTlsError(ConfigurationError):
    """The server does not offer TLS."""


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Translate the driver's errors; `name` is how messages call the database."""
    try:
        yield
    except errors.MySQLError as error:
        raise _translation(name, error) from error
    except (TimeoutError, EOFError, OSError) as error:
        raise _lost(name, str(error) or type(error).__name__) from error


def _translation(name: str, error: errors.MySQLError) -> ReencryptError:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else None
    message = str(error.args[-1]) if error.args else type(error).__name__
    if isinstance(error.__cause__, ssl.SSLError) and error.__cause__.reason == "WRONG_VERSION_NUMBER":
        # The server answers in plain text.
        return NoTlsError(
            f"{name} offers no TLS",
            hint="Turn TLS on there, or set ssl_mode = false in [database] if the network is yours.",
        )
    if isinstance(error.__cause__, ssl.SSLError):
        return ConfigurationError(
            f"{name}: TLS failed: {error.__cause__.reason or error.__cause__}",
            hint="Check ssl_mode, ca_cert_path and server_cert_name in [database].",
        )
    for kind in _KINDS:
        if number in kind.numbers:
            return kind.error(f"{name} {kind.what}: {message}", hint=kind.hint)
    # An InternalError of the driver is an answer out of order: the connection was cut in the middle of one.
    if number in _AGAIN or isinstance(error, errors.InternalError | errors.InterfaceError):
        return _lost(name, message)
    return UnavailableError(
        f"{name} refuses a statement: {message} ({number})",
        hint="Nothing of its page was written. Report this with the version of the server.",
    )


def _lost(name: str, message: str) -> TransactionLostError:
    return TransactionLostError(
        f"{name} is not available: {message}",
        hint="Check the server, its address in [database] and the network, then start again; progress is saved.",
    )
