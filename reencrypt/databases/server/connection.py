"""Self-healing connection to a database server: opened when needed, cut when its state is in doubt.

It uses a `Driver`, which opens a `Session`: these hide the differences of the client libraries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, suppress
from typing import Any, Final, Protocol, TypeVar

from reencrypt.databases.retry import retry
from reencrypt.errors import ReencryptError, TransactionLostError

_T = TypeVar("_T")

_GOODBYE_SECONDS: Final = 5.0
_LONGEST_READ_WAIT_SECONDS: Final = 2.0


class Session(Protocol):
    """An open connection, set up. It fails with the client library's own errors, which `Driver.translated` takes."""

    #: How long a statement may be with its values.
    statement_bytes: int

    def is_closed(self) -> bool:
        """Whether the connection is known to be unusable."""
        ...

    def cut(self) -> None:
        """Cut the connection at once; the server rolls back."""
        ...

    async def leave(self) -> None:
        """Close the connection in order."""
        ...

    async def command(self, command: str) -> None:
        """Run a statement without values or a result."""
        ...

    async def fetch(self, query: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a query; returns all of its rows."""
        ...

    async def execute(self, query: str, values: Sequence[Any]) -> int:
        """Run a statement; returns how many rows it matched."""
        ...

    async def execute_many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement for many rows, in as few round trips as the library can."""
        ...

    def reading(self) -> AbstractAsyncContextManager[None]:
        """The context of a read."""
        ...


class Driver(Protocol):
    """Protocol of a client library: how to connect to a server."""

    #: The database's URL without the password.
    name: str
    #: The statement that begins a transaction.
    begin: str

    async def connect(self) -> Session:
        """Open a connection, its session set up. Failures arrive as `ReencryptError`."""
        ...

    def translated(self) -> AbstractContextManager[None]:
        """Translate a session's errors into `ReencryptError`; `TransactionLostError` where a retry may help."""
        ...


class Connection:
    """One connection, used by one task at a time."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._session: Session | None = None
        self._in_use = asyncio.Lock()

    async def read(self, work: Callable[[Session], Awaitable[_T]], *, deadline_seconds: float | None = None) -> _T:
        """Read with `work`, and retry while the server is away; past the deadline `UnavailableError`."""

        async def once() -> _T:
            async with self._undoubted() as session:
                with self._driver.translated():
                    async with session.reading():
                        return await work(session)

        async with self._in_use:
            return await retry(once, deadline_seconds=deadline_seconds, longest_wait_seconds=_LONGEST_READ_WAIT_SECONDS)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """A transaction on the connection: committed when the block ends, rolled back when it raises."""
        async with self._in_use:
            was_open = self._session is not None
            try:
                await self._begin_anew()
            except TransactionLostError:
                # A server or a firewall closed it while it was idle; nothing was started, so nothing is repeated.
                if not was_open:
                    raise
                await self._begin_anew()
            async with self._undoubted() as session:
                try:
                    yield session
                    await self._command(session, "COMMIT")
                except Exception:
                    # An orderly end releases locks before the next transaction; a dead connection has none.
                    with suppress(Exception):
                        async with asyncio.timeout(_GOODBYE_SECONDS):
                            await self._command(session, "ROLLBACK")
                    raise

    async def _begin_anew(self) -> None:
        async with self._undoubted() as session:
            await self._command(session, self._driver.begin)

    async def _command(self, session: Session, command: str) -> None:
        with self._driver.translated():
            await session.command(command)

    @asynccontextmanager
    async def _undoubted(self) -> AsyncIterator[Session]:
        """The open session, which is cut where its state is no longer known."""
        try:
            if self._session is None or self._session.is_closed():
                self._session = await self._driver.connect()
            yield self._session
        except ReencryptError as error:
            if isinstance(error, TransactionLostError):
                self._drop()
            raise
        except BaseException:
            # Cancelled in the middle of a statement or of the commit: the outcome and the state of the protocol are
            # unknown. A new connection starts clean.
            self._drop()
            raise

    def _drop(self) -> None:
        if self._session is not None:
            self._session.cut()
            self._session = None

    async def close(self) -> None:
        """Close the connection, or cut it where the server does not answer."""
        if self._session is not None:
            with suppress(Exception):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self._session.leave()
            self._drop()
