"""Diagnostics: the result of a check of one precondition, with a remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reencrypt.errors import ReencryptError


class State(StrEnum):
    """Result of a check. A `NOTE` informs, a `WARNING` asks for action, `FAILED` prevents a run.

    `NOT_CHECKED` says nothing about the precondition: an earlier check failed, or there is nothing to check with.
    """

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Check:
    """A checked precondition; a command would end with `exit_code`, 0 unless the check failed."""

    name: str
    state: State
    detail: str
    remedy: str = ""
    exit_code: int = 0

    def __post_init__(self) -> None:
        if (self.state is State.FAILED) is not bool(self.exit_code):
            raise ValueError(self.name)


def failed(name: str, error: ReencryptError) -> Check:
    """Return the check that failed with an error."""
    return Check(name, State.FAILED, error.message, error.hint, error.exit_code)


def not_checked(name: str, reason: str) -> Check:
    """Return the check that could not be made."""
    return Check(name, State.NOT_CHECKED, reason)
