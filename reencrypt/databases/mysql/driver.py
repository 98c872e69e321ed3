"""Driver for asyncmy: a session that is set up the same way on every server; `connecting.py` signs in.

asyncmy uses the text protocol here. Every session sets its own SQL mode, so that nothing is ever truncated and a
backslash escapes on every server.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import secrets
import ssl
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final

from reencrypt.databases import waits
from reencrypt.databases.mysql.connecting import NoTlsError, check_kind, connect, readable, translated_sign_in
from reencrypt.databases.mysql.dsn import MysqlTarget
from reencrypt.databases.mysql.errors import translated
from reencrypt.databases.mysql.waits import condition_of, connection_of
from reencrypt.databases.server.keepalive import keep_alive
from reencrypt.databases.server.traffic import bytes_moved
from reencrypt.databases.server.watch import Condition, Mark
from reencrypt.errors import ConfigurationError, TransactionLostError

_CONNECT_SECONDS: Final = 15.0
# `Watch` ends statements. The driver's own timeouts are not used: it waits with `asyncio.wait_for`, which on Python
# 3.11 forgets a cancellation that comes at the same moment as the answer (python/cpython#86296), and the canceller
# waits forever.
_STATEMENT_SHARE: Final = 0.9  # of the largest packet
_OLDEST: Final = {"MariaDB": (10, 2), "MySQL": (8, 0)}  # window functions

# SET NAMES: a server may ignore the handshake's character set, and in some sets a byte of a ciphertext swallows the
# backslash that escapes the next one. Lock waits: the server's default is 50 seconds, or a day behind a table lock, and
# rows that are locked already would stay locked meanwhile. Notes: "table exists" is no error with IF NOT EXISTS. Row
# limit: it would silently cut pages and totals, and DEFAULT would be the server's. `system_versioning_asof` (MariaDB
# only) could show rows of the past. Safe updates and big selects: a server may refuse statements without a key or over
# many rows (errors 1175 and 1104), which would stop a run in the middle. The idle limit: see `Patience`; MySQL has none
# for transactions alone, and an idle session that it closes is opened again.
_SESSION: Final = (
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    "SET innodb_lock_wait_timeout = 5, lock_wait_timeout = 5 /*!80000 , wait_timeout = {idle} */",
    "SET SESSION sql_select_limit = 18446744073709551615 /*M!100304 , SESSION system_versioning_asof = DEFAULT */",
    "SET sql_notes = 0, sql_safe_updates = 0, sql_big_selects = 1 /*M!100300 , idle_transaction_timeout = {idle} */",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
)
_SERVER: Final = """
SELECT CONNECTION_ID(), CONCAT_WS(' ', @@hostname, @@port, @@server_id),
  VERSION(), @@max_allowed_packet, @@character_set_client, @@character_set_connection, @@character_set_results
