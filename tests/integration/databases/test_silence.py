"""No wait without an end: a silent server is given up, one that works is not, and a line says what is waited for."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from reencrypt.catalogue.locations import LOCATIONS
from reencrypt.databases import waits
from reencrypt.databases.connect import open_database
from reencrypt.databases.mysql import driver as mysql
from reencrypt.databases.mysql.driver import MysqlDriver
from reencrypt.databases.mysql.dsn import target_of as mysql_target
from reencrypt.databases.mysql.waits import connection_of
from reencrypt.databases.postgres import driver as postgres
from reencrypt.databases.protocol import Database, RowUpdate, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.databases.server.connection import Connection, Session
from reencrypt.databases.server.database import ServerDatabase
from reencrypt.databases.waits import Patience
from reencrypt.errors import ReencryptError, UnavailableError
from reencrypt.settings import load_settings
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.holding import holding
from tests.support.servers import server_engine
from tests.support.silent import SilentProxy, silent_proxy

SILENCE = 1.2
#: What a wait may take beyond the silence, on a machine that is busy.
GRACE = 15.0
QUICK = Patience(
    silence=SILENCE,
    ask_after=0.1,
    ask_every=0.05,
    ask_within=0.4,
    tell_after=0.2,
    tell_every=0.4,
    goodbye=0.2,
)
LOCATION = next(location for location in LOCATIONS if location.name == "secrets")


@pytest.fixture(params=["postgres", "mariadb", "mysql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    engine = server_engine(request.param, request)
    with GrafanaBuilder(tmp_path / "grafana.db", secret_key="s") as builder:
        populate(builder, count=40, under=[None])
    engine.load(tmp_path / "grafana.db")
    return engine


@pytest.fixture
def proxy(engine: Engine) -> Iterator[SilentProxy]:
    with silent_proxy(engine.url) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "PATIENCE", QUICK)
    monkeypatch.setattr("reencrypt.databases.retry.DEADLINE_SECONDS", SILENCE)


def patient(monkeypatch: pytest.MonkeyPatch, silence: float) -> None:
    """Wait longer for a sign of life, because on a busy machine a witness may need seconds to bring one."""
    monkeypatch.setattr(waits, "PATIENCE", replace(QUICK, silence=silence, ask_within=silence))
    monkeypatch.setattr("reencrypt.databases.retry.DEADLINE_SECONDS", silence)


@asynccontextmanager
async def opened(url: str, lines: list[str]) -> AsyncIterator[ServerDatabase]:
    settings = load_settings(config=None, home=None, database_url=url, environ={})
    database = await open_database(settings.database, write=True, waiting=lines.append)
    assert isinstance(database, ServerDatabase)
    try:
        yield database
    finally:
        await database.close()


async def _update(database: Database) -> None:
    """Change a row, until that is committed."""
    row = (await database.read_page(LOCATION, None, rows=1, size=None))[0]

    async def body(transaction: Transaction) -> None:
        await transaction.update_rows(LOCATION, [RowUpdate(row.key, row.cells, (b"x" * len(row.cells),))])

    await retry_transaction(database, body)


async def _write(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.execute("lease_first", id=1, token=0, at="now")


async def _roll_back(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.execute("lease_first", id=1, token=0, at="now")
        raise UnavailableError("the work fails by itself")


async def _write_many(database: Database) -> None:
    async with database.transaction() as transaction:
        names = ("secret_hash", "location", "row_key", "field")
        rows = [(b"%032d" % number, "secrets", "[1]", "") for number in range(3)]
        await transaction.execute_many("accepted_save", names, rows, run_id="r", at="now")


#: Kind of statement → the words at which the proxy falls silent, and what is done then.
STATEMENTS: dict[str, tuple[bytes, Callable[[Database], Awaitable[object]]]] = {
    "page": (b"SELECT", lambda database: database.read_page(LOCATION, None, rows=10, size=None)),
    "rows": (b"SELECT", lambda database: database.read_rows(LOCATION, [(1,)])),
    "fetch": (b"SELECT", lambda database: database.fetch("lease_read")),
    "columns": (b"SELECT", lambda database: database.columns()),
    "count": (b"SELECT", lambda database: database.count_stretch(LOCATION, None, rows=10)),
    "begin": (b"BEGIN", _write),
    "update": (b"UPDATE", _update),
    "execute": (b"INSERT", _write),
    "execute_many": (b"INSERT", _write_many),
    "commit": (b"COMMIT", _write),
    "rollback": (b"ROLLBACK", _roll_back),
}


def words_of(engine: Engine, words: bytes) -> bytes:
    """The words on the wire: PostgreSQL's BEGIN says READ COMMITTED."""
    return words + b"\0" if words == b"COMMIT" and engine.kind == "postgres" else words


