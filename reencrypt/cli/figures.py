"""How far a command is: the figures that a progress bar and the lines of a log have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reencrypt.events import (
    Continued,
    DataKeysRewrapped,
    Event,
    PageCommitted,
    PassStarted,
    Paused,
    RunStarted,
    Surveyed,
    Waiting,
)


@dataclass(slots=True)
class Figures:
    """The figures of the pass at work; it listens to events. Times are in seconds of `clock`, which only grows.

    `done` counts what an interrupted run had looked at too, and `total` is 0 as long as nobody knows it. `waiting` is
    why work pauses, empty while it goes on.
    """

    clock: Callable[[], float] = time.monotonic
    phase: str = "reading"
    place: str = ""
    done: int = 0
    total: int = 0
    waiting: str = ""
    _before: int = 0
    _since: float = 0.0
    _in_run: int = 0
    _quarantined: dict[str, int] = field(default_factory=dict)
    _left: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """The time counts from now."""
        self._since = self.clock()

    def listen(self, event: Event) -> None:
        """Hear an event."""
        match event:
            case RunStarted():
                self._in_run = event.secrets
                self._begin("run", event.looked_at)
            case PassStarted(number) if number:
                self._begin(f"sweep {number}", 0)
            case Surveyed(location, secrets):
                self._advance(location, secrets)
            case PageCommitted(location, secrets):
                self._advance(location, secrets)
                self._quarantined[location] = event.counts.get("quarantined", 0)
                self._left[location] = event.counts.get("left", 0)
            case DataKeysRewrapped(number):
                self._advance("data keys", number)
            case Waiting(reason) | Paused(_, reason):
                self.waiting = reason
            case Continued():
                self.waiting = ""
            case _:
                pass

    def _begin(self, phase: str, done: int) -> None:
        self.phase, self.total, self.done = phase, self._in_run, min(done, self._in_run)
        self._before, self._since, self.waiting = self.done, self.clock(), ""
        self._quarantined.clear()
        self._left.clear()

    def _advance(self, place: str, secrets: int) -> None:
        self.place, self.waiting = place, ""
        self.done += secrets
        if self.total:
            # Grafana saves more meanwhile, and what was left is looked at again.
            self.total = max(self.total, self.done)

    @property
    def rate(self) -> float:
        """Secrets per second in this pass, what was done before it not counted."""
        seconds = self.clock() - self._since
        return (self.done - self._before) / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """About how long it takes to the end of this pass, None where nobody can say."""
        return max(0, self.total - self.done) / self.rate if self.total and self.rate else None

    @property
    def percent(self) -> int | None:
        """How much of the total is looked at; more than the total may be there by now."""
        return min(100, 100 * self.done // self.total) if self.total else None

    @property
    def quarantined(self) -> int:
        """Secrets of this pass that went to quarantine."""
        return sum(self._quarantined.values())

    @property
    def left(self) -> int:
        """Secrets of this pass that stay as they are."""
        return sum(self._left.values())

    def as_fields(self) -> dict[str, Any]:
        """For a line of the log."""
        return {
            "phase": self.phase,
            "location": self.place,
            "looked_at": self.done,
            "of": self.total or None,
            "percent": self.percent,
            "quarantined": self.quarantined,
            "left": self.left,
            "secrets_per_second": round(self.rate),
            "seconds_left": round(self.seconds_left) if self.seconds_left is not None else None,
            "waiting": self.waiting or None,
        }
