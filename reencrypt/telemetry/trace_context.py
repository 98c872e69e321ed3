"""The trace that this process is part of, as `TRACEPARENT` says (W3C Trace Context), and what log lines repeat of it.

This needs none of OpenTelemetry's packages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

_FORM: Final = (
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)


@dataclass(frozen=True, slots=True)
class TraceParent:
    """The span that the spans of this process are under; the ids are lower-case hexadecimal."""

    trace_id: str
    span_id: str
    flags: int
    state: str = ""

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> Self | None:
        """Read `TRACEPARENT` and `TRACESTATE`; one that is not valid is as good as none."""
        found = re.fullmatch(_FORM, text) if (text := environ.get("TRACEPARENT", "").strip()) else None
        if found is None or found["version"] == "ff" or not int(found["trace"], 16) or not int(found["span"], 16):
            return None
        if found["version"] == "00" and found["more"]:
            # Only later versions may have more.
            return None
        return cls(found["trace"], found["span"], int(found["flags"], 16), environ.get("TRACESTATE", ""))


@dataclass(slots=True)
class LoggedTrace:
    """The `ids` that the log lines of a command carry; none where they are of no trace that is known."""

    ids: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> Self:
        """Begin with the span that this process is under."""
        logged, parent = cls(), TraceParent.of_environment(environ)
        if parent is not None:
            logged.enter(parent.trace_id, parent.span_id)
        return logged

    def enter(self, trace_id: str, span_id: str) -> None:
        """Go on in this span."""
        self.ids = {"trace_id": trace_id, "span_id": span_id}
