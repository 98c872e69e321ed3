"""SIGINT and SIGTERM: the first asks the work to stop, the second kills. SIGTSTP suspends it between two pages.

None leaves a terminal without its cursor.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from reencrypt.databases.rest import OF_PROCESS
from reencrypt.planning.options import SafetyOptions
from reencrypt.state.stop import StopRequest

#: What takes longer is explained.
_SOON_SECONDS: Final = 2.0
_SHOW_CURSOR: Final = "\x1b[?25h"
#: Ctrl-C is none of them: it is an exception, which passes whoever hides the cursor.
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def cursor_shown_at_death() -> Iterator[None]:
    """Show the cursor of the terminal, which the block hides, before a signal ends the process as it does anyway.

    Work that stops at a signal puts a handler of its own in the place of this one.
    """
    # Under nohup SIGHUP is ignored.
    ours = [each for each in _ENDING if signal.getsignal(each) is signal.SIG_DFL]
    for each in ours:
        signal.signal(each, _die_with_cursor)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)


def _die_with_cursor(number: int, _frame: FrameType | None) -> None:
    # First, because a terminal that is held with Ctrl-S does not take the text: a second signal kills even then.
    signal.signal(number, signal.SIG_DFL)
    _write(f"{_SHOW_CURSOR}\r\n")
    signal.raise_signal(number)


def stop_on_signals(lease_seconds: float = SafetyOptions().lease_timeout) -> StopRequest:
    """Make a stop request that signals set, in the running loop. A limit may have set it before the first signal.

    After `lease_seconds` without a sign the lease of a killed process counts as free.
    """
    stop = StopRequest()
    loop = asyncio.get_running_loop()
    received: list[signal.Signals] = []

    def asked(number: signal.Signals) -> None:
        received.append(number)
        if len(received) > 1:
            _say_farewell(lease_seconds)
            # A second signal kills the process, which loses nothing that is committed.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set(f"{number.name} received")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked, number)
    return stop


def rest_when_suspended() -> None:
    """Let Ctrl-Z wait until nothing is open in a database: a process that stands still would keep Grafana waiting.

    The second Ctrl-Z does not wait. Where the signal is ignored already, as for a job that no shell controls, it stays
    so.
    """
    if signal.getsignal(signal.SIGTSTP) is not signal.SIG_DFL:
        return
    loop = asyncio.get_running_loop()
    waiting: set[asyncio.Task[None]] = set()

    def stand_still() -> None:
        _write(f"{_SHOW_CURSOR}\r" if sys.stderr.isatty() else "")
        loop.remove_signal_handler(signal.SIGTSTP)
        # Returns when somebody continues the process.
        signal.raise_signal(signal.SIGTSTP)
        loop.add_signal_handler(signal.SIGTSTP, asked)

    async def suspend() -> None:
        explaining = loop.call_later(_SOON_SECONDS, _say_what_suspends)
        try:
            async with OF_PROCESS.at_rest():
                explaining.cancel()
                stand_still()
        finally:
            explaining.cancel()

    def asked() -> None:
        if waiting:
            # Else it would stop a second time, in the middle of what somebody has continued.
            for each in waiting:
                each.cancel()
            stand_still()
            return
        task = loop.create_task(suspend())
        waiting.add(task)
        task.add_done_callback(waiting.discard)

    loop.add_signal_handler(signal.SIGTSTP, asked)


def _say_what_suspends() -> None:
    if sys.stderr.isatty():
        _write("\r\nWaiting for the database before this stops; a second Ctrl-Z does not wait.\r\n")


def _say_farewell(lease_seconds: float) -> None:
    """Say what is saved and what comes next. Nothing is printed after this, and a bar has hidden the cursor."""
    cursor = f"{_SHOW_CURSOR}\r\n" if sys.stderr.isatty() else ""
    text = (
        "Ended at once. What was committed is saved, and the same command resumes.\n"
        f"It first waits {lease_seconds:g} s, to be sure that this process is gone.\n"
    )
    _write(cursor + text)


def _write(text: str) -> None:
    with suppress(OSError):
        # Not print, whose buffer the signal may have interrupted.
        os.write(sys.stderr.fileno(), text.encode())
