"""What makes a whole fleet stop: one member never does, unless it shows what all the others would meet too."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from reencrypt.errors import WrongSecretKeyError
from reencrypt.fleet.results import MemberResult
from reencrypt.keys.errors import ServiceGoneError
from reencrypt.outcomes import ExitCode
from reencrypt.settings import Settings
from reencrypt.state.stop import StopRequest

#: So many members with one refuted `secret_key`, and none without: the list is made from a wrong template.
_SAME_KEY: Final = 3


@dataclass(slots=True)
class Halt:
    """Sets the stop request of a fleet. `max_failed` is how many members may fail; None for any number."""

    stop: StopRequest
    max_failed: int | None = None
    _failed: int = 0
    _may_be_template: bool = True
    _refuted: list[bytes] = field(default_factory=list)
    _gone: dict[str, set[str]] = field(default_factory=dict)

    def note(self, result: MemberResult, settings: Settings | None, *, last: bool) -> None:
        """Judge the result of a member; `settings` are None where they could not be read.

        Unless it is its `last` turn, what may pass has not failed yet.
        """
        self._failed += result.has_failed and (last or result.exit_code != ExitCode.UNAVAILABLE)
        if isinstance(result.error, ServiceGoneError):
            # One alone may have a wrong address.
            gone = self._gone.setdefault(result.error.service, set())
            gone.add(result.name)
            if len(gone) > 1:
                self.stop.set(f"{result.error.service} does not answer: {result.error.message}")
        elif result.exit_code == ExitCode.DONE:
            self._gone.clear()
        if self.max_failed is not None and self._failed > self.max_failed:
            self.stop.set(f"{self._failed} members have failed, and --max-failed is {self.max_failed}")
        self._note_secret_key(result, settings)

    def _note_secret_key(self, result: MemberResult, settings: Settings | None) -> None:
        if settings is None or not isinstance(result.error, WrongSecretKeyError):
            self._may_be_template = False
        if not self._may_be_template or settings is None:
            return
        self._refuted.append(hashlib.sha256(settings.secret_key.reveal().encode()).digest())
        if len(self._refuted) == _SAME_KEY and len(set(self._refuted)) == 1:
            self.stop.set(
                f"the first {_SAME_KEY} members have the same secret_key, and it is wrong in each of them: is it a "
                "template's?"
            )

    def canary_failed(self, result: MemberResult) -> None:
        """Stop before the others, because the one that goes first did not end well."""
        self.stop.set(f"the canary {result.name} ended with exit {result.exit_code}")
