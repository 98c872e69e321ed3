"""What the errors of database servers mean to an operator: each meaning is an error of ours, with words and a remedy.

The engines' tables map codes to meanings. `OWN_FAULT` is the meaning of what only a bug in this program causes: such an
error is not translated, so that it ends as a bug.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reencrypt.errors import (
    ConfigurationError,
    ReadOnlyError,
    ReencryptError,
    RefusedError,
    SchemaChangedError,
    TransactionLostError,
    UnavailableError,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """One meaning. The message is the database's name, `what` and the server's own words.

    Where the server's words may quote a value of a row, `quotes_values` is set, and they are left out.
    """

    error: type[ReencryptError]
    what: str
    hint: str
    quotes_values: bool = False

    def of(self, name: str, said: str) -> ReencryptError:
        """Make the error; `said` is what the server said."""
        return self.error(f"{name} {self.what}: {said}", hint=self.hint)


class OwnFault:
    """The type of `OWN_FAULT`."""


OWN_FAULT: Final = OwnFault()

AWAY: Final = Meaning(
    TransactionLostError,
    "is not available",
    "Check the server, its address in [database] and the network, then start again; progress is saved.",
)
READ_ONLY: Final = Meaning(
    ReadOnlyError,
    "is read-only",
    "Give the address of the primary in [database]. After a failover, start again when the primary takes writes; "
    "progress is saved.",
)
#: Grafana migrates, or somebody alters its tables.
CHANGED: Final = Meaning(
    SchemaChangedError,
    "has another schema than a moment ago",
    "Let Grafana finish its migrations, then start again; progress is saved.",
)
FAILED: Final = Meaning(
    UnavailableError,
    "has failed",
    "Look into the server's log, then start again; progress is saved.",
)
FULL: Final = Meaning(
    UnavailableError, "is out of room", "Make room on the server, then start again; progress is saved."
)
LIMIT: Final = Meaning(
    ConfigurationError,
    "has a limit that is too low",
    "Raise the limit that the server names, then start again; progress is saved.",
)
DAMAGED: Final = Meaning(
    ConfigurationError,
    "is damaged",
    "Repair it first, or restore a backup; what is committed is saved.",
)
DENIED: Final = Meaning(
    ConfigurationError,
    "does not allow that",
    "Grant the account what it lacks; `reencrypt plan --ddl` prints the statements that create the state tables, "
    "for a DBA to run.",
)
#: Code of the database itself: a trigger, a rule, a function, a foreign table.
TRIGGER: Final = Meaning(
    RefusedError,
    "has a trigger, a rule or a function that refuses what is written",
    "Nothing of this page was committed. Drop, disable or fix it, then start again.",
)
CONSTRAINT: Final = Meaning(
    RefusedError,
    "has a constraint that refuses what is written",
    "Nothing of this page was committed. Grafana itself creates no such constraint on its secrets: drop it, then start "
    "again.",
)
#: A column that no Grafana has, or that lost its default.
NO_VALUE: Final = Meaning(
    ConfigurationError,
    "has a column that needs a value and gets none",
    "Nothing of this page was committed. Give the column a default, or allow NULL, then start again.",
)
VALUE: Final = Meaning(
    ConfigurationError,
    "has a column whose type does not take the value, or a value that it cannot convert",
    "Nothing of this page was committed. Give the column the type that Grafana creates it with, then start again.",
    quotes_values=True,
)
TOO_LONG: Final = Meaning(
    ConfigurationError,
    "has a column that is too short",
    "Nothing of this page was committed. Give the column the length that Grafana creates it with, then start again.",
)
#: A value of a row is in no valid encoding.
ENCODING: Final = Meaning(
    ConfigurationError,
    "holds text that it cannot convert to UTF-8",
    "Grafana cannot read it either. Find the row and repair it, then start again; progress is saved.",
)
#: Something of the language that real servers of this kind have.
UNSUPPORTED: Final = Meaning(
    ConfigurationError,
    "does not support what reencrypt needs",
    "Use a server that Grafana supports, without a proxy that filters statements.",
)
POOLER: Final = Meaning(
    ConfigurationError,
    "is behind a pooler that does not keep a transaction on one connection",
    "Set pool_mode = transaction or session there, or give the address of the server itself in [database].",
)
REJECTED: Final = Meaning(
    ConfigurationError,
    "refuses the connection",
    "Check user, password and name in [database].",
)
#: Where nothing more is known.
REFUSED: Final = Meaning(
    ConfigurationError,
    "refuses a statement",
    "Nothing of its page was committed. If the server's words do not help, report them with its version.",
)
