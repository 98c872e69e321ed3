"""A server that falls silent in mid-run, or a table that is locked: exit 7 in time, and the next run completes it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.grafana.decryptor import SecretAddress
from tests.support.engine import Engine
from tests.support.servers import server_engine
from tests.support.silent import SilentProxy, silent_proxy
from tests.support.story import WRAP, Story
from tests.support.vault import Vault
from tests.support.worlds import fill

pytestmark = pytest.mark.every_server

SILENCE = 2.0
#: For a machine that is busy; the program itself waits for 60 seconds.
GRACE = 20.0
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


#: What each transaction of a page says last: the words of the next one count behind that of the page before.
#: How a page is written, and how a transaction is committed: PostgreSQL's BEGIN says READ COMMITTED.
WORDS = {
    "postgres": {"update": b" AS t SET", "commit": b"COMMIT\0", "journal": b"reencrypt_journal (run_id"},
    "mysql": {"update": b" */ (SELECT", "commit": b"COMMIT", "journal": b"reencrypt_journal (run_id"},
}

#: Where a run falls silent: what the client says, how often before, and whether the server still gets it.
PLACES = {
    "page's update": ("update", 1, False),
    "page's commit": ("commit", 2, False),
    "answer to a page's commit": ("commit", 2, True),
    "journal": ("journal", 1, False),
}


def silence_at(place: str, story: Story, proxy: SilentProxy) -> None:
    """Fall silent at a place of `PLACES`, behind the first page."""
    said, skip, answer_only = PLACES[place]
    words = WORDS[story.engine.kind]
    # A journal has the data key first, then each page behind its update.
    after = words["journal" if said == "update" else "update"]
    proxy.silence_at(words[said], after=after, skip=skip, answer_only=answer_only)


def rewritten(story: Story) -> int:
    return len(story.query("SELECT id FROM reencrypt_journal WHERE action = 'rewrite'"))


def resume(story: Story, before: dict[SecretAddress, bytes | str]) -> None:
    """The next run finds what the silent one has committed, and completes it."""
    assert story.plaintexts() == before
    assert rewritten(story)
    # Nobody gave the lease back.
    assert story.cli.json("run", *WRAP, "--lease-timeout", "1")["outcome"] == "done"
    assert story.plaintexts() == before
    assert story.off_target() == {}


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_meets_silence_ends_in_time_and_the_next_one_completes_it(
    story: Story, proxy: SilentProxy, place: str
) -> None:
    before = story.plaintexts()
    silence_at(place, story, proxy)
    since = time.monotonic()
    outcome = through(story, proxy).cli("run", *WRAP, "--output", "json", "--lease-timeout", "1", expect=7)
    assert proxy.fell_silent.is_set()
    assert time.monotonic() - since < SILENCE + GRACE + 4
    assert "has not answered" in outcome.json["error"]["message"]
    assert "waiting" in outcome.stderr
    proxy.stop()
    resume(story, before)


def test_a_stop_while_a_server_is_silent_is_polite(story: Story, proxy: SilentProxy) -> None:
    before = story.plaintexts()
    silence_at("page's commit", story, proxy)
    process = through(story, proxy).cli.start("run", *WRAP, "--output", "json", "--lease-timeout", "1")
    assert proxy.fell_silent.wait(120)
    process.send_signal(signal.SIGTERM)
    since = time.monotonic()
    stdout, stderr = process.communicate()
    assert time.monotonic() - since < 4 + GRACE
    assert process.returncode == 4, stderr
    assert json.loads(stdout)["outcome"] == "stopped"
    proxy.stop()
    resume(story, before)


@pytest.mark.rest_of_pairs
def test_silence_of_the_real_length(story: Story, proxy: SilentProxy) -> None:
    before = story.plaintexts()
    silence_at("page's update", story, proxy)
    process = through(story, proxy, None).cli.start("run", *WRAP, "--output", "json", "--lease-timeout", "1")
    assert proxy.fell_silent.wait(120)
    since = time.monotonic()
    stdout, stderr = process.communicate()
    assert REAL_SILENCE * 0.9 < time.monotonic() - since < REAL_SILENCE + GRACE
    assert process.returncode == 7, stderr
    assert "has not answered UPDATE" in json.loads(stdout)["error"]["message"]
    assert stderr.count("waiting") > 1
    proxy.stop()
    resume(story, before)
