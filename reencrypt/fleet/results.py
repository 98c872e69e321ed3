"""Results of the members of a fleet, and the one report of them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reencrypt.errors import ReencryptError
from reencrypt.next_steps import NextStep
from reencrypt.outcomes import ExitCode

#: Which exit code stands for many: the first of these that a member has. Whatever needs a person comes first.
_ORDER: Final = (
    ExitCode.BUG,
    ExitCode.REFUSED,
    ExitCode.NO,
    ExitCode.USAGE,
    ExitCode.NO_SECRETS,
    ExitCode.PARTLY_DONE,
    ExitCode.UNAVAILABLE,
    ExitCode.LEASE_HELD,
    ExitCode.STOPPED,
    ExitCode.DONE,
)
#: The exit codes with which a member has not failed: it is done, was stopped, or another process works on it.
_NO_FAILURES: Final = (ExitCode.DONE, ExitCode.STOPPED, ExitCode.LEASE_HELD)


@dataclass(frozen=True, slots=True)
class MemberResult:
    """How one member ended: with a `report`, as the command alone prints it, or with an `error`.

    With neither it was not begun.
    """

    name: str
    exit_code: int
    seconds: float = 0.0
    report: Mapping[str, Any] | None = None
    error: Exception | None = None

    @property
    def has_failed(self) -> bool:
        """Whether something went wrong."""
        return self.exit_code not in _NO_FAILURES

    @property
    def outcome(self) -> str:
        """The `outcome` of the report, or the name of the error."""
        if self.report is not None:
            return str(self.report.get("outcome", "done"))
        if isinstance(self.error, ReencryptError):
            return self.error.code
        return "bug" if self.error is not None else "not_begun"

    def as_json(self) -> dict[str, Any]:
        """The object that the command alone would print."""
        found: dict[str, Any] = {"exit_code": self.exit_code, "outcome": self.outcome}
        if self.report is not None:
            found |= self.report
        if isinstance(self.error, ReencryptError):
            found["error"] = {"code": self.error.code, "message": self.error.message, "hint": self.error.hint}
        elif self.error is not None:
            found["error"] = {"code": "bug", "message": bug_in_words(self.error), "hint": "Please report it."}
        return found

    def __str__(self) -> str:
        """In a line, without the name."""
        if isinstance(self.error, ReencryptError):
            return f"exit {self.exit_code}, {self.error.message}"
        if self.error is not None:
            return f"exit {self.exit_code}, {bug_in_words(self.error)}"
        words = self.outcome.replace("_", " ")
        return words if self.exit_code == ExitCode.DONE else f"exit {self.exit_code}, {words}"


def bug_in_words(error: Exception) -> str:
    """The type of the exception; its text could quote a secret."""
    return f"a bug in reencrypt: {type(error).__name__}"


@dataclass(frozen=True, slots=True)
class FleetReport:
    """The results of the members in the order of the list; `stopped` is why not all were begun, else empty."""

    members: Sequence[MemberResult]
    stopped: str = ""
    shard: str = ""
    others: int = 0

    @property
    def exit_code(self) -> int:
        """That of the member that matters most."""
        codes = {each.exit_code for each in self.members}
        return next((code for code in _ORDER if code in codes), ExitCode.DONE)

    @property
    def by_exit_code(self) -> Counter[int]:
        """How many members ended with each exit code."""
        return Counter(each.exit_code for each in self.members)

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """None: what comes next differs from member to member."""
        return ()

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints: each member's under its name."""
        counts = {str(code): self.by_exit_code[code] for code in _ORDER if self.by_exit_code[code]}
        return {
            "outcome": "done" if self.exit_code == ExitCode.DONE else "stopped" if self.stopped else "partly_done",
            "stop_reason": self.stopped or None,
            "shard": self.shard or None,
            "members_of_other_shards": self.others,
            "members_by_exit_code": counts,
            "members": {each.name: each.as_json() for each in self.members},
        }
