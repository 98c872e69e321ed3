"""Ctrl-Z: the page in hand is finished first, so that a run that stands still keeps no Grafana waiting."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.holding import holding
from tests.support.story import WRAP, Story
from tests.support.vault import Vault

#: A run must have more pages than it is suspended times, so that it does not end before.
SECRETS = 1500
SUSPENSIONS = 5


@pytest.fixture
def story(engine: Engine, tmp_path: Path, shared_vault: Vault) -> Story:
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine)
    with story.builder() as builder:
        populate(builder, count=SECRETS, under=[None], own_salts=True)
    return story


@contextmanager
def pages_kept_waiting(story: Story) -> Iterator[None]:
    """Let a page wait in the middle of its transaction: for rows on a server, for its commit in a file."""
    if story.engine.name != "sqlite":
        with holding(story.engine, "BEGIN", "SELECT id FROM secrets FOR UPDATE"):
            yield
        return
    with closing(sqlite3.connect(story.database, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        # Whoever reads keeps others from committing.
        connection.execute("SELECT COUNT(*) FROM secrets")
        yield
        connection.execute("ROLLBACK")


def grafana_waits_for_nothing(story: Story) -> None:
    """Take every lock that a save in Grafana could need, or raise."""
    if story.engine.name != "sqlite":
        with story.engine.session() as execute:
            execute("BEGIN")
            execute("SELECT id FROM secrets FOR UPDATE NOWAIT")
            execute("SELECT name FROM data_keys FOR UPDATE NOWAIT")
            execute("ROLLBACK")
        return
    with closing(sqlite3.connect(story.database, timeout=0, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("ROLLBACK")


def started(story: Story) -> subprocess.Popen[str]:
    # A group of its own, as a shell gives it: in one that no shell can continue, the system ignores Ctrl-Z.
    return story.cli.start("run", *WRAP, "-v", "--log-format", "json", "--output", "json", own_group=True)


def until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    assert any(text in line for line in process.stderr), f"no {text}"


def until_the_end(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    process.stderr.read()


def is_suspended(process: subprocess.Popen[str]) -> bool:
    """Wait until the process stands still, or ends."""
    status = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert status is not None
    return status.si_code == os.CLD_STOPPED


def test_the_page_in_hand_is_finished_first(story: Story) -> None:
    process = started(story)
    until(process, '"page committed"')
    with pages_kept_waiting(story):
        until(process, '"waiting"')
        process.send_signal(signal.SIGTSTP)
    assert is_suspended(process)
    grafana_waits_for_nothing(story)
    process.send_signal(signal.SIGCONT)
    process.communicate()
    assert process.returncode == 0
    assert story.cli.json("verify")["outcome"] == "verified"


def test_it_is_suspended_and_continued_again_and_again(story: Story) -> None:
    process = started(story)
    for _ in range(SUSPENSIONS):
        until(process, '"page committed"')
        process.send_signal(signal.SIGTSTP)
        assert is_suspended(process)
        grafana_waits_for_nothing(story)
        process.send_signal(signal.SIGCONT)
    process.communicate()
    assert process.returncode == 0
    assert story.cli.json("verify")["outcome"] == "verified"


def test_a_second_ctrl_z_does_not_wait_and_the_first_is_over_with_it(story: Story) -> None:
    process = started(story)
    until(process, '"page committed"')
    with pages_kept_waiting(story):
        until(process, '"waiting"')
        while (os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG)) is None:
            # Two that come at the same moment are one.
            process.send_signal(signal.SIGTSTP)
            time.sleep(0.2)
        assert is_suspended(process)
        process.send_signal(signal.SIGCONT)
    # It would stop again as soon as the page is committed. Nobody may wait for a pipe meanwhile.
    reading = threading.Thread(target=until_the_end, args=(process,))
    reading.start()
    stopped_again = is_suspended(process)
    if stopped_again:
        process.kill()
    reading.join()
    process.communicate()
    assert (stopped_again, process.returncode) == (False, 0)
