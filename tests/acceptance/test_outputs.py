"""Whoever reads the output, or does not: the work is done to its end, and the exit code tells the truth about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.story import WRAP, Story
from tests.support.vault import Vault
from tests.support.worlds import fill


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault) -> Story:
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key")
    fill(story, count=30)
    return story


def through_a_shell(
    story: Story, redirection: str, command: str, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The command as a shell starts it, with other standard streams."""
    line = ["sh", "-c", f'exec "$@" {redirection}', "sh", *story.cli.arguments(command, *arguments)]
    return subprocess.run(
        line, env=story.cli.variables() | variables, capture_output=True, text=True, check=False, timeout=250
    )


#: Redirection → the exit code of a run that is done, and the reason that stands on standard error.
REDIRECTIONS = {
    ">/dev/full": (2, "No space left on device"),
    ">&-": (2, "Bad file descriptor"),
    "2>/dev/full": (0, None),
    "2>&-": (0, None),
    "<&- >&- 2>&-": (2, None),
}


@pytest.mark.parametrize("redirection", REDIRECTIONS)
def test_a_run_that_cannot_report_is_done_all_the_same(redirection: str, story: Story) -> None:
    exit_code, reason = REDIRECTIONS[redirection]
    before = story.plaintexts()
    done = through_a_shell(story, redirection, "run", *WRAP, "--output", "json", "-vv")
    assert done.returncode == exit_code, done.stderr
    assert story.off_target() == {}
    assert story.plaintexts() == before
    if reason:
        assert f"error: the result cannot be written to standard output: {reason}" in done.stderr
        assert "with exit code 0 (done, or nothing left to do)" in done.stderr
    if exit_code == 0:
        assert json.loads(done.stdout)["outcome"] == "done"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("run", *WRAP, "-vv"), ("run", "--allow-empty", "--limit", "x"), ("run", "--help")]
)
def test_a_reader_that_is_gone_changes_no_exit_code(arguments: Sequence[str], story: Story) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*story.cli.arguments(arguments[0], *arguments[1:]), "--output", "json"],
            env=story.cli.variables(),
            stdout=writing,
            stderr=writing,
            check=False,
            timeout=250,
        )
    finally:
        os.close(writing)
    assert done.returncode == (2 if "x" in arguments else 0)
    assert (story.off_target() == {}) is (WRAP[0] in arguments)


def test_an_exit_code_of_the_work_is_not_hidden_by_a_lost_result(story: Story) -> None:
    done = through_a_shell(story, ">/dev/full", "run", *WRAP, "--limit", "3")
    assert done.returncode == 4, done.stderr
    assert "with exit code 4 (stopped early on request, limit or time; progress saved)" in done.stderr
    assert story.cli.json("run", *WRAP)["outcome"] == "done"


def test_a_locale_without_arrows_shows_everything_else(story: Story) -> None:
    story.database.unlink()
    done = through_a_shell(story, "", "doctor", LC_ALL="C", PYTHONIOENCODING="ascii")
    assert done.returncode == 2, done.stderr
    assert "does not exist" in done.stdout
    assert "Check [database] path" in done.stdout


def test_a_pipe_that_does_not_block_gets_everything() -> None:
    # As a parent in Node.js or over SSH leaves it: Python would fail as soon as the pipe is full.
    program = "import sys; from reencrypt.cli.streams import *; adopt_standard_streams(); print('x' * 1_000_000)"
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with subprocess.Popen([sys.executable, "-c", program], stdout=writing) as process, os.fdopen(reading, "rb") as pipe:
        os.close(writing)
        assert pipe.read() == b"x" * 1_000_000 + b"\n"
    assert process.returncode == 0
