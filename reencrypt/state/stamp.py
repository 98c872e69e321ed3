"""Wall time for the state tables, as text: for people only, never compared."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_FORMAT: Final = "%Y-%m-%d %H:%M:%S"


def stamp() -> str:
    """The present time in UTC, to the second."""
    return datetime.now(UTC).strftime(_FORMAT)


def read_stamp(text: str) -> datetime:
    """Read a stamp back, as UTC and naive; raises `ValueError`."""
    return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC).replace(tzinfo=None)
