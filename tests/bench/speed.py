"""How fast a migration and a rotation are, as ratios against what the machine could do in the same run."""

from __future__ import annotations

import asyncio
import base64
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import click

from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.events import Event, PageCommitted, PassStarted
from reencrypt.operations.options import RunOptions, available_threads
from reencrypt.operations.run import run
from reencrypt.settings import load_settings
from reencrypt.worker.stop import StopRequest
from tests.bench import fixtures
from tests.bench.fixtures import Bench
from tests.support.engine import Engine


@dataclass
class Clock:
    """Listens to a run: when its main pass began, when it committed last, and in which pages."""

    began: float = 0.0
    ended: float = 0.0
    pages: list[int] = field(default_factory=list)
    sweeping: bool = False

    def listen(self, event: Event) -> None:
        if isinstance(event, PassStarted):
            self.sweeping = event.number > 0
            if not self.sweeping:
                self.began = time.perf_counter()
        if isinstance(event, PageCommitted) and not self.sweeping:
            self.ended = time.perf_counter()
            self.pages.append(event.moved)

    @property
    def seconds(self) -> float:
        """From the first page to the last commit."""
        return self.ended - self.began


def ours(engine: Engine) -> Clock:
    """The real run, in this process."""
    settings = load_settings(
        config=None, home=None, database_url=engine.url, environ={"GF_SECURITY_SECRET_KEY": fixtures.SECRET_KEY}
    )
    clock = Clock()
    options = RunOptions(to="secretKey.v1", fresh_data_key=True)
    report = asyncio.run(run(settings, options, emit=clock.listen, stop=StopRequest()))
    assert report.outcome == "done", report.as_json()
    return clock
