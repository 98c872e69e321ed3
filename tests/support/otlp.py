"""A receiver of traces for the tests: it takes OTLP over HTTP as a collector does, and shows what it got."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
ERROR = 2  # STATUS_CODE_ERROR


@dataclass(frozen=True)
class Span:
    """A span as it was sent; ids are hexadecimal, times are nanoseconds."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    state: str
    start: int
    end: int
    attributes: Mapping[str, object]
    events: tuple[tuple[str, Mapping[str, object]], ...]
    failed: bool
    status: str
    resource: Mapping[str, object]


class Receiver:
    """What has been received."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.url = ""
        self.bodies: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []

    @property
    def environment(self) -> dict[str, str]:
        """What sends traces here."""
        return {ENDPOINT: self.url}

    @property
    def spans(self) -> list[Span]:
        """All spans, in the order in which they began."""
        found = [
            Span(
                each.name,
                each.trace_id.hex(),
                each.span_id.hex(),
                each.parent_span_id.hex(),
                each.trace_state,
                each.start_time_unix_nano,
                each.end_time_unix_nano,
                _attributes(each.attributes),
                tuple((event.name, _attributes(event.attributes)) for event in each.events),
                each.status.code == ERROR,
                each.status.message,
                _attributes(resource.resource.attributes),
            )
            for body in self.bodies
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for each in scope.spans
        ]
        return sorted(found, key=lambda span: span.start)

    def named(self, beginning: str) -> list[Span]:
        """Those whose names begin so."""
        return [span for span in self.spans if span.name.startswith(beginning)]


def _attributes(pairs: Any) -> dict[str, object]:
    """Attributes by their names."""
    return {each.key: _value(each) for each in pairs}


def _value(pair: KeyValue) -> object:
    return getattr(pair.value, str(pair.value.WhichOneof("value")))


class _Handler(BaseHTTPRequestHandler):
    """Takes each request, without a word."""

    def __init__(self, receiver: Receiver, *arguments: Any) -> None:
        self._receiver = receiver
        super().__init__(*arguments)

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        self._receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self._receiver.headers.append(dict(self.headers))
        self.send_response(self._receiver.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - so named by the base
        """Leave it out."""


@contextmanager
def received(status: int = 200) -> Iterator[Receiver]:
    """Receive traces while the block runs, and answer each request with this status."""
    receiver = Receiver(status)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, receiver)) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def hanging() -> Iterator[str]:
    """Take connections, and never answer; yields the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def refusing() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"
