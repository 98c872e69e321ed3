"""Events as structured log lines on stderr."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any, Final

import structlog

from reencrypt.events import (
    DataKeysRewrapped,
    Emit,
    Event,
    FleetStarted,
    MemberEnded,
    PageCommitted,
    PassStarted,
    Quarantined,
    RunEnded,
    RunStarted,
    Surveyed,
    TargetKeyReady,
    Waiting,
    Warned,
)

_QUIET, _DETAIL = 0, 1

#: Event → its name in the log, its level, and from how many -v on it is shown.
_LINES: Final[dict[type[object], tuple[str, str, int]]] = {
    RunStarted: ("run started", "info", _QUIET),
    TargetKeyReady: ("target data key", "info", _QUIET),
    PassStarted: ("pass started", "info", _DETAIL),
    DataKeysRewrapped: ("data keys rewrapped", "info", _DETAIL),
    PageCommitted: ("page committed", "debug", _DETAIL),
    Quarantined: ("secret quarantined", "warning", _QUIET),
    Waiting: ("waiting", "info", _QUIET),
    Warned: ("warning", "warning", _QUIET),
    RunEnded: ("run ended", "info", _QUIET),
    Surveyed: ("page surveyed", "debug", _DETAIL),
    FleetStarted: ("fleet started", "info", _QUIET),
    MemberEnded: ("member ended", "info", _QUIET),
}


def log_listener(log_format: str, verbosity: int, **always: str) -> Emit:
    """Make a listener that writes the events to stderr, as `console` or `json` lines; each has what is `always` so."""
    renderer: Any
    if log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    logger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.BoundLogger,
    ).bind(**always)

    def listen(event: Event) -> None:
        name, level, from_verbosity = _LINES[type(event)]
        if verbosity >= from_verbosity:
            getattr(logger, level)(name, **asdict(event))

    return listen
