"""Events as structured log lines on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import asdict
from typing import Any, Final

from reencrypt.cli.figures import Figures
from reencrypt.events import (
    CommandEnded,
    CommandStarted,
    Continued,
    DataKeysRewrapped,
    Emit,
    Event,
    FleetStarted,
    InventoryTaken,
    LocationEnded,
    LocationStarted,
    MemberEnded,
    PageCommitted,
    PassStarted,
    Paused,
    Quarantined,
    RunEnded,
    RunRecorded,
    RunStarted,
    Surveyed,
    TargetKeyReady,
    Throttled,
    VaultAnswered,
    Waiting,
    Warned,
)
from reencrypt.telemetry.trace_context import LoggedTrace

_QUIET, _DETAIL, _ALL = 0, 1, 2

#: Event → its name in the log, its level, and from how many -v on it is shown.
_LINES: Final[dict[type[object], tuple[str, str, int]]] = {
    CommandStarted: ("command started", "debug", _ALL),
    CommandEnded: ("command ended", "debug", _ALL),
    RunStarted: ("run started", "info", _QUIET),
    TargetKeyReady: ("target data key", "info", _QUIET),
    PassStarted: ("pass started", "info", _DETAIL),
    DataKeysRewrapped: ("data keys rewrapped", "info", _DETAIL),
    LocationStarted: ("location started", "debug", _DETAIL),
    LocationEnded: ("location ended", "debug", _DETAIL),
    PageCommitted: ("page committed", "debug", _DETAIL),
    Quarantined: ("secret quarantined", "warning", _QUIET),
    Waiting: ("waiting", "info", _QUIET),
    Paused: ("paused", "info", _QUIET),
    Continued: ("continued", "info", _QUIET),
    VaultAnswered: ("vault answered", "debug", _ALL),
    Throttled: ("throttled", "debug", _DETAIL),
    InventoryTaken: ("secrets counted", "debug", _ALL),
    RunRecorded: ("run recorded", "debug", _ALL),
    Warned: ("warning", "warning", _QUIET),
    RunEnded: ("run ended", "info", _QUIET),
    Surveyed: ("page surveyed", "debug", _DETAIL),
    FleetStarted: ("fleet started", "info", _QUIET),
    MemberEnded: ("member ended", "info", _QUIET),
}


#: How often a line says how far the command is, whatever the verbosity.
PROGRESS_SECONDS: Final = 30.0
#: After these the figures are worth a line.
_COUNTED: Final = (Surveyed, PageCommitted, DataKeysRewrapped)


class _Escaped:
    """A text that the renderer for people would print as it is, with the control characters in it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return repr(self._text)


def _with_escapes(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    unprintable = {
        name: _Escaped(each) for name, each in fields.items() if isinstance(each, str) and not each.isprintable()
    }
    return {**fields, **unprintable}


def log_listener(
    log_format: str,
    verbosity: int,
    trace: LoggedTrace,
    *,
    clock: Callable[[], float] = time.monotonic,
    **always: str,
) -> Emit:
    """Make a listener that writes the events to stderr, as `console` or `json` lines; each has what is `always` so.

    Every `PROGRESS_SECONDS` of `clock` a line has the figures that a progress bar would show.

    Lines of JSON have the ids of the trace too. A person would only have to read around them.
    """
    made: list[Any] = []

    def write(level: str, name: str, fields: Mapping[str, Any]) -> None:
        if not made:
            made.append(_logger(log_format).bind(**always))
        getattr(made[0], level)(name, **fields)

    figures, due = Figures(clock), clock() + PROGRESS_SECONDS

    def listen(event: Event) -> None:
        nonlocal due
        ids = trace.ids if log_format == "json" else {}
        name, level, from_verbosity = _LINES[type(event)]
        if verbosity >= from_verbosity:
            fields = asdict(event)
            # A warning has a name of its own.
            write(level, fields.pop("name", name), {**ids, **fields})
        figures.listen(event)
        if isinstance(event, _COUNTED) and clock() >= due:
            due = clock() + PROGRESS_SECONDS
            write("info", "progress", {**ids, **figures.as_fields()})

    return listen


def _logger(log_format: str) -> Any:  # noqa: ANN401 - structlog's loggers are of no static type
    """Make the logger for the first line: most short commands write none, and its library takes long to import."""
    import structlog  # noqa: PLC0415

    renderers: list[Any]
    if log_format == "json":
        renderers = [structlog.processors.JSONRenderer()]
    else:
        renderers = [_with_escapes, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.BoundLogger,
    )
