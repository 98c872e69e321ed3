"""Translate the errors of PostgreSQL servers and connections, in one place; the cause is kept."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from reencrypt.errors import (
    ConfigurationError,
    NotVisibleError,
    RefusedError,
    TransactionLostError,
    UnavailableError,
)

# The server aborted the transaction, or is away for a while: start again.
_AGAIN: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.OperatorInterventionError,  # shut down, restarted, terminated by an administrator
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,  # the connection was closed meanwhile
    asyncpg.InternalClientError,  # the same, in the middle of a statement
    ConnectionError,
    TimeoutError,
    EOFError,
)
# RAISE in a trigger; one that changes the row that it fires for; rules and triggers that call themselves.
_REFUSED: Final = (
    asyncpg.RaiseError,
    asyncpg.TriggeredDataChangeViolationError,
    asyncpg.InvalidObjectDefinitionError,
    asyncpg.StatementTooComplexError,
)
_ROW_SECURITY: Final = "check_enable_rls"
#: The hint that lifts a row policy for an account.
ROW_POLICY_HINT: Final = (
    "A row policy hides rows from this account: use ALTER ROLE … BYPASSRLS, or connect as the owner of the table, "
    "without FORCE ROW LEVEL SECURITY."
)
_REJECTED: Final = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Translate the driver's errors; `name` is how messages call the database."""
    try:
        yield
    except _REJECTED as error:
        raise ConfigurationError(
            f"{name} refuses the connection: {error}", hint="Check user, password and name in [database]."
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        # By the name of the server's function, because its messages are localised.
        if error.as_dict().get("server_source_function") == _ROW_SECURITY:
            raise NotVisibleError(f"{name}: {error}", hint=ROW_POLICY_HINT) from error
        raise ConfigurationError(
            f"{name}: {error}",
            hint="Grant the role what it lacks; `reencrypt plan` prints the statements that create the state tables, "
            "for a DBA to run.",
        ) from error
    except _REFUSED as error:
        raise RefusedError(
            f"{name}: a trigger, a rule or a function of the database refuses what is written: {error}",
            hint="Nothing of this page was committed. Drop or disable it, then start again.",
        ) from error
    except (asyncpg.DiskFullError, asyncpg.OutOfMemoryError) as error:
        raise UnavailableError(
            f"{name}: {error}", hint="Make room on the server, then start again; progress is saved."
        ) from error
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"{name}: TLS failed: {error.reason or error}", hint="Check ssl_mode and ca_cert_path in [database]."
        ) from error
    except _AGAIN as error:
        raise TransactionLostError(
            f"{name} is not available: {error or type(error).__name__}",
            hint="Check the server and the network, then start again; progress is saved.",
        ) from error
    except OSError as error:
        raise TransactionLostError(
            f"{name} cannot be reached: {error.strerror or error}",
            hint="Check host and port in [database], then start again; progress is saved.",
        ) from error
