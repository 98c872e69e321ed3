"""Work in one database as a value: a command does it once, a fleet in each of its members."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from reencrypt.errors import ReencryptError
from reencrypt.events import CommandEnded, CommandStarted, Emit
from reencrypt.next_steps import NextStep
from reencrypt.operations.session import Shared, open_stores
from reencrypt.operations.stores import StoreReport, StoresReport
from reencrypt.outcomes import ExitCode
from reencrypt.planning.options import DeclaredOptions, RunOptions
from reencrypt.planning.session import Session
from reencrypt.settings import Settings
from reencrypt.state.stop import StopRequest


class Report(Protocol):
    """The result of some work."""

    @property
    def exit_code(self) -> int:
        """See `ExitCode`."""
        ...

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """What to type next."""
        ...

    def as_json(self) -> Mapping[str, Any]:
        """For `--output json`."""
        ...


R = TypeVar("R", bound=Report)
R_co = TypeVar("R_co", bound=Report, covariant=True)
_S = TypeVar("_S", bound=StoreReport)


class Performing(Protocol[R_co]):
    """What is done in the database that `settings` describe."""

    def __call__(self, settings: Settings, shared: Shared, /, *, emit: Emit, stop: StopRequest) -> Awaitable[R_co]:
        """Do it, and return the report."""
        ...


@dataclass(frozen=True, slots=True)
class Work(Generic[R]):
    """What is done, and the exit code that its report means.

    `stops` says whether it ends by itself on a request to stop, with its progress saved; what does not can be killed
    without harm. `declared` has the locations that it knows beside those that runs have saved.
    """

    perform: Performing[R]
    exit_code: Callable[[R], int]
    stops: bool = True
    declared: DeclaredOptions = field(default_factory=DeclaredOptions)


@dataclass(slots=True)
class Ending:
    """How a command ends; one that says nothing of it has met a bug."""

    exit_code: int = ExitCode.BUG


@contextmanager
def announced(command: str, emit: Emit) -> Iterator[Ending]:
    """Tell listeners that a command begins, and how it ends: with the exit code of `Ending`, or of the error."""
    since, ending = time.monotonic(), Ending()
    emit(CommandStarted(command))
    try:
        yield ending
    except ReencryptError as error:
        ending.exit_code = error.exit_code
        raise
    except KeyboardInterrupt:
        ending.exit_code = ExitCode.STOPPED
        raise
    finally:
        emit(CommandEnded(command, int(ending.exit_code), time.monotonic() - since))


def in_all_stores(
    options: RunOptions,
    operation: Callable[[list[Session]], Awaitable[R]],
    *,
    exit_code: Callable[[R], int] | None = None,
    write: bool = True,
    stops: bool = True,
    every: bool = False,
) -> Work[R]:
    """Make work of an operation in the sessions of the stores that `options` choose; it has one report for all.

    `write` says whether it may write. With `every` it has a session for each store, also for one that is not chosen.
    """

    async def perform(settings: Settings, shared: Shared, *, emit: Emit, stop: StopRequest) -> R:
        async with open_stores(settings, options, shared, emit=emit, stop=stop, write=write, every=every) as sessions:
            return await operation(sessions)

    return Work(perform, exit_code or _own_exit_code, stops, options.declared)


def in_each_store(
    options: RunOptions,
    operation: Callable[[list[Session]], Awaitable[Sequence[_S]]],
    *,
    exit_code: Callable[[StoresReport[_S]], int] | None = None,
    write: bool = True,
    stops: bool = True,
) -> Work[StoresReport[_S]]:
    """Make work of an operation that has a report for each store, see `in_all_stores`."""

    async def reported(sessions: list[Session]) -> StoresReport[_S]:
        return StoresReport(await operation(sessions))

    return in_all_stores(options, reported, exit_code=exit_code, write=write, stops=stops)


def _own_exit_code(report: Report) -> int:
    return report.exit_code
