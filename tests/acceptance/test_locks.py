"""A Grafana that writes the same rows hardly notices a run: its 99th percentile grows by less than 100 ms."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.grafana.planting import Plain
from tests.support.engine import Engine, SqliteEngine
from tests.support.servers import server_engine
from tests.support.story import Story
from tests.support.vault import Vault

pytestmark = pytest.mark.every_server

ROWS = 6000
MOST_ADDED_SECONDS = 0.1
MEASUREMENTS = 3


class Writer:
    """Updates one row after another, as fast as it can, and times each."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stop = threading.Event()
        self.seconds: list[float] = []

    def _write(self) -> None:
        number = 0
        with self._engine.session() as execute:
            while not self._stop.is_set():
                number = number % ROWS + 1
                since = time.perf_counter()
                execute("UPDATE secrets SET namespace = ? WHERE id = ?", f"n{number}", number)
                self.seconds.append(time.perf_counter() - since)

    def during(self, work: Callable[[], object]) -> float:
        """The 99th percentile of its writes while `work` is done."""
        self.seconds = []
        self._stop.clear()
        thread = threading.Thread(target=self._write)
        thread.start()
        try:
            work()
        finally:
            self._stop.set()
            thread.join()
        assert len(self.seconds) > 100
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]


@pytest.fixture(params=["sqlite-rollback", "sqlite-wal", "postgres", "mariadb", "mysql"])
def story(request: pytest.FixtureRequest, tmp_path: Path, shared_vault: Vault) -> Story:
    path = tmp_path / "grafana.db"
    in_file = request.param.startswith("sqlite")
    engine: Engine = SqliteEngine(path) if in_file else server_engine(request.param, request)
    story = Story.of(path, shared_vault, engine=engine)
    with story.builder() as builder:
        key = builder.data_key()
        other = builder.data_key(provider="azurekv.other", wrap=lambda dek: shared_vault.wrap("other", dek))
        for number in range(ROWS):
            builder.add_secret(Plain(b'{"number":"%d"}' % number, other if number % 2 else key))
    if request.param == "sqlite-wal":
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    return story


def test_a_writer_beside_a_run_waits_hardly_longer(story: Story) -> None:
    writer = Writer(story.engine)
    measured: list[str] = []
    # Locks that are held too long are so every time; others on the machine, who delay the writer too, come and go.
    for _ in range(MEASUREMENTS):
        alone = writer.during(lambda: time.sleep(2))
        beside = writer.during(lambda: there_and_back(story))
        measured.append(f"alone {alone * 1000:.1f} ms, beside a run {beside * 1000:.1f} ms")
        if beside - alone < MOST_ADDED_SECONDS:
            break
    else:
        pytest.fail(f"99th percentile: {'; '.join(measured)}")
    print(f"99th percentile: {'; '.join(measured)}")  # noqa: T201 - for -s
    assert story.off_target("azurekv.other") == {}


def there_and_back(story: Story) -> None:
    """Everything to one vault, then to the other: two runs, so that there is enough to measure."""
    for target in ("azurekv.prod", "azurekv.other"):
        report = story.cli.json("run", "--to", target, "--wrap-format", "raw/RSA-OAEP-256")
        assert report["outcome"] == "done"
