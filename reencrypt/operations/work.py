"""Work in one database as a value: a command does it once, a fleet in each of its members."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from reencrypt.events import Emit
from reencrypt.operations.session import Shared, open_stores
from reencrypt.operations.stores import StoreReport, StoresReport
from reencrypt.planning.options import RunOptions
from reencrypt.planning.session import Session
from reencrypt.settings import Settings
from reencrypt.state.stop import StopRequest


class Report(Protocol):
    """The result of some work."""

    @property
    def exit_code(self) -> int:
        """See `ExitCode`."""
        ...

    def as_json(self) -> Mapping[str, Any]:
        """For `--output json`."""
        ...


R = TypeVar("R", bound=Report)
_S = TypeVar("_S", bound=StoreReport)


@dataclass(frozen=True, slots=True)
class Work(Generic[R]):
    """An operation with its options, and the exit code that its report means.

    `write` says whether it may write to the database, `stops` whether it stops on request; what does not stop can be
    killed without harm. With `every` it has a session for each store, also for one that the options do not choose.
    """

    options: RunOptions
    operation: Callable[[list[Session]], Awaitable[R]]
    exit_code: Callable[[R], int]
    write: bool = True
    stops: bool = True
    every: bool = False

    async def perform(self, settings: Settings, shared: Shared, *, emit: Emit, stop: StopRequest) -> R:
        """Open the sessions of the database that `settings` describe, do the work in them, and return its report."""
        async with open_stores(
            settings, self.options, shared, emit=emit, stop=stop, write=self.write, every=self.every
        ) as sessions:
            return await self.operation(sessions)


def in_all_stores(
    options: RunOptions, operation: Callable[[list[Session]], Awaitable[R]], *, write: bool = True, every: bool = False
) -> Work[R]:
    """Make work of an operation that has one report for all stores."""
    return Work(options, operation, _own_exit_code, write=write, every=every)


def in_each_store(
    options: RunOptions,
    operation: Callable[[list[Session]], Awaitable[Sequence[_S]]],
    *,
    exit_code: Callable[[StoresReport[_S]], int] | None = None,
    write: bool = True,
    stops: bool = True,
) -> Work[StoresReport[_S]]:
    """Make work of an operation that has a report for each store."""

    async def reported(sessions: list[Session]) -> StoresReport[_S]:
        return StoresReport(await operation(sessions))

    return Work(options, reported, exit_code or _own_exit_code, write=write, stops=stops)


def _own_exit_code(report: Report) -> int:
    return report.exit_code
