"""Durations as Go writes them: `15m`, `1h30m`, `1.5s`; and how long Grafana caches a data key."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from reencrypt.settings.defaults import DEFAULT_CACHE_TTL
from reencrypt.settings.layers import Value

_SECONDS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "\u00b5s": 1e-6,
    "\u03bcs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART: Final = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_WHOLE: Final = re.compile(rf"[+-]?(?:{_PART.pattern})+")
#: Go counts nanoseconds in 64 bits, which ends after about 292 years.
_LONGEST: Final = (2**63 - 1) / 1e9


def parse_duration(text: str) -> timedelta | None:
    """Return the duration, or None where Go's `time.ParseDuration` gives an error."""
    if text in ("0", "+0", "-0"):
        return timedelta()
    if not _WHOLE.fullmatch(text):
        return None
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    if seconds > _LONGEST:
        return None
    return timedelta(seconds=-seconds if text.startswith("-") else seconds)


def read_cache_ttl(value: Value) -> tuple[timedelta, Value]:
    """Return how long a running Grafana may cache a data key; it reads an invalid duration as 15 minutes."""
    ttl = parse_duration(value.text)
    return (ttl, value) if ttl is not None else (timedelta(minutes=15), value.unread(DEFAULT_CACHE_TTL))
