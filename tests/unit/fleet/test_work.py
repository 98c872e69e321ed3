"""Turns, failures and stops of a fleet, with work that touches no database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from reencrypt.errors import LeaseHeldError, UnavailableError
from reencrypt.events import Emit, ignore
from reencrypt.fleet.halt import Halt
from reencrypt.fleet.member import Member
from reencrypt.fleet.results import FleetReport, MemberResult
from reencrypt.fleet.work import FleetWork, Task
from reencrypt.keys.errors import ServiceGoneError
from reencrypt.next_steps import NextStep
from reencrypt.operations.session import Shared
from reencrypt.operations.work import Work
from reencrypt.outcomes import ExitCode
from reencrypt.settings import Settings, load_settings
from reencrypt.state.stop import StopRequest

SETTINGS = load_settings(config=None, home=None, database_url="sqlite:////nowhere", environ={})


@dataclass
class Report:
    exit_code: int = 0
    tells: bool = True
    next_steps: Sequence[NextStep] = ()

    def as_json(self) -> Mapping[str, Any]:
        if not self.tells:
            raise KeyError("what nobody must read")
        return {"outcome": "done"}


Doing = Callable[[StopRequest], Awaitable[Report]]


def task(name: str, doing: Doing, *, stops: bool = True) -> Task:
    async def perform(_settings: Settings, _shared: Shared, *, emit: Emit, stop: StopRequest) -> Report:
        del emit
        return await doing(stop)

    member = Member(name, name, None, None, name, {}, {})
    return Task(member, "run", Work(perform, lambda report: report.exit_code, stops), ignore, lambda: SETTINGS)


@pytest.fixture
def shared() -> Iterator[Shared]:
    with ThreadPoolExecutor(1) as pool:
        yield Shared(pool)


def fleet_of(shared: Shared, *, width: int = 2, max_failed: int | None = None) -> FleetWork:
    stop = StopRequest()
    return FleetWork(shared, stop, Halt(stop, max_failed), lambda _result: None, width)


def codes(results: list[MemberResult]) -> dict[str, int]:
    return {each.name: each.exit_code for each in results}


async def done(_stop: StopRequest) -> Report:
    return Report()


async def test_a_bug_at_the_very_end_of_a_member_is_its_own(shared: Shared) -> None:
    async def mute(_stop: StopRequest) -> Report:
        return Report(tells=False)

    results = await fleet_of(shared).run([task("mute", mute), task("a", done), task("b", done)])
    assert codes(results) == {"mute": ExitCode.BUG, "a": 0, "b": 0}
    report = FleetReport(results)
    assert report.exit_code == ExitCode.BUG
    assert "nobody must read" not in str(report.as_json()) + str(results[0])


@pytest.mark.parametrize(
    "error", [LeaseHeldError("held"), UnavailableError("away"), ServiceGoneError("gone", service="v")]
)
async def test_what_may_pass_is_tried_once_more_at_the_end(error: Exception, shared: Shared) -> None:
    order: list[str] = []

    def obstacle(name: str, times: int) -> Doing:
        async def doing(_stop: StopRequest) -> Report:
            order.append(name)
            if order.count(name) <= times:
                raise error
            return Report()

        return doing

    fleet = fleet_of(shared, width=1, max_failed=0)
    results = await fleet.run([task("a", obstacle("a", 1)), task("b", obstacle("b", 0)), task("c", obstacle("c", 0))])
    assert codes(results) == {"a": 0, "b": 0, "c": 0}
    assert (Counter(order), order[-1]) == ({"a": 2, "b": 1, "c": 1}, "a")
    order.clear()
    results = await fleet_of(shared).run([task("a", obstacle("a", 9)), task("b", obstacle("b", 0))])
    assert (codes(results)["b"], order.count("a")) == (0, 2)
    assert results[0].exit_code in (ExitCode.LEASE_HELD, ExitCode.UNAVAILABLE)


async def test_one_service_that_two_members_miss_is_gone_and_two_services_are_not(shared: Shared) -> None:
    def missing(service: str) -> Doing:
        async def doing(_stop: StopRequest) -> Report:
            raise ServiceGoneError("no answer", service=service)

        return doing

    fleet = fleet_of(shared, width=1)
    await fleet.run([task(str(number), missing("https://one")) for number in range(4)])
    assert fleet.stop.reason == "https://one does not answer: no answer"
    fleet = fleet_of(shared, width=1)
    results = await fleet.run([task(str(number), missing(f"https://{number}")) for number in range(3)])
    # Each is tried twice, and is one member all the same.
    assert (fleet.stop.reason, set(codes(results).values())) == (None, {ExitCode.UNAVAILABLE})


async def test_a_stop_reaches_the_members_at_work_and_no_other_begins(shared: Shared) -> None:
    fleet = fleet_of(shared, width=2)
    asked: list[str] = []

    async def until_asked(stop: StopRequest) -> Report:
        if not asked:
            asyncio.get_running_loop().call_soon(fleet.stop.set, "SIGTERM received")
        asked.append("begun")
        reason = await stop.wait()
        return Report(4 if reason == "SIGTERM received" else 1)

    results = await fleet.run([task(str(number), until_asked) for number in range(4)])
    assert set(codes(results).values()) == {ExitCode.STOPPED}
    assert len(asked) <= 2
    assert Counter(each.outcome for each in results)["not_begun"] >= 2


async def test_what_does_not_stop_by_itself_is_cancelled(shared: Shared) -> None:
    fleet = fleet_of(shared)

    async def for_ever(_stop: StopRequest) -> Report:
        asyncio.get_running_loop().call_soon(fleet.stop.set, "SIGTERM received")
        await asyncio.Event().wait()
        return Report()

    (result,) = await fleet.run([task("a", for_ever, stops=False)])
    assert result.exit_code == ExitCode.STOPPED


def test_the_exit_code_is_that_of_the_member_that_needs_a_person_most() -> None:
    order = [1, 6, 8, 2, 9, 3, 7, 5, 4, 0]
    assert sorted(order) == sorted(ExitCode)
    for place, code in enumerate(order):
        members = [MemberResult(str(each), each) for each in reversed(order[place:])]
        assert FleetReport(members).exit_code == code
    assert FleetReport([]).exit_code == 0
