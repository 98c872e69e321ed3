"""What runs do with data keys of the secrets manager that only a Grafana Enterprise wraps, and with wrong sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.datakeys import DataKey
from tests.grafana.manager import ManagerKey, SecretsManagerBuilder
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.manager_story import NEW, OLD, ManagerStory
from tests.support.story import SECTIONS, TARGET
from tests.support.vault import Vault

pytestmark = pytest.mark.one_engine

#: A provider of Grafana Enterprise: how it wraps is not public, and its section has no secret.
ENTERPRISE = "azure_keyvault.prod"
OURS, THEIRS = 5, 3
LEFT = {f"not_covered {ENTERPRISE}": THEIRS}


@pytest.fixture
def world(tmp_path: Path, shared_vault: Vault, engine: Engine) -> ManagerStory:
    """Some secrets under a section's secret, and some under a key in a vault."""
    made = ManagerStory.of(tmp_path, shared_vault, engine, NEW)
    with made.builder() as builder:
        # Grafana has wrapped a data key under the target.
        builder.data_key(provider=NEW, active=False)
        for key, count in [(builder.data_key(), OURS), (in_vault(builder, shared_vault), THEIRS)]:
            for number in range(count):
                builder.add_value(key, f"token {number} of {key.provider}".encode())
    return made


def in_vault(builder: SecretsManagerBuilder, vault: Vault) -> ManagerKey:
    return builder.data_key(provider=ENTERPRISE, wrap=lambda key: vault.wrap("prod", key))


def vault_key(builder: GrafanaBuilder, vault: Vault) -> DataKey:
    return builder.data_key(provider=TARGET, wrap=lambda key: vault.wrap("prod", key))


def under(world: ManagerStory) -> list[str]:
    """The provider of each data key in use, by secret."""
    return sorted(str(secret.provider) for secret in world.secrets().values() if secret.provider)


def left_because(report: Mapping[str, Any]) -> dict[str, int]:
    """The reasons of a run's report and how many secrets each leaves."""
    found: dict[str, int] = report["left_because"]
    return found


MANAGER: Sequence[str] = ("--store", "manager")


def test_what_only_enterprise_unwraps_is_counted_as_left(world: ManagerStory) -> None:
    secrets = world.story.cli.json("plan", *MANAGER)["secrets"]
    assert (secrets["total"], secrets["to_move"]) == (OURS + THEIRS, OURS)
    first = world.story.cli.json("run", *MANAGER, expect=3)
    assert left_because(first) == LEFT
    second = world.story.cli.json("run", *MANAGER, expect=3)
    assert (second["run_id"], left_because(second)) == (None, LEFT)
    assert under(world) == [ENTERPRISE] * THEIRS + [NEW] * OURS


def test_a_named_vault_makes_its_data_keys_move(world: ManagerStory) -> None:
    before = world.plaintexts()
    vault = f"{ENTERPRISE}=azurekv.prod"
    assert "would move out of that key-management service" in world.refusal(
        "rewrap", *MANAGER, "--manager-vault", vault
    )
    report = world.story.cli.json("rewrap", *MANAGER, "--manager-vault", vault, "--to", NEW)
    assert (report["data_keys"]["rewrapped"], report["left_because"]) == (2, {})
    assert under(world) == [NEW] * (OURS + THEIRS)
    assert {address: text for address, text in before.items() if text is not None}.items() <= world.plaintexts().items()
    assert None not in world.plaintexts().values()


@pytest.mark.parametrize("command", ["run", "rewrap", "plan"])
def test_nothing_is_written_under_a_provider_of_enterprise(command: str, world: ManagerStory) -> None:
    arguments = (command, *MANAGER, "--to", ENTERPRISE)
    if command == "plan":
        assert "is not public" in world.story.cli(*arguments, expect=0).stdout
        return
    assert f"under {ENTERPRISE} is not public" in world.refusal(*arguments)


@pytest.mark.parametrize("command", ["run", "rewrap"])
def test_a_grafana_that_encrypts_under_a_vault_gets_its_classic_store_moved(
    command: str, world: ManagerStory, shared_vault: Vault
) -> None:
    with world.story.builder() as builder:
        populate(builder, count=20, under=[builder.data_key(), vault_key(builder, shared_vault)])
    world.configure(ENTERPRISE)
    manager = world.tables()
    stores = world.story.cli.json(command, expect=3)["stores"]
    classic, other = stores["classic"], stores["manager"]
    assert classic["outcome"] == "done"
    assert other["outcome"] == "partly_done"
    assert world.story.off_target(TARGET) == {}
    assert world.tables() == manager
    left = left_because(other) if command == "run" else other["left_because"].values()
    assert f"target_not_covered {ENTERPRISE}" in left


def test_a_wrong_secret_of_a_section_is_a_refusal(world: ManagerStory) -> None:
    world.configure(NEW, sections=SECTIONS | {OLD: "not the secret"})
    said = world.refusal("run", *MANAGER)
    assert f"the secret in [secrets_manager.encryption.{OLD}] is wrong" in said
    assert f"`--skip-key {OLD}`" in said
