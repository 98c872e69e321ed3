"""Somebody else writes while a page is on its way: no update is lost, nothing is written without its key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reencrypt.catalogue.location import Row
from reencrypt.errors import LeaseHeldError, RefusedError
from reencrypt.events import Event, PageCommitted, PassStarted, RunStarted, TargetKeyReady, Waiting
from reencrypt.operations.migrate import ranges
from reencrypt.operations.report import RunReport
from reencrypt.operations.undo.columns import ColumnUndo
from reencrypt.operations.undo.operation import undo
from reencrypt.planning.options import RunOptions, SafetyOptions, ScopeOptions
from reencrypt.state.stop import StopRequest
from tests.grafana.planting import Plain
from tests.support.engine import Engine, SqliteEngine
from tests.support.inprocess import in_session
from tests.support.raced import Grafana
from tests.support.story import CLASSIC, StoryStore

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.stores_in_turn]


@pytest.fixture
def grafana(
    engine: Engine,
    store: StoryStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    several_writers: bool,  # noqa: FBT001
) -> Grafana:
    if engine.kind == "postgres" and several_writers:
        # There several writers, on the others one.
        monkeypatch.setattr(ranges, "LEAST_ROWS", 50)
    return Grafana(engine, tmp_path / "grafana.db", monkeypatch, store)


async def test_an_update_between_read_and_write_wins_and_is_re_encrypted(grafana: Grafana) -> None:
    raced: list[int] = []

    def save(location: str, rows: Sequence[Row]) -> None:
        if location == grafana.places.first and rows and not raced:
            for number, row in enumerate(rows[::5][: len(grafana.saves)]):
                raced.append(number)
                grafana.save(row.key, number)

    report = await grafana.run(hook=save)
    assert len(raced) > 5
    texts = grafana.plaintexts()
    assert {f"written meanwhile {number}".encode() for number in range(len(raced))} <= set(texts)
    assert grafana.off_target() == 0
    assert report.outcome == "done"
    assert report.total.as_numbers()["re_encrypted"] == report.total.total == len(texts)


async def test_rows_deleted_in_mid_page_are_no_error(grafana: Grafana) -> None:
    deleted: list[object] = []

    def delete(location: str, rows: Sequence[Row]) -> None:
        if location == grafana.places.first and rows and not deleted:
            deleted.extend(row.key for row in rows[::5])
            assert all(grafana.delete(row.key) for row in rows[::5])

    report = await grafana.run(hook=delete)
    assert len(deleted) > 5
    assert report.outcome == "done"
    assert report.total.total == 320 - len(deleted)
    assert grafana.off_target() == 0


async def test_rows_inserted_behind_the_cursor_are_swept_up(grafana: Grafana) -> None:
    inserted: list[int] = []

    def save(location: str, rows: Sequence[Row]) -> None:
        # When the run is at the later location, the first one lies behind it.
        if location == grafana.places.later and rows and not inserted:
            inserted.append(1)
            for number in range(len(grafana.saves)):
                grafana.insert(grafana.places.before(number), number)

    report = await grafana.run(hook=save)
    assert report.total.re_encrypted == 370
    assert report.sweeps == 2
    assert grafana.off_target() == 0


async def test_a_row_that_changes_at_every_attempt_is_quarantined_and_never_overwritten(grafana: Grafana) -> None:
    saves, key = 0, grafana.places.row(7)

    def save(location: str, rows: Sequence[Row]) -> None:
        nonlocal saves
        if location == grafana.places.first and any(row.key == key for row in rows):
            saves += 1
            grafana.save(key, saves % 2)

    report = await grafana.run(hook=save)
    assert report.outcome == "partly_done"
    assert report.total.quarantined_because == {"race_lost": 1}
    assert (report.total.re_encrypted, report.total.total) == (319, 320)
    assert grafana.stored(key) == grafana.saves[saves % 2]


async def test_a_target_data_key_that_somebody_deletes_stops_the_run_before_it_writes(grafana: Grafana) -> None:
    before = grafana.plaintexts()

    def listen(event: Event) -> None:
        if isinstance(event, TargetKeyReady):
            delete = f"DELETE FROM {grafana.store.keys} WHERE provider = ?"  # noqa: S608 - our own table
            assert grafana.execute(delete, grafana.places.target) == 1

    with pytest.raises(RefusedError, match=f"is gone from {grafana.store.keys}"):
        await grafana.run(listen=listen)
    assert grafana.plaintexts() == before
    # The next run makes another key and moves everything.
    report = await grafana.run()
    assert report.outcome == "done"
    assert report.total.re_encrypted == 320


async def test_a_target_data_key_deleted_in_mid_run_stops_it_with_every_secret_under_a_key(grafana: Grafana) -> None:
    if grafana.store is CLASSIC:
        with grafana.builder() as builder:
            keep = builder.data_key()
            builder.add_secret(Plain(b'{"under":"another key"}', keep))
    grafana.set_all_inactive()
    pages = 0

    def listen(event: Event) -> None:
        nonlocal pages
        if isinstance(event, PageCommitted) and event.moved:
            pages += 1
            if pages == 1:
                # Wrapped anew by somebody: the bytes are not those that were proven.
                update = f"UPDATE {grafana.store.keys} SET encrypted_data = ? WHERE active = ?"  # noqa: S608 - our own table
                grafana.execute(update, b"anew", True)  # noqa: FBT003

    with pytest.raises(RefusedError, match="wrapped again"):
        await grafana.run(listen=listen)
    assert pages == 1


async def test_a_holder_that_slept_through_a_take_over_cannot_commit(grafana: Grafana) -> None:
    moved: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, PageCommitted) and event.moved:
            moved.append(event.moved)
            grafana.execute("UPDATE reencrypt_lease SET token = token + 1, holder = 'somebody else'")

    with pytest.raises(LeaseHeldError, match="taken over by somebody else"):
        await grafana.run(listen=listen)
    journal = grafana.query("SELECT COUNT(*) FROM reencrypt_journal WHERE action = 'rewrite'")
    assert journal == [(sum(moved),)]
    assert set(grafana.query("SELECT holder FROM reencrypt_lease")) == {("somebody else",)}


async def test_a_lease_whose_holder_is_silent_is_taken_over_after_its_timeout(grafana: Grafana) -> None:
    await grafana.run()
    grafana.execute("UPDATE reencrypt_lease SET holder = 'a dead process', beats = beats + 1, beat_seconds = 0")
    grafana.add_more()
    loop = asyncio.get_running_loop()
    since = loop.time()
    report = await grafana.run(options=grafana.options(safety=SafetyOptions(lease_timeout=1)))
    assert loop.time() - since >= 1
    assert report.total.re_encrypted == 1


@pytest.mark.one_engine
async def test_a_holder_that_beats_slowly_is_given_three_of_its_beats(grafana: Grafana) -> None:
    await grafana.run()
    grafana.execute("UPDATE reencrypt_lease SET holder = 'a slow process', beats = beats + 1, beat_seconds = 0.5")
    grafana.add_more()
    loop = asyncio.get_running_loop()
    since = loop.time()
    report = await grafana.run(options=grafana.options(safety=SafetyOptions(lease_timeout=0.3)))
    assert loop.time() - since >= 1.5
    assert report.total.re_encrypted == 1


async def cancel_after(grafana: Grafana, events: int) -> bool:
    """Start a run and cancel it at one of its first events; returns whether it was cancelled before its end."""
    tasks: list[asyncio.Task[RunReport]] = []
    seen: list[Event] = []

    def listen(event: Event) -> None:
        if isinstance(event, (RunStarted, TargetKeyReady, PassStarted, PageCommitted)):
            seen.append(event)
            if len(seen) == events:
                tasks[0].cancel()

    tasks.append(asyncio.create_task(grafana.run(listen=listen)))
    try:
        await tasks[0]
    except asyncio.CancelledError:
        return True
    return False


async def test_a_run_cancelled_at_any_event_is_resumed_with_nothing_lost_and_nothing_twice(grafana: Grafana) -> None:
    grafana.grow()
    before = sorted(text for text in grafana.plaintexts() if text is not None)
    applicable = sum(address.table != "alert_notification" for address in grafana.secrets())
    cancelled = 0
    for after in range(1, 40, 3):
        cancelled += await cancel_after(grafana, after)
        assert sorted(text for text in grafana.plaintexts() if text is not None) == before
    assert cancelled > 3
    report = await grafana.run()
    assert report.outcome in {"done", "nothing_to_do"}
    assert grafana.query("SELECT COUNT(*) FROM reencrypt_run") == [(1,)]
    counts = grafana.query(
        "SELECT counts FROM reencrypt_checkpoint WHERE pass = (SELECT MAX(pass) FROM reencrypt_checkpoint)"
    )
    assert sum(json.loads(str(text))["re_encrypted"] for (text,) in counts) == applicable
    twice = grafana.query(
        "SELECT 1 FROM reencrypt_journal GROUP BY table_name, row_key, column_name, action HAVING COUNT(*) > 1"
    )
    assert twice == []


async def test_a_stop_while_waiting_for_a_silent_lease_is_heeded_at_once(grafana: Grafana) -> None:
    await grafana.run()
    grafana.execute("UPDATE reencrypt_lease SET holder = 'a dead process', beat_seconds = 0")
    stop = StopRequest()

    def listen(event: Event) -> None:
        if isinstance(event, Waiting):
            stop.set("SIGTERM received")

    loop = asyncio.get_running_loop()
    since = loop.time()
    report = await grafana.run(listen=listen, stop=stop)
    assert (report.outcome, report.stop_reason, report.exit_code) == ("stopped", "SIGTERM received", 4)
    assert loop.time() - since < 5


async def test_what_a_run_moved_under_two_target_keys_is_counted_as_moved(grafana: Grafana) -> None:
    pilot = await grafana.run(options=grafana.options(scope=ScopeOptions(locations=(grafana.places.first,), limit=20)))
    assert pilot.total.re_encrypted == 20
    assert len(grafana.target_keys()) == 1
    grafana.set_all_inactive()
    report = await grafana.run()
    assert report.run_id == pilot.run_id
    assert len(grafana.target_keys()) == 2
    assert report.total.re_encrypted == 320


async def test_a_wrapped_data_key_stored_as_text_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grafana = Grafana(SqliteEngine(tmp_path / "grafana.db"), tmp_path / "grafana.db", monkeypatch)
    with grafana.builder() as builder:
        builder.data_key()
    grafana.execute("UPDATE data_keys SET encrypted_data = CAST(encrypted_data AS TEXT)")
    assert (await grafana.run()).outcome == "done"
    assert len(grafana.query("SELECT 1 FROM data_keys")) == 1


async def test_settling_sweeps_up_what_grafana_wrote_from_its_cache(grafana: Grafana) -> None:
    waits: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Waiting) and "cache" in event.reason:
            waits.append(event.reason)
            grafana.save(grafana.places.row(3), 0)

    options = grafana.options(scope=ScopeOptions(settle=True))
    environ = {grafana.places.cache: "200ms"}
    report = await grafana.run(listen=listen, options=options, environ=environ)
    assert len(waits) == 1
    assert report.outcome == "done"
    assert report.may_remain == ""
    assert grafana.off_target() == 0
    assert b"written meanwhile 0" in grafana.plaintexts()


async def test_without_settling_the_report_says_what_may_remain(grafana: Grafana) -> None:
    report = await grafana.run()
    assert "--settle" in report.may_remain
    assert "15 minutes" in report.may_remain


async def test_a_data_key_that_somebody_deletes_in_mid_undo_is_given_no_secret_back(
    grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    if grafana.store is CLASSIC:
        with grafana.builder() as builder:
            old = builder.data_key()
            for number in range(250):
                builder.add_secret(Plain(b'{"under":"the old key %d"}' % number, old))
    grafana.set_all_inactive()
    ((key_id,),) = grafana.query(f"SELECT {grafana.places.key_column} FROM {grafana.store.keys}")  # noqa: S608
    run = await grafana.run(environ={"GF_SECURITY_ENCRYPTION_ALGORITHM": "aes-gcm"})
    assert run.total.re_encrypted == (570 if grafana.store is CLASSIC else 320)
    pages = 0
    real = ColumnUndo._commit  # noqa: SLF001 - between compare and commit there is no other place

    async def delete_first(self: ColumnUndo, *arguments: Any) -> list[Any]:
        nonlocal pages
        pages += 1
        if pages == 2:
            delete = f"DELETE FROM {grafana.store.keys} WHERE {grafana.places.key_column} = ?"  # noqa: S608
            await asyncio.to_thread(grafana.execute, delete, key_id)
        return await real(self, *arguments)

    monkeypatch.setattr(ColumnUndo, "_commit", delete_first)
    work = partial(undo, run_id=str(run.run_id))
    report = await in_session(work, grafana.settings(), RunOptions(), store=grafana.store.name)
    assert report.kept_because["old_bytes_unreadable"] >= 100
    unreadable = sum(each.plaintext is None for each in grafana.secrets().values())
    # Those of the first page, which the deletion itself has cost; not one of the others.
    assert unreadable <= 100
