"""`--to` belongs to one store, and is never dropped without a word where the command does nothing in that one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.manager_story import NEW, OLD, ManagerStory
from tests.support.vault import Vault

pytestmark = pytest.mark.one_engine


@pytest.fixture
def world(tmp_path: Path, shared_vault: Vault, engine: Engine) -> ManagerStory:
    return ManagerStory.of(tmp_path, shared_vault, engine)


def plant_classic(world: ManagerStory) -> None:
    with world.story.builder() as builder:
        key = builder.data_key()
        for number in range(5):
            builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is long enough %d" % number, key)})


@pytest.mark.parametrize(
    ("target", "location", "words"),
    [
        (NEW, "user_auth", ("the secrets manager", "user_auth is in the classic store")),
        ("azurekv.prod", "secret_encrypted_value", ("the classic store", "is in the secrets manager")),
    ],
)
def test_a_target_of_the_store_that_does_not_have_the_location_is_refused(
    world: ManagerStory, target: str, location: str, words: tuple[str, str]
) -> None:
    plant_classic(world)
    with world.builder() as manager:
        manager.add_value(manager.data_key("default", provider=OLD), b"a secure value")
    before = world.story.digest()
    error = world.story.cli.json("run", "--location", location, "--to", target, expect=2)["error"]
    assert error["code"] == "configuration"
    assert all(word in error["message"] for word in (f"--to {target}", *words))
    assert world.story.digest() == before


def test_a_target_of_a_store_that_the_database_does_not_have_is_refused(world: ManagerStory) -> None:
    plant_classic(world)
    before = world.story.digest()
    for command in ("plan", "run", "rewrap"):
        error = world.story.cli.json(command, "--to", NEW, expect=2)["error"]
        assert error["code"] == "configuration"
        assert f"--to {NEW} is for the secrets manager" in error["message"]
    assert world.story.digest() == before
