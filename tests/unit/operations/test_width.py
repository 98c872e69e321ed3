"""How many pages commit at the same time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from reencrypt.operations.migrate.width import Width

HOLD = 0.05


def test_it_grows_with_quick_commits_and_halves_with_slow_ones() -> None:
    width = Width(4, HOLD)
    seen = []
    for _ in range(8):
        width.learn(HOLD)
        seen.append(width.now)
    assert seen == [2, 2, 3, 3, 3, 4, 4, 4]
    width.learn(3 * HOLD)
    assert width.now == 2
    width.learn(3 * HOLD)
    width.learn(3 * HOLD)
    assert width.now == 1


def test_one_stays_one() -> None:
    width = Width(1, HOLD)
    for _ in range(10):
        width.learn(0.0)
    assert width.now == 1


async def test_no_more_are_let_in_than_there_is_room_for_and_the_first_comes_first() -> None:
    width = Width(2, HOLD)
    width.learn(0.0)
    order: list[int] = []
    inside = most = 0
    leave = asyncio.Event()

    async def commit(number: int) -> None:
        nonlocal inside, most
        async with width.room():
            order.append(number)
            inside += 1
            most = max(most, inside)
            await leave.wait()
            inside -= 1

    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(commit(number))
        await asyncio.sleep(0)
        assert order == [0, 1]
        leave.set()
    assert (order, most) == (list(range(6)), 2)


async def test_whoever_is_cancelled_gives_its_room_and_its_turn_back() -> None:
    width = Width(1, HOLD)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(width.room())
        waiting = [asyncio.ensure_future(_enter(width)) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    async with asyncio.timeout(60):
        await waiting[1]
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    async with asyncio.timeout(60), width.room():
        pass


async def _enter(width: Width) -> None:
    async with width.room():
        pass
