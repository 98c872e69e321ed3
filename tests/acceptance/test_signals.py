"""Signals: the first ends the work within seconds, whatever it waits for; the second ends the process at once."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.grafana.populate import populate
from tests.support.story import WRAP, Story
from tests.support.vault import Vault

#: A page in hand gets four seconds, SQLite's own handler waits one, the lease is given back within two.
#: The rest is for a machine that is busy; a database that is locked is waited for 60 seconds.
WITHIN_SECONDS = 30


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault) -> Story:
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key")
    with story.builder() as builder:
        populate(builder, count=1500, under=[None], own_salts=True)
    return story


@contextmanager
def locked(story: Story) -> Iterator[None]:
    """Somebody holds the file."""
    with closing(sqlite3.connect(story.database, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def started(story: Story, *arguments: str) -> subprocess.Popen[str]:
    # Quick beats: the lease of one that cannot give it back is soon taken over.
    log = ("-v", "--log-format", "json", "--output", "json", "--lease-timeout", "0.6")
    return story.cli.start("run", *WRAP, *log, *arguments)


def at_work(story: Story) -> subprocess.Popen[str]:
    """A run that has committed its first page."""
    process = started(story)
    until(process, '"page committed"')
    return process


def until(process: subprocess.Popen[str], text: str) -> None:
    assert says(process, text), f"no {text}"


def says(process: subprocess.Popen[str], text: str) -> bool:
    """Read what it writes until there is the text; False where it ends before."""
    assert process.stderr is not None
    return any(text in line for line in process.stderr)


def test_a_signal_is_heeded_within_seconds_while_somebody_else_holds_the_file(story: Story) -> None:
    process = at_work(story)
    with locked(story):
        since = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
        assert time.monotonic() - since < WITHIN_SECONDS
    assert process.returncode == 4
    report = json.loads(out)
    assert (report["outcome"], report["stop_reason"]) == ("stopped", "SIGTERM received")
    assert story.cli.json("run", "--lease-timeout", "0.5")["outcome"] == "done"


@pytest.mark.parametrize(
    "line", [("run", *WRAP), ("undo", "20261125-093000-a1b2"), ("complete", "--finish")], ids=" ".join
)
def test_a_signal_while_a_held_file_is_opened_is_a_request_to_stop(line: tuple[str, ...], story: Story) -> None:
    with closing(sqlite3.connect(story.database, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        process = story.cli.start(*line, "--output", "json", "--log-format", "json")
        until(process, '"waiting"')
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
        connection.execute("ROLLBACK")
    assert process.returncode == 4
    assert json.loads(out)["outcome"] == "stopped"


def test_the_second_signal_ends_the_process_at_once(story: Story) -> None:
    process = at_work(story)
    with locked(story):
        process.send_signal(signal.SIGTERM)
        since = time.monotonic()
        while process.poll() is None and time.monotonic() - since < WITHIN_SECONDS:
            process.send_signal(signal.SIGINT)
            # As a person would: CPython 3.11 may deadlock in its own handler under a flood that nobody reads.
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.05)
        process.communicate()
        # A run that ends politely leaves with 4, and the page in hand has four seconds.
    # Both may be pending at once, in any order.
    assert process.returncode in {-signal.SIGINT, -signal.SIGTERM}


def test_the_first_signal_after_another_reason_to_stop_does_not_kill(story: Story) -> None:
    # How long a first page takes is the machine's affair: where the time is over before it, more is allowed.
    for seconds in ("2", "10", "50"):
        process = started(story, "--max-runtime", seconds)
        if says(process, '"page committed"'):
            break
        process.communicate()
    with locked(story):
        until(process, "the time allowed is over")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
    assert process.returncode == 4
    assert json.loads(out)["stop_reason"] == "the time allowed is over"


def test_undo_heeds_a_signal_while_it_watches_a_silent_holder(story: Story) -> None:
    run = story.cli.json("run", *WRAP, "--limit", "20", expect=4)
    story.execute("UPDATE reencrypt_lease SET holder = 'a dead process', beats = beats + 1")
    process = story.cli.start("undo", run["run_id"], "--output", "json", "--log-format", "json")
    until(process, "holds the lease")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate()
    assert (process.returncode, json.loads(out)["outcome"]) == (4, "stopped")
