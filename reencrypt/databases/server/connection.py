"""A connection to a database server that comes back: opened when it is needed, cut when its state is in doubt.

Both servers' engines are built on it; what their drivers do differently is a `Driver`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final, Protocol, TypeVar

from reencrypt.databases.retried import persistently
from reencrypt.errors import ReencryptError, TransactionLostError

_T = TypeVar("_T")

_GOODBYE_SECONDS: Final = 5.0
_LONGEST_READ_WAIT_SECONDS: Final = 2.0


class Driver(Protocol):
    """What a driver's connection is asked for. Connections are `Any`, because the drivers have no types.

    Every failure arrives as a `ReencryptError`; `TransactionLostError` says that trying again may help.
    """

    async def connect(self) -> Any:  # noqa: ANN401
        """Open a connection, its session set up."""
        ...

    def is_closed(self, connection: Any) -> bool:  # noqa: ANN401
        """Whether the connection is known to be unusable."""
        ...

    def cut(self, connection: Any) -> None:  # noqa: ANN401
        """Drop the connection without a word; the server rolls back."""
        ...

    async def leave(self, connection: Any) -> None:  # noqa: ANN401
        """Close the connection in order."""
        ...

    async def command(self, connection: Any, command: str) -> None:  # noqa: ANN401
        """Run a statement without a result."""
        ...

    def reading(self, connection: Any) -> AbstractAsyncContextManager[None]:  # noqa: ANN401
        """What a read is wrapped in."""
        ...


class Link:
    """One connection, used by one task at a time. `begin` is the statement that begins a transaction."""

    def __init__(self, driver: Driver, *, begin: str) -> None:
        self._driver = driver
        self._begin = begin
        self._connection: Any = None
        self._in_use = asyncio.Lock()

    async def read(self, work: Callable[[Any], Awaitable[_T]], *, deadline_seconds: float | None = None) -> _T:
        """Read with `work`, again from the start while the server is away; past the deadline `UnavailableError`."""

        async def once() -> _T:
            async with self._undoubted() as connection, self._driver.reading(connection):
                return await work(connection)

        async with self._in_use:
            return await persistently(
                once, deadline_seconds=deadline_seconds, longest_wait_seconds=_LONGEST_READ_WAIT_SECONDS
            )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """A transaction on the connection: committed when the block ends, rolled back when it raises."""
        async with self._in_use:
            was_open = self._connection is not None
            try:
                await self._begin_anew()
            except TransactionLostError:
                # A server or a firewall has closed it while it was idle; nothing was begun, so nothing is repeated.
                if not was_open:
                    raise
                await self._begin_anew()
            async with self._undoubted() as connection:
                try:
                    yield connection
                    await self._driver.command(connection, "COMMIT")
                except Exception:
                    # An orderly end, so that locks are gone before the next transaction; a dead connection has none.
                    with suppress(Exception):
                        async with asyncio.timeout(_GOODBYE_SECONDS):
                            await self._driver.command(connection, "ROLLBACK")
                    raise

    async def _begin_anew(self) -> None:
        async with self._undoubted() as connection:
            await self._driver.command(connection, self._begin)

    @asynccontextmanager
    async def _undoubted(self) -> AsyncIterator[Any]:
        """The open connection, which is cut where its state is no longer known."""
        try:
            if self._connection is None or self._driver.is_closed(self._connection):
                self._connection = await self._driver.connect()
            yield self._connection
        except ReencryptError as error:
            if isinstance(error, TransactionLostError):
                self._drop()
            raise
        except BaseException:
            # Cancelled in the middle of a statement or of the commit itself: the outcome is the server's secret, and
            # the protocol's state ours no longer. A new connection knows neither.
            self._drop()
            raise

    def _drop(self) -> None:
        if self._connection is not None:
            self._driver.cut(self._connection)
            self._connection = None

    async def close(self) -> None:
        """Say goodbye, or cut the connection where nobody answers."""
        if self._connection is not None:
            with suppress(Exception):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self._driver.leave(self._connection)
            self._drop()
