"""Work side by side or all at rest: what is open is waited for, what is new waits, and nobody waits for ever."""

from __future__ import annotations

import asyncio

from reencrypt.databases.rest import Rest
from tests.support.virtualtime import run_in_virtual_time


def test_who_rests_waits_for_what_is_open_and_what_is_new_waits() -> None:
    async def story() -> list[str]:
        rest, seen = Rest(), list[str]()

        async def work(name: str, seconds: float) -> None:
            async with rest.work():
                seen.append(f"{name} begins")
                await asyncio.sleep(seconds)
                seen.append(f"{name} ends")

        async def resting() -> None:
            async with rest.at_rest():
                seen.append("at rest")
                await asyncio.sleep(60)
                seen.append("goes on")

        async with asyncio.TaskGroup() as group:
            group.create_task(work("one", 1))
            group.create_task(work("two", 2))
            await asyncio.sleep(0.5)
            group.create_task(resting())
            await asyncio.sleep(0.5)
            group.create_task(work("three", 1))
        return seen

    assert run_in_virtual_time(story()) == [
        *("one begins", "two begins", "one ends", "two ends"),
        *("at rest", "goes on"),
        *("three begins", "three ends"),
    ]


def test_work_within_work_begins_at_once_in_tasks_of_it_too() -> None:
    """A read beside an open transaction, which the rest waits for: each would wait for the other."""

    async def story() -> tuple[float, float]:
        rest, loop = Rest(), asyncio.get_running_loop()

        async def read() -> float:
            async with rest.work():
                await asyncio.sleep(1)
                return loop.time()

        async def transaction() -> float:
            async with rest.work():
                await asyncio.sleep(1)
                return await asyncio.ensure_future(read())

        working = asyncio.ensure_future(transaction())
        await asyncio.sleep(0.5)
        async with rest.at_rest():
            began = loop.time()
        return began, await working

    assert run_in_virtual_time(story()) == (2.0, 2.0)


def test_what_does_not_end_is_not_waited_for_without_an_end() -> None:
    async def story() -> float:
        rest, loop = Rest(), asyncio.get_running_loop()

        async def stuck() -> None:
            async with rest.work():
                await asyncio.sleep(10_000)

        working = asyncio.ensure_future(stuck())
        await asyncio.sleep(0.5)
        async with rest.at_rest():
            working.cancel()
            return loop.time()

    assert run_in_virtual_time(story()) == 60.5


def test_nothing_open_is_rest_at_once() -> None:
    async def story() -> float:
        async with Rest().at_rest():
            return asyncio.get_running_loop().time()

    assert run_in_virtual_time(story()) == 0.0
