"""Publishes the metrics of a process: to a file for node_exporter, and to a Pushgateway, from a thread of its own."""

from __future__ import annotations

import os
import stat
import threading
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.request import Request, urlopen

from reencrypt.errors import ConfigurationError
from reencrypt.telemetry.options import MetricsOptions, Pushgateway

if TYPE_CHECKING:
    from reencrypt.telemetry.metrics import Metrics

#: How often they are published while the command is at work.
INTERVAL_SECONDS: Final = 15.0
_ANSWER_SECONDS: Final = 5.0
#: How long the end of a command waits for the last time.
_LAST_SECONDS: Final = 15.0
_MODE: Final = 0o644


class _Place(Protocol):
    """Where metrics go; its text is for messages."""

    def publish(self) -> None:
        """Write them; raises `OSError` or `ValueError`."""
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
        places.append(_File(options.file, metrics))
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
        self._failures: dict[_Place, str] = {}

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def finish(self) -> None:
        """Publish a last time, and warn of the places that did not take it."""
        self._done.set()
        self._thread.join(_LAST_SECONDS)
        if self._thread.is_alive():
            self._warn(f"the metrics are not written after {_LAST_SECONDS:g} s, and nobody waits for them any more")
        for place, failure in list(self._failures.items()):
            self._warn(f"the metrics could not be written to {place}: {failure}")

    def _publish(self) -> None:
        over = False
        while not over:
            over = self._done.wait(self._seconds)
            for place in self._places:
                try:
                    place.publish()
                except Exception as error:  # noqa: BLE001 - what stands between may answer anything
                    self._failures[place] = str(error) or type(error).__name__
                else:
                    self._failures.pop(place, None)


class _File:
    """A file in the text format. It is replaced whole, so that nobody reads half of it."""

    def __init__(self, path: Path, metrics: Metrics) -> None:
        self._path, self._metrics = path, metrics
        hint = "Give --metrics-file a path in a folder that exists and that this user may write to."
        if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
            raise ConfigurationError(f"--metrics-file {path} cannot be written", hint=hint)
        try:
            metrics.remember(path.read_text())
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ConfigurationError(f"--metrics-file {path} cannot be read: {error.strerror}", hint=hint) from None
        except ValueError:
            raise ConfigurationError(
                f"--metrics-file {path} exists and is not a file of metrics",
                hint="Give another path, or remove the file.",
            ) from None

    def publish(self) -> None:
        # Another command of the same Grafana may have written meanwhile.
        with suppress(FileNotFoundError):
            self._metrics.remember(self._path.read_text())
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            # Whatever the umask: who collects metrics is another user, and no number is a secret.
            new.write_bytes(self._metrics.text())
            new.chmod(self._mode())
            new.replace(self._path)
        finally:
            new.unlink(missing_ok=True)

    def _mode(self) -> int:
        """That of the file as it is, if it is there: somebody has chosen it."""
        try:
            return stat.S_IMODE(self._path.stat().st_mode)
        except FileNotFoundError:
            return _MODE

    def __str__(self) -> str:
        return str(self._path)


class _Gateway:
    """A group of a Pushgateway. A push replaces the whole group, so what is there already is asked first."""

    def __init__(self, gateway: Pushgateway, metrics: Metrics) -> None:
        self._gateway, self._metrics = gateway, metrics

    def publish(self) -> None:
        from prometheus_client.exposition import basic_auth_handler, push_to_gateway  # noqa: PLC0415 - an extra

        gateway = self._gateway
        handler = partial(basic_auth_handler, username=gateway.user or None, password=gateway.password or None)
        self._metrics.remember(self._present(), dict(gateway.group))
        (_, job), *others = gateway.group
        push_to_gateway(
            gateway.base, job, self._metrics.registry, dict(others), timeout=_ANSWER_SECONDS, handler=handler
        )

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
