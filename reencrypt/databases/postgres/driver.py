"""Driver for asyncpg: an open connection. `connecting.py` opens it; no other module uses asyncpg but for its errors."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, Final

from reencrypt.databases import waits
from reencrypt.databases.postgres.connecting import NoTlsError, connect
from reencrypt.databases.postgres.dsn import PostgresTarget
from reencrypt.databases.postgres.errors import translated
from reencrypt.databases.postgres.waits import TERMINATE, condition_of
from reencrypt.databases.server.keepalive import keep_alive
from reencrypt.databases.server.traffic import bytes_moved
from reencrypt.databases.server.watch import Condition, Mark
from reencrypt.errors import ConfigurationError

# READ COMMITTED on every server: a compare and swap must see what was committed before it. Row security off: a row
# policy is an error then, not a smaller answer. The lock timeout: others must not wait long for rows of a transaction
# that waits for theirs, and a read must not wait for ever for a table that a VACUUM FULL or a migration has locked. The
# idle limit: see `Patience`. The name of the application: behind PgBouncer a backend is ours for one transaction only,
# and has no number that we know.
_BEGIN: Final = (
    "BEGIN ISOLATION LEVEL READ COMMITTED{mode}; SET LOCAL row_security = off; SET LOCAL lock_timeout = '5s'; "
    "SET LOCAL idle_in_transaction_session_timeout = {idle}; SET LOCAL application_name = '{mark}'"
)
_READING: Final = " READ ONLY"
_MESSAGE_BYTES: Final = 1 << 30  # the protocol's limit, far above any page
_NAME: Final = "reencrypt"
_LONGEST_NAME: Final = 50  # of 63 bytes, which the server cuts a name to: the mark is behind it


class PostgresSession:
    """An open connection. Its mark is the application's name in `pg_stat_activity`, within each transaction."""

    statement_bytes = _MESSAGE_BYTES

    def __init__(self, connection: Any, name: str = _NAME) -> None:  # noqa: ANN401 - asyncpg has no types
        self._connection = connection
        # Only what needs no quotes, whatever the server makes of a backslash.
        plain = re.sub(r"[^A-Za-z0-9 ._-]", "", name)[:_LONGEST_NAME]
        self.mark = Mark(f"{plain} {secrets.token_hex(4)}")
        idle = int(waits.PATIENCE.idle * 1000)
        self.begin = _BEGIN.format(mode="", mark=self.mark.text, idle=idle)
        self._reading = _BEGIN.format(mode=_READING, mark=self.mark.text, idle=idle)
        self.begin_reading: str | None = self._reading

    def moved(self) -> int:
        """How many bytes the network has moved."""
        return bytes_moved(self._connection._transport)  # noqa: SLF001 - asyncpg shows its socket nowhere else

    def is_closed(self) -> bool:
        """Whether asyncpg has noticed that the connection is gone."""
        return bool(self._connection.is_closed())

    def cut(self) -> None:
        """Close the socket."""
        self._connection.terminate()

    async def leave(self) -> None:
        """Terminate in the protocol's sense."""
        await self._connection.close()

    async def command(self, command: str) -> None:
        """Run a statement, or several."""
        await self._connection.execute(command)

    async def fetch(self, query: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a query; returns all of its rows."""
        return list(map(tuple, await self._connection.fetch(query, *(values or ()))))

    async def fetch_named(self, query: str) -> list[dict[str, Any]]:
        """Run a query; returns all of its rows by column."""
        return [dict(row) for row in await self._connection.fetch(query)]

    async def execute(self, query: str, values: Sequence[Any]) -> int:
        """Run a statement; returns how many rows it matched."""
        status: str = await self._connection.execute(query, *values)
        return int(status.rsplit(" ", 1)[-1])

    async def execute_many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement for each row, in one round trip."""
        await self._connection.executemany(query, rows)

    async def condition_of(self, mark: Mark) -> Condition:
        """Ask the server for the backend that carries the mark, wherever a pooler has put its transaction."""
        async with self._in_transaction():
            return await condition_of(self, mark)

    async def end(self, mark: Mark) -> None:
        """Terminate the backend that is idle in a transaction under the mark."""
        async with self._in_transaction():
            await self.fetch(TERMINATE, (mark.text,))

    @asynccontextmanager
    async def _in_transaction(self) -> AsyncIterator[None]:
        """A transaction of this connection, which is cut after an error."""
        await self.command(self._reading)
        yield
        await self.command("COMMIT")


class PostgresDriver:
    """Connects to one database."""

    def __init__(self, target: PostgresTarget) -> None:
        self.name = target.display
        self._target = target
        self._reached = False

    async def connect(self) -> PostgresSession:
        """Open a connection, with TLS or without it as `ssl_mode` prefers. Raises `ReencryptError`."""
        first, *others = self._target.encrypted
        try:
            session = await self._connect(tls=first)
        except ConfigurationError as refused:
            if not others:
                raise
            try:
                session = await self._connect(tls=others[0])
            except NoTlsError:
                raise refused from None
        self._reached = True
        return session

    async def _connect(self, *, tls: bool) -> PostgresSession:
        connection = await connect(self._target, tls=tls, reached_before=self._reached)
        keep_alive(connection._transport)  # noqa: SLF001 - asyncpg shows its socket nowhere else
        return PostgresSession(connection, self._target.session.get("application_name", _NAME))

    def translated(self) -> AbstractContextManager[None]:
        """Translate asyncpg's errors."""
        return translated(self.name)
