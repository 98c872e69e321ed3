"""A vault of Grafana Enterprise as the target in the secrets manager: only as Grafana's own data keys show."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.grafana.manager import ManagerKey, SecretsManagerBuilder
from tests.support.engine import Engine
from tests.support.manager_story import NEW, ManagerStory
from tests.support.vault import Vault

pytestmark = pytest.mark.one_engine

PROVIDER: Final = "azure_keyvault.prod"
KEYS: Final = {PROVIDER: "prod"}
NAMED: Final = ("--store", "manager", "--manager-vault", f"{PROVIDER}=azurekv.prod")
AIMED: Final = (*NAMED, "--to", PROVIDER)
OURS: Final = 5
#: The framings in which a wrapped data key may lie in its column.
FRAMINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "raw": bytes,
    "base64": base64.b64encode,
    "base64url": lambda block: base64.urlsafe_b64encode(block).rstrip(b"="),
}


@pytest.fixture
def world(tmp_path: Path, shared_vault: Vault, engine: Engine) -> ManagerStory:
    """Some secrets of two namespaces under a section's secret."""
    made = ManagerStory.of(tmp_path, shared_vault, engine, NEW)
    with made.builder() as builder:
        for namespace in ("default", "org-2"):
            key = builder.data_key(namespace)
            for number in range(OURS):
                builder.add_value(key, f"token {number} of {namespace}".encode())
        builder.add_snapshot(key, b'{"title":"a snapshot"}')
    return made


def grafanas(
    builder: SecretsManagerBuilder,
    vault: Vault,
    frame: Callable[[bytes], bytes] = bytes,
    key_name: str = "prod",
    date: str = "2026-02-01",
    *,
    active: bool = True,
) -> ManagerKey:
    """A data key that Grafana has wrapped under the vault's provider."""
    return builder.data_key(
        provider=PROVIDER, wrap=lambda key: frame(vault.wrap(key_name, key)), label_date=date, active=active
    )


def wrapped_under_it(world: ManagerStory) -> list[bytes]:
    """The wrapped data keys under the vault's provider."""
    rows = world.story.query("SELECT encrypted_data FROM secret_data_key WHERE provider = ?", PROVIDER)
    return [bytes(row[0]) for row in rows if isinstance(row[0], bytes)]


@pytest.mark.parametrize("command", ["run", "rewrap"])
@pytest.mark.parametrize("framing", list(FRAMINGS))
def test_the_format_is_that_of_grafanas_own_data_key(
    framing: str, command: str, world: ManagerStory, shared_vault: Vault
) -> None:
    with world.builder() as builder:
        theirs = grafanas(builder, shared_vault, FRAMINGS[framing])
        builder.add_value(theirs, b"what Grafana wrote there")
    before = world.plaintexts(KEYS)
    assert None not in before.values()
    report = world.story.cli.json(command, *AIMED)
    assert (report["outcome"], report["left_because"]) == ("done", {})
    assert world.plaintexts(KEYS) == before
    assert {secret.provider for secret in world.secrets(KEYS).values()} == {PROVIDER}
    assert len(wrapped_under_it(world)) == (3 if command == "rewrap" else 2)
    assert {len(wrapped) for wrapped in wrapped_under_it(world)} == {len(theirs.wrapped)}
    assert world.story.cli.json("verify", *NAMED)["outcome"] == "verified"
    world.story.cli.json("undo", report["run_id"], *NAMED[2:])
    assert world.plaintexts(KEYS) == before


def test_a_grafana_that_encrypts_there_needs_no_other_target(world: ManagerStory, shared_vault: Vault) -> None:
    """In both stores at once, and where the vault's key gets a new version."""
    with world.builder() as builder:
        grafanas(builder, shared_vault)
    world.configure(PROVIDER)
    before = world.plaintexts(KEYS)
    plan = world.story.cli.json("plan", *NAMED)
    assert (plan["target_provider"], plan["refusals"]) == (PROVIDER, [])
    assert world.story.cli.json("run", *NAMED)["outcome"] == "done"
    assert {secret.provider for secret in world.secrets(KEYS).values()} == {PROVIDER}
    assert world.story.cli.json("rewrap", *NAMED)["outcome"] == "done"
    again = world.story.cli.json("rewrap", *NAMED)
    assert (again["outcome"], again["data_keys"]["left"]) == ("nothing_to_do", 0)
    assert world.plaintexts(KEYS) == before


@pytest.mark.parametrize("command", ["run", "rewrap"])
def test_without_a_data_key_of_grafanas_nothing_is_written_and_no_format_can_be_named(
    command: str, world: ManagerStory
) -> None:
    said = world.refusal(command, *AIMED)
    assert f"Grafana has written no data key under {PROVIDER} yet" in said
    assert "save a secret that it keeps in the secrets manager" in said
    assert "--wrap-format" not in said
    named = world.story.cli(command, *AIMED, "--wrap-format", "raw/RSA-OAEP-256", expect=2)
    assert "--wrap-format is for the classic store" in named.stderr


def test_a_data_key_that_a_run_has_made_shows_no_format(world: ManagerStory, shared_vault: Vault) -> None:
    """Grafana's own is gone, and only what was learned from it is left."""
    with world.builder() as builder:
        theirs = grafanas(builder, shared_vault)
    world.story.cli.json("run", *AIMED, "--fresh-data-key", "--limit", "1", expect=4)
    assert len(wrapped_under_it(world)) == 2
    world.story.execute("DELETE FROM secret_data_key WHERE uid = ?", theirs.uid)
    assert f"Grafana has written no data key under {PROVIDER} yet" in world.refusal("run", *AIMED, "--fresh-data-key")


def test_the_wrong_key_shows_nothing(world: ManagerStory, shared_vault: Vault) -> None:
    """What Grafana wrapped there is under another key than the one that the user names."""
    with world.builder() as builder:
        grafanas(builder, shared_vault, key_name="other")
    said = world.refusal("run", *AIMED)
    assert f"no data key that Grafana wrote under {PROVIDER} unwraps" in said
    assert "whether --manager-vault names the key that Grafana uses there" in said


@pytest.mark.parametrize("command", ["run", "rewrap"])
def test_a_newer_data_key_in_an_odd_form_outweighs_an_older_one(
    command: str, world: ManagerStory, shared_vault: Vault
) -> None:
    with world.builder() as builder:
        grafanas(builder, shared_vault, date="2026-01-01", active=False)
        odd = builder.data_key(
            provider=PROVIDER, wrap=lambda key: shared_vault.wrap("prod", key + b"\x00"), active=False
        )
        builder.add_value(odd, b"what proves the reading of it")
    assert f"no data key that Grafana wrote under {PROVIDER}" in world.refusal(command, *AIMED)


def test_the_command_that_resumes_names_the_vault(world: ManagerStory, shared_vault: Vault) -> None:
    with world.builder() as builder:
        grafanas(builder, shared_vault)
    stopped = world.story.cli.json("run", *AIMED, "--limit", "1", expect=4)
    assert stopped["resume"] == f"reencrypt run {' '.join(NAMED)} --to {PROVIDER}"
    resumed = world.story.cli.json(*stopped["resume"].split()[1:])
    assert (resumed["run_id"], resumed["outcome"]) == (stopped["run_id"], "done")
