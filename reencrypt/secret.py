"""A value that must never be printed: `repr`, `str` and formatting show a mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MASK: Final = "*********"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A password, key or token in memory; only `reveal()` gives its text.

    Grafana's own settings page masks with the same nine stars.
    """

    _text: str

    def reveal(self) -> str:
        """Return the secret text, for the one call that needs it."""
        return self._text

    def __str__(self) -> str:
        return MASK if self._text else ""

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __bool__(self) -> bool:
        return bool(self._text)
