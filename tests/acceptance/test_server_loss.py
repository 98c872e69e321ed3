"""The database server dies in mid-run, as in a power failure: the run waits for it, redoes its page, loses nothing."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reencrypt.errors import UnavailableError
from reencrypt.events import Event, PageCommitted
from reencrypt.planning.options import RunOptions, SafetyOptions, TargetOptions
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.decryptor import read_secrets
from tests.grafana.populate import populate
from tests.support.accounts import grant, new_account, url_as
from tests.support.engine import Engine
from tests.support.inprocess import run_in_process
from tests.support.installed import InstalledPostgres, installed_postgres
from tests.support.mysql import MysqlEngine, MysqlServer, OwnServer
from tests.support.postgres import PostgresEngine, PostgresServer
from tests.support.story import WRAP, Story
from tests.support.vault import Vault
from tests.support.worlds import through

Server = OwnServer | InstalledPostgres


@pytest.fixture(params=["postgres", "mariadb", "mysql"])
def mortal(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Engine]]:
    """A server that may be killed, and a database on it."""
    server: Server
    engine: Engine
    if request.param != "postgres":
        server = OwnServer(product=request.param)
        engine = MysqlEngine(MysqlServer(f"mysql://root@127.0.0.1:{server.port}/").new_database())
    else:
        programs = installed_postgres()
        if programs is None:
            pytest.skip("NOT RUN: no PostgreSQL server is installed")
        server = InstalledPostgres(programs)
        server.start()
        engine = PostgresEngine(PostgresServer(server.url).new_database())
    yield server, engine
    server.stop()


def test_a_server_that_dies_in_mid_run_and_comes_back(
    mortal: tuple[Server, Engine], tmp_path: Path, shared_vault: Vault
) -> None:
    server, engine = mortal
    story = Story.of(tmp_path / "grafana.db", shared_vault, engine=engine)
    with story.builder() as builder:
        populate(builder, count=3000, under=[None, builder.data_key()], own_salts=True)
    before = story.plaintexts()
    process = story.cli.start("run", *WRAP, "--output", "json", "-v", "--log-format", "json")
    assert kill_after_a_page(process, server)
    server.start()
    stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["outcome"] == "done"
    assert story.plaintexts() == before
    assert story.off_target() == {}
    rewritten = story.query("SELECT table_name, row_key, column_name FROM reencrypt_journal WHERE action = 'rewrite'")
    assert max(Counter(rewritten).values()) == 1


def test_a_primary_that_becomes_a_replica_in_mid_run_and_is_promoted_again(
    mortal: tuple[Server, Engine], tmp_path: Path, shared_vault: Vault
) -> None:
    """As a run sees a failover: its server takes no writes any more, later a new connection reaches one that does."""
    server, engine = mortal
    story = Story.of(tmp_path / "grafana.db", shared_vault, engine=engine)
    with story.builder() as builder:
        populate(builder, count=3000, under=[None, builder.data_key()], own_salts=True)
    before = story.plaintexts()
    as_client = through(story, _url_without_privileges(engine)) if isinstance(server, OwnServer) else story
    process = as_client.cli.start("run", *WRAP, "--output", "json", "-v", "--log-format", "json")
    assert _after_a_page(process, lambda: _demote(server))
    doctor = as_client.cli.json("doctor", expect=2)
    (writable,) = [each for each in doctor["checks"] if each["name"] == "writable"]
    assert writable["state"] == "failed"
    as_client.cli.json("verify", expect=0)  # a replica answers questions
    refused = as_client.cli.json("run", *WRAP, expect=2)["error"]
    assert "takes no writes" in refused["message"]
    assert process.poll() is None
    _promote(server)
    stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["outcome"] == "done"
    assert story.plaintexts() == before
    assert story.off_target() == {}


def _url_without_privileges(engine: Engine) -> str:
    """As an account that a read-only server stops, which it does not do with root."""
    account = new_account(engine)
    grant(engine, account, "ALL")
    return url_as(engine, account)


def _demote(server: Server) -> None:
    """Make the server a replica; a running one of MySQL, a restarted one of PostgreSQL."""
    if isinstance(server, OwnServer):
        with closing(server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SET GLOBAL read_only = 1")
        return
    server.kill()
    (server.data / "standby.signal").touch()
    server.start()


def _promote(server: Server) -> None:
    if isinstance(server, OwnServer):
        with closing(server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SET GLOBAL read_only = 0")
        return
    ((promoted,),) = PostgresEngine(server.url).query("SELECT pg_promote()")
    assert promoted


async def test_a_server_that_stays_read_only_ends_the_run_with_its_progress_saved(
    mortal: tuple[Server, Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, engine = mortal
    monkeypatch.setattr("reencrypt.databases.retry.DEADLINE_SECONDS", 1.0)
    with GrafanaBuilder(tmp_path / "grafana.db", secret_key="s") as builder:
        populate(builder, count=1500, under=[None])
    await asyncio.to_thread(engine.load, tmp_path / "grafana.db")
    # While there is no primary, no server satisfies that either.
    url = f"{engine.url}?target_session_attrs=read-write"
    if isinstance(server, OwnServer):
        url = _url_without_privileges(engine)
    pages: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, PageCommitted) and event.moved:
            pages.append(event.moved)
            if len(pages) == 2:
                _demote(server)

    options = RunOptions(target=TargetOptions(to="secretKey.v1"), safety=SafetyOptions(lease_timeout=1))
    with pytest.raises(UnavailableError) as given_up:
        await run_in_process(url, "s", monkeypatch, listen=listen, options=options)
    assert given_up.value.exit_code == 7
    assert "is read-only" in given_up.value.message
    assert "primary" in given_up.value.hint
    assert "progress is saved" in given_up.value.hint
    await asyncio.to_thread(_promote, server)
    assert (await run_in_process(url, "s", monkeypatch, listen=listen, options=options)).outcome == "done"


def kill_after_a_page(process: subprocess.Popen[str], server: Server) -> bool:
    return _after_a_page(process, server.kill)


def _after_a_page(process: subprocess.Popen[str], act: Callable[[], None]) -> bool:
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event["event"] == "page committed" and event["moved"]:
            act()
            return True
    return False


async def test_a_server_that_stays_away_ends_the_run_with_its_progress_saved(
    mortal: tuple[Server, Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, engine = mortal
    monkeypatch.setattr("reencrypt.databases.retry.DEADLINE_SECONDS", 1.0)
    with GrafanaBuilder(tmp_path / "grafana.db", secret_key="s") as builder:
        populate(builder, count=1500, under=[None])
    await asyncio.to_thread(engine.load, tmp_path / "grafana.db")
    options = RunOptions(
        target=TargetOptions(to="secretKey.v1"), safety=SafetyOptions(lease_timeout=1)
    )  # the first run cannot give its lease back
    moved: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, PageCommitted) and event.moved:
            moved.append(event.moved)
            if len(moved) == 2:
                server.kill()

    with pytest.raises(UnavailableError) as given_up:
        await run_in_process(engine.url, "s", monkeypatch, listen=listen, options=options)
    assert given_up.value.exit_code == 7
    assert "progress is saved" in given_up.value.hint
    await asyncio.to_thread(server.start)
    journal = engine.query("SELECT COUNT(*) FROM reencrypt_journal WHERE action = 'rewrite'")
    assert journal[0][0]
    report = await run_in_process(engine.url, "s", monkeypatch, listen=listen, options=options)
    assert report.outcome == "done"
    engine.dump(tmp_path / "judged.db")
    secrets = read_secrets(tmp_path / "judged.db", secret_key="s")
    applicable = [each for address, each in secrets.items() if address.table != "alert_notification"]
    assert {each.provider for each in applicable} == {"secretKey.v1"}
    assert all(each.plaintext is not None for each in secrets.values())
    assert len(moved) > 2
