"""Watches over statements: none is waited for without an end, and none is given up while the server works on it.

A statement that has no answer after a moment is asked after on another connection, by the name that its connection
carries in the server. Only a sign of life there, or bytes that a slow network still moves, let the wait go on. A
connection whose statement the server does not know, because a firewall dropped an answer, is cut soon, so that the work
can be repeated on a new one.
"""

from __future__ import annotations

import asyncio
import enum
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeVar

from reencrypt.databases import waits
from reencrypt.databases.waits import SilentServerError, Teller
from reencrypt.errors import ReencryptError, TransactionLostError

_T = TypeVar("_T")

# The first word of a statement and its first table, for people, within so many characters.
_NAMED: Final = 2000
# WITH stands before a query, or before a change that something else follows from.
_VERB: Final = r"\s*(?:WITH \w+ AS \((?=UPDATE))?([A-Za-z]+)"
_UNQUOTED: Final = str.maketrans("", "", '`"')
_TABLE: Final = r"\b(?:FROM|UPDATE|INTO|TABLE(?: IF NOT EXISTS)?)\s+((?:[`\"]?\w+[`\"]?\.)?[`\"]?\w+[`\"]?)"


def subject_of(statement: str) -> str:
    """Name a statement for people, by its first word and its first table."""
    verb, table = re.match(_VERB, statement), re.search(_TABLE, statement)
    name = verb[1].upper().replace("WITH", "SELECT") if verb else "a statement"
    return f"{name} of the table {table[1].translate(_UNQUOTED)}" if table else name


class Standing(enum.Enum):
    """How a statement stands in its server."""

    AT_WORK = enum.auto()
    #: The network still brings its answer, or takes its values.
    MOVES = enum.auto()
    #: The server knows it, and waits for something else: no sign of life.
    WAITS = enum.auto()
    #: Nothing of the connection is at work.
    IDLE = enum.auto()


class Condition(NamedTuple):
    """How a statement stands, and what it waits for."""

    standing: Standing
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a connection is known by in its server.

    `text` is unique. `server` tells servers apart that hide behind one address. `thread` is the server's own number of
    the connection, which a restart of the server gives to another one, and `client` this end of it, as the server shows
    it. Each is empty or 0 where it is not known.
    """

    text: str
    server: str = ""
    thread: int = 0
    client: str = ""


class Witness(Protocol):
    """A connection that is asked after another one. It fails with the client library's own errors."""

    async def condition_of(self, mark: Mark) -> Condition | None:
        """How the statement of the connection stands; None where this server cannot know."""
        ...

    async def end(self, mark: Mark) -> None:
        """End the connection in the server, where it is idle and its name is certain, so that its locks are free."""
        ...

    def cut(self) -> None:
        """Cut the connection at once."""
        ...


class Watch:
    """Watches over the statements of one connection, which come one after another."""

    def __init__(
        self,
        name: str,
        open_witness: Callable[[], Awaitable[Witness]],
        translated: Callable[[], AbstractContextManager[None]],
        teller: Teller,
    ) -> None:
        self.name = name
        self.open_witness = open_witness
        self.translated = translated
        self.teller = teller
        #: For how long statements have been seen at work, in seconds: such a wait is not one for a sign of life.
        self.worked_seconds = 0.0
        #: What the last statement was seen to wait for.
        self.waited_for = ""
        self._vigils: set[asyncio.Task[None]] = set()

    async def over(self, mark: Mark, text: str, statement: Awaitable[_T], moved: Callable[[], int]) -> _T:
        """Wait for the answer to a statement with a text; `moved` counts the bytes that its connection has moved.

        Raises `TransactionLostError` where the server has lost it and `SilentServerError` where it is silent. Then the
        connection is of no use any more.
        """
        self.waited_for = ""
        timeout = asyncio.timeout(waits.PATIENCE.silence)
        vigil = _Vigil(self, mark, text, timeout, moved)
        try:
            async with timeout:
                begin = asyncio.get_running_loop().call_later(waits.PATIENCE.ask_after, self._begin, vigil)
                try:
                    return await statement
                finally:
                    begin.cancel()
                    vigil.end()
        except TimeoutError as error:
            # A client library may raise the same, where the operating system has given the connection up.
            if timeout.expired():
                raise vigil.verdict() from error
            raise

    def _begin(self, vigil: _Vigil) -> None:
        task = vigil.begin()
        self._vigils.add(task)
        task.add_done_callback(self._vigils.discard)

    async def end(self) -> None:
        """Wait until no witness is left."""
        if self._vigils:
            await asyncio.wait(self._vigils, timeout=1)


