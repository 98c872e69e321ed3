"""Publishes the metrics of a process: to a file for node_exporter, and to a Pushgateway, from a thread of its own."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Sequence
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
#: How long the end of a command waits for the last time.
_LAST_SECONDS: Final = 15.0


class _Place(Protocol):
    """Where metrics go; its text is for messages."""

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
    publisher = _Publisher(places, warn, seconds)
    publisher.start()
    try:
        yield metrics
    finally:
        publisher.finish()


class _Publisher:
    """The thread. A place that fails is warned of once, at the end, and tried again meanwhile."""

    def __init__(self, places: Sequence[_Place], warn: Callable[[str], None], seconds: float) -> None:
        self._places = places
        self._warn = warn
        self._seconds = seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._publish, name="reencrypt-metrics", daemon=True)
        self._troubles: dict[_Place, str] = {}

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def finish(self) -> None:
        """Publish a last time, and warn of the places that did not take it."""
        self._done.set()
        self._thread.join(_LAST_SECONDS)
        if self._thread.is_alive():
            self._warn(f"the metrics are not written after {_LAST_SECONDS:g} s, and nobody waits for them any more")
        for trouble in list(self._troubles.values()):
            self._warn(trouble)

    def _publish(self) -> None:
        over = False
        while not over:
            over = self._done.wait(self._seconds)
            for place in self._places:
                try:
                    trouble = place.publish()
                except Exception as error:  # noqa: BLE001 - what stands between may answer anything
                    reason = str(error) or type(error).__name__
                    trouble = f"the metrics could not be written to {place}: {reason}"
                if trouble:
                    self._troubles[place] = trouble
                else:
                    self._troubles.pop(place, None)


class _Gateway:
    """A group of a Pushgateway. A push replaces the whole group, so what is there already is asked first."""

    def __init__(self, gateway: Pushgateway, metrics: Metrics) -> None:
        self._gateway, self._metrics = gateway, metrics

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
            text: str = answer.read().decode()
        # A gateway may have megabytes of others.
        ours = ("reencrypt_", "# TYPE reencrypt_", "# HELP reencrypt_")
        return "".join(f"{line}\n" for line in text.split("\n") if line.startswith(ours))

    def __str__(self) -> str:
        return str(self._gateway)
