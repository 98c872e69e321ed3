"""Publishes the metrics of a process: to a file for node_exporter, and to a Pushgateway, from a thread of its own."""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol
from urllib.request import Request, urlopen

from reencrypt.errors import ConfigurationError
from reencrypt.telemetry.options import MetricsOptions, Pushgateway
from reencrypt.telemetry.textfile import TextFile

if TYPE_CHECKING:
    from reencrypt.telemetry.metrics import Metrics

#: How often they are published while the command is at work.
INTERVAL_SECONDS: Final = 15.0
_ANSWER_SECONDS: Final = 5.0
#: How long the end of a command waits for a gateway, however many bytes trickle from it.
_LAST_PUSH_SECONDS: Final = 5.0
_CHUNK_BYTES: Final = 65536


class _Place(Protocol):
    """Where metrics go; its text is for messages. The end of a command waits for it for `last_seconds`."""

    @property
    def last_seconds(self) -> float: ...

    def publish(self) -> str:
        """Write them; returns what is to be known of it, mostly nothing. Raises `OSError` or `ValueError`."""
        ...


@contextmanager
def published(
    options: MetricsOptions,
    warn: Callable[[str], None],
    *,
    members: Collection[str] | None = None,
    seconds: float = INTERVAL_SECONDS,
) -> Iterator[Metrics]:
    """Publish metrics every so many seconds while the block runs, and at its end; see `Metrics` for `members`.

    Raises `ConfigurationError` where `prometheus_client` is not installed, or the file cannot be written at all. What
    goes wrong later is a warning, once: work does not depend on it.
    """
    try:
        from reencrypt.telemetry.metrics import Metrics  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigurationError(
            "metrics need the package prometheus_client",
            hint="Install reencrypt with its extra `metrics`, or leave --metrics-file and --pushgateway out.",
        ) from None
    metrics = Metrics({label.name: label.value for label in options.labels}, members=members)
    places: list[_Place] = []
    if options.file is not None:
        places.append(TextFile(options.file, metrics))
    if options.gateway is not None:
        places.append(_Gateway(options.gateway, metrics))
    # One that hangs must not keep the other from its last metrics.
    publishers = [_Publisher(place, warn, seconds) for place in places]
    for each in publishers:
        each.start()
    try:
        yield metrics
    finally:
        since = time.monotonic()
        for each in publishers:
            each.end()
        for each in publishers:
            each.finish(since)


class _Publisher:
    """A thread for one place. A place that fails is warned of once, at the end, and tried again meanwhile."""

    def __init__(self, place: _Place, warn: Callable[[str], None], seconds: float) -> None:
        self._place = place
        self._warn = warn
        self._seconds = seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._publish, name="reencrypt-metrics", daemon=True)
        self._trouble = ""
        self._taken: float | None = None

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def end(self) -> None:
        """Begin to publish a last time."""
        self._done.set()

    def finish(self, since: float) -> None:
        """Wait for the last time, which began at `since`, and warn where the place has not taken it."""
        seconds = self._place.last_seconds
        self._thread.join(max(0.0, since + seconds - time.monotonic()))
        if self._thread.is_alive():
            had = "none of this command" if self._taken is None else f"those of {since - self._taken:.0f} s before it"
            self._warn(
                f"the last metrics are lost, with this command's end and what it has counted: {self._place} has not "
                f"taken them in {seconds:g} s, and has {had}"
            )
        elif self._trouble:
            self._warn(self._trouble)

    def _publish(self) -> None:
        over = False
        while not over:
            over = self._done.wait(self._seconds)
            try:
                self._trouble = self._place.publish()
                self._taken = time.monotonic()
            except Exception as error:  # noqa: BLE001 - what stands between may answer anything
                reason = str(error) or type(error).__name__
                self._trouble = f"the metrics could not be written to {self._place}: {reason}"


class _Gateway:
    """A group of a Pushgateway. A push replaces the whole group, so what is there already is asked first."""

    def __init__(self, gateway: Pushgateway, metrics: Metrics) -> None:
        self._gateway, self._metrics = gateway, metrics

    @property
    def last_seconds(self) -> float:
        return _LAST_PUSH_SECONDS

    def publish(self) -> str:
        from prometheus_client.exposition import basic_auth_handler, push_to_gateway  # noqa: PLC0415 - an extra

        gateway = self._gateway
        handler = partial(basic_auth_handler, username=gateway.user or None, password=gateway.password or None)
        self._metrics.remember(self._present(), dict(gateway.group))
        (_, job), *others = gateway.group
        push_to_gateway(
            gateway.base, job, self._metrics.registry, dict(others), timeout=_ANSWER_SECONDS, handler=handler
        )
        return ""

    def _present(self) -> str:
        """What the gateway shows now."""
        request = Request(f"{self._gateway.base}/metrics")  # noqa: S310 - http or https, as parsed
        if self._gateway.user:
            token = b64encode(f"{self._gateway.user}:{self._gateway.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        with urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - the same
            deadline, content = time.monotonic() + _ANSWER_SECONDS, bytearray()
            # The timeout is one of silence: bytes that trickle would last for ever.
            while chunk := answer.read1(_CHUNK_BYTES):
                content += chunk
                if time.monotonic() > deadline:
                    raise TimeoutError(f"its answer is not whole after {_ANSWER_SECONDS:g} s")
            text = content.decode()
        # A gateway may have megabytes of others.
        ours = ("reencrypt_", "# TYPE reencrypt_", "# HELP reencrypt_")
        return "".join(f"{line}\n" for line in text.split("\n") if line.startswith(ours))

    def __str__(self) -> str:
        return str(self._gateway)