class _Vigil:
    """The watch over one statement."""

    def __init__(self, watch: Watch, mark: Mark, text: str, timeout: asyncio.Timeout, moved: Callable[[], int]) -> None:
        self._moved = moved
        self._moved_before = 0
        self._watch = watch
        self._mark = mark
        self._text = text
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._since = self._alive = self._loop.time()
        self._witness: Witness | None = None
        self._task: asyncio.Task[None] | None = None
        self._idle_answers = 0
        self._why = ""
        self._is_over = False

    @property
    def _subject(self) -> str:
        return subject_of(self._text[:_NAMED])

    def begin(self) -> asyncio.Task[None]:
        self._moved_before = self._moved()
        self._task = self._loop.create_task(self._keep())
        return self._task

    def end(self) -> None:
        self._is_over = True
        if self._task is None or self._task.cancel():
            return
        if not self._task.cancelled():
            self._task.result()  # a bug of the watch is none that may pass in silence

    def verdict(self) -> TransactionLostError:
        """The error for a statement that was given up."""
        hint = "Check the server and the network, then start again; progress is saved."
        if self._idle_answers >= waits.PATIENCE.idle_answers:
            return TransactionLostError(
                f"{self._watch.name} has lost a connection: there is no answer to {self._subject}, although on another "
                "connection the server says that it is not at work on it",
                hint=hint,
            )
        seconds = self._loop.time() - self._alive
        return SilentServerError(
            f"{self._watch.name} has not answered {self._subject} for {seconds:.3g} s"
            + (f": {self._why}" if self._why else ""),
            hint=hint,
        )

    async def _keep(self) -> None:
        try:
            while True:
                condition = await self._ask()
                if self._is_over:
                    # A client library may lose a cancellation to an answer that comes at the same moment.
                    return
                self._note(Condition(Standing.MOVES) if self._moves() else condition)
                if self._idle_answers >= waits.PATIENCE.idle_answers:
                    await self._give_up()
                    return
                await asyncio.sleep(waits.PATIENCE.ask_every)
        finally:
            self._dismiss()

    def _moves(self) -> bool:
        """Whether the connection has moved bytes since this was asked last."""
        before, self._moved_before = self._moved_before, self._moved()
        return self._moved_before > before

    async def _ask(self) -> Condition | None:
        try:
            async with asyncio.timeout(waits.PATIENCE.ask_within):
                with self._watch.translated():
                    if self._witness is None:
                        self._witness = await self._watch.open_witness()
                    answer = await self._witness.condition_of(self._mark)
        except TimeoutError:
            self._dismiss()
            self._why = "it does not answer on another connection either"
            return None
        except ReencryptError as error:
            self._dismiss()
            self._why = f"on another connection it cannot be asked either: {error.message}"
            return None
        if answer is None:
            self._why = "another connection reaches another server, which does not know the statement"
        return answer

    def _note(self, condition: Condition | None) -> None:
        now = self._loop.time()
        waited = f"{now - self._since:.0f} s"
        name, tell = self._watch.name, self._watch.teller.tell
        self._idle_answers = self._idle_answers + 1 if condition and condition.standing is Standing.IDLE else 0
        match condition:
            case None:
                tell(f"{name} has not answered {self._subject} for {waited}: {self._why}", kind=f"silent {self._why}")
            case Condition(Standing.AT_WORK | Standing.MOVES as standing):
                self._watch.worked_seconds += now - self._alive
                self._alive = now
                self._why = ""
                if not self._timeout.expired():
                    self._timeout.reschedule(now + waits.PATIENCE.silence)
                if now - self._since >= waits.PATIENCE.tell_after:
                    does = (
                        "been at work on"
                        if standing is Standing.AT_WORK
                        else "exchanged bytes with us over a slow way for"
                    )
                    tell(f"{name} has {does} {self._subject} for {waited}", kind=f"has {does}")
            case Condition(Standing.WAITS, reason):
                self._watch.waited_for = f"{reason}, in {self._subject}"
                self._why = f"the server waits for {reason}"
                tell(f"{name} waits for {reason}, in {self._subject}, for {waited} now", kind=reason)
            case Condition(Standing.IDLE):
                self._why = "on another connection it says that it is not at work"
                if self._idle_answers > 1:
                    tell(f"{name} has not answered {self._subject} for {waited}, although it is not at work on it")

    async def _give_up(self) -> None:
        # A server notices a connection that a firewall has dropped after hours; until then its locks would stay.
        with suppress(ReencryptError, TimeoutError):
            async with asyncio.timeout(waits.PATIENCE.ask_within):
                with self._watch.translated():
                    if self._witness is not None:
                        await self._witness.end(self._mark)
        if not self._timeout.expired():
            self._timeout.reschedule(self._loop.time())

    def _dismiss(self) -> None:
        if self._witness is not None:
            self._witness.cut()
            self._witness = None
