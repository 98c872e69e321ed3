"""`status` and `quarantine` name the store of each run and secret, and the command that goes on in each store."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.grafana.manager import SecretsManagerBuilder
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.manager_story import NEW, TO_NEW, ManagerStory
from tests.support.story import SECTIONS, WRAP
from tests.support.vault import Vault

pytestmark = pytest.mark.engines_in_turn


@pytest.fixture
def world(tmp_path: Path, shared_vault: Vault, engine: Engine) -> ManagerStory:
    world = ManagerStory.of(tmp_path, shared_vault, engine)
    with world.story.builder() as builder:
        populate(builder, count=30, under=[None, builder.data_key()])
        manager = SecretsManagerBuilder(builder, sections=SECTIONS)
        for namespace in ("default", "org-2"):
            key = manager.data_key(namespace)
            for number in range(3):
                manager.add_value(key, f"the secret {number}".encode())
    return world


def test_an_interrupted_run_in_each_store_has_its_own_next_command(world: ManagerStory) -> None:
    cli = world.story.cli
    stopped = [
        cli.json("run", "--store", "classic", *WRAP, "--limit", "5", expect=4),
        cli.json("run", "--store", "manager", *TO_NEW, "--limit", "5", expect=4),
    ]
    status = cli.json("status")
    assert [(run["run_id"], run["store"], run["state"]) for run in status["runs"]] == [
        (stopped[0]["run_id"], "classic", "open"),
        (stopped[1]["run_id"], "manager", "open"),
    ]
    classic, managers = status["runs"]
    assert (classic["resume"], managers["resume"]) == (stopped[0]["resume"], stopped[1]["resume"])
    assert managers["resume"] == f"reencrypt run --store manager --to {NEW}"
    assert [line.partition(" (")[0] for line in status["next_commands"]] == [classic["resume"], managers["resume"]]
    assert status["next_command"] == status["next_commands"][0]
    keys = {str(key_id) for (key_id,) in world.story.query("SELECT id FROM reencrypt_data_key")}
    assert set(managers["target_data_keys"]) == {"default", "org-2"}
    assert set(managers["target_data_keys"].values()) == keys - {classic["target_data_key"]}
    assert (managers["target_data_key"], classic["target_data_keys"]) == (None, {})
    for run, store in zip(status["runs"], ("classic", "manager"), strict=True):
        alone = cli.json("status", "--store", store)
        assert (alone["runs"], [line.partition(" (")[0] for line in alone["next_commands"]]) == ([run], [run["resume"]])
    text = cli("status").stdout
    assert f"Next: {managers['resume']}  # " in text
    assert "manager" in text.partition("Next:")[0]

    for resume, before in zip((managers["resume"], "reencrypt run --store classic"), reversed(stopped), strict=True):
        done = cli.json(resume.removeprefix("reencrypt "))
        assert (done["outcome"], done["run_id"], done["resumed"]) == ("done", before["run_id"], True)
    assert cli.json("status")["next_commands"] == ["reencrypt verify", "reencrypt complete"]


def test_without_a_run_in_the_secrets_manager_status_says_nothing_of_stores(world: ManagerStory) -> None:
    world.story.cli.json("run", "--store", "classic", *WRAP)
    assert "store" not in world.story.cli("status").stdout


def test_the_quarantine_names_the_store_of_each_secret_and_is_chosen_by_it(world: ManagerStory) -> None:
    cli = world.story.cli
    world.story.execute("UPDATE data_source SET secure_json_data = ? WHERE id = 1", '{"password": "***"}')
    damaged = "UPDATE secret_encrypted_value SET encrypted_data = ? WHERE namespace = 'org-2'"
    assert world.story.execute(damaged, b"*YWVzLWdjbQ*" + bytes(60)) == 3
    cli.json("run", "--store", "manager", *TO_NEW, expect=3)
    cli.json("run", "--store", "classic", *WRAP, expect=3)

    entries = cli.json("quarantine list")["quarantine"]
    by_store = {name: [each for each in entries if each["store"] == name] for name in ("classic", "manager")}
    assert {each["location"] for each in by_store["manager"]} == {"secret_encrypted_value"}
    assert len(by_store["manager"]) == 3
    assert by_store["classic"]
    for name, expected in by_store.items():
        assert cli.json("quarantine list", "--store", name)["quarantine"] == expected
    assert cli.json("status")["quarantine"] == entries
    assert "manager" in cli("quarantine list", "--store", "manager").stdout

    assert "no option says" in cli.json("quarantine acknowledge", "--store", "manager", expect=2)["error"]["message"]
    cli("quarantine acknowledge", "--store", "classic", "--location", "secret_encrypted_value", expect=2)
    done = cli.json("quarantine acknowledge", "--store", "manager", "--all")
    assert done["acknowledged"] == 3
    assert {each["store"] for each in done["quarantine"]} == {"manager"}
    states = {(each["store"], each["state"]) for each in cli.json("quarantine list")["quarantine"]}
    assert states == {("manager", "acknowledged"), ("classic", "open")}
