"""SIGKILL at any step of the program, again and again, until it is done: nothing is ever lost, missed or done twice."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from reencrypt.databases.statements import OUR_TABLES
from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.story import NOT_APPLICABLE, Story, StoryStore
from tests.support.vault import Vault

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.stores_in_turn]

#: The data keys that a run makes under the target: one, in each namespace if there are namespaces.
MADE = {
    "classic": "SELECT '', COUNT(*) FROM data_keys WHERE provider = ?",
    "manager": "SELECT namespace, COUNT(*) FROM secret_data_key WHERE provider = ? GROUP BY namespace",
}
NAMESPACES = {"classic": [""], "manager": ["default", "org-2"]}


class Victim:
    """A database that can be had anew, and the command that is killed on it."""

    def __init__(self, story: Story, folder: Path, *, several_writers: bool) -> None:
        self.story = story
        self._writers = () if several_writers else ("--writers", "1")
        self._fresh = folder / "fresh.db"
        self._count = folder / "steps"
        story.fill(45)
        with story.builder() as builder:
            builder.add_alert_configuration([{"url": Plain(b"https://example.org/hook")}], other_row=True)
        shutil.copyfile(story.database, self._fresh)
        self.plaintexts = story.plaintexts()
        self.others = story.other.rows()

    def renew(self) -> None:
        """The database as it was in the beginning."""
        if self.story.engine.kind != "sqlite":
            for table in OUR_TABLES:
                self.story.execute(f"DROP TABLE IF EXISTS {table}")
        self.story.engine.load(self._fresh)

    def run(self, step: int, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command and kill it at a step; 0 for never."""
        if arguments[0] == "run":
            arguments += self._writers
        return self.story.cli.run(*arguments, "--lease-timeout", "0.2", "--output", "json", kill_at=(step, self._count))

    def look_on(self) -> None:
        """What an operator does first after a crash; it must not stumble over half a commit."""
        if self.story.engine.kind == "sqlite" and Path(f"{self.story.database}-journal").exists():
            self.story.cli("status")
            self.story.query("SELECT COUNT(*) FROM org")

    def check(self) -> None:
        """Nothing says anything else, and nothing of the other store is touched."""
        assert self.story.plaintexts() == self.plaintexts
        assert self.story.other.rows() == self.others

    def steps(self, *arguments: str) -> int:
        """How many steps the command has from beginning to end."""
        assert self.run(0, *arguments).returncode == 0
        return self.counted()

    def counted(self) -> int:
        """How many steps the command had that was not killed."""
        return int(self._count.read_text())


@pytest.fixture
def victim(
    tmp_path: Path,
    shared_vault: Vault,
    engine: Engine,
    store: StoryStore,
    several_writers: bool,  # noqa: FBT001
) -> Victim:
    path = tmp_path / "grafana.db"
    story = Story.of(path, shared_vault, secret_key="a secret_key", engine=engine, store=store)
    return Victim(story, tmp_path, several_writers=several_writers)


@pytest.fixture
def kills(pytestconfig: pytest.Config) -> int:
    """At least so many kills for each database."""
    return 200 if pytestconfig.getoption("--nightly") else 20


def test_a_run_killed_at_any_step_loses_nothing_and_does_nothing_twice(victim: Victim, kills: int) -> None:
    story = victim.story
    dice = random.Random(story.engine.kind)
    total = victim.steps("run", *story.store.move)
    killed = rounds = 0
    while killed < kills:
        victim.renew()
        rounds += 1
        while True:
            # Most kills early: what is resumed is shorter.
            done = victim.run(dice.randrange(1, total), "run", *story.store.move)
            if done.returncode == 0:
                break
            assert done.returncode == -9, done.stderr
            killed += 1
            victim.look_on()
            victim.check()
        report = json.loads(done.stdout)
        if report["run_id"] is None:
            # The one before was killed when all was done but the telling.
            report = story.cli.json("status")["runs"][-1]
        applicable = sum(address.table != NOT_APPLICABLE for address in victim.plaintexts)
        assert report["secrets"]["re_encrypted"] == applicable
        victim.check()
        assert story.off_target() == {}
        rewritten = Counter(
            story.query("SELECT table_name, row_key, column_name FROM reencrypt_journal WHERE action = 'rewrite'")
        )
        assert max(rewritten.values()) == 1
        made = story.query(MADE[story.store.name], story.store.target)
        assert sorted(made) == [(namespace, 1) for namespace in NAMESPACES[story.store.name]]
    assert rounds > 1


def test_an_undo_killed_at_any_step_gives_everything_back(victim: Victim, kills: int) -> None:
    story = victim.story
    dice = random.Random(f"undo {story.engine.kind}")
    before = {address: secret.stored_text for address, secret in story.secrets().items()}
    killed = total = 0
    while killed < kills // 5:
        victim.renew()
        run_id = json.loads(victim.run(0, "run", *story.store.move).stdout)["run_id"]
        while True:
            done = victim.run(dice.randrange(total // 10, total) if total else 0, "undo", run_id)
            total = total or victim.counted()
            if done.returncode == 0:
                break
            assert done.returncode == -9, done.stderr
            killed += 1
            victim.look_on()
            victim.check()
        assert {address: secret.stored_text for address, secret in story.secrets().items()} == before
