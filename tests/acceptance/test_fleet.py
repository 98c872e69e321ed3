"""Many Grafanas under one vault: one command for all of them, and one member's failure its own."""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.fleets import Fleet
from tests.support.story import WRAP, Story
from tests.support.vault import Vault


@pytest.fixture
def fleet(tmp_path: Path, shared_vault: Vault) -> Fleet:
    return Fleet(tmp_path, shared_vault)


@contextmanager
def beating(story: Story) -> Iterator[None]:
    """Hold the lease as a run on another machine does, with a heartbeat that moves."""
    done = threading.Event()
    beat = "UPDATE reencrypt_lease SET holder = 'another machine', beats = beats + 1, beat_seconds = 0.1"

    def hold() -> None:
        while not done.wait(0.1):
            story.execute(beat)

    thread = threading.Thread(target=hold)
    story.execute(beat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        story.execute("UPDATE reencrypt_lease SET holder = ''")


def test_every_member_is_done_and_reads_as_before(fleet: Fleet) -> None:
    for number in range(4):
        fleet.add(f"grafana-{number}")
    fleet.write()
    before = {name: story.plaintexts() for name, story in fleet.stories.items()}
    planned = fleet.json("plan")["members"]
    assert {each["secrets"]["to_move"] for each in planned.values()} == {12}
    report = fleet.json("run")
    assert list(report["members"]) == list(fleet.stories)
    assert {each["outcome"] for each in report["members"].values()} == {"done"}
    assert report["members_by_exit_code"] == {"0": 4}
    assert list(fleet.done()) == list(fleet.stories)
    assert {name: story.plaintexts() for name, story in fleet.stories.items()} == before
    for command, outcome in (("run", "nothing_to_do"), ("rewrap", "done"), ("verify", "verified")):
        again = fleet.json(command)
        assert {each["outcome"] for each in again["members"].values()} == {outcome}
    statuses = fleet.json("status")["members"]
    assert {len(each["runs"]) for each in statuses.values()} == {2}
    assert all(each["next"] and each["next_command"] for each in statuses.values())
    answers = fleet.json("complete", expect=None)
    assert set(answers["members"]) == set(fleet.stories)


def test_one_member_never_stops_another(fleet: Fleet, tmp_path: Path) -> None:
    """A wrong key, a missing database, no configuration and a held one, among some that are well."""
    for number in range(3):
        fleet.add(f"well-{number}")
    wrong = fleet.add("wrong-key").with_secret_key("another secret_key")
    empty = {"name": "missing", "database": f"sqlite:///{tmp_path}/no/grafana.db"}
    broken = {"name": "broken", "grafana-config": f"{tmp_path}/no.ini"}
    held = fleet.add("held")
    held.cli("run", "--limit", "1", *WRAP, expect=4)
    fleet.stories["wrong-key"] = wrong
    fleet.write(empty, broken)
    before = fleet.stories["wrong-key"].digest()
    with beating(held):
        report = fleet.json("run", expect=6)
    codes = {name: each["exit_code"] for name, each in report["members"].items()}
    assert codes == {"well-0": 0, "well-1": 0, "well-2": 0, "wrong-key": 6, "held": 5, "missing": 2, "broken": 2}
    assert "secret_key" in report["members"]["wrong-key"]["error"]["message"]
    assert f"{tmp_path}/no.ini" in report["members"]["broken"]["error"]["message"]
    assert wrong.digest() == before
    assert report["stop_reason"] is None
    assert list(fleet.done()) == ["well-0", "well-1", "well-2"]
    again = fleet.json("run", expect=6)["members"]
    assert (again["held"]["exit_code"], again["held"]["resumed"]) == (0, True)
    text = fleet("run", expect=6).stderr
    assert text.startswith("Fleet: 7 members, 4 at a time. This process alone uses up to 0.5 of each vault's quota")
    assert "wrong-key: exit 6, secret_key (from " in text
    assert "well-0: nothing to do (" in text


def test_a_canary_goes_first_and_keeps_the_others_from_its_fault(fleet: Fleet) -> None:
    for name in ("a", "b", "canary"):
        fleet.add(name)
    right = fleet.stories["canary"]
    fleet.stories["canary"] = right.with_secret_key("another secret_key")
    fleet.write()
    before = [story.digest() for story in fleet.stories.values()]
    report = fleet.json("run", "--canary", "canary", expect=6)
    assert report["stop_reason"] == "the canary canary ended with exit 6"
    assert {name: each["outcome"] for name, each in report["members"].items()} == {
        "a": "not_begun",
        "b": "not_begun",
        "canary": "refused",
    }
    assert [story.digest() for story in fleet.stories.values()] == before
    fleet.stories["canary"] = right.with_secret_key(right.secret_key)
    fleet.write()
    text = fleet("run", "--canary", "canary").stderr
    assert next(line.split()[1] for line in text.splitlines() if line.startswith("[")) == "canary:"
    assert list(fleet.done()) == ["a", "b", "canary"]
    assert "there is no such member" in fleet("run", "--canary", "nobody", expect=2).stderr
    assert "shards begin at the same time" in fleet("run", "--canary", "a", "--shard", "0/2", expect=2).stderr


def test_a_fleet_stops_where_too_many_have_failed(fleet: Fleet) -> None:
    fleet.write(*({"name": f"missing-{number}", "database": f"sqlite:////nowhere/{number}.db"} for number in range(5)))
    report = fleet.json("run", "--max-failed", "1", "--width", "1", expect=2)
    assert report["stop_reason"] == "2 members have failed, and --max-failed is 1"
    assert report["members_by_exit_code"] == {"2": 2, "4": 3}
    assert fleet.json("run", "--max-failed", "5", expect=2)["stop_reason"] is None


def test_one_wrong_key_in_the_first_three_is_a_wrong_template(fleet: Fleet) -> None:
    for number in range(5):
        name = f"grafana-{number}"
        story = fleet.add(name)
        fleet.stories[name] = story.with_secret_key("of the template")
    fleet.write()
    report = fleet.json("run", "--width", "1", expect=6)
    assert "the first 3 members have the same secret_key, and it is wrong in each of them" in report["stop_reason"]
    assert report["members_by_exit_code"] == {"6": 3, "4": 2}
    # Three different ones are three faults.
    for number, name in enumerate(fleet.stories):
        fleet.stories[name] = fleet.stories[name].with_secret_key(f"wrong {number}")
    fleet.write()
    assert fleet.json("run", "--width", "1", expect=6)["members_by_exit_code"] == {"6": 5}


def test_a_vault_that_is_gone_stops_all(tmp_path: Path, own_vault: Vault) -> None:
    fleet = Fleet(tmp_path, own_vault)
    for number in range(4):
        fleet.add(f"grafana-{number}")
    fleet.write()
    fleet.json("run", "--limit", "1", expect=4)
    own_vault.stop()
    report = fleet.json("run", "--width", "1", "--vault-deadline", "1", expect=7)
    assert report["stop_reason"].startswith(f"{own_vault.uri} does not answer: ")
    assert report["members_by_exit_code"] == {"7": 2, "4": 2}


def test_one_wrong_address_of_a_vault_stops_nobody_else(fleet: Fleet) -> None:
    for name in ("a", "b", "wrong"):
        fleet.add(name)
    configuration = fleet.stories["wrong"].cli.configuration
    assert configuration is not None
    configuration.write_text(configuration.read_text().replace(fleet.vault.uri, "https://localhost:9"))
    fleet.write()
    report = fleet.json("run", "--vault-deadline", "1", "--width", "1", expect=7)
    assert (report["stop_reason"], report["members_by_exit_code"]) == (None, {"7": 1, "0": 2})
    assert "localhost:9" in report["members"]["wrong"]["error"]["message"]


def test_options_of_a_member_are_checked_before_anything_begins(fleet: Fleet) -> None:
    fleet.add("a")
    for line, words in (
        ('limit = "x"', "member 2 (b): limit cannot be a text"),
        ("limit = 0", "member 2 (b): Invalid value for '--limit'"),
        ('wrap-formt = "x"', "member 2 (b): no command has an option 'wrap-formt'"),
        ("vault-share = 0.1", "member 2 (b): vault-share is one for all members"),
        ("width = 2", "member 2 (b): width is one for all members"),
        ('output = "json"', "member 2 (b): output is one for all members"),
        ('if-older-than = "90d"', "member 2 (b): --if-older-than is about data keys that get replaced"),
    ):
        fleet.write()
        fleet.list.write_text(
            f'{fleet.list.read_text()}\n[[member]]\nname = "b"\ndatabase = "sqlite:////b.db"\n{line}\n'
        )
        digest = fleet.stories["a"].digest()
        outcome = fleet("run", expect=2)
        assert words in outcome.stderr, outcome.stderr
        assert fleet.stories["a"].digest() == digest
    assert "no list of members is given" in fleet.cli("fleet run", expect=2).stderr


def test_the_command_line_wins_over_a_member_and_that_over_the_defaults(fleet: Fleet) -> None:
    for name in ("a", "b"):
        fleet.add(name, secrets=20)
    fleet.write(defaults=(f'wrap-format = "{WRAP[1]}"', "limit = 3", "width = 1"))
    fleet.list.write_text(fleet.list.read_text() + "limit = 5\n")
    assert fleet("run", "--width", "2", "--max-runtime", "0", expect=4).stderr.startswith(
        "Fleet: 2 members, 2 at a time"
    )
    assert fleet("run", "--max-runtime", "0", expect=4).stderr.startswith("Fleet: 2 members, 1 at a time")
    report = fleet.json("run", expect=4)
    reasons = [each["stop_reason"] for each in report["members"].values()]
    assert reasons == [f"the limit of {number} secrets is reached" for number in (3, 5)]
    report = fleet.json("run", "--limit", "4", expect=4)
    assert {each["stop_reason"] for each in report["members"].values()} == {"the limit of 4 secrets is reached"}


def test_shards_share_the_members_and_the_quota(fleet: Fleet) -> None:
    for number in range(6):
        fleet.add(f"grafana-{number}", secrets=4)
    fleet.write()
    names: list[str] = []
    for index in range(3):
        environment = {"JOB_COMPLETION_INDEX": str(index), "REENCRYPT_SHARDS": "3"}
        cli = replace(fleet.cli, environment=environment)
        outcome = cli("fleet run", str(fleet.list), "--output", "json")
        assert f"(shard {index}/3), 4 at a time. It uses up to 0.167 of each vault's quota" in outcome.stderr
        names += outcome.json["members"]
        assert len(outcome.json["members"]) + outcome.json["members_of_other_shards"] == 6
    assert sorted(names) == sorted(fleet.stories)
    assert sorted(fleet.done()) == sorted(fleet.stories)
    half = replace(fleet.cli, environment={"JOB_COMPLETION_INDEX": "0"})
    assert "REENCRYPT_SHARDS is not" in half("fleet run", str(fleet.list), expect=2).stderr


@pytest.mark.parametrize("reader", ["| true", "| head -1", "> /dev/full"])
def test_a_result_that_nobody_takes_ends_no_work(reader: str, fleet: Fleet) -> None:
    for name in ("a", "b"):
        fleet.add(name)
    fleet.write()
    line = shlex.join(fleet.cli.arguments("fleet run", str(fleet.list)))
    shell = ["bash", "-c", f"set -o pipefail; {line} {reader}"]
    done = subprocess.run(shell, env=fleet.cli.variables(), capture_output=True, text=True, check=False)
    assert done.returncode == (2 if reader == "> /dev/full" else 0), done.stderr
    assert list(fleet.done()) == ["a", "b"]
    assert "bug" not in done.stderr


def test_an_empty_grafana_is_none_of_the_failures_where_it_may_be_empty(fleet: Fleet) -> None:
    fleet.add("a")
    with fleet.add("new", secrets=0).builder() as builder:
        builder.ground.connection.execute("DELETE FROM data_keys")
    fleet.write()
    assert fleet.json("run", expect=9)["members_by_exit_code"] == {"9": 1, "0": 1}
    assert fleet.json("run", "--allow-empty")["members_by_exit_code"] == {"0": 2}


def test_two_homes_with_one_file_are_two_members(fleet: Fleet, tmp_path: Path) -> None:
    entries = [{"name": name, "grafana-config": "g.ini", "grafana-home": name} for name in ("a", "b")]
    for entry in entries:
        (tmp_path / entry["name"]).mkdir()
    (tmp_path / "g.ini").write_text("[paths]\ndata = data\n")
    fleet.write(*entries)
    report = fleet.json("run", expect=2)
    for name in ("a", "b"):
        assert f"{tmp_path}/{name}/data/grafana.db" in report["members"][name]["error"]["message"]
