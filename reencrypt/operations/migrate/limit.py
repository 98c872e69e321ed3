"""The limit of a pilot, and how a piece of work ended."""

from __future__ import annotations

from dataclasses import dataclass

from reencrypt.wording import counted


@dataclass(slots=True)
class Limit:
    """The number of secrets that a pilot may move, over all its stores and locations; `most` is None for all."""

    most: int | None = None
    moved: int = 0

    @property
    def left(self) -> int | None:
        """The number of secrets that may still move, None for any number."""
        return None if self.most is None else self.most - self.moved

    @property
    def reason(self) -> str | None:
        """The reason to stop, once the limit is reached."""
        if self.most is None or self.moved < self.most:
            return None
        return f"the limit of {counted(self.most, 'secret')} is reached"


@dataclass(frozen=True, slots=True)
class Progress:
    """The number of secrets moved, and why work stopped before the end, None where it did not."""

    moved: int = 0
    stopped: str | None = None
