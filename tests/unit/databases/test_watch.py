"""The watch over a statement ends with it, whatever a client library makes of a cancellation."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress

from reencrypt.databases.server.watch import Condition, Mark, Standing, Watch
from reencrypt.databases.waits import Teller, ignore
from tests.support.virtualtime import run_in_virtual_time


class Witness:
    """A connection that knows of no statement."""

    def __init__(self) -> None:
        self.is_cut = False

    async def condition_of(self, _mark: Mark) -> Condition:
        return Condition(Standing.AT_WORK)

    async def end(self, _mark: Mark) -> None: ...

    def cut(self) -> None:
        self.is_cut = True


def test_a_cancellation_that_is_lost_while_a_witness_connects_keeps_none_for_good() -> None:
    witness = Witness()

    async def story() -> None:
        async def connect() -> Witness:
            # As `asyncio.wait_for` does it on Python 3.11 where the answer is there already.
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(5)
            return witness

        async def statement() -> str:
            await asyncio.sleep(4)
            return "answer"

        watch = Watch("a server", connect, nullcontext, Teller(ignore))
        assert await watch.over(Mark("one"), "SELECT 1", statement(), lambda: 0) == "answer"
        await watch.end()

    run_in_virtual_time(story())
    assert witness.is_cut
