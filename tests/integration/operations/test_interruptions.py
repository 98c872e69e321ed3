"""A run that was interrupted late looks at everything again: Grafana has had all the time in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from reencrypt.catalogue.location import Row
from reencrypt.events import Event, PageCommitted, PassStarted, RunEnded, Waiting
from reencrypt.planning.options import RotationOptions, ScopeOptions
from reencrypt.state.stop import StopRequest
from tests.support.engine import Engine
from tests.support.raced import Grafana
from tests.support.story import StoryStore

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.stores_in_turn]


@pytest.fixture
def grafana(engine: Engine, store: StoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grafana:
    return Grafana(engine, tmp_path / "grafana.db", monkeypatch, store)


def save_rows(grafana: Grafana) -> None:
    for number in range(len(grafana.saves)):
        grafana.insert(grafana.places.behind(number), number)


async def test_what_grafana_saves_between_a_stop_in_a_sweep_and_the_next_run_is_found(grafana: Grafana) -> None:
    stop = StopRequest()
    passes: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, PassStarted):
            passes.append(event.number)
        if isinstance(event, PageCommitted) and len(passes) == 2 and event.location == grafana.places.first:
            stop.set("SIGTERM received")

    report = await grafana.run(listen=listen, stop=stop)
    assert report.outcome == "stopped"
    save_rows(grafana)
    report = await grafana.run()
    assert (report.outcome, grafana.off_target()) == ("done", 0)
    assert report.total.total == 370


@pytest.mark.one_engine
async def test_what_grafana_saves_after_a_kill_behind_the_last_sweep_is_found(grafana: Grafana) -> None:
    passes: list[int] = []
    tasks: list[asyncio.Task[object]] = []

    def listen(event: Event) -> None:
        if isinstance(event, PassStarted):
            passes.append(event.number)
        last = len(passes) == 2 and isinstance(event, PageCommitted) and event.location == grafana.places.last
        if last and not tasks[0].cancelling():
            tasks[0].cancel()

    tasks.append(asyncio.create_task(grafana.run(listen=listen)))
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    save_rows(grafana)
    report = await grafana.run()
    assert (report.outcome, grafana.off_target()) == ("done", 0)


async def test_a_row_that_lost_a_race_in_a_sweep_is_not_lost_to_a_kill(grafana: Grafana) -> None:
    passes: list[int] = []
    raced: list[int] = []
    tasks: list[asyncio.Task[object]] = []

    def listen(event: Event) -> None:
        if isinstance(event, PassStarted):
            passes.append(event.number)
        if isinstance(event, PageCommitted) and raced and not tasks[0].cancelling():
            tasks[0].cancel()

    def save(location: str, rows: Sequence[Row]) -> None:
        if location == grafana.places.later and rows and len(passes) == 1:
            grafana.save(grafana.places.row(7), 0)
        if location == grafana.places.first and rows and len(passes) == 2 and not raced:
            raced.append(7)
            grafana.save(grafana.places.row(7), 1)

    tasks.append(asyncio.create_task(grafana.run(listen=listen, hook=save)))
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    report = await grafana.run()
    assert (report.outcome, grafana.off_target(), report.total.total) == ("done", 0, 320)
    assert b"written meanwhile 1" in grafana.plaintexts()


@pytest.mark.one_engine
async def test_locations_by_name_are_read_again_also_after_the_main_pass(grafana: Grafana) -> None:
    stop = StopRequest()

    def listen(event: Event) -> None:
        if isinstance(event, PassStarted) and event.number == 1:
            stop.set("SIGTERM received")

    await grafana.run(listen=listen, stop=stop)
    save_rows(grafana)
    report = await grafana.run(options=grafana.options(scope=ScopeOptions(locations=(grafana.places.first,))))
    assert report.stop_reason is not None
    assert f"{grafana.places.first} done" in report.stop_reason
    assert grafana.off_target() == 0


@pytest.mark.one_engine
async def test_a_stop_while_settling_ends_with_a_report(grafana: Grafana) -> None:
    stop = StopRequest()
    ended: list[Event] = []

    def listen(event: Event) -> None:
        if isinstance(event, Waiting) and "cache" in event.reason:
            stop.set("SIGTERM received")
        if isinstance(event, RunEnded):
            ended.append(event)

    report = await grafana.run(
        listen=listen,
        stop=stop,
        options=grafana.options(scope=ScopeOptions(settle=True)),
    )
    assert (report.outcome, report.exit_code, report.stop_reason) == ("stopped", 4, "SIGTERM received")
    assert (report.total.total, len(ended)) == (320, 1)
    assert report.run_id is not None


@pytest.mark.one_engine
async def test_a_request_behind_the_last_page_finds_the_run_done(grafana: Grafana) -> None:
    stop = StopRequest()
    passes: list[list[str]] = []

    def listen(event: Event) -> None:
        if isinstance(event, PassStarted):
            passes.append([])
        if isinstance(event, PageCommitted):
            passes[-1].append(event.location)
            if len(passes) == 2 and event.location == passes[0][-1]:
                stop.set("SIGTERM received")

    report = await grafana.run(listen=listen, stop=stop)
    assert (report.outcome, report.exit_code, report.stop_reason) == ("done", 0, None)
    assert stop.reason is not None
    assert (await grafana.run()).outcome == "nothing_to_do"


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("limit", "reason"),
    [(5, "the limit of 5 secrets is reached"), (None, "{first} done; run without --location for the others")],
)
async def test_a_limit_ends_a_run_with_its_reason_and_asks_nobody_to_stop(
    grafana: Grafana, limit: int | None, reason: str
) -> None:
    stop = StopRequest()
    scope = ScopeOptions(limit=limit) if limit else ScopeOptions(locations=(grafana.places.first,))
    report = await grafana.run(stop=stop, options=grafana.options(scope=scope))
    reason = reason.format(first=grafana.places.first)
    assert (report.outcome, report.stop_reason, stop.reason) == ("stopped", reason, None)


@pytest.mark.one_engine
async def test_a_rotation_that_goes_on_with_nothing_left_to_move_keeps_its_own_key(grafana: Grafana) -> None:
    await grafana.run()
    options = replace(grafana.options(), rotation=RotationOptions(fresh_data_key=True))
    stop = StopRequest()

    def listen(event: Event) -> None:
        if isinstance(event, PassStarted) and event.number == 1:
            stop.set("SIGTERM received")

    assert (await grafana.run(listen=listen, stop=stop, options=options)).outcome == "stopped"
    # As Grafana's own "rotate data keys" does.
    grafana.set_all_inactive()
    report = await grafana.run(options=options)
    assert (report.outcome, report.total.left, report.total.re_encrypted) == ("done", 0, 320)
