"""The writing connections: as many as transactions are open at the same time, where the server grants them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from reencrypt.databases.server.connection import Connection, Session
from reencrypt.errors import ReencryptError


class Writers:
    """Connections for transactions. `connect` makes one, which is opened when it is needed.

    The first is there for good. Another is opened where all are in use. Where the server refuses that one, the
    transaction waits for its turn: fewer connections are slower, and no reason to fail.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._all = [connect()]
        self._free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        self._free.put_nowait(self._all[0])
        self._refused = False

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
        if self._free.empty() and not self._refused:
            another = self._connect()
            try:
                await another.open()
            except ReencryptError:
                self._refused = True
                await another.close()
            except BaseException:
                await asyncio.shield(another.close())
                raise
            else:
                self._all.append(another)
                return another
        return await self._free.get()

    async def close(self) -> None:
        """Close every connection, at once: each may have to wait for a server that does not answer."""
        await asyncio.gather(*(each.close() for each in self._all))
