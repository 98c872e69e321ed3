"""Translate the errors of PostgreSQL servers and connections by a table of SQLSTATEs; the cause is kept.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html. What only a bug in this program causes is left as
it is: a syntax error, a missing parameter, a message out of order, and misuse of the driver.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import asyncpg

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
    POOLER,
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
from reencrypt.errors import ConfigurationError, NotVisibleError, ReencryptError, TransactionLostError

#: By SQLSTATE, or by its class: the first two characters. A class that is not here is no server's own: a function of
#: the database raised it.
MEANINGS: Final[Mapping[str, Meaning | OwnFault]] = {
    **dict.fromkeys(("00", "01", "02", "03"), REFUSED),  # success, warnings, no data: never sent as errors
    "08": AWAY,
    "08P01": OWN_FAULT,
    **dict.fromkeys(("09", "20", "24", "27", "2D", "2F", "34", "36", "38", "39", "3B", "44", "HV", "P0"), TRIGGER),
    **dict.fromkeys(("0A", "0B", "0F", "0L", "0P", "0Z", "10"), UNSUPPORTED),
    "21": TRIGGER,  # a subquery with several rows: none of ours can have them
    "22": VALUE,
    "22001": TOO_LONG,
    **dict.fromkeys(("22021", "22P05"), ENCODING),
    "23": CONSTRAINT,
    "23502": NO_VALUE,
    "25": AWAY,  # a transaction that ended before its time: idle or overall timeouts, or a pooler's doing
    "25006": READ_ONLY,
    "26": POOLER,
    "28": REJECTED,
    "2B": REFUSED,
    "3D": REJECTED,
    "3F": CHANGED,
    "40": AWAY,
    "42": REFUSED,
    "42501": DENIED,
    "42601": OWN_FAULT,
    "42P02": OWN_FAULT,
    # Tables, columns and their types.
    **dict.fromkeys(("42P01", "42703", "42704", "42804", "42809", "42846", "42P18", "42P21", "42P22"), CHANGED),
    **dict.fromkeys(("42725", "42883"), UNSUPPORTED),
    "42P05": POOLER,
    "42P17": TRIGGER,  # rules that call themselves
    "53": AWAY,
    **dict.fromkeys(("53100", "53200"), FULL),
    "53400": LIMIT,
    "54": LIMIT,
    "54001": TRIGGER,  # triggers that call themselves
    "55": REFUSED,  # a state that only somebody can change: a published table without a replica identity
    **dict.fromkeys(("55006", "55P03"), AWAY),
    "55P02": UNSUPPORTED,
    "57": AWAY,
    "58": FAILED,
    **dict.fromkeys(("58P01", "58P02", "58P03"), DAMAGED),
    "72": AWAY,
    "F0": FAILED,
    "XX": FAILED,
    **dict.fromkeys(("XX001", "XX002"), DAMAGED),
}
# Where code of the database was running, its error is that code's, whatever it says; but for what is not its fault.
_NOT_BY_CODE: Final = (AWAY, FULL, READ_ONLY, DENIED, LIMIT, FAILED)
# In every language the context of an error in a function of a procedural language names that language so.
_CODE: Final = "PL/"
# What the server says of a statement as it reads it, and then without any context: with one it has read other words, of
# a function in SQL.
_WITHOUT_CONTEXT: Final = (CHANGED, UNSUPPORTED, OWN_FAULT)

#: What the driver says by itself: a part of its message, and the meaning.
INTERFACE: Final = (
    ("connection is closed", AWAY),
    ("connection was closed", AWAY),
)

_ROW_SECURITY: Final = "check_enable_rls"
#: The hint that lifts a row policy for an account.
ROW_POLICY_HINT: Final = (
    "A row policy hides rows from this account: use ALTER ROLE … BYPASSRLS, or connect as the owner of the table, "
    "without FORCE ROW LEVEL SECURITY."
)


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Translate the driver's errors; `name` is how messages call the database."""
    try:
        yield
    except asyncpg.PostgresError as error:
        meaning = meaning_of(error)
        if isinstance(meaning, OwnFault):
            raise
        raise _translation(name, error, meaning) from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        meaning = meaning_of_driver(error)
        if isinstance(meaning, OwnFault):
            raise
        raise meaning.of(name, _said(error)) from error
    except UnicodeDecodeError as error:
        raise ENCODING.of(name, error.reason) from error
    except OverflowError as error:
        # A moment that no Python can hold.
        raise VALUE.of(name, "a date or number out of range") from error
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"{name}: TLS failed: {error.reason or error}", hint="Check ssl_mode and ca_cert_path in [database]."
        ) from error
    except (ConnectionError, TimeoutError, EOFError) as error:
        raise AWAY.of(name, _said(error)) from error
    except OSError as error:
        raise TransactionLostError(
            f"{name} cannot be reached: {error.strerror or error}",
            hint="Check host and port in [database], then start again; progress is saved.",
        ) from error


def _translation(name: str, error: asyncpg.PostgresError, meaning: Meaning) -> ReencryptError:
    said = f"{type(error).__name__} ({error.sqlstate})" if meaning.quotes_values else _said(error)
    # By the name of the server's function, because its messages are localised.
    if meaning is DENIED and _field(error, "server_source_function") == _ROW_SECURITY:
        return NotVisibleError(f"{name}: {said}", hint=ROW_POLICY_HINT)
    return meaning.of(name, said + _place(error, said))


def meaning_of(error: asyncpg.PostgresError) -> Meaning | OwnFault:
    """The meaning of an error, by its SQLSTATE."""
    state = str(error.sqlstate or "")
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return AWAY  # a new connection has no plans of before
    if state == "08P01" and not _field(error, "server_source_function"):
        return AWAY  # poolers say so of everything, and name no function of a server
    if state == "22000" and not _field(error, "severity"):
        return OWN_FAULT  # the driver's own, of a value that does not suit its parameter
    meaning = MEANINGS.get(state) or MEANINGS.get(state[:2]) or TRIGGER
    context = _field(error, "context")
    if (meaning not in _NOT_BY_CODE and _CODE in context) or (meaning in _WITHOUT_CONTEXT and context):
        return TRIGGER
    return meaning


def meaning_of_driver(error: Exception) -> Meaning | OwnFault:
    """The meaning of what the driver says by itself."""
    if isinstance(error, asyncpg.InternalClientError):
        return AWAY  # an answer that breaks off
    if isinstance(error, asyncpg.UnsupportedServerFeatureError):
        return UNSUPPORTED
    said = str(error)
    return next((meaning for part, meaning in INTERFACE if part in said), OWN_FAULT)


def _said(error: Exception) -> str:
    # Not `str`: that appends the server's detail, which quotes whole rows.
    return str(error.args[0]) if error.args and str(error.args[0]) else type(error).__name__


def _place(error: asyncpg.PostgresError, said: str) -> str:
    """The constraint, column and table that the server names beside its message, which may be in any language."""
    named = [
        f"{what} {value}"
        for what in ("constraint", "column", "table")
        if (value := _field(error, f"{what}_name")) and f'"{value}"' not in said
    ]
    return f" ({', '.join(named)})" if named else ""


def _field(error: asyncpg.PostgresError, name: str) -> str:
    return str(getattr(error, name, None) or "")
