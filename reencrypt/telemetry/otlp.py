"""Sends spans by OTLP over HTTP with OpenTelemetry's SDK, in a thread of its own, and knows whether it could."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any, Final

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Tracer

import reencrypt

#: For one batch, with the SDK's own retries; less than `finish` waits for all of them.
_BATCH_SECONDS: Final = 4.0
_FINISH_SECONDS: Final = 5.0
_NO_ANSWER: Final = "no answer in time"
_FAILURES: Final = 400
#: They name a package that makes the session instead, such as one of a cloud.
_OTHER_SESSION: Final = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
)


class Sender:
    """Sends the spans of its `tracer` to an address, which is that of traces.

    The SDK keeps so many spans at most and drops more. Nothing is global, and nothing is left to the exit of Python.
    """

    def __init__(self, address: str) -> None:
        self._exporter = _Exporter(address)
        found = OTELResourceDetector().detect().attributes
        own = {"service.name": "reencrypt", "service.version": reencrypt.__version__}
        self._provider = TracerProvider(resource=Resource.create({**own, **found}), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))

    @property
    def tracer(self) -> Tracer:
        """Makes the spans."""
        return self._provider.get_tracer("reencrypt", reencrypt.__version__)

    def finish(self, seconds: float = _FINISH_SECONDS) -> str:
        """Send what is left, for so many seconds at most; returns what went wrong, in words, else nothing.

        The SDK's own shutdown waits for up to half a minute, in older versions for ever. Its threads are daemons, as
        this one is, so the process need not wait for them.
        """
        thread = threading.Thread(target=self._provider.shutdown, name="reencrypt-traces", daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            return self._exporter.failure or self._exporter.trouble or _NO_ANSWER
        return self._exporter.failure


class _Exporter(OTLPSpanExporter):
    """Remembers why spans were lost. Its words repeat no address and no header, because those may hold a token."""

    def __init__(self, address: str) -> None:
        self._own_session = None if any(map(os.environ.get, _OTHER_SESSION)) else _Session()
        super().__init__(address, timeout=_BATCH_SECONDS, session=self._own_session)
        self.failure = ""

    @property
    def trouble(self) -> str:
        """What the last request has met, as far as it is known."""
        return self._own_session.trouble if self._own_session is not None else ""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = super().export(spans)
        except Exception:  # noqa: BLE001 - older versions raise what the transport raises
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            self.failure = self.trouble or "no request could be made"
        return result


class _Session(requests.Session):
    """Remembers how the last request ended."""

    trouble = ""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - as the base
        try:
            response = super().send(request, **kwargs)
        except requests.Timeout:
            self.trouble = _NO_ANSWER
            raise
        except requests.RequestException as error:
            self.trouble = f"no connection ({type(error).__name__})"
            raise
        self.trouble = f"it answered {response.status_code}" if response.status_code >= _FAILURES else ""
        return response
