"""Wall time for the state tables, as text: for people only, never compared."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp() -> str:
    """The present time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
