"""A database at rest, on every engine: neither a transaction nor a read is open, and both go on afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from reencrypt.databases.protocol import Transaction
from reencrypt.databases.rest import OF_PROCESS
from reencrypt.databases.retry import retry_transaction
from reencrypt.state.lease import take_lease
from tests.integration.databases.conftest import Opening


@pytest.mark.every_engine
async def test_an_open_transaction_ends_first_and_whatever_is_new_comes_after(opening: Opening) -> None:
    database = await opening()
    lease = await take_lease(database, timeout_seconds=1.0, waiting=lambda _reason: None)
    seen: list[str] = []

    async def page(transaction: Transaction) -> None:
        await lease.check(transaction)
        seen.append("a page")

    async def read() -> None:
        await database.tables()
        seen.append("a read")

    async def rest() -> None:
        async with OF_PROCESS.at_rest():
            seen.append("at rest")
            # What is new waits, however often it has its turn.
            begun = [asyncio.ensure_future(each()) for each in new]
            for _ in range(100):
                await asyncio.sleep(0)
            assert not any(each.done() for each in begun)
            seen.append("goes on")
        await asyncio.gather(*begun)

    new: tuple[Callable[[], Awaitable[None]], ...] = (lambda: retry_transaction(database, page), read)
    async with database.transaction() as transaction:
        await lease.check(transaction)
        resting = asyncio.ensure_future(rest())
        for _ in range(100):
            await asyncio.sleep(0)
        await lease.check(transaction)
        seen.append("committed")
    await resting
    assert seen[:3] == ["committed", "at rest", "goes on"]
    assert sorted(seen[3:]) == ["a page", "a read"]
