"""A run and its undo keep to some memory, however long the values are: pages end by bytes, not by rows alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.planting import Plain
from tests.support.peak import MEGABYTE, peak_of
from tests.support.story import WRAP, Story
from tests.support.vault import Vault

#: What docs/performance.md says, for documents of a megabyte.
MOST = 150 * MEGABYTE


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault) -> Story:
    """As many snapshots as fill the memory several times over."""
    story = Story.of(tmp_path / "grafana.db", shared_vault)
    with story.builder() as builder:
        key = builder.data_key()
        for _ in range(80):
            builder.add_dashboard_snapshot(Plain(b'{"title":"%s"}' % (b"x" * MEGABYTE), key))
    return story


def test_long_values_take_no_more_memory_by_their_number(story: Story) -> None:
    report = within(story, "run", *WRAP)
    assert (report["outcome"], report["secrets"]["re_encrypted"]) == ("done", 80)
    assert within(story, "undo", str(report["run_id"]))["restored"] == 80


def within(story: Story, command: str, *arguments: str) -> dict[str, Any]:
    """The report of a command that keeps to the memory."""
    line = story.cli.arguments(command, *arguments, "--output", "json")
    output, peak = peak_of(line, story.cli.variables())
    assert peak < MOST, f"{peak / MEGABYTE:.0f} MB"
    report: dict[str, Any] = json.loads(output)
    return report
