"""Outcomes, exit codes and run states: the words of reports and state tables.

Schedulers and databases that older versions wrote rely on them, so none changes its meaning. The tables in
`reencrypt --help` and `docs/reference.md` are tested against them.
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
        """The exit code of a process that reports this outcome."""
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
    """The exit code of a process, with its meaning, and what `docs/reference.md` says besides."""

    def __new__(cls, number: int, meaning: str, details: str = "") -> Self:
        """Keep the words beside the number."""
        code = int.__new__(cls, number)
        code._value_ = number
        code.meaning = meaning
        code.details = details
        return code

    meaning: str
    details: str

    DONE = 0, "done, or nothing left to do"
    BUG = 1, "a bug"
    USAGE = (
        2,
        "usage or configuration, or a result that cannot be written",
        (
            "Also a missing, damaged or foreign database; and, after the work is done, a full disk for its result. "
            "`verify` and `complete`: only a setting, which is named, keeps Grafana from reading."
        ),
    )
    PARTLY_DONE = (
        3,
        "finished, but some secrets are quarantined or left, or the database left rows out of its answers twice",
    )
    STOPPED = 4, "stopped early on request, limit or time; progress saved"
    LEASE_HELD = 5, "another run holds the lease, or has taken it over"
    REFUSED = 6, "refused before writing, or stopped for safety", "Nothing more is written."
    UNAVAILABLE = 7, "database or key service unavailable; progress saved", "It stayed away until the deadline."
    NO = (
        8,
        "verify: a secret that does not read, and is not in quarantine; complete: the answer is no",
        "`verify` also: a data key that has two rows.",
    )
    NO_SECRETS = 9, "no secrets found at all", "`--allow-empty` makes this exit 0."


class Operation(StrEnum):
    """The operation of a run's row in `reencrypt_run`.

    A run moves secrets under a provider, a rollback moves them back under `secret_key`, an envelop turns legacy values
    into envelopes. A rewrap moves only data keys, and a rekey changes `secret_key` itself.
    """

    RUN = "run"
    ROLLBACK = "rollback"
    ENVELOP = "envelop"
    REWRAP = "rewrap"
    REKEY = "rekey"

    @property
    def command(self) -> str:
        """The command that a user types for it."""
        return "rekey-secret-key" if self in (Operation.ENVELOP, Operation.REKEY) else str(self)


class RunState(StrEnum):
    """The state of a run's row in `reencrypt_run`."""

    OPEN = "open"
    FINISHED = "finished"
    #: Another run took its place.
    SUPERSEDED = "superseded"
    #: Finished, and its journal was dropped.
    COMPLETED = "completed"
    #: An undo is in progress, restored everything, or finished and had to skip something.
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDONE_PARTLY = "undone_partly"
