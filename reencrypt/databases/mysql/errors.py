"""Translate the errors of MySQL and MariaDB servers and connections, in one place; the cause is kept.

Numbers are from the servers' own lists of error messages: 1xxx to 4xxx the server's, 2xxx the client's, 9xxx those of
ProxySQL. A number that is not here has the meaning of its SQLSTATE. What only a bug in this program causes is left as
it is: a syntax error, an empty statement, and misuse of the driver.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from asyncmy import errors

from reencrypt.databases.meanings import (
    AWAY,
    CHANGED,
    CONSTRAINT,
    DAMAGED,
    DENIED,
    ENCODING,
    FAILED,
    FULL,
    LIMIT,
    NO_VALUE,
    OWN_FAULT,
    READ_ONLY,
    REFUSED,
    REJECTED,
    TOO_LONG,
    TRIGGER,
    UNSUPPORTED,
    VALUE,
    Meaning,
    OwnFault,
)
from reencrypt.errors import ConfigurationError, UnavailableError

_REJECTED: Final = Meaning(
    ConfigurationError,
    "refuses the connection",
    # The server says no more, even where it wants TLS, or has no RSA key for a password without TLS.
    "Check user, password and name in [database]. If they are right, the account may need TLS (ssl_mode), or "
    "caching_sha2_password in place of an older kind of password.",
)
_WANTS_TLS: Final = Meaning(
    ConfigurationError,
    "takes TLS connections only",
    "Set ssl_mode in [database], with ca_cert_path if your own CA has signed the server's certificate.",
)
_BY_STATEMENT: Final = Meaning(
    ConfigurationError,
    "replicates by statement",
    "Set binlog_format to ROW or MIXED: READ COMMITTED cannot be replicated by statement.",
)
_PACKET: Final = Meaning(
    UnavailableError,
    "takes no row as large as one with its new ciphertext",
    "Raise max_allowed_packet on the server, then start again; progress is saved.",
)

#: By number.
NUMBERS: Final[Mapping[int, Meaning | OwnFault]] = {
    **dict.fromkeys((1064, 1065, 1149), OWN_FAULT),
    1045: _REJECTED,
    3159: _WANTS_TLS,
    1665: _BY_STATEMENT,
    **dict.fromkeys((1044, 1049, 1129, 1130, 1251, 1698, 1820, 1862, 2059, 3118, 4151), REJECTED),
    **dict.fromkeys((1142, 1143, 1227, 1370), DENIED),
    **dict.fromkeys((1290, 1792, 1836, 1874), READ_ONLY),
    # Tables, columns and indexes.
    **dict.fromkeys((1051, 1054, 1091, 1109, 1146, 1176), CHANGED),
    # Raised by a trigger; one that writes to its own table, calls itself, lost its definer or what it calls, or reads
    # a view that lost its tables.
    **dict.fromkeys((1128, 1305, 1356, 1424, 1442, 1449, 1456, 1644), TRIGGER),
    **dict.fromkeys((1048, 1263, 1364), NO_VALUE),
    **dict.fromkeys((3819, 3820), CONSTRAINT),  # CHECK, which has the SQLSTATE of everything else on MySQL
    **dict.fromkeys((1265, 1300, 1366, 1906, 3105, 3854), VALUE),
    1406: TOO_LONG,
    **dict.fromkeys((1153, 1301, 2020), _PACKET),
    **dict.fromkeys((3, 1021, 1026, 1037, 1038, 1041, 1114, 1135, 1206), FULL),
    **dict.fromkeys((1104, 1118, 1119, 1197, 1436, 1461, 1713, 3170), LIMIT),
    **dict.fromkeys((1033, 1034, 1035, 1194, 1195, 1712, 1812, 1813, 1814, 1877, 1932), DAMAGED),
    **dict.fromkeys((*range(1004, 1020), 1023, 1024, 1025, 1030, 1032, 1039, 1105, 1296, 1297, 1534), FAILED),
    3098: UNSUPPORTED,  # group replication, and a table without a primary key
    # The server aborted the transaction, or is away for a while: start again.
    **dict.fromkeys(
        (
            *(1205, 1213, 1020, 1412, 1614),  # lock wait timeout, deadlock, snapshot isolation, altered, XA deadlock
            *(1180, 1181, 1637, 3032, 3100, 3101),  # a commit that failed, also in group replication's certification
            *(1040, 1203, 1226),  # too many connections
            *(1047, 1053, 1077, 1079, 1080),  # Galera not ready, shutdown in progress
            *(1152, 1158, 1159, 1160, 1161, 1184),  # the network
            *(1317, 1927, 1969, 3024, 3169, 3572, 4031),  # killed, timed out
            *range(9001, 9020),  # ProxySQL has no server to send to
            *range(2000, 2020),
            *(2027, 2028, 2047, 2048, 2055, 2056),
            0,  # the driver's own: not connected
        ),
        AWAY,
    ),
}
#: By SQLSTATE, or by its class: the first two characters. A class that is not here was raised by a trigger.
STATES: Final[Mapping[str, Meaning]] = {
    **dict.fromkeys(("00", "01", "07", "42", "HY"), REFUSED),
    **dict.fromkeys(("02", "0K", "0L", "0Z", "20", "21", "24", "2F", "35", "44", "45"), TRIGGER),
    "08": AWAY,
    "0A": UNSUPPORTED,
    "22": VALUE,
    "22001": TOO_LONG,
    "23": CONSTRAINT,
    "25": AWAY,
    "25006": READ_ONLY,
    "28": REJECTED,
    "3D": REJECTED,
    "40": AWAY,
    **dict.fromkeys(("42S02", "42S12", "42S22"), CHANGED),
    "70": AWAY,  # interrupted
    "XA": AWAY,
}
# Errors of the client library: what it does not know either is a fault on the way.
_CLIENT: Final = range(2000, 3000)
# "Duplicate entry 'VALUE' for key 'KEY'", in any language with the value first.
_DUPLICATES: Final = frozenset((1022, 1062, 1169, 1586, 1761, 1762, 1859))
_KEY: Final = re.compile(r"'[^']*'\W*$")


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Translate the driver's errors; `name` is how messages call the database."""
    try:
        yield
    except errors.MySQLError as error:
        meaning = meaning_of(error)
        if isinstance(meaning, OwnFault):
            raise
        raise meaning.of(name, _said(error, meaning)) from error
    except UnicodeDecodeError as error:
        raise ENCODING.of(name, error.reason) from error
    except (TimeoutError, EOFError, OSError) as error:
        raise AWAY.of(name, str(error) or type(error).__name__) from error


