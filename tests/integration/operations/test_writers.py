"""Several writers: a location in key ranges, whose pages commit at the same time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reencrypt.catalogue.location import Key
from reencrypt.databases.protocol import Transaction
from reencrypt.events import Event, PageCommitted, PassStarted
from reencrypt.operations.migrate import ranges
from reencrypt.operations.undo.operation import undo
from reencrypt.planning.options import PaceOptions, ScopeOptions
from reencrypt.planning.session import Session
from reencrypt.state.checkpoints import read_checkpoints
from reencrypt.state.stop import StopRequest
from tests.support import inprocess
from tests.support.accounts import grant, new_account, tables_of, url_as
from tests.support.engine import Engine
from tests.support.inprocess import HookedDatabase, in_session, run_in_process
from tests.support.raced import LATER, ROWS, SECRET_KEY, Grafana
from tests.support.servers import SERVERS
from tests.support.story import CLASSIC, StoryStore

pytestmark = [pytest.mark.parametrize("engine", SERVERS, indirect=True), pytest.mark.stores_in_turn]

WRITERS = 4


@pytest.fixture
def grafana(engine: Engine, store: StoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grafana:
    monkeypatch.setattr(ranges, "LEAST_ROWS", 20)
    return Grafana(engine, tmp_path / "grafana.db", monkeypatch, store)


class Watched(HookedDatabase):
    """A database that notes how many transactions have been open at the same time."""

    most = 0
    at_once = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._real.transaction() as transaction:
            Watched.at_once += 1
            Watched.most = max(Watched.most, Watched.at_once)
            try:
                yield transaction
            finally:
                Watched.at_once -= 1


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> type[Watched]:
    monkeypatch.setattr(Watched, "most", 0)
    monkeypatch.setattr(Watched, "at_once", 0)
    monkeypatch.setattr(inprocess, "HookedDatabase", Watched)
    return Watched


async def test_pages_commit_at_the_same_time_and_every_secret_moves_once(
    grafana: Grafana, watched: type[Watched]
) -> None:
    before = grafana.plaintexts()
    passes: list[int] = []
    seen: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, PassStarted):
            passes.append(event.number)
        if isinstance(event, PageCommitted) and event.location == grafana.places.first and passes == [0]:
            seen.append(event.counts["total"])

    report = await grafana.run(listen=listen)
    assert 1 < watched.most <= WRITERS + 1
    assert (report.outcome, report.total.re_encrypted) == ("done", len(before))
    assert sorted(map(str, grafana.plaintexts())) == sorted(map(str, before))
    assert grafana.off_target() == 0
    rewritten = grafana.query("SELECT table_name, row_key, column_name FROM reencrypt_journal WHERE action = 'rewrite'")
    assert len(rewritten) == len(set(rewritten)) >= len(before)
    assert grafana.query("SELECT COUNT(*) FROM reencrypt_range") == [(0,)]
    # The figures that a page reports are those of its location, and not of its range.
    assert (seen == sorted(seen), seen[-1]) == (True, ROWS)


async def test_one_writer_is_what_the_option_says(grafana: Grafana, watched: type[Watched]) -> None:
    report = await grafana.run(options=replace(grafana.options(), pace=PaceOptions(writers=1)))
    assert report.outcome == "done"
    # A heartbeat may come between.
    assert watched.most <= 2


@pytest.mark.parametrize("writers", [1, WRITERS])
async def test_a_run_that_was_stopped_in_its_ranges_goes_on_in_them_and_counts_nothing_twice(
    grafana: Grafana, writers: int
) -> None:
    number = len(grafana.plaintexts())
    stop, pages = StopRequest(), 0

    def listen(event: Event) -> None:
        nonlocal pages
        if isinstance(event, PageCommitted):
            pages += 1
            if pages == 3:
                stop.set("the test says so")

    first = await grafana.run(listen=listen, stop=stop)
    assert first.outcome == "stopped"
    moved = first.total.re_encrypted
    assert 0 < moved < number
    (journal,) = grafana.query("SELECT COUNT(DISTINCT row_key) FROM reencrypt_journal WHERE action = 'rewrite'")
    assert (moved,) == journal
    assert grafana.query("SELECT COUNT(*) FROM reencrypt_range")[0] != (0,)

    second = await grafana.run(options=replace(grafana.options(), pace=PaceOptions(writers=writers)))
    assert (second.resumed, second.outcome, second.total.re_encrypted) == (True, "done", number)
    assert grafana.off_target() == 0
    assert grafana.query("SELECT COUNT(*) FROM reencrypt_range") == [(0,)]


async def test_a_pilot_goes_on_in_the_ranges_of_a_stopped_run(grafana: Grafana) -> None:
    number = len(grafana.plaintexts())
    stop = StopRequest()

    def listen(event: Event) -> None:
        if isinstance(event, PageCommitted):
            stop.set("the test says so")

    first = await grafana.run(listen=listen, stop=stop)
    pilot = await grafana.run(options=grafana.options(ScopeOptions(limit=7)))
    assert (pilot.outcome, pilot.resumed) == ("stopped", True)
    assert pilot.total.re_encrypted == first.total.re_encrypted + 7
    last = await grafana.run()
    assert (last.outcome, last.total.re_encrypted) == ("done", number)


async def test_what_several_writers_did_is_undone(grafana: Grafana) -> None:
    before = {address: each.plaintext for address, each in grafana.secrets().items()}
    off_target = grafana.off_target()
    report = await grafana.run()
    assert report.run_id is not None
    run_id = report.run_id
    undone = await in_session(
        lambda session: undo(session, run_id), grafana.settings(), grafana.options(), store=grafana.store.name
    )
    assert undone.outcome == "undone"
    assert {address: each.plaintext for address, each in grafana.secrets().items()} == before
    assert grafana.off_target() == off_target


async def test_rows_that_come_and_go_belong_to_one_range_each(grafana: Grafana) -> None:
    """Also at the ends of the ranges, whose rows may be gone before a writer comes to them."""
    inserted: list[int] = []
    deleted = 0

    def change(event: Event) -> None:
        nonlocal deleted
        if isinstance(event, PageCommitted) and event.location == grafana.places.first and not inserted:
            inserted.append(0)
            for index in range(10):
                grafana.insert(grafana.places.before(index), index)
                grafana.insert(grafana.places.behind(index), index + 10)
            # Ends of ranges are multiples of the same number of rows.
            deleted = sum(grafana.delete(grafana.places.row(number)) for number in range(75, ROWS, 75))

    report = await grafana.run(listen=change)
    assert (report.outcome, deleted) == ("done", 3)
    assert report.incomplete == {}
    assert grafana.off_target() == 0
    assert len(grafana.secrets()) == ROWS + LATER + 20 - deleted


async def test_the_ranges_of_a_location_are_its_rows_each_once(grafana: Grafana) -> None:
    if grafana.store is CLASSIC:
        # Rows without a secret, before all others: no range gets fewer of the location's for them.
        for number in range(ROWS):
            grafana.execute(
                "INSERT INTO user_auth (id, user_id, auth_module, auth_id, created) "
                "VALUES (?, 1, 'm', 'a', '2026-01-01 00:00:00')",
                -number,
            )
    stop = StopRequest()

    def listen(event: Event) -> None:
        if isinstance(event, PageCommitted):
            stop.set("the test says so")

    report = await grafana.run(listen=listen, stop=stop)

    async def read(session: Session) -> list[tuple[int, list[Key]]]:
        assert report.run_id is not None
        (split,) = [each for each in await read_checkpoints(session.database, report.run_id) if each.is_split]
        (location,) = [each for each in session.locations if each.name == grafana.places.first]
        found = []
        # Not from where the writers stopped: from where each range begins.
        begin: Key | None = None
        for each in split.ranges:
            assert each.key_range is not None
            until = each.key_range.until
            rows = await session.database.read_page(location, begin, rows=ROWS, size=None, until=until)
            found.append((each.key_range.number, [row.key for row in rows]))
            begin = until
        return found

    ranges_read = await in_session(read, grafana.settings(), grafana.options(), store=grafana.store.name)
    assert [number for number, _ in ranges_read] == list(range(2 * WRITERS))
    keys = [key for _, each in ranges_read for key in each]
    assert len(keys) == len(set(keys)) == ROWS
    assert max(len(each) for _, each in ranges_read) < ROWS / WRITERS


async def test_a_server_that_grants_two_connections_is_worked_with_as_by_one_writer(
    grafana: Grafana, watched: type[Watched]
) -> None:
    account = new_account(grafana.engine)
    grant(grafana.engine, account, "ALL", *([] if grafana.engine.kind == "mysql" else tables_of(grafana.engine)))
    limits = {"postgres": "ALTER ROLE {} CONNECTION LIMIT 2", "mysql": "ALTER USER {} WITH MAX_USER_CONNECTIONS 2"}
    grafana.engine.execute(limits[grafana.engine.kind].format(account))
    if grafana.engine.kind == "postgres":
        grafana.engine.execute(f"GRANT CREATE ON SCHEMA public TO {account}")

    report = await run_in_process(
        url_as(grafana.engine, account),
        SECRET_KEY,
        grafana.monkeypatch,
        options=grafana.options(),
        store=grafana.store.name,
        config=grafana.config,
    )
    assert (report.outcome, report.total.re_encrypted) == ("done", len(grafana.plaintexts()))
    assert watched.most == 1


async def test_the_failures_of_a_location_that_waits_are_not_counted_with_those_of_another(grafana: Grafana) -> None:
    places = grafana.places
    for number in range(1, ROWS, 100):
        column = places.row_column
        value = places.row(number)[0 if len(places.key) == 1 else 1]
        damage = "no" if grafana.store is CLASSIC else b"no"
        grafana.execute(f"UPDATE {places.table} SET {places.damaged} = ? WHERE {column} = ?", damage, value)  # noqa: S608
    stop = StopRequest()

    def listen(event: Event) -> None:
        if isinstance(event, PageCommitted) and event.location == places.first and event.counts["quarantined"]:
            stop.set("the test says so")

    await grafana.run(listen=listen, stop=stop)
    before = grafana.query("SELECT tally FROM reencrypt_range ORDER BY number")
    for _ in range(3):
        report = await grafana.run(options=grafana.options(ScopeOptions(locations=(places.later,))))
        assert report.outcome == "stopped"
        assert grafana.query("SELECT tally FROM reencrypt_range ORDER BY number") == before
        assert grafana.query("SELECT tally FROM reencrypt_run") == [("{}",)]
    last = await grafana.run()
    assert last.total.quarantined == len(range(1, ROWS, 100))
