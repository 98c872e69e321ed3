"""Grafana's HTTP API, as far as the live test uses it."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, Final

from tests.live.echo import Received
from tests.live.secrets import FOLDER, ContactPoint, DataSource, policy, rule

_TIMEOUT_SECONDS: Final = 30.0
_START_SECONDS: Final = 120.0


class RefusedError(Exception):
    """Grafana has answered with an error."""


@dataclass(frozen=True)
class Grafana:
    """A Grafana on this machine."""

    port: int
    user: str
    password: str

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        """Send one request; returns the body of the answer. Raises RefusedError for a status that is no success."""
        login = b64encode(f"{self.user}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status // 100 != 2:
            raise RefusedError(f"{method} {path}: {answer.status} {content[:500]!r}")
        return content

    def wait(self) -> None:
        """Wait until it answers that it and its database are well. Raises TimeoutError after two minutes."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                if json.loads(self.ask("GET", "/api/health"))["database"] == "ok":
                    return
            except (OSError, HTTPException, RefusedError, ValueError):
                pass  # it is starting
            if time.monotonic() > deadline:
                raise TimeoutError("Grafana does not answer")
            time.sleep(0.5)  # it has no way to say that it is ready

    def create(self, source: DataSource, url: str) -> None:
        """Save a data source that is not there yet."""
        self.ask("POST", "/api/datasources", source.body(url))

    def change(self, source: DataSource, url: str) -> None:
        """Save a data source anew, with other secrets."""
        self.ask("PUT", f"/api/datasources/uid/{source.uid}", source.body(url))

    def use(self, source: DataSource) -> Received:
        """Let it ask its server; returns with which credentials it did."""
        return Received.of(self.ask("GET", f"/api/datasources/proxy/uid/{source.uid}/{source.uid}"))

    def alert(self, point: ContactPoint, url: str) -> None:
        """Save a contact point, and a rule that fires to it again and again."""
        self.ask("POST", "/api/v1/provisioning/contact-points", point.body(url))
        self.ask("PUT", "/api/v1/provisioning/policies", policy())
        self.ask("POST", "/api/folders", {"uid": FOLDER, "title": FOLDER})
        self.ask("POST", "/api/v1/provisioning/alert-rules", rule())
