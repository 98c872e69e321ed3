"""The work of a fleet: the same in every member, so many at a time, with one member's failure its own."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reencrypt.errors import ReencryptError
from reencrypt.events import Emit
from reencrypt.fleet.halt import Halt
from reencrypt.fleet.member import Member
from reencrypt.fleet.results import MemberResult
from reencrypt.next_steps import steps_as_json
from reencrypt.operations.session import Shared
from reencrypt.operations.work import Work, announced
from reencrypt.outcomes import ExitCode
from reencrypt.settings import Settings
from reencrypt.state.stop import StopRequest

#: What a second turn may find gone.
_MAY_PASS: Final = (ExitCode.LEASE_HELD, ExitCode.UNAVAILABLE)
#: How long a member may take to stop by itself on request, before it is cancelled: longer than a page and its commit.
_GRACE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Task:
    """A member, what is done in it by which command, who hears its events, and how its configuration is read."""

    member: Member
    command: str
    work: Work[Any]
    emit: Emit
    load: Callable[[], Settings]


@dataclass(slots=True)
class FleetWork:
    """One process's work in a fleet, `width` members at a time, until `stop` is requested.

    It keeps no state: the lease in each member's database says who works there, and its state tables how far it is. So
    several processes may work on one list, and a later one goes on. `ended` is told of each result as it comes.
    """

    shared: Shared
    stop: StopRequest
    halt: Halt
    ended: Callable[[MemberResult], None]
    width: int
    _running: set[StopRequest] = field(default_factory=set)
    _results: dict[str, MemberResult] = field(default_factory=dict)

    async def run(self, tasks: Sequence[Task], canary: str = "") -> list[MemberResult]:
        """Do the work of every member, the canary first and alone; returns the results in the order of the list.

        The others are worked on in any order, so that two processes on one list do not meet at each member. One that
        another process holds, or whose database or vault does not answer, is tried once more at the end.
        """
        passing_on = asyncio.ensure_future(self._pass_on_stop())
        try:
            first = [task for task in tasks if task.member.name == canary]
            await self._all(first, last=True)
            failed = [result for result in self._results.values() if result.exit_code != ExitCode.DONE]
            if failed and not self.stop.reason:
                self.halt.canary_failed(failed[0])
            others = [task for task in tasks if task not in first]
            again = await self._all(random.sample(others, len(others)), last=False)
            await self._all(again, last=True)
        finally:
            passing_on.cancel()
        return [self._results.get(task.member.name, MemberResult(task.member.name, ExitCode.STOPPED)) for task in tasks]

    async def _pass_on_stop(self) -> None:
        """Ask every member that is worked on to stop, as soon as the fleet is asked."""
        reason = await self.stop.wait()
        for each in self._running:
            each.set(reason)

    async def _all(self, tasks: Sequence[Task], *, last: bool) -> list[Task]:
        """Work off members; returns those whose obstacle may pass, unless this is their `last` turn."""
        waiting, again = deque(tasks), list[Task]()

        async def worker() -> None:
            while waiting and not self.stop.reason:
                task = waiting.popleft()
                result, settings = await self._one(task)
                self._results[result.name] = result
                self.halt.note(result, settings, last=last)
                if result.exit_code in _MAY_PASS and not last and not self.stop.reason:
                    again.append(task)
                else:
                    self.ended(result)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.width, len(waiting))):
                group.create_task(worker())
        return again

    async def _one(self, task: Task) -> tuple[MemberResult, Settings | None]:
        """Do the work of one member; whatever goes wrong there is its result."""
        loop = asyncio.get_running_loop()
        name, since, settings = task.member.name, loop.time(), None
        stop = StopRequest()
        self._running.add(stop)
        try:
            with announced(task.command, task.emit) as ending:
                # In a thread: a pipe may have nothing to say for some time.
                settings = await loop.run_in_executor(self.shared.pool, task.load)
                work = task.work.perform(settings, self.shared, emit=task.emit, stop=stop)
                report = await self.stop.interruptible(work, grace_seconds=_GRACE_SECONDS if task.work.stops else 0.0)
                exit_code = task.work.exit_code(report)
                told = {**report.as_json(), **(steps_as_json(steps) if (steps := report.next_steps) else {})}
                ending.exit_code = exit_code
        except ReencryptError as error:
            return MemberResult(name, error.exit_code, loop.time() - since, error=error), settings
        except Exception as error:  # noqa: BLE001 - a bug that one member meets must not stop the others
            return MemberResult(name, ExitCode.BUG, loop.time() - since, error=error), settings
        finally:
            self._running.discard(stop)
        return MemberResult(name, exit_code, loop.time() - since, told), settings
