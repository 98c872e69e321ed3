"""A process that stands still in the middle of a page: the server gives its locks back, and the page is done again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from reencrypt.databases import waits
from reencrypt.databases.protocol import Database, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.errors import TransactionLostError
from reencrypt.planning.options import SafetyOptions
from reencrypt.state.lease import Lease, take_lease
from tests.integration.databases.conftest import Opening
from tests.support.servers import SERVERS

on_servers = pytest.mark.parametrize("engine", SERVERS, indirect=True)

#: How long a server lets a transaction be silent here.
SILENT_SECONDS = 1.0
#: A holder is dead after that long: nobody here beats in time.
DEAD_SECONDS = 0.02


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "PATIENCE", replace(waits.PATIENCE, idle=SILENT_SECONDS))
    # Whoever stands still, does so for longer than anybody waits for a server.
    monkeypatch.setattr("reencrypt.databases.retry.DEADLINE_SECONDS", SILENT_SECONDS / 2)


async def taken(database: Database) -> Lease:
    return await take_lease(database, timeout_seconds=DEAD_SECONDS, waiting=lambda _reason: None)


@on_servers
async def test_a_page_that_stands_still_keeps_nobody_out(opening: Opening) -> None:
    frozen, other = await opening(), await opening()
    lease = await taken(frozen)
    successors: list[Lease] = []

    async def page() -> None:
        async with frozen.transaction() as transaction:
            await lease.check(transaction)
            # This takes the row of the lease, which the page has locked, as Grafana would take one of its rows.
            successors.append(await taken(other))
            await lease.check(transaction)

    with pytest.raises(TransactionLostError):
        await page()
    assert [each.token for each in successors] == [lease.token + 1]


@on_servers
async def test_the_page_is_done_again_by_itself(opening: Opening) -> None:
    database, other = await opening(), await opening()
    lease = await taken(database)
    tries = 0

    async def page(transaction: Transaction) -> None:
        nonlocal tries
        tries += 1
        await lease.check(transaction)
        if tries == 1:
            # Waits for the end of the transaction, and so for the server.
            await lease.settle(other)
        await lease.check(transaction)

    await retry_transaction(database, page)
    assert tries == 2


@on_servers
async def test_what_takes_long_beside_an_open_transaction_does_not_end_it(opening: Opening) -> None:
    database = await opening()
    lease = await taken(database)

    async def counting() -> int:
        await asyncio.sleep(3 * SILENT_SECONDS)
        return 5

    async with database.transaction() as transaction:
        await lease.check(transaction)
        assert await lease.kept(transaction, counting()) == 5
        await lease.check(transaction)


@on_servers
async def test_a_session_that_has_nothing_to_do_is_none_that_stands_still(opening: Opening) -> None:
    """Idle connections may be closed too, as firewalls do it: nobody notices."""
    database = await opening()
    lease = await taken(database)
    await retry_transaction(database, lease.beat)
    await asyncio.sleep(3 * SILENT_SECONDS)
    await database.tables()
    async with database.transaction() as transaction:
        await lease.check(transaction)


def test_a_server_ends_it_before_the_lease_counts_as_free() -> None:
    assert waits.Patience().idle < SafetyOptions().lease_timeout
