"""How long a database may be waited for, and the lines that meanwhile say what for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reencrypt.errors import TransactionLostError

#: Takes the reason of a wait, as a sentence without a full stop.
Waiting = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """The times of a wait, in seconds.

    After `silence` without a sign of life a statement is given up. After `ask_after`, and every `ask_every` from then
    on, another connection asks after it, which may take `ask_within`. Where the server says `idle_answers` times in a
    row that it is not at work on the statement, the answer is lost. `tell_after` is how long a statement that is at
    work is not worth a line, and a line that says the same follows after `tell_every`. `goodbye` is for the orderly end
    of a transaction or a connection that is given up anyway. After `idle` without a statement the server ends a
    transaction by itself, so that one of a process that stands still (SIGSTOP, a frozen container, a virtual machine
    that is moved) keeps nobody waiting.
    """

    silence: float = 60.0
    ask_after: float = 2.0
    ask_every: float = 4.0
    ask_within: float = 10.0
    idle_answers: int = 3
    tell_after: float = 10.0
    tell_every: float = 15.0
    goodbye: float = 2.0
    idle: float = 20.0


PATIENCE: Final = Patience()


class SilentServerError(TransactionLostError):
    """The server has shown no sign of life for as long as one is waited for."""


def ignore(_reason: str) -> None:
    """Tell nobody."""


class Teller:
    """Says what is waited for: at once where it is something new, else every `tell_every` seconds."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._told: tuple[str, float] | None = None
        self._failing_since: float | None = None

    def tell(self, reason: str, *, kind: str = "") -> None:
        """Say it; reasons of one kind, by default the same words, are one wait."""
        kind, now = kind or reason, time.monotonic()
        if self._told is None or self._told[0] != kind or now - self._told[1] >= PATIENCE.tell_every:
            self._told = kind, now
            self._waiting(reason)

    def failed(self, reason: str) -> None:
        """Note a try that has failed and is repeated: what goes on for longer than a moment is told."""
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._failing_since >= PATIENCE.ask_after:
            self.tell(reason)

    def succeeded(self) -> None:
        """Note that the work is done."""
        self._told = self._failing_since = None
