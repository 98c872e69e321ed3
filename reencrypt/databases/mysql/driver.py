"""asyncmy, as a link uses it: a connection whose session is set up the same way on every server."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncmy
from asyncmy.constants import CLIENT
from asyncmy.errors import MySQLError

from reencrypt.databases.mysql.dsn import MysqlTarget
from reencrypt.databases.mysql.errors import NoTlsError, translated
from reencrypt.errors import ConfigurationError

_CONNECT_SECONDS: Final = 15.0
# A statement waits five seconds for a lock and works for milliseconds; one that takes longer has lost its server. The
# driver's own timeouts are not used: it waits with `asyncio.wait_for`, which on Python 3.11 forgets a cancellation that
# comes at the same moment as the answer (python/cpython#86296), and whoever cancelled waits for ever.
_STATEMENT_SECONDS: Final = 60.0
_LEAST_PACKET: Final = 1 << 20
_OLDEST: Final = {"MariaDB": (10, 2), "MySQL": (8, 0)}  # window functions

# The handshake's character set is no promise: a server may be told to ignore it, and in some a byte of a ciphertext
# swallows the backslash that escapes the next. Nobody's row stays locked for the server's default of 50 seconds, or of
# a day behind a table lock, while we wait for another one. Notes are not errors: "table exists" is what IF NOT EXISTS
# is for. A limit on the rows of every answer would cut pages and totals in silence, and DEFAULT would be the server's;
# a moment in the past would show the rows of then, and only MariaDB knows it. A server may refuse statements that no
# key bounds, or that may look at many rows (errors 1175 and 1104): it would stop a run in the middle.
_SESSION: Final = (
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION sql_notes = 0, SESSION innodb_lock_wait_timeout = 5, SESSION lock_wait_timeout = 5",
    "SET SESSION sql_select_limit = 18446744073709551615 /*M!100304 , SESSION system_versioning_asof = DEFAULT */",
    "SET SESSION sql_safe_updates = 0, SESSION sql_big_selects = 1",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
)
_SERVER: Final = """
SELECT VERSION(), @@max_allowed_packet, @@character_set_client, @@character_set_connection, @@character_set_results
"""

# The driver reports what a server calls a warning (VALUES() is deprecated in MySQL 8) as if it were ours to heed.
logging.getLogger("asyncmy").setLevel(logging.ERROR)


async def run(connection: Any, query: str, values: object = None) -> Any:  # noqa: ANN401
    """Run a query; returns the cursor, which holds all rows and their number. Raises `TimeoutError`."""
    cursor = connection.cursor()
    async with asyncio.timeout(_STATEMENT_SECONDS):
        await cursor.execute(query, values)
    return cursor


async def run_many(connection: Any, query: str, rows: Sequence[object], *, size: int) -> None:  # noqa: ANN401
    """Run an INSERT for many rows, in statements of at most `size` bytes. Raises `TimeoutError`."""
    cursor = connection.cursor()
    cursor.max_stmt_length = min(cursor.max_stmt_length, size)
    async with asyncio.timeout(_STATEMENT_SECONDS):
        await cursor.executemany(query, rows)


async def fetch_all(connection: Any, query: str, values: object = None) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """Run a query; returns all of its rows."""
    return [tuple(row) for row in await (await run(connection, query, values)).fetchall()]


class MysqlDriver:
    """asyncmy, as a link uses it."""

    def __init__(self, target: MysqlTarget) -> None:
        self._target = target
        self.largest_packet = _LEAST_PACKET

    async def connect(self) -> Any:  # noqa: ANN401
        """Open a connection and set up its session; raises what `translated` makes of a failure."""
        asked = _cancellations()
        try:
            return await self._connect(self._target.tls(), asked)
        except NoTlsError:
            if not self._target.may_be_plain:
                raise
        return await self._connect(None, asked)

    async def _connect(self, tls: Any, asked: int) -> Any:  # noqa: ANN401
        with translated(self._target.display):
            async with asyncio.timeout(_CONNECT_SECONDS):
                try:
                    connection = await asyncmy.connect(
                        **self._target.arguments(), ssl=tls, client_flag=CLIENT.FOUND_ROWS, autocommit=True
                    )
                except Exception as error:
                    _heed_cancellation(asked)
                    if isinstance(error, MySQLError | OSError | EOFError):
                        raise
                    # Anything else comes of a greeting that asyncmy cannot read, or of a kind of password that it
                    # does not know.
                    raise ConfigurationError(
                        f"{self._target.display}: asyncmy cannot sign in there: {error}",
                        hint="check the address in [database]; if it is right, give the account "
                        "caching_sha2_password (MySQL) or mysql_native_password (MariaDB)",
                    ) from error
                try:
                    _heed_cancellation(asked)
                    for statement in _SESSION:
                        await run(connection, statement)
                    ((version, packet, *charsets),) = await fetch_all(connection, _SERVER)
                    _check(self._target.display, version, charsets)
                except BaseException:
                    connection.close()
                    raise
        self.largest_packet = int(packet)
        return connection

    def is_closed(self, connection: Any) -> bool:  # noqa: ANN401
        """Whether asyncmy has noticed that the connection is gone."""
        return not connection.connected

    def cut(self, connection: Any) -> None:  # noqa: ANN401
        """Close the socket."""
        connection.close()

    async def leave(self, connection: Any) -> None:  # noqa: ANN401
        """Quit."""
        await connection.ensure_closed()

    async def command(self, connection: Any, command: str) -> None:  # noqa: ANN401
        """Run a statement."""
        with translated(self._target.display):
            await run(connection, command)

    @asynccontextmanager
    async def reading(self, _connection: Any) -> AsyncIterator[None]:  # noqa: ANN401
        """A statement on its own reads what was committed before it."""
        with translated(self._target.display):
            yield


def _cancellations() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def _heed_cancellation(before: int) -> None:
    """Raise what `wait_for` has forgotten since; the driver connects with it whatever the arguments."""
    if _cancellations() > before:
        raise asyncio.CancelledError


def _check(name: str, version: str, charsets: Sequence[str]) -> None:
    if set(charsets) != {"utf8mb4"}:
        raise ConfigurationError(
            f"{name} does not speak utf8mb4 with us but {', '.join(charsets)}",
            hint="allow SET NAMES utf8mb4 on the server, or in the proxy before it",
        )
    product = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    # Some proxies put 5.5.5- before MariaDB's own version, as its protocol once had to.
    numbers = re.match(r"(?:5\.5\.5-)?(\d+)\.(\d+)", version)
    if numbers and (int(numbers[1]), int(numbers[2])) < _OLDEST[product]:
        oldest = ".".join(map(str, _OLDEST[product]))
        raise ConfigurationError(f"{name} is {product} {version}", hint=f"{product} {oldest} or newer is needed")
