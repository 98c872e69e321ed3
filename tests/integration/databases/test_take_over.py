"""The lease on every engine: a take-over waits for open pages, and none of the old holder follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import pytest

from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.errors import LeaseHeldError, UnavailableError
from reencrypt.settings import load_settings
from reencrypt.state.lease import Lease, read_holder, take_lease
from tests.integration.databases.conftest import Opening
from tests.support.accounts import grant, new_account, tables_of, url_as
from tests.support.engine import Engine
from tests.support.servers import SERVERS

#: A holder is dead after that long: nobody here beats in time.
DEAD_SECONDS = 0.02
TAKE_OVERS = 100


async def taken(database: Database) -> Lease:
    return await take_lease(database, timeout_seconds=DEAD_SECONDS, waiting=lambda _reason: None)


@asynccontextmanager
async def a_page(database: Database, lease: Lease) -> AsyncIterator[Transaction]:
    """What every page begins with, open while the block runs."""
    async with database.transaction() as transaction:
        await lease.check(transaction)
        yield transaction


@contextmanager
def refused() -> Iterator[None]:
    with pytest.raises(LeaseHeldError, match="taken over by process"):
        yield


@pytest.mark.parametrize("engine", SERVERS, indirect=True)
async def test_a_beat_waits_for_no_page(opening: Opening) -> None:
    database = await opening()
    lease = await taken(database)
    async with a_page(database, lease), a_page(database, lease), a_page(database, lease):
        for _ in range(10):
            # A server would end one that waits for a lock after five seconds.
            await retry_transaction(database, lease.beat, deadline_seconds=0)


@pytest.mark.parametrize("engine", SERVERS, indirect=True)
async def test_what_is_on_its_way_is_waited_for_before_anybody_counts(opening: Opening) -> None:
    database, other = await opening(), await opening()
    lease = await taken(database)
    async with a_page(other, lease):
        settling = asyncio.ensure_future(lease.settle(database))
        # Long enough for a statement that waits for nothing.
        for _ in range(10):
            await retry_transaction(database, lease.beat)
        assert not settling.done()
    await settling


@pytest.mark.parametrize("engine", SERVERS, indirect=True)
async def test_a_take_over_waits_for_open_pages_and_no_page_of_the_old_token_follows(opening: Opening) -> None:
    """A hundred times: a holder with open pages stops, another takes over, the first goes on."""
    old, new = await opening(), await opening()
    for _ in range(TAKE_OVERS):
        lease = await taken(old)
        async with a_page(old, lease), a_page(old, lease):
            taking = asyncio.ensure_future(taken(new))
            # Until the claim is there, pages may begin.
            await until(partial(is_claimed, new, lease))
            assert not taking.done()
        successor = await taking
        assert successor.token == lease.token + 1
        with refused():
            async with a_page(old, lease):
                pass
        with refused():
            await retry_transaction(old, lease.beat)
        async with a_page(new, successor):
            pass
        await successor.release(new)


@pytest.mark.parametrize("engine", SERVERS, indirect=True)
async def test_no_page_begins_once_the_lease_is_claimed(opening: Opening) -> None:
    """On PostgreSQL those who share a lock would pass by who waits for all of them."""
    old, new = await opening(), await opening()
    lease = await taken(old)
    async with a_page(old, lease):
        taking = asyncio.ensure_future(taken(new))
        await until(partial(is_claimed, new, lease))
        with refused():
            async with a_page(old, lease):
                pass
        assert not taking.done()
    assert (await taking).token == lease.token + 1


@pytest.mark.parametrize("engine", SERVERS, indirect=True)
async def test_a_page_that_stays_open_keeps_others_out_and_they_say_so(opening: Opening) -> None:
    old, new = await opening(), await opening()
    lease = await taken(old)
    async with a_page(old, lease):
        with pytest.raises(UnavailableError):
            await taken(new)
    # Whoever comes next need not wait for the one that gave up.
    assert (await taken(new)).token > lease.token


async def test_who_is_stopped_while_it_takes_the_lease_over_gives_the_claim_back(
    opening: Opening, engine: Engine
) -> None:
    old, new = await opening(), await opening()
    lease = await taken(old)
    await lease.release(old)
    if engine.kind == "sqlite":
        return
    async with a_page(old, lease):
        taking = asyncio.ensure_future(taken(new))
        await until(partial(is_claimed, new, lease))
        taking.cancel()
        await asyncio.wait((taking,))
        assert await read_holder(new) == ""


async def test_a_contender_that_died_between_claim_and_lease_is_one_more_dead_holder(opening: Opening) -> None:
    database = await opening()
    lease = await taken(database)
    async with database.transaction() as transaction:
        claimed = await transaction.execute(
            "lease_claim", token=lease.token + 1, holder="dead", beat_seconds=0, at="", before=lease.token, beats=1
        )
    assert claimed == 1
    with pytest.raises(LeaseHeldError, match="taken over by dead"):
        await retry_transaction(database, lease.beat)
    assert (await taken(database)).token == lease.token + 2


async def test_a_holder_of_an_older_version_that_beats_is_alive(opening: Opening, engine: Engine) -> None:
    """It has one row, which it updates in each transaction."""
    database = await opening()
    engine.execute(
        "INSERT INTO reencrypt_lease (id, token, holder, beats, beat_seconds, taken) VALUES (1, 7, 'old', 3, 0, '')"
    )
    beat = "UPDATE reencrypt_lease SET beats = beats + 1 WHERE id = 1 AND token = 7"

    def waiting(_reason: str) -> None:
        assert engine.execute(beat) == 1

    with pytest.raises(LeaseHeldError, match="another run is at work: old"):
        await take_lease(database, timeout_seconds=1.0, waiting=waiting)
    lease = await taken(database)
    assert lease.token == 8
    # It cannot go on: its token is gone.
    assert engine.execute(beat) == 0


async def is_claimed(database: Database, lease: Lease) -> bool:
    return max(int(str(row[0])) for row in await database.fetch("lease_read")) > lease.token


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that another task does."""
    async with asyncio.timeout(60):
        while not await condition():
            pass


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
async def test_a_lost_connection_that_the_server_does_not_grant_again_stops_nobody(
    opening: Opening, engine: Engine
) -> None:
    """Somebody else has its place: the other connections do its work."""
    await opening()
    account = new_account(engine)
    grant(engine, account, "ALL", *tables_of(engine))
    engine.execute(f"ALTER ROLE {account} CONNECTION LIMIT 2")
    settings = load_settings(config=None, home=None, database_url=url_as(engine, account), environ={})
    database = await open_database(settings.database, write=True)
    try:
        await lost_and_refused(database, engine, account)
        for _ in range(5):
            async with asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(retry_transaction(database, ask, deadline_seconds=20))
    finally:
        await database.close()


async def lost_and_refused(database: Database, engine: Engine, account: str) -> None:
    """Open two connections for writing and lose one; the server grants one from now on."""
    # The reader has the place of one of them. Nothing is read from now on.
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ? ORDER BY backend_start LIMIT 1"
    engine.query(end, account)
    async with database.transaction() as first:
        await ask(first)
        async with database.transaction() as second:
            await ask(second)
    engine.query(end, account)
    engine.execute(f"ALTER ROLE {account} CONNECTION LIMIT 1")


async def ask(transaction: Transaction) -> None:
    await transaction.fetch("lease_read")
