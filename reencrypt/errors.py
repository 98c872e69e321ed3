"""Errors that the program reports on purpose: one root class, with its exit code and a hint.

An exception that is not a `ReencryptError` is a bug and exits 1.
"""

from __future__ import annotations

from typing import ClassVar

from reencrypt.outcomes import ExitCode


class ReencryptError(Exception):
    """Something went wrong that the operator can act on.

    `message` says what happened and where, `hint` what to do next; neither may hold a secret. A sentence of the hint
    that names an option is shown for the commands that have it. So it stands alone, apart from what always helps.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    #: Stable name of the error in JSON output.
    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(ReencryptError):
    """The command line, Grafana's configuration or the database it names cannot be used as it is (exit 2)."""

    code = "configuration"


class NotVisibleError(ConfigurationError):
    """A table, column or row that Grafana has, or may have, is hidden from this account or session (exit 2)."""

    code = "not_visible"


class WrongSchemaError(ConfigurationError):
    """A table of Grafana or of reencrypt is in another schema than the rest of this Grafana (exit 2)."""

    code = "wrong_schema"


class UnsupportedTableError(ConfigurationError):
    """A relation with the name of a Grafana table is not a plain table, but a view or a foreign table (exit 2)."""

    code = "unsupported_table"


class KeyNotUniqueError(ConfigurationError):
    """The key of a table does not tell its rows apart, so they cannot be read page by page (exit 2)."""

    code = "key_not_unique"


class NotWritableError(ConfigurationError):
    """The database takes no writes: a replica, a read-only server, a protected file or folder (exit 2)."""

    code = "not_writable"


class UnsupportedColumnError(ConfigurationError):
    """A column of Grafana has a type that cannot hold, or give back exactly, what Grafana stores there (exit 2)."""

    code = "unsupported_column"


class DeclarationError(ConfigurationError):
    """A location that the user declares does not suit the catalogue, the database or an earlier run (exit 2)."""

    code = "declaration"


class IncompleteScanError(ReencryptError):
    """A read of a whole table saw fewer rows than the database counts, and so did the next one (exit 3)."""

    exit_code = ExitCode.PARTLY_DONE
    code = "incomplete_scan"


class StoppedEarlyError(ReencryptError):
    """The run stopped on request, limit or time; its progress is saved (exit 4)."""

    exit_code = ExitCode.STOPPED
    code = "stopped"


class LeaseHeldError(ReencryptError):
    """Another run holds the lease of this database, or has taken it over (exit 5)."""

    exit_code = ExitCode.LEASE_HELD
    code = "lease_held"


class RefusedError(ReencryptError):
    """To continue could leave unreadable secrets, so nothing more is written (exit 6)."""

    exit_code = ExitCode.REFUSED
    code = "refused"


class WrongSecretKeyError(RefusedError):
    """What is in the database refutes the configured `secret_key` (exit 6)."""


class UnavailableError(ReencryptError):
    """The database or the key service did not answer before the deadline; progress is saved (exit 7)."""

    exit_code = ExitCode.UNAVAILABLE
    code = "unavailable"


class SchemaChangedError(UnavailableError):
    """A table or a column is not there any more, as while Grafana migrates (exit 7)."""

    code = "schema_changed"


class TransactionLostError(UnavailableError):
    """The server aborted a transaction, or the connection was lost: start it again. Its outcome may be unknown."""

    code = "transaction_lost"


class ReadOnlyError(TransactionLostError):
    """The server takes no writes any more, as after a failover: a new connection may reach the one that does."""

    code = "read_only"


class NoSecretsError(ReencryptError):
    """The database holds no secrets. It is more often the wrong database than an empty one (exit 9)."""

    exit_code = ExitCode.NO_SECRETS
    code = "no_secrets"


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Pick the most telling exception of a task group: a `ReencryptError` first, a cancellation last."""
    flat = [first_error(each) if isinstance(each, BaseExceptionGroup) else each for each in group.exceptions]

    def weight(error: BaseException) -> int:
        return 0 if isinstance(error, ReencryptError) else 1 if isinstance(error, Exception) else 2

    return min(flat, key=weight)
