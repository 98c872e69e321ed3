"""How a command may end, and in which states a run may be: the words of reports, exit codes and state tables.

They are a contract with schedulers and with databases that older versions wrote: none changes its meaning. The tables
in `reencrypt --help` and `docs/reference.md` are tested against them.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Self


class Outcome(StrEnum):
    """The `outcome` of a report."""

    DONE = "done"
    NOTHING_TO_DO = "nothing_to_do"
    PARTLY_DONE = "partly_done"
    STOPPED = "stopped"
    STOP_GRAFANA = "stop_grafana"
    UNDONE = "undone"
    ALREADY_UNDONE = "already_undone"
    YES = "yes"
    NO = "no"

    @property
    def exit_code(self) -> ExitCode:
        """What a process ends with that reports this."""
        match self:
            case Outcome.PARTLY_DONE:
                return ExitCode.PARTLY_DONE
            case Outcome.STOPPED | Outcome.STOP_GRAFANA:
                return ExitCode.STOPPED
            case Outcome.NO:
                return ExitCode.NO
            case _:
                return ExitCode.DONE


class ExitCode(IntEnum):
    """The exit code of a process, with what it says."""

    def __new__(cls, number: int, meaning: str) -> Self:
        """Keep the meaning beside the number."""
        code = int.__new__(cls, number)
        code._value_ = number
        code.meaning = meaning
        return code

    meaning: str

    DONE = 0, "done, or nothing left to do"
    BUG = 1, "a bug"
    USAGE = 2, "usage or configuration"
    PARTLY_DONE = (
        3,
        "finished, but some secrets are quarantined or left, or the database left rows out of its answers twice",
    )
    STOPPED = 4, "stopped early on request, limit or time; progress saved"
    LEASE_HELD = 5, "another run holds the lease, or has taken it over"
    REFUSED = 6, "refused before writing, or stopped for safety"
    UNAVAILABLE = 7, "database or key service unavailable; progress saved"
    NO = 8, "verify: a secret that does not read, and is not in quarantine; complete: the answer is no"
    NO_SECRETS = 9, "no secrets found at all"


class Operation(StrEnum):
    """The operation of a run's row in `reencrypt_run`.

    A run moves secrets under a provider, a rollback back under `secret_key`, an envelop out of legacy values into any
    envelope. A rewrap moves data keys alone, and a rekey changes `secret_key` itself.
    """

    RUN = "run"
    ROLLBACK = "rollback"
    ENVELOP = "envelop"
    REWRAP = "rewrap"
    REKEY = "rekey"


class RunState(StrEnum):
    """The state of a run's row in `reencrypt_run`."""

    OPEN = "open"
    FINISHED = "finished"
    #: Another run took its place.
    SUPERSEDED = "superseded"
    #: Finished, and its journal was dropped.
    COMPLETED = "completed"
    #: An undo is under way, gave everything back, or came to its end and had to keep something.
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDONE_PARTLY = "undone_partly"
