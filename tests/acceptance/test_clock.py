"""A clock that steps back at every look: order, resumption, undo and the lease rest on counters and transactions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.grafana.populate import populate
from tests.support.commandline import CommandLine
from tests.support.engine import Engine
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault

# Each look at the clock, by whichever name, finds it a day before the last one, and each process begins where its
# environment says.
BACKWARDS = """\
import datetime, os, time
real, start, looks = datetime.datetime, time.time(), 0
first_day = float(os.environ["TEST_DAYS"])
def seconds():
    global looks
    looks += 1
    return start + (first_day - looks) * 86400
class Backwards(real):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(seconds(), tz)
time.time = seconds
datetime.datetime = Backwards
"""


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key="a secret_key", engine=engine)


@pytest.mark.one_engine
def test_a_clock_that_steps_back_changes_nothing(story: Story) -> None:
    site = story.database.parent / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(BACKWARDS)

    def backwards(days: int) -> CommandLine:
        environment = {"PYTHONPATH": f"{site}:{Path(__file__).parents[2]}", "TEST_DAYS": str(days)}
        return CommandLine(story.cli.database, story.cli.configuration, story.vault, environment, cold=True)

    with story.builder() as builder:
        populate(builder, count=60, under=[None, builder.data_key()])
    before = story.plaintexts()

    first = backwards(0).json("run", *WRAP, "--limit", "10", expect=4)["run_id"]
    resumed = backwards(-1000).json("run", *WRAP, "--lease-timeout", "1")
    assert (resumed["run_id"], resumed["resumed"], resumed["outcome"]) == (first, True, "done")
    assert story.off_target() == {}
    second = backwards(-2000).json("run", "--to", "secretKey.v1")["run_id"]
    assert story.off_target("secretKey.v1") == {}
    assert second < first

    # The run that the clock calls the older one is the later one.
    assert second in backwards(-3000).json("undo", first, expect=6)["error"]["message"]
    assert backwards(-3000).json("undo", second)["outcome"] == "undone"
    assert story.off_target(TARGET) == {}
    assert backwards(-3000).json("undo", first)["outcome"] == "undone"
    assert story.plaintexts() == before
