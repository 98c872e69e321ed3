"""Self-healing connection to a database server: opened when needed, cut when its state is in doubt.

It uses a `Driver`, which opens a `Link`: these hide the differences of the client libraries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from typing import Any, Final, Protocol, TypeVar

from reencrypt.databases import waits
from reencrypt.databases.rest import OF_PROCESS
from reencrypt.databases.retry import retry
from reencrypt.databases.server.watch import Mark, Watch, Witness
from reencrypt.databases.waits import SilentServerError, Teller, Waiting, ignore
from reencrypt.errors import ReencryptError, TransactionLostError

_T = TypeVar("_T")

_LONGEST_READ_WAIT_SECONDS: Final = 2.0


class Session(Protocol):
    """What work on a connection sees of it. It fails with the client library's own errors."""

    #: How long a statement may be with its values.
    statement_bytes: int

    async def command(self, command: str) -> None:
        """Run a statement without values or a result."""
        ...

    async def fetch(self, query: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a query; returns all of its rows."""
        ...

    async def fetch_named(self, query: str) -> list[dict[str, Any]]:
        """Run a query whose columns differ from version to version; returns all of its rows by column."""
        ...

    async def execute(self, query: str, values: Sequence[Any]) -> int:
        """Run a statement; returns how many rows it matched."""
        ...

    async def execute_many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement for many rows, in as few round trips as the library can."""
        ...


class Link(Session, Witness, Protocol):
    """An open connection, set up. No statement has an end of its own: `Watch` gives it one."""

    #: What it is known by in the server.
    mark: Mark
    #: The statement that begins a transaction.
    begin: str
    #: The statement that begins the transaction of a read, None where a read needs none.
    begin_reading: str | None

    def moved(self) -> int:
        """How many bytes the network has taken and brought so far, 0 where nobody knows."""
        ...

    def is_closed(self) -> bool:
        """Whether the connection is known to be unusable."""
        ...

    async def leave(self) -> None:
        """Close the connection in order."""
        ...


class Driver(Protocol):
    """Protocol of a client library: how to connect to a server."""

    #: The database's URL without the password.
    name: str

    async def connect(self) -> Link:
        """Open a connection, its session set up, within some seconds. Failures arrive as `ReencryptError`."""
        ...

    def translated(self) -> AbstractContextManager[None]:
        """Translate a session's errors into `ReencryptError`; `TransactionLostError` where a retry may help."""
        ...


class _Watched:
    """A link whose statements all have an end."""

    def __init__(self, link: Link, watch: Watch) -> None:
        self.link = link
        #: Whether the transaction of a read is open, for the reads that follow; see `Connection.together`.
        self.reads = False
        self.statement_bytes = link.statement_bytes
        self._watch = watch

    async def command(self, command: str) -> None:
        await self._watched(command, self.link.command(command))

    async def fetch(self, query: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        return await self._watched(query, self.link.fetch(query, values))

    async def fetch_named(self, query: str) -> list[dict[str, Any]]:
        return await self._watched(query, self.link.fetch_named(query))

    async def execute(self, query: str, values: Sequence[Any]) -> int:
        return await self._watched(query, self.link.execute(query, values))

    async def execute_many(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        await self._watched(query, self.link.execute_many(query, rows))

    async def _watched(self, text: str, statement: Awaitable[_T]) -> _T:
        try:
            return await self._watch.over(self.link.mark, text, statement, self.link.moved)
        except TransactionLostError:
            # Given up: nothing is said to it any more, not even a goodbye.
            self.link.cut()
            raise


class Connection:
    """One connection, used by one task at a time. `waiting` is told what is waited for."""

    def __init__(self, driver: Driver, waiting: Waiting = ignore) -> None:
        self._driver = driver
        self._session: _Watched | None = None
        self._in_use = asyncio.Lock()
        self._blocks = 0  # of `together` that are open
        self._teller = Teller(waiting)
        self._watch = Watch(driver.name, driver.connect, driver.translated, self._teller)

    async def read(self, work: Callable[[Session], Awaitable[_T]], *, deadline_seconds: float | None = None) -> _T:
        """Read with `work`, and retry while the server is away; past the deadline `UnavailableError`."""

        async def once() -> _T:
            async with self._undoubted() as session:
                if session.link.begin_reading is None:
                    with self._explained(), self._driver.translated():
                        return await work(session)
                if not session.reads:
                    await self._command(session, session.link.begin_reading)
                # False in a failure, which ends the transaction.
                session.reads, stays = False, self._blocks > 0
                async with self._ended(session, stays=stays):
                    with self._driver.translated():
                        found = await work(session)
                session.reads = stays
                return found

        # Reads are waited for too: an answer that comes to a process that stands still would count as none later.
        async with OF_PROCESS.work(), self._in_use:
            found = await retry(
                once,
                deadline_seconds=deadline_seconds,
                longest_wait_seconds=_LONGEST_READ_WAIT_SECONDS,
                pardoned=lambda: self._watch.worked_seconds,
            )
            self._teller.succeeded()
            return found

    @property
    def is_open(self) -> bool:
        """Whether it is connected, as far as is known."""
        return self._session is not None and not self._session.link.is_closed()

    async def open(self) -> None:
        """Connect now, once, without a retry. Raises a `ReencryptError` where that fails."""
        async with self._in_use, self._undoubted():
            pass

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Let the reads of the block share one transaction: each has two round trips less.

        It is READ COMMITTED, so that each still sees what was committed before it. For short reads that follow one
        another at once, because other sessions wait for the end of a transaction before they change a table.
        """
        self._blocks += 1
        try:
            yield
        finally:
            self._blocks -= 1
            await self._end_reading()

    async def _end_reading(self) -> None:
        async with self._in_use:
            if self._blocks or self._session is None or not self._session.reads:
                return
            self._session.reads = False
            try:
                async with self._undoubted() as session:
                    await self._command(session, "COMMIT")
            except ReencryptError:
                # What was read is read. The next read opens another connection.
                self._drop()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """A transaction on the connection: committed when the block ends, rolled back when it raises."""
        async with OF_PROCESS.work(), self._in_use:
            was_open = self._session is not None
            try:
                await self._begin_anew()
            except SilentServerError:
                raise
            except TransactionLostError:
                # A server or a firewall closed it while it was idle; nothing was started, so nothing is repeated.
                if not was_open:
                    raise
                await self._begin_anew()
            async with self._undoubted() as session, self._ended(session):
                yield session
            self._teller.succeeded()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in an error what its statement was seen to wait for."""
        try:
            yield
        except SilentServerError:
            raise
        except TransactionLostError as error:
            if not self._watch.waited_for:
                raise
            message = f"{error.message}; it waited for {self._watch.waited_for}"
            raise TransactionLostError(message, hint=error.hint) from error

    async def _begin_anew(self) -> None:
        async with self._undoubted() as session:
            await self._command(session, session.link.begin)

    @asynccontextmanager
    async def _ended(self, session: _Watched, *, stays: bool = False) -> AsyncIterator[None]:
        """Commit the session's transaction when the block ends, roll it back when that raises.

        With `stays` it stays open behind the block.
        """
        try:
            with self._explained():
                yield
                if not stays:
                    await self._command(session, "COMMIT")
        except Exception:
            # An orderly end releases locks before the next transaction; a dead connection has none. A cancelled one is
            # cut.
            if not session.link.is_closed():
                with suppress(Exception):
                    async with asyncio.timeout(waits.PATIENCE.goodbye):
                        await self._command(session, "ROLLBACK")
            raise

    async def _command(self, session: Session, command: str) -> None:
        with self._driver.translated():
            await session.command(command)

    @asynccontextmanager
    async def _undoubted(self) -> AsyncIterator[_Watched]:
        """The open session, which is cut where its state is no longer known."""
        try:
            if self._session is None or self._session.link.is_closed():
                self._session = _Watched(await self._driver.connect(), self._watch)
            yield self._session
        except TransactionLostError as error:
            self._drop()
            self._teller.failed(error.message)
            raise
        except ReencryptError:
            raise
        except BaseException:
            # Cancelled in the middle of a statement or of the commit: the outcome and the state of the protocol are
            # unknown. A new connection starts clean.
            self._drop()
            raise

    def _drop(self) -> None:
        if self._session is not None:
            self._session.link.cut()
            self._session = None

    async def close(self) -> None:
        """Close the connection, or cut it where the server does not answer."""
        if self._session is not None:
            with suppress(Exception):
                async with asyncio.timeout(waits.PATIENCE.goodbye):
                    await self._session.link.leave()
            self._drop()
        await self._watch.end()
