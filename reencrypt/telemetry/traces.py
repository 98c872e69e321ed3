"""Spans of the events that a process has heard: one for each command, location and request to a key service.

A trace goes to somebody else's machine, so it has less than the log: of a secret in quarantine the location and the
reason, and never the row, the field or the detail. The texts of warnings and waits are those of the log.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)

from reencrypt.events import (
    CommandEnded,
    CommandStarted,
    Continued,
    Emit,
    Event,
    LocationEnded,
    LocationStarted,
    PassStarted,
    Paused,
    Quarantined,
    RunEnded,
    RunStarted,
    Throttled,
    VaultAnswered,
    Waiting,
    Warned,
)
from reencrypt.outcomes import ExitCode
from reencrypt.telemetry.trace_context import LoggedTrace, TraceParent

#: How many events of one kind a span has. Four kinds are just what the SDK keeps of each span, 128.
MOST_EVENTS: Final = 32
_LONGEST_TEXT: Final = 1000
#: The first status of HTTP that is a failure.
_FAILURES: Final = 400
#: With these a command has done what was asked of it.
_AS_ASKED: Final = (ExitCode.DONE, ExitCode.STOPPED)
_NANOSECONDS: Final = 1_000_000_000


class Traces:
    """Makes listeners whose spans are under `parent`; without one each command begins a trace of its own."""

    def __init__(self, tracer: Tracer, parent: TraceParent | None) -> None:
        self._tracer = tracer
        self._above = _context_of(parent)

    def listener(self, logged: LoggedTrace, member: str = "") -> Emit:
        """Make the listener of one Grafana, which is a member of a fleet if it has a name.

        It tells `logged` which span its command is.
        """
        return _Listener(self._tracer, self._above, logged, {"reencrypt.member": member} if member else {}).hear


def _context_of(parent: TraceParent | None) -> Context:
    if parent is None:
        return Context()
    remote = SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(parent.flags),
        trace_state=TraceState.from_header([parent.state]),
    )
    return set_span_in_context(NonRecordingSpan(remote), Context())


@dataclass(slots=True)
class _OpenSpan:
    """A span that has not ended, and how many events of each kind were told of it."""

    span: Span
    _told: Counter[str] = field(default_factory=Counter)

    @property
    def context(self) -> Context:
        """For the spans under it."""
        return set_span_in_context(self.span, Context())

    def add(self, name: str, attributes: Mapping[str, str | float]) -> None:
        """Add an event, unless there are many of its kind."""
        self._told[name] += 1
        if self._told[name] <= MOST_EVENTS:
            self.span.add_event(name, attributes)

    def end(self) -> None:
        """End it, with the number of events that it does not have."""
        left_out = sum(max(0, number - MOST_EVENTS) for number in self._told.values())
        if left_out:
            self.span.set_attribute("reencrypt.events_left_out", left_out)
        self.span.end()


class _Listener:
    """The spans of one Grafana. Its events come in order, so one command and one location are open at most."""

    def __init__(self, tracer: Tracer, above: Context, logged: LoggedTrace, always: Mapping[str, str]) -> None:
        self._tracer = tracer
        self._above = above
        self._logged = logged
        #: Attributes of every span.
        self._always = always
        self._command: _OpenSpan | None = None
        self._location: _OpenSpan | None = None
        #: Attributes of every location.
        self._run: dict[str, str | int] = {}

    def hear(self, event: Event) -> None:
        if isinstance(event, CommandStarted):
            self._begin(event.command)
        elif self._command is not None:
            self._follow(self._command, event)

    def _begin(self, command: str) -> None:
        attributes = {"reencrypt.command": command, **self._always}
        self._command = _OpenSpan(self._tracer.start_span(f"reencrypt {command}", self._above, attributes=attributes))
        self._run = {}
        own = self._command.span.get_span_context()
        self._logged.enter(format_trace_id(own.trace_id), format_span_id(own.span_id))

    def _follow(self, command: _OpenSpan, event: Event) -> None:
        match event:
            case CommandEnded(_, exit_code):
                self._end(command, exit_code)
            case RunStarted(run_id):
                # With two stores each has a run: the command tells the last one, each location its own.
                self._run["reencrypt.run_id"] = run_id
                command.span.set_attribute("reencrypt.run_id", run_id)
            case RunEnded(_, outcome):
                command.span.set_attribute("reencrypt.outcome", outcome)
            case PassStarted(number):
                self._run["reencrypt.pass"] = number
            case LocationStarted(location):
                attributes = {"reencrypt.location": location, **self._run, **self._always}
                self._location = _OpenSpan(
                    self._tracer.start_span(f"location {location}", command.context, attributes=attributes)
                )
            case LocationEnded(_, moved) if self._location is not None:
                self._location.span.set_attribute("reencrypt.moved", moved)
                self._location.end()
                self._location = None
            case _:
                self._note(self._location or command, event)

    def _end(self, command: _OpenSpan, exit_code: int) -> None:
        command.span.set_attribute("reencrypt.exit_code", exit_code)
        if exit_code not in _AS_ASKED:
            meaning = next(code.meaning for code in ExitCode if code == exit_code)
            command.span.set_status(Status(StatusCode.ERROR, meaning))
        command.end()
        self._command = None

    def _note(self, within: _OpenSpan, event: Event) -> None:
        """What happens within a command or a location."""
        match event:
            case VaultAnswered():
                self._answered(within, event)
            case Quarantined(location, _, _, reason):
                within.add("quarantined", {"reencrypt.location": location, "reencrypt.reason": reason})
            case Warned(name, message):
                within.add("warning", {"reencrypt.warning": name, "reencrypt.message": message[:_LONGEST_TEXT]})
            case Waiting(reason):
                within.add("waiting", {"reencrypt.message": reason[:_LONGEST_TEXT]})
            case Paused(_, reason):
                within.add("paused", {"reencrypt.message": reason[:_LONGEST_TEXT]})
            case Continued(seconds):
                within.add("continued", {"reencrypt.seconds": seconds})
            case Throttled(seconds):
                within.add("throttled", {"reencrypt.seconds": seconds})
            case _:
                pass

    def _answered(self, within: _OpenSpan, event: VaultAnswered) -> None:
        """Make the span of a request that is over already."""
        ended = time.time_ns()
        attributes = {
            "reencrypt.vault.operation": event.operation,
            "reencrypt.vault.code": event.code,
            "reencrypt.vault.provider": event.provider,
            **self._always,
        }
        if event.version:
            attributes["reencrypt.vault.key_version"] = event.version
        span = self._tracer.start_span(
            f"vault {event.operation}",
            within.context,
            SpanKind.CLIENT,
            attributes,
            start_time=ended - int(event.seconds * _NANOSECONDS),
        )
        # What is no number is no answer.
        if not event.code.isdecimal() or int(event.code) >= _FAILURES:
            span.set_status(Status(StatusCode.ERROR, event.code))
        span.end(ended)
