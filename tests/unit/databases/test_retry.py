"""Until when work is repeated that the server aborted."""

from __future__ import annotations

import asyncio

import pytest

from reencrypt.databases.retry import DEADLINE_SECONDS, retry
from reencrypt.databases.waits import SilentServerError
from reencrypt.errors import TransactionLostError, UnavailableError
from tests.support.virtualtime import run_in_virtual_time


def test_a_process_that_stood_still_in_the_first_try_has_a_second_one() -> None:
    tries: list[float] = []

    async def work() -> str:
        tries.append(asyncio.get_running_loop().time())
        if len(tries) > 1:
            return "done"
        await asyncio.sleep(100 * DEADLINE_SECONDS)
        raise TransactionLostError("the server has ended it")

    assert run_in_virtual_time(retry(work)) == "done"
    assert len(tries) == 2


@pytest.mark.parametrize(("error", "seconds"), [(TransactionLostError, 90), (SilentServerError, 60)])
def test_the_deadline_counts_from_the_first_loss_and_what_was_silent_has_been_waited_for(
    error: type[TransactionLostError], seconds: int
) -> None:
    async def work() -> None:
        await asyncio.sleep(30)
        raise error("away")

    async def story() -> float:
        with pytest.raises(UnavailableError):
            await retry(work)
        return asyncio.get_running_loop().time()

    assert DEADLINE_SECONDS == 60
    assert seconds <= run_in_virtual_time(story()) < seconds + 1
