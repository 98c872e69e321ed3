"""Runs a command's coroutine. asyncio is imported only here, because help does not need its twenty milliseconds."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from reencrypt.events import Emit
    from reencrypt.planning.options import RunOptions
    from reencrypt.planning.session import Session
    from reencrypt.settings import Settings

_T = TypeVar("_T")

#: The event loop must not wait five milliseconds for its turn each time that a thread transforms a page.
_SWITCH_SECONDS: Final = 0.0005


def run_to_end(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine in an event loop of its own, and return what it returns."""
    import asyncio  # noqa: PLC0415

    sys.setswitchinterval(_SWITCH_SECONDS)
    return asyncio.run(work)


def operate(
    settings: Settings,
    options: RunOptions,
    emit: Emit,
    operation: Callable[[Session], Awaitable[_T]],
    *,
    write: bool = True,
    stops: bool = True,
) -> _T:
    """Open a session, run an operation in it, and return its report.

    Where it `stops`, a signal asks it to; else a signal ends the process at once.
    """
    return run_to_end(_in_session(settings, options, emit, operation, write=write, stops=stops))


async def _in_session(
    settings: Settings,
    options: RunOptions,
    emit: Emit,
    operation: Callable[[Session], Awaitable[_T]],
    *,
    write: bool,
    stops: bool,
) -> _T:
    from reencrypt.cli.signals import stop_on_signals  # noqa: PLC0415
    from reencrypt.operations.session import open_session, open_shared  # noqa: PLC0415
    from reencrypt.state.stop import StopRequest  # noqa: PLC0415

    stop = stop_on_signals() if stops else StopRequest()
    with open_shared() as shared:
        async with open_session(settings, options, shared, emit=emit, stop=stop, write=write) as session:
            return await operation(session)
