"""Runs beside a Grafana that writes at full speed: no save of its is lost, and it can read everything all the time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import count, takewhile
from pathlib import Path

import pytest

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.live import LiveGrafana
from tests.grafana.live_manager import CACHED_SAVES, LiveManager
from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.story import MANAGER, SECTIONS, TARGET, WRAP, Story, StoryStore
from tests.support.vault import Vault

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.stores_in_turn]

SECRET_KEY = "the secret_key of a Grafana at work"
SAVES_PER_KEY = 130
PARTLY = 3


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine, store: StoryStore) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key=SECRET_KEY, engine=engine, store=store)


class Reader(threading.Thread):
    """Reads and decrypts everything in a loop; keeps what it could not read."""

    def __init__(self, story: Story, folder: Path) -> None:
        super().__init__()
        self._story = story
        self._folder = folder
        self.stop = threading.Event()
        self.unreadable: list[str] = []
        self.rounds = 0

    def run(self) -> None:
        while not self.stop.is_set():
            self.rounds += 1
            copy, later = self._folder / "seen.db", self._folder / "later.db"
            for path in (copy, later):
                path.unlink(missing_ok=True)
                self._story.engine.dump(path)
            # Grafana looks for a key after it has read the secret that names it.
            with closing(sqlite3.connect(copy)) as file, file:
                file.execute("ATTACH ? AS later", (str(later),))
                keys = self._story.store.keys
                file.execute(f"DELETE FROM main.{keys}")  # noqa: S608 - our own table
                file.execute(f"INSERT INTO main.{keys} SELECT * FROM later.{keys}")  # noqa: S608 - the same
            secrets = self._story.read(copy)
            self.unreadable += [f"{address}: {each.error}" for address, each in secrets.items() if each.error]


def take_row(builder: GrafanaBuilder, key_id: str, engine: Engine) -> dict[str, object]:
    """A row of `data_keys` that is not there yet."""
    cursor = builder.ground.connection.execute("SELECT * FROM data_keys WHERE name = ?", (key_id,))
    row = dict(zip([column[0] for column in cursor.description], cursor.fetchone(), strict=True))
    builder.ground.connection.execute("DELETE FROM data_keys WHERE name = ?", (key_id,))
    if engine.kind != "sqlite":
        # PostgreSQL's driver takes no text for a time.
        row |= {name: datetime.fromisoformat(row[name]) for name in ("created", "updated")}
    return row | {"active": bool(row["active"])}


def classic_at_work(story: Story) -> LiveGrafana:
    with story.builder() as builder:
        key = builder.data_key()
        tokens = [builder.add_user_auth({"o_auth_access_token": Plain(b"token %d" % n, key)}) for n in range(300)]
        sources = [builder.add_data_source({"password": Plain(b"password %d" % n, key)}) for n in range(60)]
        builder.add_alert_configuration([{"url": Plain(b"https://example.org/hook", key)}], other_row=True)
        made = [builder.data_key(label_date=f"2026-01-{day:02}") for day in range(1, 32)]
        texts = [
            (b"saved %d" % n, builder.encrypt(Plain(b"saved %d" % n, made[n // SAVES_PER_KEY]))) for n in range(4000)
        ]
        rows = {number * SAVES_PER_KEY: take_row(builder, key.key_id, story.engine) for number, key in enumerate(made)}
    return LiveGrafana(story.engine, texts, tokens, sources, rows)


def manager_at_work(story: Story) -> LiveManager:
    with story.builder() as builder:
        manager = story.manager(builder)
        keys = [manager.data_key(namespace) for namespace in ("default", "org-2")]
        values = [manager.add_value(keys[n % 2], b"first version %d" % n) for n in range(300)]
        for number in range(40):
            manager.add_snapshot(keys[number % 2], b'{"title":"%d"}' % number)
    names = [(value.namespace, value.name) for value in values]
    return LiveManager(story.engine, names, provider="secret_key.v1", sections=SECTIONS)


@dataclass(frozen=True)
class Work:
    """A Grafana at work in one store: the targets of the runs meanwhile, and how many saves are enough to tell."""

    begin: Callable[[Story], LiveGrafana | LiveManager]
    runs: tuple[tuple[str, ...], ...]
    saves: int


WORK = {
    "classic": Work(
        classic_at_work, tuple((*WRAP, "--to", target) for target in (TARGET, "azurekv.other", TARGET)), SAVES_PER_KEY
    ),
    "manager": Work(
        manager_at_work,
        (
            MANAGER.to_target,
            ("--to", "secret_key.v1", "--fresh-data-key"),
            MANAGER.to_target,
        ),
        4 * CACHED_SAVES,
    ),
}


def test_no_save_of_a_grafana_at_work_is_lost_and_no_read_of_its_fails(story: Story, tmp_path: Path) -> None:
    work = WORK[story.store.name]
    grafana = work.begin(story)
    reader = Reader(story, tmp_path)
    reader.start()
    try:
        with grafana.at_work():
            # A server may be through with all of them before this Grafana has saved much.
            for number in takewhile(lambda n: n < len(work.runs) or grafana.saves <= work.saves, count()):
                arguments = work.runs[number % len(work.runs)]
                done = story.cli("run", *story.store.only, *arguments, expect=None)
                assert done.exit_code in {0, PARTLY}, done.stderr
    finally:
        reader.stop.set()
        reader.join()
    assert grafana.saves > work.saves
    assert reader.rounds > 1
    assert reader.unreadable == []
    if isinstance(grafana, LiveManager):
        assert grafana.collected
        assert grafana.keys_made
        assert grafana.under_inactive

    def now() -> dict[object, bytes | None]:
        found: dict[object, bytes | None] = {}
        for address, secret in story.secrets().items():
            found[address] = secret.plaintext
            if address.table == "alert_configuration":
                found[type(address)("alert_configuration", address.key, "url")] = secret.plaintext
        return found

    for _ in range(2):
        present = now()
        assert {address: present.get(address) for address in grafana.saved} == grafana.saved
        # The rest, once it has stopped.
        assert story.cli.json("run", *story.store.move)["outcome"] in {"done", "nothing_to_do"}
    assert story.off_target() == {}
