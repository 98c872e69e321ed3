"""What metrics, traces and log lines cost a run: time and processor with all of them, as ratios to a run without.

`python -m tests.bench.monitoring URL DESTINATION` is one run in a process of its own; without a destination it is not
monitored.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from reencrypt.cli.performing import adapt_interpreter
from reencrypt.events import Emit, Event, PageCommitted, PassStarted, to_all
from reencrypt.operations.migrate.run import run
from reencrypt.planning.options import RotationOptions, RunOptions, TargetOptions
from reencrypt.settings import load_settings
from tests.bench import fixtures
from tests.bench.result import Result, publish
from tests.support.inprocess import in_session
from tests.support.otlp import received
from tests.support.postgres import PostgresEngine, PostgresServer

_SECRETS = 1_000_000
_TURNS = 5


class Watch:
    """Time and processor from the first page to the last commit of the main pass."""

    def __init__(self) -> None:
        self.since = self.until = (0.0, 0.0)
        self.sweeping = False

    def listen(self, event: Event) -> None:
        if isinstance(event, PassStarted):
            self.sweeping = event.number > 0
            if not self.sweeping:
                self.since = now()
        if isinstance(event, PageCommitted) and not self.sweeping:
            self.until = now()


def now() -> tuple[float, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime


def one_run(url: str, destination: str) -> None:
    """Run once, and print seconds and processor seconds."""
    adapt_interpreter()  # as the command line does
    watch = Watch()
    settings = load_settings(
        config=None, home=None, database_url=url, environ={"GF_SECURITY_SECRET_KEY": fixtures.SECRET_KEY}
    )
    options = RunOptions(target=TargetOptions(to="secretKey.v1"), rotation=RotationOptions(fresh_data_key=True))
    with ExitStack() as stack:
        listeners: list[Emit] = [watch.listen]
        if destination:
            listeners += monitors(stack, Path(destination))
        report = asyncio.run(in_session(run, settings, options, emit=to_all(listeners)))
    assert report.outcome == "done", report.as_json()
    (began, used_before), (ended, used) = watch.since, watch.until
    print(json.dumps([ended - began, used - used_before]))  # noqa: T201 - its job


def monitors(stack: ExitStack, file: Path) -> list[Emit]:
    """Everything that there is: metrics, traces and all log lines as JSON."""
    from reencrypt.cli.logs import LogListener  # noqa: PLC0415 - a run without them has none of it
    from reencrypt.cli.monitoring import monitoring  # noqa: PLC0415
    from reencrypt.events import CommandStarted  # noqa: PLC0415
    from reencrypt.telemetry.options import MetricsOptions  # noqa: PLC0415
    from reencrypt.telemetry.trace_context import LoggedTrace  # noqa: PLC0415

    logged = LoggedTrace.of_environment(os.environ)
    made = stack.enter_context(monitoring(MetricsOptions(file), sys.exit))
    listeners: list[Emit] = [*made(logged), LogListener("json", 2, logged)]
    to_all(listeners)(CommandStarted("run"))
    return listeners


def measured(server: PostgresServer, template: str, folder: str, destination: str, **environment: str) -> list[float]:
    """One run in a process of its own, on a fresh copy of the database."""
    url = server.new_database(f'TEMPLATE "{template}"')
    line = [sys.executable, "-m", "tests.bench.monitoring", url, destination]
    with Path(folder, "log").open("w") as log:
        done = subprocess.run(
            line, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=log, text=True, check=True
        )
    found: list[float] = json.loads(done.stdout)
    return found


def main() -> int:
    """Compare in turn; `REENCRYPT_BENCH_SHARE=0.1` does it at a tenth of the size."""
    count = max(1000, round(_SECRETS * float(os.environ.get("REENCRYPT_BENCH_SHARE", "1"))))
    server = PostgresServer()
    turns: list[tuple[list[float], list[float]]] = []
    try:
        with tempfile.TemporaryDirectory() as folder, received() as receiver:
            engine = PostgresEngine(server.new_database(name="template"))
            key = fixtures.data_key_rows(engine, Path(folder))
            fixtures.insert(engine, fixtures.run_values(count, key))
            for _ in range(_TURNS):
                off = measured(server, "template", folder, "")
                on = measured(server, "template", folder, f"{folder}/reencrypt.prom", **receiver.environment)
                turns.append((off, on))
    finally:
        server.stop()
    off, on = ([statistics.median(column) for column in zip(*side, strict=True)] for side in zip(*turns, strict=True))
    return publish(
        "monitoring",
        [
            Result("rotation with metrics, traces and all log lines, time", on[0] / off[0], 1.03, "lower"),
            Result("… processor seconds of the client", on[1] / off[1], 1.03, "lower"),
        ],
    )


if __name__ == "__main__":
    one_run(*sys.argv[1:3])
