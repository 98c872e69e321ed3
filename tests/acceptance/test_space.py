"""What `plan` says about the bytes that a run writes is what a run writes, on each engine, within a factor of two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from reencrypt.databases.footprint import Footprint, Room
from reencrypt.planning.space import shortage
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.accounts import grant, new_account, url_as
from tests.support.commandline import CommandLine
from tests.support.mysql import MysqlEngine, OwnServer
from tests.support.postgres import PostgresEngine, PostgresServer
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault

#: What docs/databases.md states.
FACTOR = 2.0
Product = Literal["mariadb", "mysql"]


def filled(story: Story, count: int = 2000) -> Story:
    with story.builder() as builder:
        populate(builder, count=count, under=[None, builder.data_key()])
    return story


def is_near(told: float, measured: float) -> bool:
    return measured / FACTOR <= told <= measured * FACTOR


def planned(story: Story) -> dict[str, Any]:
    space: dict[str, Any] = story.cli.json("plan", *WRAP)["space"]
    return space


def ran(story: Story) -> None:
    assert story.cli.json("run", *WRAP)["outcome"] == "done"


def test_an_sqlite_file_grows_as_was_planned(tmp_path: Path, shared_vault: Vault) -> None:
    story = filled(Story.of(tmp_path / "grafana.db", shared_vault))
    told, before = planned(story), story.database.stat().st_size
    assert told["free"] == told["free_for_log"] > 0
    assert told["unknown"] is None
    ran(story)
    assert is_near(told["journal"] + told["rows"], story.database.stat().st_size - before)


@pytest.fixture
def own_postgres(postgres_server: PostgresServer) -> PostgresServer:
    if postgres_server.own is None:
        pytest.skip("NOT RUN: this needs a PostgreSQL of the tests' own, on this machine")
    return postgres_server


@contextmanager
def full_pages(engine: PostgresEngine, mode: str) -> Iterator[None]:
    """The tests' server has them off."""
    try:
        engine.execute(f"ALTER SYSTEM SET full_page_writes = {mode}")
        engine.query("SELECT pg_reload_conf()")
        yield
    finally:
        engine.execute("ALTER SYSTEM SET full_page_writes = off")
        engine.query("SELECT pg_reload_conf()")


@pytest.mark.parametrize("mode", ["on", "off"])
def test_a_postgresql_gets_the_journal_and_the_log_that_was_planned(
    mode: str, own_postgres: PostgresServer, tmp_path: Path, shared_vault: Vault
) -> None:
    engine = PostgresEngine(own_postgres.new_database())
    story = filled(Story.of(tmp_path / "grafana.db", shared_vault, engine=engine))

    def log() -> int:
        return number(engine.query("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"))

    def tables() -> int:
        return number(
            engine.query(
                "SELECT SUM(pg_table_size(oid))::bigint FROM pg_class "
                "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname NOT LIKE 'reencrypt%'"
            )
        )

    with full_pages(engine, mode):
        engine.execute("CHECKPOINT")
        told, before, data = planned(story), log(), tables()
        ran(story)
        assert is_near(told["log"], log() - before)
    assert is_near(told["rows"], tables() - data)
    journal = number(engine.query("SELECT pg_total_relation_size('reencrypt_journal')"))
    assert is_near(told["journal"], journal)


@pytest.mark.parametrize("product", ["mariadb", "mysql"])
def test_a_mysql_gets_the_journal_and_the_log_that_was_planned(
    product: Product, tmp_path: Path, shared_vault: Vault
) -> None:
    server = OwnServer("--log-bin=binlog", "--server-id=1", product=product)
    try:
        engine = MysqlEngine(server.new_database())
        story = filled(Story.of(tmp_path / "grafana.db", shared_vault, engine=engine))

        def log() -> int:
            return sum(int(str(row[1])) for row in engine.query("SHOW BINARY LOGS"))

        told, before = planned(story), log()
        ran(story)
        assert is_near(told["log"], log() - before)
        engine.query("ANALYZE TABLE reencrypt_journal")
        sizes = "SELECT data_length FROM information_schema.tables WHERE table_name = 'reencrypt_journal'"
        assert is_near(told["journal"], number(engine.query(sizes)))
        # Only MySQL has a file by which its folder can be told.
        assert (told["free"] is None) == (product == "mariadb")
        assert (told["unknown"] is None) == (product == "mysql")
    finally:
        server.stop()


def number(rows: list[tuple[object, ...]]) -> int:
    ((found,),) = rows
    return int(str(found))


def test_the_room_of_a_postgresql_is_known_where_the_account_and_this_machine_tell(
    own_postgres: PostgresServer, tmp_path: Path, shared_vault: Vault
) -> None:
    engine = PostgresEngine(own_postgres.new_database())
    story = filled(Story.of(tmp_path / "grafana.db", shared_vault, engine=engine), count=20)
    assert planned(story)["free"] > 0
    account = new_account(engine)
    grant(engine, account, "ALL")
    limited = CommandLine(url_as(engine, account), story.cli.configuration, shared_vault)
    space = limited.json("plan", *WRAP)["space"]
    assert (space["free"], space["free_for_log"]) == (None, None)
    assert "pg_read_all_settings" in space["unknown"]
    assert "how much is free is not known" in limited("plan", *WRAP).stdout


def test_a_document_counts_as_a_whole_where_one_of_its_secrets_moves(tmp_path: Path, shared_vault: Vault) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault)
    with story.builder() as builder:
        current = builder.data_key(provider=TARGET, wrap=lambda key: shared_vault.wrap("prod", key))
        many = {f"key{number}": Plain(b"a current secret of the receiver", current) for number in range(1000)}
        builder.add_alert_configuration([{**many, "url": Plain(b"https://example.org/hook")}])
        builder.add_data_source({"password": Plain(b"a current password", current)})
    ((size,),) = story.query("SELECT LENGTH(alertmanager_configuration) FROM alert_configuration")
    told = planned(story)
    assert is_near(told["journal"] - 100_000, int(str(size)))
    ran(story)
    assert story.cli.json("plan")["space"] is None


def test_what_does_not_fit_is_a_warning() -> None:
    mega = 1_000_000

    def of(free: int | None, free_for_log: int | None = None) -> Footprint:
        return Footprint(2 * mega, mega, 4 * mega, "log", Room(free, free_for_log), ahead=mega)

    assert [warning.message for warning in shortage(of(7 * mega))] == [
        "a run may not fit: it writes about 8.0 MB where 7.0 MB are free; make room first"
    ]
    assert shortage(of(8 * mega)) == shortage(of(None)) == shortage(None) == ()
    assert shortage(of(4 * mega, 4 * mega)) == ()
    (apart,) = shortage(of(3 * mega, 1000))
    assert "4.0 MB where 3.0 MB are free and 4.0 MB where 1.0 kB are free" in apart.message