def meaning_of(error: errors.MySQLError) -> Meaning | OwnFault:
    """The meaning of an error, by its number, else by its SQLSTATE."""
    number, state = _number(error), getattr(error, "sqlstate", None)
    if number is None:
        return _of_driver(error)
    if number in NUMBERS:
        return NUMBERS[number]
    if number in _CLIENT or isinstance(error, errors.InternalError):
        return AWAY
    if state is None:
        return REFUSED
    return STATES.get(state) or STATES.get(state[:2]) or TRIGGER


def _of_driver(error: errors.MySQLError) -> Meaning | OwnFault:
    """The meaning of what the driver says by itself, without a number."""
    if isinstance(error, errors.ProgrammingError | errors.NotSupportedError):
        return OWN_FAULT
    # Signing in, which has no numbers; else an answer out of order, or a connection that is closed.
    return REJECTED if isinstance(error, errors.OperationalError) else AWAY


def _number(error: errors.MySQLError) -> int | None:
    return error.args[0] if error.args and isinstance(error.args[0], int) else None


def _said(error: errors.MySQLError, meaning: Meaning) -> str:
    """The server's words, without values of rows."""
    number = _number(error)
    message = str(error.args[-1]) if error.args else type(error).__name__
    if meaning.quotes_values:
        return f"error {number} ({getattr(error, 'sqlstate', None) or 'HY000'})"
    if number in _DUPLICATES:
        key = _KEY.search(message)
        return f"a duplicate entry{f' for key {key[0]}' if key else ''} ({number})"
    return f"{message} ({number})" if meaning is REFUSED else message
