"""Pages in hand are bounded, and a part that ends gives back all that it holds."""

from __future__ import annotations

import asyncio

import pytest

from reencrypt.operations.migrate.room import Room


async def test_a_part_that_ends_gives_back_all_that_it_holds() -> None:
    room = Room(2)

    async def fail() -> None:
        with room.share() as share:
            await share.take()
            await share.take()
            share.give()
            await share.take()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    with room.share() as share:
        async with asyncio.timeout(60):
            await share.take()
            await share.take()


async def test_a_page_waits_for_another_one_of_any_part() -> None:
    room = Room(1)
    with room.share() as one, room.share() as other:
        await one.take()
        waiting = asyncio.create_task(other.take())
        await asyncio.sleep(0)
        assert not waiting.done()
        one.give()
        await waiting
        assert (one.held, other.held) == (0, 1)


async def test_whoever_is_cancelled_while_it_waits_takes_nothing() -> None:
    room = Room(1)
    with room.share() as one, room.share() as other:
        await one.take()
        waiting = asyncio.create_task(other.take())
        await asyncio.sleep(0)
        one.give()  # the wait is over, and nobody has gone on yet
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert other.held == 0
        async with asyncio.timeout(60):
            await one.take()
