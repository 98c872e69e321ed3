"""Runs and the secrets of sections: a wrong one is refused, and a rotation leaves no key of today behind."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.manager_story import NEW, OLD, ManagerStory
from tests.support.story import SECTIONS, TARGET, WRAP
from tests.support.vault import Vault

pytestmark = pytest.mark.one_engine

MANAGER = ("--store", "manager")
WRONG = SECTIONS | {NEW: "not what Grafana has"}


@pytest.fixture
def world(tmp_path: Path, shared_vault: Vault, engine: Engine) -> ManagerStory:
    return ManagerStory.of(tmp_path, shared_vault, engine, NEW)


def fill(world: ManagerStory, *providers: str) -> None:
    """Three secrets under a data key of each provider, as Grafana itself has wrapped it."""
    with world.builder() as builder:
        for provider in providers:
            key = builder.data_key(provider=provider)
            for number in range(3):
                builder.add_value(key, f"token {number} of {provider}".encode())


@pytest.mark.parametrize("command", ["run", "rewrap"])
@pytest.mark.parametrize("providers", [(OLD, NEW), (NEW,)], ids=["to_move", "nothing_to_move"])
def test_nothing_is_written_under_a_secret_that_grafanas_own_keys_refute(
    command: str, providers: tuple[str, ...], world: ManagerStory
) -> None:
    fill(world, *providers)
    world.configure(NEW, sections=WRONG)
    digest = world.story.digest()
    for arguments in (MANAGER, (*MANAGER, "--skip-key", NEW)):
        said = " ".join(world.story.cli(command, *arguments, expect=6).stderr.split())
        assert f"the secret in [secrets_manager.encryption.{NEW}] is not Grafana's" in said
        assert f"`--accept-unproven {NEW}`" in said
    assert world.story.digest() == digest
    # Where the operator knows that those keys are from before a change.
    world.story.cli(command, *MANAGER, "--accept-unproven", NEW, expect=0 if command == "run" else 3)


@pytest.mark.parametrize("command", ["run", "rewrap"])
def test_nothing_moves_to_a_section_under_which_grafana_has_wrapped_nothing(command: str, world: ManagerStory) -> None:
    """Its Grafana may have another secret there, or not the section at all."""
    fill(world, OLD)
    said = f"Grafana has wrapped no data key under {NEW} yet"
    assert said in str(world.story.cli.json("plan", *MANAGER)["refusals"])
    digest = world.story.digest()
    error = world.story.cli.json(command, *MANAGER, expect=6)["error"]
    assert said in error["message"]
    assert f"`--accept-unproven {NEW}`" in error["hint"]
    assert world.story.digest() == digest
    fill(world, NEW)
    assert world.story.cli.json(command, *MANAGER)["outcome"] == "done"


def test_a_section_that_the_user_vouches_for_is_vouched_for_once(world: ManagerStory) -> None:
    fill(world, OLD)
    accepted = ("--accept-unproven", NEW)
    stopped = world.story.cli.json("run", *MANAGER, *accepted, "--limit", "1", expect=4)
    assert world.story.cli.json(*stopped["resume"].split()[1:])["outcome"] == "done"
    # What is there already goes on there: a rotation moves nothing to another section.
    assert world.story.cli.json("run", *MANAGER, "--fresh-data-key")["outcome"] == "done"
    # Our own data keys are no witness for what came since.
    fill(world, OLD)
    world.story.cli.json("run", *MANAGER, expect=6)
    world.story.cli.json("rewrap", *MANAGER, expect=6)
    assert world.story.cli.json("rewrap", *MANAGER, *accepted)["outcome"] == "done"


def test_a_rotation_leaves_grafana_no_key_of_today_in_a_namespace_without_values(world: ManagerStory) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    with world.builder() as builder:
        used = builder.data_key("default", provider=NEW, label_date=today)
        idle = builder.data_key("org-2", provider=NEW, label_date=today)
        older = builder.data_key("org-3", provider=NEW, label_date="2026-01-31")
        builder.add_value(used, b"a token")
    before = world.tables()
    active = "SELECT uid FROM secret_data_key WHERE active = (1 = 1)"
    run = world.story.cli.json("run", *MANAGER, "--fresh-data-key")["run_id"]
    left = {str(uid) for (uid,) in world.story.query(active)}
    assert not left & {used.uid, idle.uid}
    # Grafana chooses a key by the label of its day: this one it would not write under in any case.
    assert older.uid in left
    world.story.cli("undo", str(run))
    assert {str(uid) for (uid,) in world.story.query(active)} >= {used.uid, idle.uid, older.uid}
    assert world.tables()["secret_encrypted_value"] == before["secret_encrypted_value"]


def test_what_is_not_covered_makes_no_rotation_due(world: ManagerStory, shared_vault: Vault) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    with world.builder() as builder:
        builder.add_value(builder.data_key(provider=NEW, label_date=today), b"a token")
        enterprise = builder.data_key(provider="azure_keyvault.x", wrap=lambda key: shared_vault.wrap("prod", key))
        builder.add_value(enterprise, b"a token that nobody here reads")
    arguments = (*MANAGER, "--fresh-data-key", "--if-older-than", "90d")
    world.story.cli("run", *MANAGER, "--fresh-data-key", expect=3)
    report = world.story.cli.json("run", *arguments, expect=3)
    assert report["run_id"] is None
    assert report["due"] is not None


def test_an_interrupted_rotation_of_one_store_is_refused_before_the_other_is_written(
    world: ManagerStory, shared_vault: Vault
) -> None:
    with world.story.builder() as builder:
        target = builder.data_key(provider=TARGET, wrap=lambda key: shared_vault.wrap("prod", key))
        populate(builder, count=20, under=[builder.data_key(), target])
    fill(world, OLD)
    world.configure(OLD)
    world.story.cli("run", *MANAGER, "--fresh-data-key", "--limit", "1", expect=4)
    world.configure(NEW)
    digest = world.story.digest()
    (_, refused) = world.story.cli.json("plan", *WRAP)["stores"].values()
    assert "is an interrupted rotation" in refused["refusals"][0]["message"]
    assert "is an interrupted rotation" in world.story.cli("run", *WRAP, expect=6).stderr
    assert world.story.digest() == digest
