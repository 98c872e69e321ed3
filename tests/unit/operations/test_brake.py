"""Which lag follows from positions, the clock of this process, and what servers tell."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from reencrypt.databases.replication import ReplicaState
from reencrypt.errors import ConfigurationError, ReencryptError, UnavailableError
from reencrypt.events import Continued, Event, Paused
from reencrypt.state.brake import Brake, LagWatch
from reencrypt.state.stop import StopRequest


@dataclass
class Written:
    """A primary and its replicas, as they are written down here."""

    end: int = 0
    states: Sequence[ReplicaState] = ()
    error: ReencryptError | None = None
    now: float = 1000.0
    closed: list[str] = field(default_factory=list)

    async def position(self) -> int:
        if self.error is not None:
            raise self.error
        return self.end

    async def replicas(self) -> Sequence[ReplicaState]:
        return self.states

    async def close(self) -> None:
        self.closed.append("closed")

    def clock(self) -> float:
        return self.now


async def look(watch: LagWatch, primary: Written, *states: ReplicaState, end: int, after: float = 1.0) -> Paused | None:
    primary.now += after
    primary.end, primary.states = end, states
    return await watch.look()


async def begun(*states: ReplicaState, end: int = 100, max_lag: float = 5.0) -> tuple[LagWatch, Written]:
    primary = Written(end, states)
    watch = LagWatch(primary, max_lag, primary.clock)
    await watch.start()
    return watch, primary


async def test_a_replica_lags_from_the_moment_that_the_primary_was_further() -> None:
    watch, primary = await begun(ReplicaState("db-2", 90))
    assert await look(watch, primary, ReplicaState("db-2", 95), end=200) is None
    # Four seconds behind the first look, then six.
    assert await look(watch, primary, ReplicaState("db-2", 99), end=300, after=3) is None
    found = await look(watch, primary, ReplicaState("db-2", 99), end=400, after=2)
    assert found == Paused("db-2", "db-2 lags more than 5 s behind", 6.0)
    # It has come to the first look, not to the second, which was five seconds ago.
    assert await look(watch, primary, ReplicaState("db-2", 100), end=400, after=0) is None
    assert await look(watch, primary, ReplicaState("db-2", 400), end=400, after=100) is None


async def test_what_is_on_its_way_is_no_lag_however_long_ago_the_last_look_was() -> None:
    watch, primary = await begun(ReplicaState("db-2", 100, told=3600.0))
    # The server tells the lag of what was replayed last: an hour ago, before an hour of silence.
    assert await look(watch, primary, ReplicaState("db-2", 100, told=3600.0), end=200, after=3600) is None
    assert await look(watch, primary, ReplicaState("db-2", 200, told=3600.0), end=300) is None


async def test_what_a_server_tells_counts_while_a_replica_is_behind() -> None:
    watch, primary = await begun(ReplicaState("db-2", 90, told=3600.0))
    found = await look(watch, primary, ReplicaState("db-2", 95, told=3590.0), end=100)
    assert found == Paused("db-2", "db-2 lags more than 5 s behind", 3590.0)


async def test_the_replica_that_lags_most_is_named() -> None:
    watch, primary = await begun(ReplicaState("db-2", 90), ReplicaState("db-3", 10, told=7.0), max_lag=0.5)
    found = await look(watch, primary, ReplicaState("db-2", 90), ReplicaState("db-3", 20, told=7.0), end=100)
    assert found is not None
    assert (found.replica, found.lag) == ("db-3", 7.0)


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ((), "no replica"),
        ((ReplicaState("db-2"), ReplicaState("db-3", unknown="is broken", remedy="Fix it.")), "db-3 is broken"),
    ],
)
async def test_a_lag_that_nobody_can_tell_is_refused_at_the_start(
    states: tuple[ReplicaState, ...], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        await begun(*states)
    assert caught.value.hint


async def test_a_lag_that_nobody_can_tell_pauses_later() -> None:
    fine = (ReplicaState("db-2", 100), ReplicaState("db-3", 100))
    watch, primary = await begun(*fine)
    found = await look(watch, primary, fine[0], ReplicaState("db-3", unknown="is broken"), end=100)
    assert found == Paused("db-3", "db-3 is broken", None)
    assert await look(watch, primary, *fine, end=100) is None
    assert await look(watch, primary, fine[0], end=100) == Paused("db-3", "db-3 is not connected any more", None)
    primary.error = UnavailableError("the primary is away")
    found = await look(watch, primary, *fine, end=100)
    assert found is not None
    assert (found.lag, "the primary is away" in found.reason) == (None, True)


async def test_a_replica_that_joins_later_counts_from_then_on_also_under_a_name_that_others_have() -> None:
    watch, primary = await begun(ReplicaState("standby", 100))
    twice = (ReplicaState("standby", 100), ReplicaState("standby", 100))
    assert await look(watch, primary, *twice, end=100) is None
    assert await look(watch, primary, twice[0], end=100) == Paused("standby", "standby is not connected any more", None)


async def test_a_long_pause_remembers_a_bounded_number_of_positions() -> None:
    watch, primary = await begun(ReplicaState("db-2", 0))
    for number in range(5000):
        found = await look(watch, primary, ReplicaState("db-2", 0), end=200 + number)
    assert found is not None
    assert found.lag == 5000.0
    assert len(watch._log) <= 1001  # noqa: SLF001 - memory has no public face


async def test_several_writers_wait_for_one_pause_that_is_told_once() -> None:
    watch, primary = await begun(ReplicaState("db-2", 90))
    told: list[Event] = []

    def emit(event: Event) -> None:
        told.append(event)
        if isinstance(event, Paused):
            primary.states = (ReplicaState("db-2", 100),)

    primary.now += 10
    brake = Brake(watch, StopRequest(), emit)
    await asyncio.gather(*(brake.wait() for _ in range(4)))
    paused, continued = told
    assert paused == Paused("db-2", "db-2 lags more than 5 s behind", 10.0)
    assert isinstance(continued, Continued)
    # What was just asked is not asked again.
    primary.error = UnavailableError("nobody asks")
    await brake.wait()
    assert len(told) == 2


async def test_a_request_to_stop_ends_the_wait_of_all_writers() -> None:
    watch, primary = await begun(ReplicaState("db-2", 90))
    stop = StopRequest()
    told: list[Event] = []

    def emit(event: Event) -> None:
        told.append(event)
        stop.set("SIGTERM received")

    primary.now += 10
    brake = Brake(watch, stop, emit)
    await asyncio.gather(*(brake.wait() for _ in range(4)))
    assert [type(each) for each in told] == [Paused, Continued]


async def test_without_a_limit_nobody_waits() -> None:
    await Brake().wait()
