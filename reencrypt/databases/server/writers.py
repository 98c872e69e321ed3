"""The writing connections: as many as transactions are open at the same time, where the server grants them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from reencrypt.databases.server.connection import Connection, Session
from reencrypt.errors import ReencryptError

#: So long no further connection is asked for where the server has refused one.
_REFUSED_SECONDS: Final = 60.0


class Writers:
    """Connections for transactions. `connect` makes one, which is opened when it is needed.

    One is there for good. Another is opened where all are in use. Where the server refuses it, or one that was lost and
    is to be opened again, the transaction waits for its turn: fewer connections are slower, and no reason to fail.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._all = [connect()]
        self._free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        self._free.put_nowait(self._all[0])
        self._grows_at = float("-inf")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """A transaction on a connection that is free: committed when the block ends, rolled back when it raises."""
        async with self.connection() as connection, connection.transaction() as session:
            yield session

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection that nobody else uses meanwhile."""
        connection = await self._one()
        try:
            yield connection
        finally:
            self._free.put_nowait(connection)

    async def _one(self) -> Connection:
        if self._free.empty() and asyncio.get_running_loop().time() >= self._grows_at:
            another = self._connect()
            self._all.append(another)
            if await self._is_opened(another):
                return another
        while True:
            connection = await self._free.get()
            # The only one heals itself, for as long as a server may be away.
            if connection.is_open or len(self._all) == 1 or await self._is_opened(connection):
                return connection

    async def _is_opened(self, connection: Connection) -> bool:
        """Open one of several connections; where the server refuses that, there is one less."""
        try:
            await connection.open()
        except ReencryptError:
            self._grows_at = asyncio.get_running_loop().time() + _REFUSED_SECONDS
            if len(self._all) == 1:
                # The others were given up meanwhile.
                return True
            self._all.remove(connection)
            await connection.close()
            return False
        except BaseException:
            self._free.put_nowait(connection)
            raise
        return True

    async def close(self) -> None:
        """Close every connection, at once: each may have to wait for a server that does not answer."""
        await asyncio.gather(*(each.close() for each in self._all))
