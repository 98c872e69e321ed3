"""A server that falls silent in mid-run, or a table that is locked: exit 7 in time, and the next run completes it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.engine import Engine
from tests.support.servers import server_engine
from tests.support.silent import SilentProxy, silent_proxy
from tests.support.story import WRAP, Story
from tests.support.vault import Vault
from tests.support.worlds import fill

SILENCE = 2.0
GRACE = 6.0
REAL_SILENCE = 60.0


@pytest.fixture(params=["postgres", "mariadb", "mysql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return server_engine(request.param, request)


@pytest.fixture
def story(engine: Engine, tmp_path: Path, shared_vault: Vault) -> Story:
    story = Story.of(tmp_path / "grafana.db", shared_vault, engine=engine)
    fill(story, count=200)
    return story


@pytest.fixture
def proxy(story: Story) -> Iterator[SilentProxy]:
    with silent_proxy(story.engine.url) as proxy:
        yield proxy


def through(story: Story, proxy: SilentProxy, patience: float | None = SILENCE) -> Story:
    return replace(story, cli=replace(story.cli, database=proxy.url, patience=patience))


def committed(engine: Engine) -> bytes:
    """A commit on the wire: PostgreSQL's BEGIN says READ COMMITTED."""
    return b"COMMIT\0" if engine.kind == "postgres" else b"COMMIT"


#: Where a run falls silent: the words that the client says, how often before, and whether the server still gets them.
PLACES = {
    "page's update": (b"UPDATE", 6, False),
    "page's commit": (None, 12, False),
    "answer to a page's commit": (None, 12, True),
    "journal": (b"reencrypt_journal", 3, False),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_meets_silence_ends_in_time_and_the_next_one_completes_it(
    story: Story, proxy: SilentProxy, place: str
) -> None:
    words, skip, answer_only = PLACES[place]
    before = story.plaintexts()
    proxy.silence_at(words or committed(story.engine), skip=skip, answer_only=answer_only)
    since = time.monotonic()
    outcome = through(story, proxy).cli("run", *WRAP, "--output", "json", "--lease-timeout", "1", expect=7)
    assert proxy.fell_silent.is_set()
    assert time.monotonic() - since < SILENCE + GRACE + 4
    assert "has not answered" in outcome.json["error"]["message"]
    assert "waiting" in outcome.stderr
    proxy.stop()
    assert story.plaintexts() == before
    assert story.cli.json("run", *WRAP)["outcome"] == "done"
    assert story.plaintexts() == before
    assert story.off_target() == {}


def test_a_stop_while_a_server_is_silent_is_polite(story: Story, proxy: SilentProxy) -> None:
    before = story.plaintexts()
    proxy.silence_at(committed(story.engine), skip=12)
    process = through(story, proxy).cli.start("run", *WRAP, "--output", "json", "--lease-timeout", "1")
    assert proxy.fell_silent.wait(60)
    process.send_signal(signal.SIGTERM)
    since = time.monotonic()
    stdout, stderr = process.communicate(timeout=60)
    assert time.monotonic() - since < 4 + GRACE
    assert process.returncode == 4, stderr
    assert json.loads(stdout)["outcome"] == "stopped"
    proxy.stop()
    assert story.cli.json("run", *WRAP)["outcome"] == "done"
    assert story.plaintexts() == before
    assert story.off_target() == {}


@pytest.mark.rest_of_pairs
def test_silence_of_the_real_length(story: Story, proxy: SilentProxy) -> None:
    before = story.plaintexts()
    proxy.silence_at(b"UPDATE", skip=6)
    process = through(story, proxy, None).cli.start("run", *WRAP, "--output", "json")
    assert proxy.fell_silent.wait(60)
    since = time.monotonic()
    stdout, stderr = process.communicate(timeout=95)
    assert REAL_SILENCE * 0.9 < time.monotonic() - since < REAL_SILENCE + 15
    assert process.returncode == 7, stderr
    assert "has not answered UPDATE" in json.loads(stdout)["error"]["message"]
    assert stderr.count("waiting") > 1
    proxy.stop()
    assert story.cli.json("run", *WRAP)["outcome"] == "done"
    assert story.plaintexts() == before
