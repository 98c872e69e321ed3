"""Something leaves rows out of what the database answers: no command takes what it has seen for the whole."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.locations import BY_NAME
from reencrypt.databases import paging
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.errors import IncompleteScanError
from reencrypt.events import Event, PageCommitted, PassStarted, RunEnded, RunStarted
from reencrypt.operations.migrate import run as operation
from reencrypt.operations.plan import PlanReport, plan_stores
from reencrypt.operations.rekey.operation import rekey
from reencrypt.operations.report import RunReport
from reencrypt.planning.census import take_census
from reencrypt.planning.options import CompleteOptions, RunOptions, TargetOptions
from reencrypt.planning.session import Session
from reencrypt.secret import Secret
from reencrypt.settings import Settings, load_settings
from reencrypt.state.stop import StopRequest
from tests.grafana.planting import Plain
from tests.support.dropping import Drop, DroppingDatabase, Fault, drop_pages
from tests.support.engine import Engine
from tests.support.inprocess import complete, in_session, verify
from tests.support.raced import SECRET_KEY, Grafana

FAULTS = [pytest.param(fault, every, id=f"{fault.name}-{every}") for fault in Fault for every in (1, 2, 3)]
LOSING = [Fault.SKIPPED, Fault.HALVED]
OPTIONS = RunOptions(target=TargetOptions(to="secretKey.v1"))


async def plan(session: Session) -> PlanReport:
    (report,) = await plan_stores([session])
    return report


@pytest.fixture
def grafana(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grafana:
    return Grafana(engine, tmp_path / "grafana.db", monkeypatch)


def settings_of(grafana: Grafana, **environ: str) -> Settings:
    variables = {"GF_SECURITY_SECRET_KEY": SECRET_KEY, **environ}
    return load_settings(config=None, home=None, database_url=grafana.engine.url, environ=variables)


def ignore(_event: Event) -> None:
    return None


class Faulty:
    """Runs on a database whose pages have a fault in the passes whose numbers `takes` names."""

    def __init__(self, grafana: Grafana, monkeypatch: pytest.MonkeyPatch, drop: Drop, takes: set[int] | None) -> None:
        self._grafana = grafana
        self._takes = takes
        self.drop = drop
        self.passes: list[int] = []
        self.stop = StopRequest()
        self.stop_after_pages: int | None = None
        drop.on = False
        drop_pages(monkeypatch, drop)

    def listen(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            # The census reads with its own eyes; here it is the passes that are tried.
            self.drop.on = False
        if isinstance(event, PassStarted):
            self.passes.append(event.number)
            self.drop.on = self._takes is None or event.number in self._takes
        if isinstance(event, PageCommitted) and event.moved and self.stop_after_pages is not None:
            self.stop_after_pages -= 1
            if self.stop_after_pages == 0:
                self.stop.set("SIGTERM received")

    async def run(self, options: RunOptions = OPTIONS) -> RunReport:
        self.stop, self.drop.on = StopRequest(), False
        return await in_session(operation.run, settings_of(self._grafana), options, emit=self.listen, stop=self.stop)


@pytest.mark.one_engine
@pytest.mark.parametrize(("fault", "every"), FAULTS)
async def test_a_run_that_misses_pages_is_never_done(
    fault: Fault, every: int, grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(map(str, grafana.plaintexts()))
    faulty = Faulty(grafana, monkeypatch, Drop(fault, every), None)
    report = await faulty.run()
    assert faulty.drop.dropped
    assert sorted(map(str, grafana.plaintexts())) == before
    if every > 1 and report.outcome == "done":
        # The other question found what an empty page hid, or a later sweep what a pass had missed.
        assert (grafana.off_target(), report.incomplete, report.total.total) == (0, {}, len(before))
        return
    assert (report.outcome, report.exit_code) == ("partly_done", 3)
    assert report.incomplete
    for coverage in report.incomplete.values():
        assert coverage.before == coverage.after
        assert coverage.is_short
    assert report.as_json()["incomplete"].keys() == report.incomplete.keys()
    if every == 1:
        assert report.incomplete["user_auth"].as_numbers() == {
            "looked_at": report.incomplete["user_auth"].rows,
            "counted_before": 300,
            "counted_after": 300,
        }
        assert faulty.passes == [0, 1]


@pytest.mark.parametrize("fault", LOSING)
async def test_a_pass_that_misses_pages_is_repeated_and_done_when_the_next_sees_all(
    fault: Fault, grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = Faulty(grafana, monkeypatch, Drop(fault, 2), {0})
    report = await faulty.run()
    assert faulty.drop.dropped
    assert (report.outcome, report.incomplete) == ("done", {})
    assert grafana.off_target() == 0
    assert report.total.as_numbers()["total"] == 320
    assert faulty.passes[:2] == [0, 1]


async def test_a_sweep_that_misses_pages_is_repeated_though_it_moved_nothing(
    grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = Faulty(grafana, monkeypatch, Drop(Fault.SKIPPED), {1})
    report = await faulty.run()
    assert faulty.passes == [0, 1, 2]
    assert (report.outcome, report.total.total) == ("done", 320)


async def test_the_last_sweep_that_misses_pages_is_repeated_once(
    grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = Faulty(grafana, monkeypatch, Drop(Fault.SKIPPED), {3})
    ciphertexts = iter(grafana.saves)

    def save(event: Event) -> None:
        faulty.listen(event)
        if isinstance(event, PassStarted) and event.number in (1, 2):
            # So that these sweeps move something, and another one follows.
            grafana.execute("UPDATE user_auth SET o_auth_access_token = ? WHERE id = 5", next(ciphertexts)[0])

    report = await in_session(operation.run, settings_of(grafana), OPTIONS, emit=save, stop=faulty.stop)
    assert faulty.passes == [0, 1, 2, 3, 4]
    assert (report.outcome, report.total.total) == ("done", 320)
    assert grafana.off_target() == 0


@pytest.mark.parametrize("takes", [{0}, {0, 1}])
async def test_rows_missed_before_an_interruption_are_remembered_behind_it(
    takes: set[int], grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = Faulty(grafana, monkeypatch, Drop(Fault.HALVED, only="user_auth"), takes)
    faulty.stop_after_pages = 1
    assert (await faulty.run()).outcome == "stopped"
    assert faulty.drop.dropped
    faulty.drop.every = 10**9  # nothing more is missed in the first pass
    if takes == {0}:
        report = await faulty.run()
        assert (report.outcome, report.total.total, grafana.off_target()) == ("done", 320, 0)
    else:

        def listen(event: Event) -> None:
            faulty.listen(event)
            if isinstance(event, PassStarted) and event.number == 1:
                faulty.drop.every = 1

        faulty.drop.on = False
        report = await in_session(operation.run, settings_of(grafana), OPTIONS, emit=listen)
        assert (report.outcome, list(report.incomplete)) == ("partly_done", ["user_auth"])
        # One sweep was enough to know.
        assert faulty.passes == [0, 0, 1]


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("takes", "outcome"), [(set(), "done"), ({0}, "done"), ({0, 1}, "done"), ({0, 1, 2}, "partly_done")]
)
async def test_a_checkpoint_of_an_older_version_gives_no_false_alarm_and_no_false_done(
    takes: set[int], outcome: str, grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = Faulty(grafana, monkeypatch, Drop(Fault.HALVED, only="user_auth"), takes)
    faulty.stop_after_pages = 1
    assert (await faulty.run()).outcome == "stopped"
    for location, text in grafana.query("SELECT location, counts FROM reencrypt_checkpoint"):
        counts = json.loads(str(text))
        del counts["coverage"]
        grafana.execute("UPDATE reencrypt_checkpoint SET counts = ? WHERE location = ?", json.dumps(counts), location)
    report = await faulty.run()
    assert report.resumed
    assert report.outcome == outcome
    if outcome == "done":
        assert (grafana.off_target(), report.total.total) == (0, 320)
    else:
        assert report.incomplete


def multiply_tokens(grafana: Grafana) -> int:
    """Make more rows than a page of any command holds; returns how many secrets there are then."""
    columns = "user_id, auth_module, auth_id, created, o_auth_access_token"
    for power in range(4):
        grafana.execute(
            f"INSERT INTO user_auth (id, {columns}) SELECT id + {300 * 2**power}, {columns} FROM user_auth"  # noqa: S608
        )
    return 300 * 16 + 20


@pytest.mark.one_engine
@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("fault", Fault)
async def test_no_answer_is_given_over_rows_that_were_missed(
    fault: Fault, every: int, grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    await grafana.run()
    monkeypatch.undo()
    hidden = fault is Fault.EMPTY and every > 1
    # Where the other question is needed all the time it goes on row by row, so there are few.
    total = 320 if hidden else multiply_tokens(grafana)
    settings = settings_of(grafana)
    drop = Drop(fault, every)
    drop_pages(monkeypatch, drop)
    for ask in (
        partial(in_session, plan, settings, OPTIONS),
        partial(in_session, verify, settings, OPTIONS),
        partial(in_session, partial(complete, wanted=CompleteOptions()), settings, OPTIONS),
    ):
        drop.pages = drop.dropped = 0
        if hidden:
            # The other question finds what the empty page hides.
            answer = (await ask()).as_json()
            assert answer.get("secrets", {"total": total})["total"] == total
        else:
            with pytest.raises(IncompleteScanError) as raised:
                await ask()
            assert (raised.value.exit_code, raised.value.code) == (3, "incomplete_scan")
            assert "rows looked at" in raised.value.message
            assert "counted before" in raised.value.message
        assert drop.dropped


async def test_a_busy_table_outside_the_catalogue_is_named_with_its_figures_until_somebody_vouches_for_it(
    grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random keys, steady inserts and deletes: rows that stayed cannot be told from rows that were missed."""
    await grafana.run()
    grafana.execute("CREATE TABLE busy (id INT PRIMARY KEY, kept VARCHAR(20))")
    grafana.execute("INSERT INTO busy VALUES (1, 'a')")
    drop = Drop(Fault.SKIPPED, only="busy")
    drop_pages(monkeypatch, drop)

    async def ask(*unsearched: str) -> dict[str, Any]:
        wanted = CompleteOptions(check_only=True, unsearched=frozenset(unsearched))
        return (await in_session(partial(complete, wanted=wanted), settings_of(grafana), OPTIONS)).as_json()

    answer = await ask()
    reason = (
        "busy: rows are missing from what the database answers, twice in a row: "
        "0 rows looked at, 1 counted before and 1 after"
    )
    assert answer["searched"]["not_searched"] == {"busy": reason}
    (blocker,) = [each for each in answer["blockers"] if "busy" in each]
    assert blocker.endswith("if it holds no secrets, give --unsearched busy")
    # A column that somebody vouches for leaves the rest of its table to be searched.
    answer = await ask("busy.id")
    assert answer["searched"]["not_searched"] == {"busy": reason}
    assert drop.dropped
    drop.pages = drop.dropped = 0
    answer = await ask("busy")
    assert drop.pages == 0
    assert answer["searched"]["not_searched"] == {"busy": "--unsearched vouches for it"}
    assert not [each for each in answer["blockers"] if "busy" in each]


