"""A signal while secrets are counted for metrics or a report: what is done stays done, nothing is half written.

Somebody holds a table that the count reads and the command itself does not, so that the order needs no luck.
"""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.test_metrics import Samples
from tests.grafana.manager import SecretsManagerBuilder
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.holding import holding
from tests.support.manager_story import ManagerStory
from tests.support.servers import server_engine
from tests.support.story import WRAP
from tests.support.vault import Vault

_LOCK = "LOCK TABLE secret_encrypted_value IN ACCESS EXCLUSIVE MODE"
_WAITING = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'secret_encrypted_value'::regclass"


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Engine:
    return server_engine("postgres", request)


@pytest.fixture
def world(tmp_path: Path, shared_vault: Vault, engine: Engine) -> ManagerStory:
    world = ManagerStory.of(tmp_path, shared_vault, engine)
    with world.story.builder() as builder:
        populate(builder, count=20, under=[None, builder.data_key()])
        manager = SecretsManagerBuilder(builder, sections=world.sections)
        manager.add_value(manager.data_key("default"), b"a secret of the manager")
    return world


def until_it_waits(world: ManagerStory, process: subprocess.Popen[str]) -> None:
    while world.story.query(_WAITING) == [(0,)]:
        assert process.poll() is None, process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_in_its_count_keeps_its_result(
    number: signal.Signals, world: ManagerStory, engine: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "reencrypt.prom"
    world.story.cli("status", "--metrics-file", str(file))
    before = Samples.read(file)
    with holding(engine, "BEGIN", _LOCK):
        process = world.story.cli.start(
            "run", "--store", "classic", *WRAP, "--metrics-file", str(file), "--output", "json"
        )
        until_it_waits(world, process)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["outcome"] == "done"
    assert f"the secrets are not counted for the metrics: {number.name} received" in err
    after = Samples.read(file)
    assert after.of("last_run_exit_code", command="run") == 0
    for name in ("inventory_timestamp_seconds", "secrets", "data_keys"):
        assert before.all(name) == after.all(name) != []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 4)])
def test_a_report_that_is_stopped_leaves_no_file(
    number: signal.Signals, code: int, world: ManagerStory, engine: Engine, tmp_path: Path
) -> None:
    world.story.cli("run", "--store", "classic", *WRAP)
    file = tmp_path / "evidence.html"
    with holding(engine, "BEGIN", _LOCK):
        process = world.story.cli.start("report", "--file", str(file))
        until_it_waits(world, process)
        process.send_signal(number)
        process.communicate(timeout=60)
    # As every command that only reads.
    assert process.returncode == code
    assert not file.exists()
    world.story.cli("report", "--file", str(file))
    assert file.exists()
