"""Refusals of Microsoft Entra: an OAuth error with an AADSTS number, and the ids that its support asks for."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

from keyvault_emulator.wire import Answer

if TYPE_CHECKING:
    from keyvault_emulator.wire import Call


class DenialError(Exception):
    """An AADSTS error on its way from a check to the answer."""

    def __init__(self, status: int, error: str, number: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.number = number
        self.description = description

    def answer(self, call: Call) -> Answer:
        """Return the error as Entra sends it, with the correlation id of the client where it sent one."""
        trace = str(uuid.uuid4())
        correlation = call.headers.get("client-request-id") or str(uuid.uuid4())
        timestamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        content: dict[str, Any] = {
            "error": self.error,
            "error_description": (
                f"AADSTS{self.number}: {self.description} "
                f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
            ),
            "error_codes": [self.number],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
        }
        return Answer.of_json(content, status=self.status, headers={"Cache-Control": "no-store, no-cache"})