@pytest.mark.parametrize("fault", LOSING)
async def test_a_scan_that_missed_rows_once_is_made_again_and_counts_nothing_twice(
    fault: Fault, grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    with grafana.builder() as builder:
        orphan = builder.data_key()
        for number in range(30):
            builder.add_secret(Plain(b'{"orphan":"%d"}' % number, orphan))
    grafana.execute("DELETE FROM data_keys")
    settings = settings_of(grafana)
    truth = (await in_session(verify, settings, OPTIONS)).as_json()
    planned = (await in_session(plan, settings, OPTIONS)).as_json()
    assert (truth["secrets"]["total"], truth["secrets"]["unreadable"]) == (350, 30)
    total = multiply_tokens(grafana) + 30
    # So that there is a second page on a server too.
    monkeypatch.setattr(paging, "_LONG_PAGE", 1000)

    class Once(Drop):
        def takes(self, location: Location) -> bool:
            # The second page of the first scan of each location.
            self.on = self.dropped < 1
            return super().takes(location)

    for ask in (
        partial(in_session, plan, settings, OPTIONS),
        partial(in_session, verify, settings, OPTIONS),
    ):
        drop = Once(fault, 2, only="user_auth")
        drop_pages(monkeypatch, drop)
        answer = (await ask()).as_json()
        assert drop.dropped == 1
        assert answer["secrets"]["total"] == total
        assert answer.get("problems", truth["problems"]) == truth["problems"]
        assert answer.get("secret_key", planned["secret_key"]) == planned["secret_key"]
        assert answer.get("orphaned_keys", planned["orphaned_keys"]) == planned["orphaned_keys"]


async def test_the_same_sample_read_twice_is_no_more_evidence(grafana: Grafana) -> None:
    database = await open_database(settings_of(grafana).database, write=False)
    drop = Drop(Fault.HALVED)
    reader = cast("Database", DroppingDatabase(database, drop))

    async def samples(*, missed: bool) -> int:
        drop.pages, drop.on = 0, missed

        def wants(_location: Location, _envelope: object) -> bool:
            drop.on = drop.on and drop.dropped < 1
            return True

        drop.dropped = 0
        census = await take_census(reader, [BY_NAME["secrets"]], keys=0, wants_sample=wants, emit=ignore)
        assert bool(drop.dropped) is missed
        return len(census.samples.of(None))

    try:
        assert await samples(missed=True) == await samples(missed=False) == 20
    finally:
        await database.close()


async def test_rekey_refuses_while_rows_are_missed_that_may_be_under_the_old_key(
    grafana: Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = Drop(Fault.SKIPPED, on=False)
    drop_pages(monkeypatch, drop)

    def listen(event: Event) -> None:
        if isinstance(event, PassStarted):
            drop.on = True
        if isinstance(event, RunEnded):
            drop.on = False

    change = partial(rekey, new=Secret("the next secret_key of this test"), grafana_stopped=True)
    with pytest.raises(IncompleteScanError, match="would be lost"):
        await in_session(change, settings_of(grafana), OPTIONS, emit=listen)
    assert None not in grafana.plaintexts()


class Churn:
    """A Grafana that inserts and deletes tokens all the time, at both ends and in the middle of its tables."""

    def __init__(self, grafana: Grafana) -> None:
        self._grafana = grafana
        self._ciphertext = grafana.saves[0][0]
        self._stop = threading.Event()
        self.writes = 0

    def _work(self) -> None:
        dice = random.Random(0)
        ids = [row[0] for row in self._grafana.query("SELECT id FROM user_auth")]
        with self._grafana.engine.session() as execute:
            # At full speed a writer to SQLite keeps everybody else out, by its lock.
            while not self._stop.wait(0.005):
                gone = ids.pop(dice.randrange(len(ids)))
                execute("DELETE FROM user_auth WHERE id = ?", gone)
                new = dice.choice((-1, 1)) * dice.randrange(10_000, 10**9)
                execute(
                    "INSERT INTO user_auth (id, user_id, auth_module, auth_id, created, o_auth_access_token) "
                    "VALUES (?, 1, 'm', 'a', '2026-01-01 00:00:00', ?)",
                    new,
                    self._ciphertext,
                )
                ids.append(new)
                self.writes += 1

    @contextmanager
    def at_work(self) -> Iterator[None]:
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()


async def test_a_grafana_that_inserts_and_deletes_steadily_does_not_always_look_like_missing_rows(
    grafana: Grafana,
) -> None:
    outcomes: list[str] = []
    churn = Churn(grafana)
    with churn.at_work():
        while "complete" not in outcomes and len(outcomes) < 6:
            try:
                report = await grafana.run()
            except IncompleteScanError:
                outcomes.append("incomplete")
            else:
                outcomes.append("incomplete" if report.incomplete else "complete")
    assert churn.writes > 10
    assert "complete" in outcomes, outcomes
