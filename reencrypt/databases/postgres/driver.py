"""Driver for asyncpg: an open connection. `connecting.py` opens it; no other module uses asyncpg but for its errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from typing import Any, Final

from reencrypt.databases.postgres.connecting import NoTlsError, connect
from reencrypt.databases.postgres.dsn import PostgresTarget
from reencrypt.databases.postgres.errors import translated
from reencrypt.errors import ConfigurationError

# READ COMMITTED on every server: a compare and swap must see what was committed before it. The lock timeout: others
# must not wait long for rows of this transaction while it waits for theirs. Row security off: a row policy is an error
# then, not a smaller answer.
_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL row_security = off; SET LOCAL lock_timeout = '5s'"
_BEGIN_READING: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL row_security = off"
_MESSAGE_BYTES: Final = 1 << 30  # the protocol's limit, far above any page


class PostgresSession:
    """An open connection."""

    statement_bytes = _MESSAGE_BYTES

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - asyncpg has no types
        self._connection = connection

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
        return [tuple(row) for row in await self._connection.fetch(query, *(values or ()))]

    async def execute(self, query: str, values: Sequence[Any]) -> int:
        """Run a statement; returns how many rows it matched."""
        status: str = await self._connection.execute(query, *values)
        return int(status.rsplit(" ", 1)[-1])

    async def execute_many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement for each row, in one round trip."""
        await self._connection.executemany(query, rows)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """A short transaction, because PgBouncer may give each one another server."""
        await self.command(_BEGIN_READING)
        try:
            yield
            await self.command("COMMIT")
        except Exception:
            # A cancelled read is not rolled back: its connection is cut.
            with suppress(Exception):
                await self.command("ROLLBACK")
            raise


class PostgresDriver:
    """Connects to one database."""

    begin = _BEGIN

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
        return PostgresSession(await connect(self._target, tls=tls, reached_before=self._reached))

    def translated(self) -> AbstractContextManager[None]:
        """Translate asyncpg's errors."""
        return translated(self.name)
