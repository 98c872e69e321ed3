"""`--max-lag`: writing pauses while a replica is too far behind or nobody can tell how far, and continues by itself."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.populate import populate
from tests.support.accounts import grant, new_account, url_as
from tests.support.engine import Engine
from tests.support.mysql import MysqlEngine
from tests.support.postgres import PostgresEngine
from tests.support.replicas import Replicated, ReplicatedMysql, ReplicatedPostgres
from tests.support.story import WRAP, Story
from tests.support.vault import Vault

pytestmark = pytest.mark.every_server

#: A replica that has not replayed what an earlier look saw lags more than this, however fast the machine is.
STRICT = ("--max-lag", "0.01")
LAGS = "lags more than 0.01 s behind"
LOG = ("--log-format", "json", "--output", "json", "--lease-timeout", "1")


@pytest.fixture(scope="module", params=["postgres", "mariadb", "mysql"])
def replicated(request: pytest.FixtureRequest) -> Iterator[Replicated]:
    found: Replicated = ReplicatedPostgres() if request.param == "postgres" else ReplicatedMysql(request.param)
    yield found
    found.stop()


def engine_of(replicated: Replicated) -> Engine:
    url = replicated.new_database()
    return PostgresEngine(url) if isinstance(replicated, ReplicatedPostgres) else MysqlEngine(url)


def filled(replicated: Replicated, folder: Path, vault: Vault) -> Story:
    story = Story.of(folder / "grafana.db", vault, engine=engine_of(replicated))
    with story.builder() as builder:
        populate(builder, count=60, under=[None, builder.data_key()])
    return story


@pytest.fixture
def story(replicated: Replicated, tmp_path: Path, shared_vault: Vault) -> Story:
    return filled(replicated, tmp_path, shared_vault)


def named(replicated: Replicated) -> tuple[str, ...]:
    return (*STRICT, "--replica", replicated.address)


@contextmanager
def lagging(replicated: Replicated, story: Story) -> Iterator[None]:
    """The replica has something to replay, and replays nothing."""
    replicated.hold()
    try:
        story.execute("CREATE TABLE not_replayed (id INT PRIMARY KEY)")
        yield
    finally:
        replicated.release()
        story.execute("DROP TABLE not_replayed")


@contextmanager
def started(story: Story, *words: str) -> Iterator[subprocess.Popen[str]]:
    command, *arguments = words
    process = story.cli.start(command, *arguments)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(process: subprocess.Popen[str], event: str, reason: str = "") -> dict[str, Any]:
    """Read log lines up to the one of an event."""
    assert process.stderr is not None
    met = []
    for line in process.stderr:
        met.append(line)
        found: dict[str, Any] = json.loads(line)
        if found["event"] == event and reason in found.get("reason", ""):
            return found
    raise AssertionError(f"no {event} in {met}")


def beats(story: Story) -> int:
    ((number,),) = story.query("SELECT beats FROM reencrypt_lease WHERE id = 2")
    return int(str(number))


def test_a_run_pauses_while_a_replica_lags_and_while_nobody_can_tell_its_lag(
    replicated: Replicated, story: Story, tmp_path: Path
) -> None:
    before = story.off_target()
    metrics = tmp_path / "reencrypt.prom"
    words = ("run", *WRAP, *LOG, *named(replicated), "--metrics-file", str(metrics))
    with lagging(replicated, story), started(story, *words) as process:
        paused = until(process, "paused")
        assert paused["reason"] == f"{paused['replica']} {LAGS}"
        assert paused["lag"] > 0.01
        # The heartbeat goes on, and no secret moves.
        since = beats(story)
        while beats(story) < since + 3:
            assert process.poll() is None
        assert story.off_target() == before
        replicated.part()
        try:
            assert until(process, "paused", "does not")["lag"] is None
        finally:
            replicated.join()
        assert until(process, "continued")["seconds"] > 0
        out, errors = process.communicate()
        report = json.loads(out)
        assert (report["outcome"], story.off_target()) == ("done", {}), errors
    assert "\nreencrypt_replica_pause_seconds_total " in metrics.read_text()
    assert LAGS in json.dumps(story.cli.json("report", report["run_id"]))


def test_a_request_to_stop_ends_a_pause_and_the_next_run_goes_on(replicated: Replicated, story: Story) -> None:
    words = ("run", *WRAP, *LOG, *named(replicated))
    with lagging(replicated, story), started(story, *words) as process:
        until(process, "paused")
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate()
        assert process.returncode == 4, errors
        assert json.loads(out)["outcome"] == "stopped"
        report = story.cli.json(*words, "--max-runtime", "2", expect=4)
        assert report["stop_reason"] == "the time allowed is over"
    assert story.cli.json(*words)["outcome"] == "done"
    assert story.off_target() == {}


@pytest.mark.parametrize("replicated", ["postgres"], indirect=True)
def test_undo_and_rewrap_pause_too(replicated: Replicated, tmp_path: Path, own_vault: Vault) -> None:
    story = filled(replicated, tmp_path, own_vault)
    run = story.cli.json("run", *WRAP)["run_id"]
    own_vault.as_owner("POST", "/keys/prod/rotate")
    for words in (("undo", run), ("rewrap", *WRAP)):
        with lagging(replicated, story), started(story, *words, *LOG, *named(replicated)) as process:
            until(process, "paused")
            replicated.release()
            until(process, "continued")
            _, errors = process.communicate()
            assert process.returncode in (0, 3), errors


def test_a_lag_that_nobody_can_tell_is_refused_before_anything_is_written(replicated: Replicated, story: Story) -> None:
    before = story.digest()
    account = new_account(story.engine)
    grant(story.engine, account, "ALL")
    # The view of a PostgreSQL is the primary's; whoever names a replica asks that one.
    names = () if isinstance(replicated, ReplicatedPostgres) else ("--replica", replicated.address)
    cli = replace(story.cli, database=url_as(story.engine, account))
    refused = cli.json("run", *WRAP, *STRICT, *names, expect=2)["error"]
    assert "pg_monitor" in refused["hint"] or "REPLICATION CLIENT" in refused["hint"], refused
    # The primary is no replica of itself.
    refused = story.cli.json("run", *WRAP, *STRICT, "--replica", own_address(replicated), expect=2)["error"]
    assert "does not replicate from" in refused["message"] or "is no standby of" in refused["message"], refused
    replicated.part()
    try:
        refused = story.cli.json("run", *WRAP, *named(replicated), expect=2)["error"]
        assert "does not replicate now" in refused["message"] or "does not tell its lag" in refused["message"], refused
        refused = story.cli.json("run", *WRAP, *STRICT, expect=2)["error"]
        assert "--replica" in refused["hint"], refused
    finally:
        replicated.join()
    assert story.digest() == before


def own_address(replicated: Replicated) -> str:
    if isinstance(replicated, ReplicatedMysql):
        return f"127.0.0.1:{replicated.primary.port}"
    assert isinstance(replicated, ReplicatedPostgres)
    return replicated.own_address


@pytest.mark.parametrize("replicated", ["postgres"], indirect=True)
def test_without_names_a_postgresql_tells_of_all_that_it_streams_to(replicated: Replicated, story: Story) -> None:
    words = ("run", *WRAP, *LOG, *STRICT)
    with lagging(replicated, story), started(story, *words) as process:
        assert LAGS in until(process, "paused")["reason"]
        replicated.part()
        try:
            until(process, "paused", "standby at a local socket is not connected any more")
        finally:
            replicated.join()
        until(process, "continued")
        out, errors = process.communicate()
        assert json.loads(out)["outcome"] == "done", errors


def test_sqlite_has_no_replicas(tmp_path: Path, shared_vault: Vault) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault)
    with story.builder() as builder:
        populate(builder, count=10, under=[None])
    before = story.digest()
    refused = story.cli.json("run", *WRAP, *STRICT, expect=2)["error"]
    assert refused["message"] == "SQLite has no replicas"
    assert story.cli.json("run", *WRAP, "--replica", "db-2", expect=2)["error"]["hint"].startswith("Give --max-lag")
    assert story.digest() == before
