"""SIGINT and SIGTERM: the first asks the work to stop, the second kills."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from typing import Final

from reencrypt.planning.options import SafetyOptions
from reencrypt.state.stop import StopRequest

_SHOW_CURSOR: Final = "\x1b[?25h"


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
    with suppress(OSError):
        # Not print, whose buffer the signal may have interrupted.
        os.write(sys.stderr.fileno(), (cursor + text).encode())
