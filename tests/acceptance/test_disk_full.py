"""A disk that is full in mid-run: exit 7, every secret readable, and the next run goes on."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.grafana.populate import populate
from tests.support.story import WRAP, Story
from tests.support.vault import Vault


def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path: Path, shared_vault: Vault) -> None:
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        pytest.skip("NOT RUN: prlimit is not installed")
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="a secret_key of one's own")
    with story.builder() as builder:
        populate(builder, count=1500, under=[None, builder.data_key()])
    before = story.plaintexts()
    # No file of this process may grow further than a little beyond what the database has now.
    limit = story.database.stat().st_size + 200_000
    done = subprocess.run(
        [prlimit, f"--fsize={limit}", *story.cli.arguments("run", *WRAP, "--output", "json")],
        env=story.cli.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    error = json.loads(done.stdout)["error"]
    assert str(story.database) in error["message"]
    assert "free space" in error["hint"]
    assert story.plaintexts() == before
    report = story.cli.json("run", *WRAP)
    assert report["outcome"] == "done"
    assert story.plaintexts() == before
    assert story.off_target() == {}