@pytest.mark.parametrize("kind", STATEMENTS)
async def test_a_silent_server_is_given_up_at_every_kind_of_statement(
    engine: Engine, proxy: SilentProxy, kind: str
) -> None:
    words, work = STATEMENTS[kind]
    lines: list[str] = []
    async with opened(engine.url, []) as direct:
        await direct.create_state()
    async with opened(proxy.url, lines) as database:
        # Both connections are open, as they are in mid-run.
        await _write_nothing(database)
        proxy.silence_at(words_of(engine, words))
        since = time.monotonic()
        with pytest.raises(UnavailableError) as given_up:
            await work(database)
        took = time.monotonic() - since
    assert proxy.fell_silent.is_set()
    closing = time.monotonic() - since - took
    assert took < SILENCE + GRACE
    assert closing < GRACE
    if kind != "rollback":
        assert took > SILENCE * 0.9
        assert f"has not answered {words.decode()}" in given_up.value.message
        assert "progress is saved" in given_up.value.hint
        assert any("has not answered" in line for line in lines), lines


async def _write_nothing(database: Database) -> None:
    async with database.transaction():
        pass


async def test_a_silent_server_is_given_up_while_the_state_tables_are_made(engine: Engine, proxy: SilentProxy) -> None:
    async with opened(proxy.url, []) as database:
        proxy.silence_at(b"CREATE")
        since = time.monotonic()
        with pytest.raises(UnavailableError, match="has not answered"):
            await database.create_state()
        assert time.monotonic() - since < SILENCE + GRACE
    proxy.stop()
    async with opened(engine.url, []) as direct:
        await direct.create_state()


