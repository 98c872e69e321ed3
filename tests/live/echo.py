"""A server that remembers with which credentials it was asked, because Grafana's API never says what a secret is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

#: The header of ours that a data source sends; its value is a secret to Grafana.
HEADER: Final = "X-Canary"


@dataclass(frozen=True)
class Received:
    """With what a request came."""

    path: str
    authorization: str
    canary: str

    @classmethod
    def of(cls, answer: bytes) -> Self:
        """What the server has answered, as Grafana passed it on."""
        content = json.loads(answer)
        return cls(str(content["path"]), str(content["authorization"]), str(content["canary"]))


class Echo(ThreadingHTTPServer):
    """On a port of its own on loopback. Answers every request with what it came with."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._received: list[Received] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def remember(self, request: Received) -> None:
        """Keep a request for `taken`."""
        self._received.append(request)

    def taken(self) -> list[Received]:
        """The requests since the last call."""
        received, self._received = self._received, []
        return received


class _Handler(BaseHTTPRequestHandler):
    server: Echo

    def do_GET(self) -> None:
        """Answer a data source."""
        self._answer()

    def do_POST(self) -> None:
        """Answer a contact point; what it says does not matter."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: the requests hold secrets."""

    def _answer(self) -> None:
        request = Received(self.path, self.headers.get("Authorization", ""), self.headers.get(HEADER, ""))
        self.server.remember(request)
        body = json.dumps(vars(request)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def listening() -> Iterator[Echo]:
    """The server, in a thread, until the block ends."""
    with Echo() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