"""
_FIRST_WORD: Final = re.compile(r"\A\s*[A-Za-z]+")

# The driver raises Python warnings for a server's warnings (VALUES() is deprecated in MySQL 8).
logging.getLogger("asyncmy").setLevel(logging.ERROR)


class MysqlSession:
    """An open connection. `statement_bytes` is how long a statement may be.

    Its mark is a comment in each statement, which the server's list of processes shows, also behind a proxy that shares
    connections.
    """

    begin = "BEGIN"
    #: Each statement reads what was committed before it.
    begin_reading: str | None = None

    def __init__(self, connection: Any, statement_bytes: int, mark: Mark) -> None:  # noqa: ANN401 - asyncmy has no types
        keep_alive(connection._transport)  # noqa: SLF001 - asyncmy shows its socket nowhere else
        self._connection = connection
        self.statement_bytes = statement_bytes
        self.mark = mark

    def moved(self) -> int:
        """How many bytes the network has moved."""
        return bytes_moved(self._connection._transport)  # noqa: SLF001 - asyncmy shows its socket nowhere else

    def is_closed(self) -> bool:
        """Whether asyncmy has noticed that the connection is gone."""
        return not self._connection.connected

    def cut(self) -> None:
        """Close the socket."""
        self._connection.close()

    async def leave(self) -> None:
        """Quit."""
        await self._connection.ensure_closed()

    async def command(self, command: str) -> None:
        """Run a statement."""
        await _run(self._connection, self._marked(command))

    async def fetch(self, query: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a query; returns all of its rows."""
        return [tuple(row) for row in await (await _run(self._connection, self._marked(query), values)).fetchall()]

    async def fetch_named(self, query: str) -> list[dict[str, Any]]:
        """Run a query; returns all of its rows by column."""
        cursor = await _run(self._connection, self._marked(query))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]

    async def execute(self, query: str, values: Sequence[Any]) -> int:
        """Run a statement; returns how many rows it matched, changed or not."""
        return int((await _run(self._connection, self._marked(query), values)).rowcount)

    async def execute_many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run an INSERT for many rows, in as few statements as the largest packet allows."""
        cursor = self._connection.cursor()
        cursor.max_stmt_length = min(cursor.max_stmt_length, self.statement_bytes)
        await cursor.executemany(self._marked(query), rows)

    def _marked(self, query: str) -> str:
        # Behind the first word, by which proxies choose a server, and the driver knows an INSERT.
        return _FIRST_WORD.sub(rf"\g<0> /* {self.mark.text} */", query, count=1)

    async def condition_of(self, mark: Mark) -> Condition | None:
        """Look for the statement with the mark among the threads of this account."""
        return await condition_of(self, mark, self.mark.server)

    async def end(self, mark: Mark) -> None:
        """End the thread where it is certainly the one of the mark, and idle.

        A server that was restarted meanwhile counts anew, so the number may be that of a connection of Grafana's.
        """
        is_here = mark.thread and mark.server == self.mark.server
        if is_here and await connection_of(self, mark.thread) == (mark.client, True):
            await self.command(f"KILL {mark.thread}")


class MysqlDriver:
    """Connects to one database."""

    def __init__(self, target: MysqlTarget) -> None:
        self.name = target.display
        self._target = target
        self._reached = False

    async def connect(self) -> MysqlSession:
        """Open a connection and set up its session. Raises `ReencryptError`."""
        asked = _cancellations()
        try:
            session = await self._connect(self._target.tls(), asked)
        except NoTlsError:
            if not self._target.may_be_plain:
                raise
            session = await self._connect(None, asked)
        except TransactionLostError:
            if not self._reached:
                await check_kind(self._target)
            raise
        self._reached = True
        return session

    async def _connect(self, tls: ssl.SSLContext | None, asked: int) -> MysqlSession:
        with translated_sign_in(self._target, reached_before=self._reached):
            async with asyncio.timeout(_CONNECT_SECONDS):
                try:
                    connection = await connect(self._target, tls, reached_before=self._reached)
                except Exception:
                    _raise_lost_cancellation(asked)
                    raise
                try:
                    _raise_lost_cancellation(asked)
                    with readable(self._target):
                        return await _set_up(self.name, connection)
                except BaseException:
                    connection.close()
                    raise

    def translated(self) -> AbstractContextManager[None]:
        """Translate asyncmy's errors."""
        return translated(self.name)


async def _set_up(name: str, connection: Any) -> MysqlSession:  # noqa: ANN401 - asyncmy has no types
    idle = math.ceil(waits.PATIENCE.idle)
    for statement in _SESSION:
        await _run(connection, statement.format(idle=idle))
    ((thread, server, version, packet, *charsets),) = await (await _run(connection, _SERVER)).fetchall()
    _check(name, version, charsets)
    session = MysqlSession(
        connection, int(int(packet) * _STATEMENT_SHARE), Mark(f"reencrypt {secrets.token_hex(4)}", str(server))
    )
    # A proxy counts connections by itself: then the server's number may be somebody else's in the next transaction. A
    # Unix socket has no port that would tell this end from others.
    client, _ = await connection_of(session, int(thread))
    if int(thread) == connection.thread_id() and ":" in client:
        session.mark = replace(session.mark, thread=int(thread), client=client)
    return session


async def _run(connection: Any, query: str, values: Sequence[Any] | None = None) -> Any:  # noqa: ANN401
    """Run a query; returns the cursor, which holds all rows and their number."""
    cursor = connection.cursor()
    await cursor.execute(query, values)
    return cursor


def _cancellations() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def _raise_lost_cancellation(before: int) -> None:
    """Raise a cancellation that `wait_for` has lost; the driver always connects with it."""
    if _cancellations() > before:
        raise asyncio.CancelledError


def _check(name: str, version: str, charsets: Sequence[str]) -> None:
    if set(charsets) != {"utf8mb4"}:
        raise ConfigurationError(
            f"{name} does not use utf8mb4 for this session but {', '.join(charsets)}",
            hint="Allow SET NAMES utf8mb4 on the server, or in the proxy before it.",
        )
    product = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    # Some proxies put 5.5.5- before MariaDB's version, which its protocol once needed.
    numbers = re.match(r"(?:5\.5\.5-)?(\d+)\.(\d+)", version)
    if numbers and (int(numbers[1]), int(numbers[2])) < _OLDEST[product]:
        oldest = ".".join(map(str, _OLDEST[product]))
        raise ConfigurationError(f"{name} is {product} {version}", hint=f"{product} {oldest} or newer is needed.")
