"""Fleets that are large, killed, shared by several processes, divided among pods, and held to one quota."""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from reencrypt.fleet.shard import Shard
from tests.grafana.planting import Plain
from tests.support.engine import SqliteEngine
from tests.support.fleets import Fleet
from tests.support.peak import MEGABYTE, peak_of
from tests.support.servers import server_engine
from tests.support.story import TARGET, Story
from tests.support.vault import Vault

JOB = Path(__file__).parents[2] / "config/kubernetes/fleet/job.yaml"
#: A pod that was killed left a lease behind, and nobody waits half a minute for it here.
QUICK = ("--lease-timeout", "0.5")


@pytest.fixture
def fleet(tmp_path: Path, shared_vault: Vault) -> Fleet:
    return Fleet(tmp_path, shared_vault)


def nothing_twice(story: Story) -> None:
    """Every applicable secret is under the target, was written once, and one data key was made for all."""
    assert story.off_target() == {}
    rewritten = Counter(
        story.query("SELECT table_name, row_key, column_name FROM reencrypt_journal WHERE action = 'rewrite'")
    )
    assert max(rewritten.values()) == 1
    assert story.query("SELECT COUNT(*) FROM data_keys WHERE provider = ?", TARGET) == [(1,)]


def run_and_peak(fleet: Fleet, *arguments: str) -> tuple[dict[str, Any], int]:
    """The report of a run in the fleet, and the most memory that its process had, in bytes."""
    line = fleet.cli.arguments("fleet run", str(fleet.list), *arguments, "--output", "json")
    output, peak = peak_of(line, fleet.cli.variables())
    report: dict[str, Any] = json.loads(output)
    return report, peak


def test_many_members_on_three_engines(fleet: Fleet, request: pytest.FixtureRequest) -> None:
    # More than run at a time, and thirty at night.
    for number in range(10 if request.config.getoption("--nightly") else 4):
        fleet.add(f"sqlite-{number}", secrets=6)
        for kind in ("postgres", "mariadb"):
            fleet.add(f"{kind}-{number}", secrets=6, engine=server_engine(kind, request))
    fleet.write()
    before = {name: story.plaintexts() for name, story in fleet.stories.items()}
    report, peak = run_and_peak(fleet, "--width", "8")
    assert {each["outcome"] for each in report["members"].values()} == {"done"}
    assert sorted(fleet.done()) == sorted(fleet.stories)
    assert {name: story.plaintexts() for name, story in fleet.stories.items()} == before
    assert peak < 200 * MEGABYTE


@pytest.mark.rest_of_pairs
def test_a_hundred_members_in_little_memory(fleet: Fleet) -> None:
    copies(fleet, 100)
    report, peak = run_and_peak(fleet, "--width", "16")
    assert report["members_by_exit_code"] == {"0": 100}
    assert peak < 200 * MEGABYTE


def copies(fleet: Fleet, number: int) -> None:
    """So many Grafanas with the same content, each in a file of its own."""
    first = fleet.add("grafana-0", secrets=6)
    for index in range(1, number):
        name = f"grafana-{index}"
        (fleet.folder / name).mkdir()
        path = fleet.folder / name / "grafana.db"
        shutil.copy(first.database, path)
        engine = SqliteEngine(path)
        fleet.stories[name] = replace(first, database=path, engine=engine, cli=replace(first.cli, database=engine.url))
    fleet.write()


