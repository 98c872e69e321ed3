"""Events as structured log lines on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

from reencrypt.cli.figures import Figures
from reencrypt.events import (
    CommandEnded,
    CommandStarted,
    Continued,
    DataKeysRewrapped,
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


class LogListener:
    """Writes the events it is called with to stderr, as `console` or `json` lines; each has what is `always` so.

    Every `PROGRESS_SECONDS` of `clock` a line has the figures that a progress bar would show, where something was
    counted, or where `tick` is called because nothing was.

    Lines of JSON have the ids of the trace too. A person would only have to read around them.
    """

    def __init__(
        self,
        log_format: str,
        verbosity: int,
        trace: LoggedTrace,
        *,
        clock: Callable[[], float] = time.monotonic,
        **always: str,
    ) -> None:
        self._format = log_format
        self._verbosity = verbosity
        self._trace = trace
        self._clock = clock
        self._always = always
        self._figures = Figures(clock)
        self._due = clock() + PROGRESS_SECONDS
        self._logger: Any = None
        # Ticks come from a thread of their own.
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Hear an event."""
        name, level, from_verbosity = _LINES[type(event)]
        with self._lock:
            if self._verbosity >= from_verbosity:
                fields = asdict(event)
                # A warning has a name of its own.
                self._write(level, fields.pop("name", name), fields)
            self._figures.listen(event)
            if isinstance(event, _COUNTED):
                self._tell()

    def tick(self) -> None:
        """Note that time has passed: whoever reads along must not wonder what a quiet command waits for."""
        with self._lock:
            self._tell()

    def _tell(self) -> None:
        now = self._clock()
        if now >= self._due:
            self._due = now + PROGRESS_SECONDS
            self._write("info", "progress", self._figures.as_fields())

    def _write(self, level: str, name: str, fields: Mapping[str, Any]) -> None:
        if self._logger is None:
            self._logger = _logger(self._format).bind(**self._always)
        ids = self._trace.ids if self._format == "json" else {}
        getattr(self._logger, level)(name, **ids, **fields)


@contextmanager
def ticking(listener: LogListener, seconds: float = 1.0) -> Iterator[LogListener]:
    """Call `tick` every so many seconds while the block runs, and not once it has ended."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(seconds):
            listener.tick()

    thread = threading.Thread(target=tick, name="reencrypt-log", daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        over.set()
        thread.join()


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
