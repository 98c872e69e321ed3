"""The vault is gone for a while in the middle of everything: the run waits for it and goes on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.grafana.populate import populate
from tests.support.story import WRAP, Story
from tests.support.vault import Vault


def test_an_outage_of_the_vault_is_sat_out(tmp_path: Path, own_vault: Vault, pytestconfig: pytest.Config) -> None:
    seconds = 30 if pytestconfig.getoption("--nightly") else 3
    story = Story.of(tmp_path / "grafana.db", own_vault)
    with story.builder() as builder:
        under = [builder.data_key(provider="azurekv.prod", wrap=lambda dek: own_vault.wrap("prod", dek))]
        populate(builder, count=100, under=[None, *under])
    before = story.plaintexts()
    port = urlsplit(own_vault.uri).port
    assert own_vault.stop() == 0
    process = story.cli.start("run", *WRAP, "--vault-deadline", "90", "--output", "json", "--log-format", "json")
    assert process.stderr is not None
    # It says that it waits, and for what; from then on the outage is timed.
    assert any("no connection" in line for line in process.stderr)
    time.sleep(seconds)
    again = Vault.start(own_vault.state, "prod", port=port or 0)
    stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["outcome"] == "done"
    assert story.plaintexts() == before
    assert story.off_target() == {}
    assert again.stop() == 0
