"""Ids of runs: two of one second get the same one by chance, sooner or later, and both have to stay."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.manager_story import ManagerStory
from tests.support.story import WRAP
from tests.support.vault import Vault

#: A clock that stands still, and chance that says the same twice before it says something else.
COLLIDING = """
import itertools
from datetime import UTC, datetime
import reencrypt.state.runs as runs

class Clock:
    @staticmethod
    def now(zone):
        return datetime(2026, 11, 27, tzinfo=UTC)

class Chance:
    said = itertools.chain(["abcd", "abcd"], map("{:04x}".format, itertools.count()))

    @classmethod
    def token_hex(cls, size):
        return next(cls.said)

runs.datetime, runs.secrets = Clock, Chance
from reencrypt.__main__ import main
main()
"""


@pytest.mark.one_engine
def test_two_runs_of_one_second_never_share_an_id(tmp_path: Path, shared_vault: Vault, engine: Engine) -> None:
    world = ManagerStory.of(tmp_path, shared_vault, engine)
    with world.builder() as manager:
        manager.add_value(manager.data_key("default"), b"a secure value")
    with world.story.builder() as builder:
        key = builder.data_key()
        for number in range(5):
            builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is long enough %d" % number, key)})
    cli = world.story.cli
    arguments = cli.arguments("run", "--to", "azurekv.prod", *WRAP, "--fresh-data-key", "--output", "json")[3:]
    line = [sys.executable, "-c", COLLIDING, *arguments]
    done = subprocess.run(line, env=cli.variables(), capture_output=True, text=True, timeout=250, check=False)
    stores = json.loads(done.stdout)["stores"]
    ids = {name: each["run_id"] for name, each in stores.items()}
    assert ids == {"classic": "20261127-000000-abcd", "manager": "20261127-000000-0000"}, done.stderr
    assert {each["run_id"] for each in cli.json("status")["runs"]} == set(ids.values())
    for run_id in reversed(ids.values()):
        assert cli.json("undo", run_id)["outcome"] == "undone"
