"""`undo` in the secrets manager: both columns of a value and both strings of a snapshot come back together."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.grafana.manager import SecretsManagerBuilder
from tests.grafana.manager_schema import ManagerShape
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.manager_story import NEW, OLD, TO_NEW, ManagerStory
from tests.support.story import SECTIONS, WRAP
from tests.support.vault import Vault

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.engines_in_turn]

MANAGER = ("--store", "manager")


@pytest.fixture
def world(tmp_path: Path, shared_vault: Vault, engine: Engine) -> ManagerStory:
    return ManagerStory.of(tmp_path, shared_vault, engine)


def fill(manager: SecretsManagerBuilder, *, split: bool = True) -> None:
    """Two namespaces, a key of today and one of earlier in each, values in both forms, and snapshots."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for namespace in ("default", "org-2"):
        for date in ("2026-02-01", today):
            key = manager.data_key(namespace, label_date=date)
            manager.add_value(key, f"a token of {date} ☃".encode())
            manager.add_value(key, bytes(range(256)), version=2, split=split)
    manager.add_snapshot(key, b'{"panels": []}')
    manager.add_snapshot(key, b'{"panels": [1]}', table="resource_history")


@pytest.mark.parametrize("shape", ["12.2", "12.3", "12.4"])
def test_a_rotation_is_undone_to_the_byte_in_each_namespace(shape: ManagerShape, world: ManagerStory) -> None:
    with world.builder(shape) as manager:
        fill(manager, split=False)
    before, plaintexts = world.tables(), world.plaintexts()
    run = world.story.cli.json("run", *MANAGER, "--fresh-data-key")
    assert run["outcome"] == "done"
    assert world.plaintexts() == plaintexts
    made = {str(uid) for (uid,) in world.story.query("SELECT id FROM reencrypt_data_key")}
    assert {each.partition("/")[0] for each in made} == {"default", "org-2"}

    undone = world.story.cli.json("undo", run["run_id"])
    assert (undone["outcome"], undone["store"], undone["kept"]) == ("undone", "manager", [])
    assert set(undone["data_keys_set_inactive"]) == made
    after = world.tables()
    keys = after.pop("secret_data_key")
    own = [row for row in keys if f"{row[0]}/{row[1]}" in made]
    assert [bool(row[3]) for row in own] == [False, False]
    assert {**after, "secret_data_key": [row for row in keys if row not in own]} == before
    assert world.story.cli.json("undo", run["run_id"])["outcome"] == "already_undone"
    # The way is free again.
    assert world.story.cli.json("run", *MANAGER, "--fresh-data-key")["outcome"] == "done"
    assert world.plaintexts() == plaintexts


@pytest.mark.parametrize("how_many", [3, 8], ids=["some split", "all split"])
def test_a_run_is_undone_after_grafana_has_given_the_ids_of_data_keys_a_column(
    how_many: int, world: ManagerStory
) -> None:
    with world.builder("12.2") as manager:
        fill(manager, split=False)
    plaintexts, before = world.plaintexts(), world.tables()["secret_encrypted_value"]
    run = world.story.cli.json("run", *MANAGER, "--fresh-data-key")
    add = "ALTER TABLE secret_encrypted_value ADD COLUMN data_key_id VARCHAR(100) NOT NULL DEFAULT ''"
    world.story.execute(add)
    split(world, how_many)

    undone = world.story.cli.json("undo", run["run_id"])
    assert (undone["outcome"], undone["restored"]) == ("undone", 10)
    assert world.plaintexts() == plaintexts
    split(world)
    world.story.cli.json("verify", expect=None)
    found = {(row[:3], row[3], row[5]) for row in world.tables()["secret_encrypted_value"]}
    assert found == {(row[:3], *parted(row[3])) for row in before}


def parted(data: object) -> tuple[bytes, str]:
    """What Grafana makes of a value with the id of its data key before it."""
    assert isinstance(data, bytes)
    _, uid, payload = data.split(b"#", 2)
    return payload, base64.b64decode(uid + b"=" * (-len(uid) % 4)).decode()


def split(world: ManagerStory, how_many: int = 8) -> None:
    """Do what Grafana 12.3 does when it starts, or the beginning of it."""
    select = "SELECT namespace, name, version, encrypted_data FROM secret_encrypted_value WHERE data_key_id = ''"
    update = (
        "UPDATE secret_encrypted_value SET encrypted_data = ?, data_key_id = ? "
        "WHERE namespace = ? AND name = ? AND version = ?"
    )
    for *key, data in world.story.query(select)[:how_many]:
        assert world.story.execute(update, *parted(data), *key) == 1


def test_a_rewrap_is_undone_to_the_byte(world: ManagerStory) -> None:
    with world.builder() as manager:
        fill(manager)
    before, plaintexts = world.tables(), world.plaintexts()
    run = world.story.cli.json("rewrap", *MANAGER, *TO_NEW)
    assert {secret.provider for secret in world.secrets().values()} == {NEW}

    undone = world.story.cli.json("undo", run["run_id"])
    assert (undone["outcome"], undone["data_keys_restored"], undone["data_keys_set_inactive"]) == ("undone", 4, [])
    assert world.tables() == before
    assert world.plaintexts() == plaintexts
    assert not world.story.query("SELECT id FROM reencrypt_data_key")


