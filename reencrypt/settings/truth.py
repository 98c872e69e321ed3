"""Truth values as go-ini reads them: `true`, `yes`, `on`, `1` and their opposites."""

from __future__ import annotations

from typing import Final

_TRUE: Final = frozenset(("1", "t", "T", "true", "TRUE", "True", "YES", "yes", "Yes", "y", "ON", "on", "On"))
_FALSE: Final = frozenset(("0", "f", "F", "false", "FALSE", "False", "NO", "no", "No", "n", "OFF", "off", "Off"))


def parse_truth(text: str) -> bool | None:
    """Return the value, or None where go-ini's `Bool` gives an error, and Grafana takes its default."""
    if text in _TRUE:
        return True
    return False if text in _FALSE else None
