"""Checks: what a diagnosis of one precondition says, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reencrypt.errors import ReencryptError


class State(StrEnum):
    """How a check went. `NOTE` is worth knowing, `WARNING` worth doing something about, `FAILED` keeps a run out."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One precondition; `exit_code` is what a command would end with, 0 unless the check failed."""

    name: str
    state: State
    detail: str
    remedy: str = ""
    exit_code: int = 0

    def __post_init__(self) -> None:
        if (self.state is State.FAILED) is not bool(self.exit_code):
            raise ValueError(self.name)


def failed(name: str, error: ReencryptError) -> Check:
    """The check that ended with an error."""
    return Check(name, State.FAILED, error.message, error.hint, error.exit_code)
