"""Runs an operation for a command: reads the configuration, chooses who listens, opens a session in an event loop.

Heavy modules are imported where they are used, because help needs none; asyncio alone takes twenty milliseconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reencrypt.cli.monitoring import monitoring
from reencrypt.cli.options import Common

if TYPE_CHECKING:
    from reencrypt.events import Emit
    from reencrypt.operations.work import R, Work
    from reencrypt.planning.options import RunOptions, SafetyOptions
    from reencrypt.planning.session import Session
    from reencrypt.settings import Settings
    from reencrypt.telemetry.options import MetricsOptions
    from reencrypt.telemetry.trace_context import LoggedTrace

_T = TypeVar("_T")

#: The event loop must not wait five milliseconds for its turn each time that a thread transforms a page.
_SWITCH_SECONDS: Final = 0.0005
#: New objects between two searches for circular garbage. A page has tens of thousands of objects, which
#: all go with it: with the 700 of Python, the collector spent more time on them than decrypting takes.
_OBJECTS_UNTIL_COLLECTION: Final = 100_000


def perform(
    common: Common,
    options: RunOptions,
    operation: Callable[[Session], Awaitable[_T]],
    *,
    settings: Settings | None = None,
    write: bool = True,
    stops: bool = True,
) -> _T:
    """Open a session, run an operation in it, and return its report.

    The configuration is read unless it is given as `settings`. Where the operation `stops`, a signal requests that,
    else it ends the process at once.
    """
    from reencrypt.cli.signals import stop_on_signals  # noqa: PLC0415
    from reencrypt.operations.session import open_session, open_shared  # noqa: PLC0415
    from reencrypt.state.stop import StopRequest  # noqa: PLC0415

    known = settings or load(common)

    async def in_session(emit: Emit) -> _T:
        stop = stop_on_signals(options.safety.lease_timeout) if stops else StopRequest()
        async with (
            open_shared() as shared,
            open_session(known, options, shared, emit=emit, stop=stop, write=write) as session,
        ):
            return await operation(session)

    with listening(common) as emit:
        return run_to_end(in_session(emit))


def perform_work(command: str, common: Common, metrics: MetricsOptions, work: Work[R], *, safety: SafetyOptions) -> R:
    """Do the work of a command in the database of the configuration, and return its report; see `perform`."""
    from reencrypt.cli.signals import stop_on_signals  # noqa: PLC0415
    from reencrypt.operations.session import open_shared  # noqa: PLC0415
    from reencrypt.operations.work import announced  # noqa: PLC0415
    from reencrypt.state.stop import StopRequest  # noqa: PLC0415

    if metrics.wanted:
        from reencrypt.operations.inventory import with_inventory  # noqa: PLC0415

        work = with_inventory(work)

    async def performed(settings: Settings, emit: Emit) -> R:
        stop = stop_on_signals(safety.lease_timeout) if work.stops else StopRequest()
        async with open_shared() as shared:
            return await work.perform(settings, shared, emit=emit, stop=stop)

    with listening(common, metrics) as emit, announced(command, emit) as ending:
        report = run_to_end(performed(load(common), emit))
        ending.exit_code = work.exit_code(report)
        return report


def load(common: Common) -> Settings:
    """Read Grafana's configuration from files and the environment."""
    from reencrypt.settings import load_settings  # noqa: PLC0415

    return load_settings(
        config=common.grafana_config,
        home=common.grafana_home,
        database_url=common.database,
        environ=os.environ,
        trusted_vault_hosts=common.trust_vault,
    )


@contextmanager
def listening(common: Common, metrics: MetricsOptions | None = None) -> Iterator[Emit]:
    """Listen to the events with what a person reads, and where `metrics` can be asked for, with what monitors."""
    from reencrypt.events import Warned, to_all  # noqa: PLC0415
    from reencrypt.telemetry.trace_context import LoggedTrace  # noqa: PLC0415

    logged = LoggedTrace.of_environment(os.environ)
    with _telling(common, logged) as tell:
        if metrics is None:
            yield tell
            return
        with monitoring(metrics, lambda message: tell(Warned("monitoring failed", message))) as monitors:
            yield to_all([*monitors(logged), tell])


@contextmanager
def _telling(common: Common, logged: LoggedTrace) -> Iterator[Emit]:
    """With a progress bar for a person at a terminal, with log lines otherwise, or with nothing."""
    if common.is_silent:
        from reencrypt.events import ignore  # noqa: PLC0415

        yield ignore
        return
    # -v and --log-format ask for log lines at a terminal too.
    if (common.output, common.log_format, common.verbose) == ("text", "console", 0) and sys.stderr.isatty():
        from reencrypt.cli.progress import progress_listener  # noqa: PLC0415

        with progress_listener() as listener:
            yield listener
        return
    from reencrypt.cli.logs import LogListener, ticking  # noqa: PLC0415

    with ticking(LogListener(common.log_format, common.verbose, logged)) as listener:
        yield listener


def run_to_end(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine in an event loop of its own, and return what it returns."""
    import asyncio  # noqa: PLC0415

    from reencrypt.cli.signals import rest_when_suspended  # noqa: PLC0415

    async def resting() -> _T:
        rest_when_suspended()
        return await work

    adapt_interpreter()
    return asyncio.run(resting())


def adapt_interpreter() -> None:
    """Set the interpreter for pages of many rows, which one thread transforms while another reads."""
    import gc  # noqa: PLC0415

    sys.setswitchinterval(_SWITCH_SECONDS)
    # What has been imported stays, and no collection has to visit it.
    gc.freeze()
    gc.set_threshold(_OBJECTS_UNTIL_COLLECTION)
