"""The brake: writing pauses while a replica lags too far behind, or while nobody can tell how far.

A replica lags for as long as it has not reached a position that the primary's log once had. That is measured here, by
the clock of this process, because what servers tell of it is old, absent or rounded in places; it counts where it is
more.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from reencrypt.databases.replication import ReplicaState, Replication
from reencrypt.errors import ConfigurationError, ReencryptError, StoppedEarlyError
from reencrypt.events import Continued, Emit, Paused, ignore
from reencrypt.state.stop import StopRequest

#: So often the replicas are asked, while work goes on and while it pauses.
LOOK_SECONDS: Final = 0.5
# Positions that are remembered while a replica is behind; of more, every other one is forgotten.
_REMEMBERED: Final = 1000


@dataclass(slots=True)
class LagWatch:
    """Knows which replica of one database is too far behind."""

    replication: Replication
    max_lag: float
    clock: Callable[[], float] = time.monotonic
    _log: list[tuple[float, int]] = field(default_factory=list)
    _known: Counter[str] = field(default_factory=Counter)

    async def start(self) -> None:
        """Look for the first time. Raises a `ReencryptError` where nobody can tell the lag of a replica."""
        _, states = await self._ask()
        if not states:
            raise ConfigurationError(
                "--max-lag: the database's server is connected to no replica",
                hint="Name each replica with --replica, or leave --max-lag out.",
            )
        for each in states:
            if each.unknown:
                raise ConfigurationError(f"--max-lag: {each.name} {each.unknown}", hint=each.remedy)
        self._known = Counter(each.name for each in states)

    async def look(self) -> Paused | None:
        """Look again; returns why to pause, if there is a reason."""
        try:
            asked, states = await self._ask()
        except ReencryptError as error:
            return Paused("", f"nobody can tell the lag of the replicas: {error.message}", None)
        present = Counter(each.name for each in states)
        for name in self._known - present:
            return Paused(name, f"{name} is not connected any more", None)
        self._known |= present
        for each in states:
            if each.unknown:
                return Paused(each.name, f"{each.name} {each.unknown}", None)
        lag, name = max((self._lag(each, asked), each.name) for each in states)
        self._forget(min(each.reached for each in states))
        return Paused(name, f"{name} lags more than {self.max_lag:g} s behind", lag) if lag > self.max_lag else None

    async def _ask(self) -> tuple[float, Sequence[ReplicaState]]:
        """How far the replicas are, and when the primary was at the newest known position."""
        asked = self.clock()
        position = await self.replication.position()
        if not self._log or position > self._log[-1][1]:
            self._log.append((asked, position))
        return asked, await self.replication.replicas()

    def _lag(self, state: ReplicaState, asked: float) -> float:
        """For how long the primary has been further; or what a server tells, where that is longer."""
        since = next((at for at, position in self._log if position > state.reached), asked)
        # A position of this very moment is on its way still.
        return max(self.clock() - since, state.told) if since < asked else 0.0

    def _forget(self, reached: int) -> None:
        """Forget the positions that every replica has reached."""
        self._log = [each for each in self._log if each[1] > reached]
        if len(self._log) > _REMEMBERED:
            del self._log[1::2]


@dataclass(slots=True)
class Brake:
    """What a writer waits for before each transaction; several may. Without a `watch` none ever waits."""

    watch: LagWatch | None = None
    stop: StopRequest | None = None
    emit: Emit = ignore
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _looked: float = float("-inf")

    async def wait(self) -> None:
        """Return while no replica is too far behind, and soon after a request to stop."""
        if self.watch is None or self.stop is None:
            return
        async with self._turn:
            if self.stop.reason is not None or time.monotonic() - self._looked < LOOK_SECONDS:
                return
            began, told = time.monotonic(), ""
            # After a request to stop the caller has a page to finish, and sees the request by itself.
            with suppress(StoppedEarlyError):
                while (cause := await self.stop.interruptible(self.watch.look())) is not None:
                    if cause.reason != told:
                        self.emit(cause)
                        told = cause.reason
                    await self.stop.interruptible(asyncio.sleep(LOOK_SECONDS))
            self._looked = time.monotonic()
            if told:
                self.emit(Continued(self._looked - began))
