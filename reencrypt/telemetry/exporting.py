"""Whether traces are exported, and where to, as OpenTelemetry's own variables say.

Without these variables none of its packages is imported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from reencrypt.telemetry.trace_context import TraceParent

if TYPE_CHECKING:
    from reencrypt.telemetry.otlp import Sender
    from reencrypt.telemetry.traces import Traces

_DISABLED: Final = "OTEL_SDK_DISABLED"
_EXPORTER: Final = "OTEL_TRACES_EXPORTER"
#: The variables of traces win over those of everything.
_ENDPOINT: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOL: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN: Final = "http/protobuf"
_DEFAULT_ENDPOINT: Final = "http://localhost:4318"
_PATH: Final = "/v1/traces"


@contextmanager
def exported(environ: Mapping[str, str], warn: Callable[[str], None]) -> Iterator[Traces | None]:
    """Export traces while the block runs, if the environment says so; else yields None.

    What goes wrong is one warning: work does not depend on it, and waits for it no longer than `Sender.finish` does.
    """
    address = _address(environ, warn)
    sender = _sender(address, warn) if address else None
    if sender is None:
        yield None
        return
    from reencrypt.telemetry.traces import Traces  # noqa: PLC0415 - an extra

    # Neither the path nor what stands before the host: they may hold a token.
    host = urlsplit(address).netloc.rpartition("@")[2]
    try:
        yield Traces(sender.tracer, TraceParent.of_environment(environ))
    finally:
        trouble = sender.finish()
        if trouble:
            warn(f"traces could not be sent to {host}: {trouble}")


def _address(environ: Mapping[str, str], warn: Callable[[str], None]) -> str:
    """Where traces go; nothing where they are off, or where it cannot be done, after a warning."""
    endpoint, exporters = _first(environ, _ENDPOINT), environ.get(_EXPORTER, "")
    if environ.get(_DISABLED, "").strip().lower() == "true" or not (endpoint or exporters):
        return ""
    if exporters and "otlp" not in [each.strip() for each in exporters.split(",")]:
        return ""
    protocol = _first(environ, _PROTOCOL)
    if protocol and environ[protocol] != _SPOKEN:
        warn(f"no traces are sent: {protocol} is {environ[protocol]!r}, and {_SPOKEN} alone is spoken here")
        return ""
    address = environ[endpoint] if endpoint else _DEFAULT_ENDPOINT
    if endpoint != _ENDPOINT[0]:
        address = address.removesuffix("/") + _PATH
    if not _is_address(address):
        warn(f"no traces are sent: {endpoint} is no address such as {_DEFAULT_ENDPOINT}")
        return ""
    return address


def _is_address(text: str) -> bool:
    try:
        found = urlsplit(text)
        return found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0
    except ValueError:
        return False


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Name the first of these variables that has a value; nothing where none has."""
    return next((name for name in names if environ.get(name)), "")


def _sender(address: str, warn: Callable[[str], None]) -> Sender | None:
    # They would print to standard error by themselves, from other threads and with what a header holds. It lasts,
    # because a thread that is given up may still have something to say.
    for name in ("opentelemetry", "urllib3"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    try:
        from reencrypt.telemetry.otlp import Sender  # noqa: PLC0415 - an extra
    except ImportError:
        warn("no traces are sent: they need OpenTelemetry's packages, so install reencrypt with its extra `otel`")
        return None
    except Exception as error:  # noqa: BLE001 - the SDK reads some of its variables when it is loaded
        warn(f"no traces are sent: OpenTelemetry cannot use its variables ({type(error).__name__})")
        return None
    try:
        return Sender(address)
    except Exception as error:  # noqa: BLE001 - whatever the SDK makes of its many variables
        warn(f"no traces are sent: OpenTelemetry cannot use its variables ({type(error).__name__})")
        return None
