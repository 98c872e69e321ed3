"""`--quiet`: standard error has errors and nothing else, and the result is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.fleets import Fleet
from tests.support.story import WRAP, Story
from tests.support.terminal import on_terminal
from tests.support.vault import Vault

#: What a terminal is told before something is drawn on it that moves.
HIDDEN = "\x1b[?25l"


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault) -> Story:
    """With the secret_key that Grafana ships, which is worth a warning."""
    story = Story.of(tmp_path / "grafana.db", shared_vault)
    story.fill(20)
    return story


def test_a_quiet_run_prints_its_result_and_nothing_else(story: Story) -> None:
    loud = story.cli("plan", *WRAP, "--log-format", "json")
    assert story.cli("plan", *WRAP, "--log-format", "json", "--quiet").stdout == loud.stdout
    done = story.cli("run", *WRAP, "-q")
    assert done.stderr == ""
    assert "Done" in done.stdout
    assert story.off_target() == {}
    # The same run says something where nobody asks it not to.
    assert story.cli("run", *WRAP).stderr != ""


def test_a_quiet_command_still_says_its_error(story: Story) -> None:
    failed = story.cli("-q run", "--to", "azurekv.nowhere", expect=None)
    assert failed.exit_code != 0
    first, second = failed.stderr.splitlines()
    assert first.startswith("error: ")
    assert second.startswith("hint: ")


@pytest.mark.parametrize("verbose", ["-v", "-vv"])
def test_whoever_adds_verbose_to_a_quiet_command_sees_more(verbose: str, story: Story, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("quiet = true\n")
    for quiet in (("--quiet",), ("--config", str(settings))):
        assert story.cli("plan", *WRAP, *quiet).stderr == ""
        assert "page surveyed" in story.cli("plan", *WRAP, *quiet, verbose).stderr
    cli = replace(story.cli, environment={"REENCRYPT_QUIET": "true"})
    assert cli("plan", *WRAP).stderr == ""
    assert "page surveyed" in cli("plan", *WRAP, verbose).stderr


def test_a_quiet_command_draws_nothing_on_a_terminal(story: Story) -> None:
    assert HIDDEN in on_terminal(story.cli, "run", *WRAP, "--limit", "3").raw
    quiet = on_terminal(story.cli, "run", *WRAP, "--quiet")
    assert quiet.exit_code == 0
    assert HIDDEN not in quiet.raw
    assert "warning" not in quiet.raw
    assert quiet.last.startswith("Next: ")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_quiet_fleet_names_the_members_that_fail(log_format: str, tmp_path: Path, shared_vault: Vault) -> None:
    fleet = Fleet(tmp_path, shared_vault)
    fleet.add("north")
    fleet.add("south").database.unlink()
    fleet.write()
    done = fleet("run", "--quiet", "--log-format", log_format, expect=None)
    assert done.exit_code != 0
    (line,) = done.stderr.splitlines()
    assert "south" in line
    assert "does not exist" in line
    assert fleet.stories["north"].off_target() == {}