def test_a_rewrap_is_undone_when_the_new_section_is_lost(world: ManagerStory) -> None:
    with world.builder() as manager:
        fill(manager)
        manager.data_key("nothing-is-under-it")
    before = world.tables()
    run = world.story.cli.json("rewrap", *MANAGER, *TO_NEW)
    world.configure(OLD, sections={OLD: SECTIONS[OLD]})
    assert world.story.cli.json("undo", run["run_id"])["outcome"] == "undone"
    assert world.tables() == before


@pytest.mark.parametrize("line", [("run", "--fresh-data-key"), ("rewrap", *TO_NEW)], ids=["rotation", "rewrap"])
def test_an_undo_killed_again_and_again_gives_everything_back(
    line: tuple[str, ...], world: ManagerStory, tmp_path: Path
) -> None:
    with world.builder() as manager:
        fill(manager)
    before, plaintexts = world.tables(), world.plaintexts()
    run = world.story.cli.json(line[0], *MANAGER, *line[1:])
    killed = 0
    for step in (4, 40, 80, 120, 200):
        arguments = (run["run_id"], "--lease-timeout", "0.2")
        done = world.story.cli.run("undo", *arguments, kill_at=(step, tmp_path / "steps"))
        assert world.plaintexts() == plaintexts
        if done.returncode == 0:
            break
        assert done.returncode == -9, done.stderr
        killed += 1
    assert killed > 1
    outcome = world.story.cli.json("undo", run["run_id"], "--lease-timeout", "0.2")["outcome"]
    assert outcome in {"undone", "already_undone"}
    made = {str(key_id) for (key_id,) in world.story.query("SELECT id FROM reencrypt_data_key")}
    after = world.tables()
    own = [row for row in after["secret_data_key"] if f"{row[0]}/{row[1]}" in made]
    assert not any(row[3] for row in own)
    after["secret_data_key"] = [row for row in after["secret_data_key"] if row not in own]
    assert after == before


def test_what_is_gone_meanwhile_is_done_and_what_was_saved_meanwhile_stays(world: ManagerStory) -> None:
    with world.builder() as manager:
        fill(manager)
    before = world.tables()
    run = world.story.cli.json("run", *MANAGER, "--fresh-data-key")
    ((namespace, name, version), *_) = world.story.query(
        "SELECT namespace, name, version FROM secret_encrypted_value ORDER BY name"
    )
    key = (namespace, name, version)
    gone = "DELETE FROM secret_encrypted_value WHERE namespace = ? AND name = ? AND version = ?"
    assert world.story.execute(gone, *key) == 1
    undone = world.story.cli.json("undo", run["run_id"])
    assert (undone["outcome"], undone["kept_because"]) == ("undone", {"row_gone": 1})
    values = [row for row in before["secret_encrypted_value"] if row[:3] != key]
    assert world.tables()["secret_encrypted_value"] == values
    assert world.story.cli.json("undo", run["run_id"])["kept_because"] == {"row_gone": 1}


def test_runs_of_the_stores_do_not_stand_in_each_others_way(world: ManagerStory, tmp_path: Path) -> None:
    story = world.story
    with story.builder() as builder:
        populate(builder, count=20, under=[None, builder.data_key()])
        fill(SecretsManagerBuilder(builder, sections=SECTIONS))
    before = world.tables()
    managers = story.cli.json("run", *MANAGER, "--fresh-data-key")
    classic = story.cli.json("run", "--store", "classic", *WRAP)
    refused = story.cli("undo", "no-such-run", "--output", "json", expect=2)
    assert managers["run_id"] in refused.stdout
    assert story.cli.json("undo", managers["run_id"])["outcome"] == "undone"
    assert world.tables()["secret_encrypted_value"] == before["secret_encrypted_value"]
    again = story.cli.json("run", *MANAGER, "--fresh-data-key")
    assert story.cli.json("undo", classic["run_id"])["store"] == "classic"
    third = story.cli.json("rewrap", *MANAGER, *TO_NEW)
    # A change of secret_key is none of the manager's: here the configuration has not followed it.
    new_key = tmp_path / "new.key"
    new_key.write_text("another secret_key")
    rekey = ("--new-secret-key-file", str(new_key), "--to", "secretKey.v1")
    story.cli.json("rekey-secret-key", *rekey, expect=4)
    story.cli.json("rekey-secret-key", *rekey, "--grafana-stopped")
    # Within one store the order is kept.
    refused = story.cli("undo", again["run_id"], "--output", "json", expect=6)
    assert third["run_id"] in refused.json["error"]["message"]
    assert story.cli.json("undo", third["run_id"])["outcome"] == "undone"
    assert story.cli.json("undo", again["run_id"])["outcome"] == "undone"
    assert world.tables()["secret_encrypted_value"] == before["secret_encrypted_value"]