async def test_a_server_that_takes_connections_and_says_nothing_is_given_up(
    proxy: SilentProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reencrypt.databases.server.database.OPENING_SECONDS", 0.5)
    monkeypatch.setattr("reencrypt.databases.server.reaching._PROBE_SECONDS", 0.5)
    for place in ("postgres.dsn", "mysql.driver"):
        monkeypatch.setattr(f"reencrypt.databases.{place}._CONNECT_SECONDS", 1.0)
    proxy.silence()
    since = time.monotonic()
    with pytest.raises(UnavailableError):
        async with opened(proxy.url, []):
            pass
    assert time.monotonic() - since < 1 + GRACE


@pytest.mark.parametrize("kind", ["page", "begin", "update", "commit"])
async def test_one_connection_that_a_firewall_drops_is_replaced(
    engine: Engine, proxy: SilentProxy, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, work = STATEMENTS[kind]
    lines: list[str] = []
    # However long a witness and a new connection take here: what is given up is told by what the server says.
    patient(monkeypatch, 30.0)
    async with opened(proxy.url, lines) as database:
        await database.create_state()
        proxy.silence_at(words_of(engine, words), everything=False)
        await (work(database) if kind == "page" else _update(database))
        assert proxy.fell_silent.is_set()
        # Its locks are given up with it.
        await _update(database)


def _driver_of(engine: Engine) -> MysqlDriver:
    settings = load_settings(config=None, home=None, database_url=engine.url, environ={})
    return MysqlDriver(mysql_target(settings.database))


@pytest.mark.parametrize("name", ["mariadb", "mysql"])
async def test_a_thread_of_the_same_number_is_ended_only_where_it_is_the_same_connection(
    name: str, request: pytest.FixtureRequest
) -> None:
    """A server that is restarted counts its connections anew, and Grafana signs in as the same account."""
    driver = _driver_of(server_engine(name, request))
    witness, grafanas, ours = [await driver.connect() for _ in range(3)]
    assert ours.mark.thread
    # A server answers before it shows the thread as idle, and ends no other.
    async with asyncio.timeout(60):
        for session in (grafanas, ours):
            while await connection_of(witness, session.mark.thread) != (session.mark.client, True):
                pass
    await witness.end(replace(ours.mark, thread=grafanas.mark.thread))
    assert await grafanas.fetch("SELECT 1") == [(1,)]
    await witness.end(ours.mark)
    with pytest.raises(ReencryptError), driver.translated():
        await ours.fetch("SELECT 1")
    for each in (witness, grafanas, ours):
        each.cut()


SLEEPS = {"postgres": "SELECT pg_sleep({})", "mysql": "SELECT SLEEP({})"}


def reader_of(database: ServerDatabase) -> Connection:
    return database._reader  # noqa: SLF001 - the statements of a test are nowhere else in the program


async def test_a_statement_that_the_server_works_on_is_never_given_up(
    engine: Engine, proxy: SilentProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    silence = 2.5
    seconds = silence * 1.5
    patient(monkeypatch, silence)

    async def work(session: Session) -> None:
        await session.fetch(SLEEPS[engine.kind].format(seconds))

    async with opened(proxy.url, lines) as database:
        since = time.monotonic()
        await reader_of(database).read(work)
        assert time.monotonic() - since >= seconds * 0.95
    assert any(re.search(r"has been at work on SELECT for \d+ s", line) for line in lines), lines
    assert not any("has not answered" in line for line in lines), lines


async def test_a_server_that_falls_silent_in_the_middle_of_long_work_is_given_up(
    engine: Engine, proxy: SilentProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(session: Session) -> None:
        await session.fetch(SLEEPS[engine.kind].format(60))

    lines: list[str] = []
    patient(monkeypatch, 2.5)
    async with opened(proxy.url, lines) as database:
        reading = asyncio.ensure_future(reader_of(database).read(work))
        while not any("has been at work on SELECT" in line for line in lines):
            assert not reading.done()
            await asyncio.sleep(0.05)
        proxy.silence()
        since = time.monotonic()
        with pytest.raises(UnavailableError, match="has not answered"):
            await reading
        assert time.monotonic() - since < 2.5 + GRACE


async def test_the_answer_that_the_network_does_not_take_is_no_sign_of_life(proxy: SilentProxy) -> None:
    lines: list[str] = []

    async def work(session: Session) -> object:
        return await session.fetch("SELECT REPEAT('x', 3000000)" + ", REPEAT('y', 3000000)" * 9)

    async with opened(proxy.url, lines) as database:
        proxy.silence_at(b"REPEAT", answer_only=True, everything=False)
        since = time.monotonic()
        # It goes on behind a new connection, on which nothing is lost.
        await reader_of(database).read(work, deadline_seconds=20)
        assert time.monotonic() - since < SILENCE + GRACE


@pytest.mark.parametrize(
    "query",
    ["SELECT " + ", ".join(["REPEAT('x', 350000)"] * 6), f"SELECT '{'x' * 2_000_000}'"],
    ids=["answer", "values"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="NOT RUN: only Linux tells what a connection has moved")
async def test_a_statement_that_a_slow_network_still_moves_is_not_given_up(
    proxy: SilentProxy, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is not at work on it: it has said all, or has not heard all."""

    async def work(session: Session) -> object:
        return await session.fetch(query)

    async def is_waited_for(silence: float) -> bool:
        monkeypatch.setattr(waits, "PATIENCE", replace(QUICK, silence=silence, ask_every=0.2, ask_within=5.0))
        proxy.pace = 0.0
        async with opened(proxy.url, []) as database:
            taken = proxy.taken
            # Both take more than 120 pieces.
            proxy.pace = silence / 50
            since = time.monotonic()
            try:
                await reader_of(database).read(work)
            except UnavailableError:
                return False
            # The witness is one more; the connection itself is never replaced.
            return proxy.taken <= taken + 1 and time.monotonic() - since > 2 * silence

    # On a busy machine a look at the connection may come late. Where moved bytes do not count, none of them is enough.
    for silence in (0.8, 4.0, 20.0):
        if await is_waited_for(silence):
            return
    pytest.fail("it was given up while bytes were moved")


async def test_a_cancelled_wait_for_a_silent_server_ends_at_once(proxy: SilentProxy) -> None:
    async with opened(proxy.url, []) as database:
        proxy.silence_at(b"SELECT")
        reading = asyncio.ensure_future(database.columns())
        await asyncio.to_thread(proxy.fell_silent.wait, 60)
        since = time.monotonic()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert time.monotonic() - since < GRACE


LOCKS = {
    "postgres": ("BEGIN", "LOCK TABLE secrets IN ACCESS EXCLUSIVE MODE"),
    "mysql": ("LOCK TABLES secrets WRITE",),
}
LOCK_SECONDS = 3.0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers' own limits of a wait for a lock, shorter; the silence is long, because a lock is none."""
    begin = postgres._BEGIN.replace("'5s'", "'1s'")  # noqa: SLF001
    monkeypatch.setattr(postgres, "_BEGIN", begin)
    session = tuple(statement.replace("timeout = 5", "timeout = 3") for statement in mysql._SESSION)  # noqa: SLF001
    monkeypatch.setattr(mysql, "_SESSION", session)
    monkeypatch.setattr(waits, "PATIENCE", replace(QUICK, silence=60.0, ask_within=5.0))
    monkeypatch.setattr("reencrypt.databases.retry.DEADLINE_SECONDS", LOCK_SECONDS)


@pytest.mark.parametrize("kind", ["page", "update"])
@pytest.mark.usefixtures("impatient")
async def test_a_locked_table_is_waited_for_until_the_deadline_and_named(engine: Engine, kind: str) -> None:
    lines: list[str] = []
    _, work = STATEMENTS[kind]
    async with opened(engine.url, lines) as database:
        await database.read_page(LOCATION, None, rows=1, size=None)
        with holding(engine, *LOCKS[engine.kind]):
            since = time.monotonic()
            with pytest.raises(UnavailableError) as given_up:
                await work(database)
            assert time.monotonic() - since < LOCK_SECONDS + 3 + GRACE
        # And it goes on once the lock is gone.
        await work(database)
    waited = "lock on the table secrets .*which process .* holds|table metadata lock.* of the table secrets"
    assert re.search(waited, given_up.value.message), given_up.value.message
    assert any(re.search(waited, line) for line in lines), lines


@pytest.mark.usefixtures("impatient")
async def test_a_locked_row_is_named_with_who_holds_it(engine: Engine) -> None:
    lines: list[str] = []
    async with opened(engine.url, lines) as database:
        row = (await database.read_page(LOCATION, None, rows=1, size=None))[0]
        update = f"UPDATE secrets SET namespace = 'x' WHERE id = {row.key[0]!r}"  # noqa: S608 - a number
        with holding(engine, "BEGIN", update), pytest.raises(UnavailableError) as given_up:
            await _update(database)
    waited = r"which (process|thread) \d+ .*holds"
    assert re.search(waited, given_up.value.message), given_up.value.message
    assert any(re.search(waited, line) for line in lines), lines


async def test_a_lock_that_is_gone_in_time_only_delays(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reencrypt.databases.retry.DEADLINE_SECONDS", 20.0)
    monkeypatch.setattr(waits, "PATIENCE", replace(QUICK, silence=60.0, ask_within=5.0))
    lines: list[str] = []
    async with opened(engine.url, lines) as database:
        with holding(engine, *LOCKS[engine.kind]):
            reading = asyncio.ensure_future(database.read_page(LOCATION, None, rows=3, size=None))
            while not lines:
                assert not reading.done()
                await asyncio.sleep(0.05)
        assert len(await reading) == 3


async def test_a_file_that_somebody_else_has_locked_is_waited_for_with_a_line(tmp_path: Path) -> None:
    path = tmp_path / "grafana.db"
    with GrafanaBuilder(path, secret_key="s") as builder:
        populate(builder, count=4, under=[None])
    lines: list[str] = []
    settings = load_settings(config=None, home=None, database_url=f"sqlite:///{path}", environ={})
    database = await open_database(settings.database, write=True, waiting=lines.append)
    try:
        await database.create_state()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.ensure_future(_write(database))
            while not lines:
                # A read that succeeds meanwhile does not hide that a write waits.
                await database.read_page(LOCATION, None, rows=1, size=None)
                assert not writing.done()
                await asyncio.sleep(0.05)
            other.execute("ROLLBACK")
        await writing
    finally:
        await database.close()
    assert all(line.startswith(f"the database {path} stayed locked by another program") for line in lines)