def test_a_fleet_that_is_killed_again_and_again_loses_nothing_and_does_nothing_twice(
    fleet: Fleet, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    for number in range(3):
        fleet.add(f"grafana-{number}", secrets=20)
    fleet.write()
    before = {name: story.plaintexts() for name, story in fleet.stories.items()}
    fresh = {name: story.database.read_bytes() for name, story in fleet.stories.items()}
    dice, killed, total, kills = random.Random(18), 0, 0, 200 if pytestconfig.getoption("--nightly") else 20
    count = tmp_path / "steps"
    while killed < kills:
        for name, story in fleet.stories.items():
            for path in story.database.parent.glob("grafana.db-*"):
                path.unlink()
            story.database.write_bytes(fresh[name])
        while True:
            step = dice.randrange(1, total) if total else 0
            done = fleet.cli.run("fleet run", str(fleet.list), *QUICK, "--output", "json", kill_at=(step, count))
            if done.returncode == 0:
                total = total or int(count.read_text())
                break
            assert done.returncode == -signal.SIGKILL, done.stderr
            killed += 1
            for name, story in fleet.stories.items():
                # Whoever may write takes half a commit back first, as Grafana does.
                story.query("SELECT COUNT(*) FROM org")
                assert story.plaintexts() == before[name]
        assert json.loads(done.stdout)["members_by_exit_code"] == {"0": 3}
        for name, story in fleet.stories.items():
            assert story.plaintexts() == before[name]
            nothing_twice(story)


def test_two_processes_share_one_list(fleet: Fleet) -> None:
    for number in range(8):
        fleet.add(f"grafana-{number}", secrets=60)
    fleet.write()
    line = ("fleet run", str(fleet.list), "--output", "json", "--width", "1", *QUICK)
    both = [fleet.cli.start(*line) for _ in range(2)]
    outputs = [process.communicate() for process in both]
    assert {process.returncode for process in both} <= {0, 5}, outputs
    outcomes = [[each["outcome"] for each in json.loads(out)["members"].values()] for out, _ in outputs]
    assert all("done" in each and set(each) <= {"done", "nothing_to_do", "lease_held"} for each in outcomes)
    fleet.json("run", *QUICK)
    for story in fleet.stories.values():
        nothing_twice(story)


def test_sigterm_stops_all_members_politely(fleet: Fleet) -> None:
    for number in range(4):
        fleet.add(f"grafana-{number}", secrets=12)
        with fleet.stories[f"grafana-{number}"].builder() as builder:
            for each in range(1500):
                builder.add_secret(Plain(b'{"number":"%d"}' % each, None))
    fleet.write()
    process = fleet.cli.start("fleet run", str(fleet.list), "--width", "2", "-v", "--log-format", "json")
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        assert event["event"] == "fleet started" or event["member"] in fleet.stories
        if event["event"] == "page committed":
            break
    process.send_signal(signal.SIGTERM)
    stdout, _ = process.communicate()
    assert process.returncode == 4, stdout
    assert "Stopped: SIGTERM received. The same command continues where each member is." in stdout
    free = fleet.json("status")["members"]
    assert {each["lease_holder"] for each in free.values()} == {None}
    assert fleet.json("run")["members_by_exit_code"] == {"0": 4}
    for story in fleet.stories.values():
        nothing_twice(story)


#: A tenth of what a vault allows in ten seconds, and the half of it that is ours.
BUDGET = 400
SHARE = 0.05


@pytest.fixture
def narrow(tmp_path: Path, own_vault: Vault) -> Fleet:
    """A fleet with more data keys in a vault than fit into one window of a vault with a tenth of the quota."""
    fleet = Fleet(tmp_path, own_vault)
    for number in range(6):
        story = fleet.add(f"grafana-{number}")
        with story.builder() as builder:
            for _ in range(40):
                key = builder.data_key(provider=TARGET, wrap=lambda dek: own_vault.wrap("prod", dek))
                builder.add_secret(Plain(b'{"password":"a long enough text"}', key))
    fleet.write()
    own_vault.control("PUT", "quota", {"budget": BUDGET})
    return fleet


def windows_of(vault: Vault) -> int:
    """The most requests of the log in any ten seconds; none of them was refused."""
    records = [each for each in vault.control("GET", "requests") if each["operation"] not in ("token", "discovery", "")]
    assert 429 not in {each["status"] for each in records}
    times = sorted(float(each["time"]) for each in records)
    return max(sum(since <= each < since + 10 for each in times) for since in times)


@pytest.mark.parametrize("shards", [1, 3])
def test_one_quota_for_all_members_and_shards(shards: int, narrow: Fleet) -> None:
    line = ("fleet run", str(narrow.list), "--fresh-data-key", "--vault-share", str(SHARE), "--width", "6")
    both = [
        replace(
            narrow.cli,
            environment={"JOB_COMPLETION_INDEX": str(index), "REENCRYPT_SHARDS": str(shards)} if shards > 1 else None,
        ).start(*line)
        for index in range(shards)
    ]
    for process in both:
        stdout, stderr = process.communicate()
        assert process.returncode == 0, stdout + stderr
    assert sorted(narrow.done()) == sorted(narrow.stories)
    assert BUDGET * 0.2 < windows_of(narrow.vault) <= 4000 * SHARE


def codes_of(job: dict[str, Any], action: str) -> set[int]:
    rules = job["spec"]["podFailurePolicy"]["rules"]
    return {code for rule in rules if rule["action"] == action for code in rule["onExitCodes"]["values"]}


def test_a_loop_that_plays_the_indexed_job(fleet: Fleet) -> None:
    """Each index again as long as its exit code counts, and never after one that fails the index."""
    job = yaml.safe_load(JOB.read_text())
    container = job["spec"]["template"]["spec"]["containers"][0]
    environment = {each["name"]: each["value"] for each in container["env"] if each["name"] == "REENCRYPT_SHARDS"}
    arguments = [str(fleet.list) if each.endswith(".toml") else each for each in container["args"]]
    for number in range(6):
        fleet.add(f"grafana-{number}", secrets=30)
    wrong, neighbours = "grafana-1", {name for name in fleet.stories if Shard(1, 3).has(name)}
    assert wrong in neighbours
    assert len(neighbours) > 1
    fleet.stories[wrong] = fleet.stories[wrong].with_secret_key("another secret_key")
    fleet.write()
    results: dict[int, list[int]] = {}
    for index in range(job["spec"]["completions"]):
        cli = replace(fleet.cli, environment={**environment, "JOB_COMPLETION_INDEX": str(index)})
        tries = results[index] = []
        while len(tries) <= job["spec"]["backoffLimitPerIndex"]:
            # The first try of each pod is cut short, as by an eviction.
            limit = ("--limit", "1") if not tries else ()
            done = cli.run(" ".join(arguments[:2]), *arguments[2:], *limit)
            tries.append(done.returncode)
            if done.returncode not in codes_of(job, "Count"):
                break
    ends = Counter(tries[-1] for tries in results.values())
    assert ends == {0: 2, 6: 1}
    assert all(tries[:-1] == [4] for tries in results.values() if tries[-1] == 0)
    assert ends.keys() - {0} <= codes_of(job, "FailIndex")
    assert set(fleet.done()) >= set(fleet.stories) - neighbours
    # The next job takes up what the failed part has left.
    cli.run(" ".join(arguments[:2]), *arguments[2:], "--shard", "1/3")
    assert set(fleet.done()) == set(fleet.stories) - {wrong}


def test_no_output_has_a_secret(fleet: Fleet, tmp_path: Path) -> None:
    fleet.add("a", secret_key="canary-secret-key-a")
    (tmp_path / "b.key").write_text("canary-secret-key-b\n")
    (tmp_path / "b.env").write_text("GF_DATABASE_PASSWORD=canary-of-the-variables\n")
    fleet.write(
        {
            "name": "b",
            "database": "postgresql://grafana:canary-in-the-url@127.0.0.1:9/grafana?connect_timeout=1",
            "secret-key-file": "b.key",
            "environment-file": "b.env",
        }
    )
    cli = replace(fleet.cli, patience=0.2)  # nobody listens at that port
    for command in ("plan", "run", "verify", "status", "complete"):
        for form in ((), ("--output", "json", "--log-format", "json", "-vv")):
            done = cli.run(f"fleet {command}", str(fleet.list), *form)
            assert "canary" not in done.stdout + done.stderr, command
