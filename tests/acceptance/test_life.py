"""The whole life of Grafana's keys, on every database, with a kill in the middle of each step.

After every kill and every step the independent decryptor finds every secret saying what it said in the beginning.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.grafana.decryptor import DecryptedSecret, SecretAddress
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.story import LEGACY, MANAGER, NOT_APPLICABLE, TARGET, WRAP, Story
from tests.support.vault import Vault

pytestmark = pytest.mark.mysql_for_mariadb

SECRET_KEY = "the secret_key of a long life"
OTHER = "azurekv.other"
#: An undo tells nothing on its way; this is well within it.
UNDO_STEP = 200


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    vault = Vault.start(tmp_path / "vault", "prod", "other")
    yield vault
    vault.stop()


class Life:
    """One Grafana, and what its secrets say."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.plaintexts = story.plaintexts()

    def step(self, kill_at: str, *arguments: str) -> dict[str, object]:
        """Run a command, kill it when it says something, and run it again to its end."""
        log = ("-v", "--log-format", "json", "--output", "json", "--lease-timeout", "0.2")
        process = self.story.cli.start(*arguments, *log)
        assert process.stderr is not None
        for line in process.stderr:
            if kill_at in line:
                process.kill()
                break
        process.communicate()
        assert process.returncode == -9, arguments
        self.look()
        return self.finish(*arguments)

    def finish(self, *arguments: str) -> dict[str, object]:
        report = self.story.cli.json(*arguments, "--lease-timeout", "0.2")
        self.look()
        return report

    def undo(self, run_id: object) -> None:
        """Undo a run, killed on its way."""
        step = (UNDO_STEP, Path(os.devnull))
        done = self.story.cli.run("undo", str(run_id), "--lease-timeout", "0.2", kill_at=step)
        assert done.returncode == -9
        self.story.cli("status")  # SQLite's own recovery comes with the next reader
        self.look()
        self.finish("undo", str(run_id))

    def look(self) -> None:
        """Nothing says anything else."""
        if self.story.engine.kind == "sqlite":
            self.story.cli("status")
        assert self.story.plaintexts() == self.plaintexts

    def under(self) -> set[str]:
        """What the secrets are under, those apart that Grafana reads with `secret_key` alone."""
        return {secret.provider for secret in self.applicable().values()}

    def applicable(self) -> dict[SecretAddress, DecryptedSecret]:
        secrets = self.story.secrets()
        return {address: secret for address, secret in secrets.items() if address.table != NOT_APPLICABLE}

    def algorithms(self) -> set[str]:
        return {secret.algorithm for secret in self.applicable().values()}


def test_the_whole_life_of_the_keys(engine: Engine, vault: Vault, tmp_path: Path) -> None:
    story = Story.of(tmp_path / "grafana.db", vault, secret_key=SECRET_KEY, engine=engine)
    with story.builder() as builder:
        populate(builder, count=150, under=[None], own_salts=True)
        for number in range(12):
            builder.data_key(label_date=f"2025-03-{number + 10}")
    life = Life(story)

    assert life.step("page committed", "run", "--to", "secretKey.v1")["outcome"] == "done"
    assert life.under() == {"secretKey.v1"}

    assert life.step("page committed", "run", *WRAP)["outcome"] == "done"
    assert life.under() == {TARGET}

    first = vault.key_version("prod")
    vault.as_owner("POST", "/keys/prod/rotate")
    report = life.step("run started", "rewrap", *WRAP)
    assert report["outcome"] == "done"
    assert report["target_version"] != first

    report = life.step("page committed", "run", "--fresh-data-key", *WRAP)
    assert report["outcome"] == "done"
    assert {secret.key_id for secret in life.applicable().values()} == {report["target_data_key"]}

    vault.as_owner("PATCH", f"/keys/prod/{first}", {"attributes": {"enabled": False}})
    assert story.cli.json("verify")["outcome"] == "verified"

    assert life.step("page committed", "run", "--to", OTHER, *WRAP)["outcome"] == "done"
    assert life.under() == {OTHER}

    assert life.step("page committed", "run", "--to", OTHER, "--algorithm", "aes-gcm", *WRAP)["outcome"] == "done"
    assert life.algorithms() == {"aes-gcm"}
    texts = {address: secret.stored_text for address, secret in story.secrets().items()}

    report = life.step("page committed", "rollback")
    assert report["outcome"] == "done"
    assert life.under() == {LEGACY}

    life.undo(report["run_id"])
    assert life.under() == {OTHER}
    assert {address: secret.stored_text for address, secret in story.secrets().items()} == texts
    assert story.cli.json("verify")["outcome"] == "verified"


def test_the_whole_life_of_the_keys_of_a_secrets_manager(engine: Engine, shared_vault: Vault, tmp_path: Path) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key=SECRET_KEY, engine=engine, store=MANAGER)
    story.fill(150, shape="12.2")
    life, classic = Life(story), story.other.rows()
    values = sum(address.table == "secret_encrypted_value" for address in life.plaintexts)
    old_keys = {secret.key_id for secret in story.secrets().values()}

    # What Grafana 12.2 reads stays in the form that it reads.
    assert life.step("page committed", "run", *MANAGER.only, "--fresh-data-key")["outcome"] == "done"
    assert not old_keys & {secret.key_id for secret in story.secrets().values()}
    assert life.under() == {"secret_key.v1"}

    with story.builder(seed=1) as builder:
        assert story.manager(builder).upgrade() == values
    life.look()

    report = life.step("run started", "rewrap", *MANAGER.move)
    assert (report["outcome"], life.under()) == ("done", {MANAGER.target})
    rewrapped = {address: (secret.key_id, secret.stored_text) for address, secret in story.secrets().items()}

    report = life.step("page committed", "run", "--fresh-data-key", *MANAGER.move)
    fresh = {address: secret.key_id for address, secret in story.secrets().items()}
    assert (report["outcome"], len(set(fresh.values()))) == ("done", 2)
    assert not set(fresh.values()) & {key_id for key_id, _ in rewrapped.values()}

    life.undo(report["run_id"])
    assert {address: (secret.key_id, secret.stored_text) for address, secret in story.secrets().items()} == rewrapped
    assert (life.under(), story.other.rows()) == ({MANAGER.target}, classic)
    assert story.cli.json("verify", *MANAGER.only)["outcome"] == "verified"
