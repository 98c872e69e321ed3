"""Runs beside a Grafana that writes at full speed: no save of its is lost, and it can read everything all the time."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.decryptor import read_secrets
from tests.grafana.live import LiveGrafana
from tests.grafana.planting import Plain
from tests.grafana.unwrapping import azure_unwrappers
from tests.support.engine import Engine
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault

pytestmark = pytest.mark.mysql_for_mariadb

SECRET_KEY = "the secret_key of a Grafana at work"
SAVES_PER_KEY = 130


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key=SECRET_KEY, engine=engine)


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
                file.execute("DELETE FROM main.data_keys")
                file.execute("INSERT INTO main.data_keys SELECT * FROM later.data_keys")
            unwrappers = azure_unwrappers(self._story.vault.state, {TARGET: "prod", "azurekv.other": "other"})
            secrets = read_secrets(copy, secret_key=SECRET_KEY, unwrappers=unwrappers)
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


def test_no_save_of_a_grafana_at_work_is_lost_and_no_read_of_its_fails(story: Story, tmp_path: Path) -> None:
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
    grafana = LiveGrafana(story.engine, texts, tokens, sources, rows)
    reader = Reader(story, tmp_path)
    reader.start()
    try:
        with grafana.at_work():
            for target in (TARGET, "azurekv.other", TARGET):
                story.cli("run", *WRAP, "--to", target, expect=None)
    finally:
        reader.stop.set()
        reader.join()
    assert grafana.saves > SAVES_PER_KEY
    assert reader.rounds > 1
    assert reader.unreadable == []

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
        assert story.cli.json("run", *WRAP)["outcome"] in {"done", "nothing_to_do"}
    assert story.off_target() == {}
