"""SIGINT and SIGTERM: the first asks the work to stop, the second kills. None leaves a terminal without its cursor."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from reencrypt.planning.options import SafetyOptions
from reencrypt.state.stop import StopRequest

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
