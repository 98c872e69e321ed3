"""SIGINT and SIGTERM: the first asks the work to stop, the second kills."""

from __future__ import annotations

import asyncio
import signal

from reencrypt.state.stop import StopRequest


def stop_on_signals() -> StopRequest:
    """Make a stop request that signals set, in the running loop. A limit may have set it before the first signal."""
    stop = StopRequest()
    loop = asyncio.get_running_loop()
    received: list[signal.Signals] = []

    def asked(number: signal.Signals) -> None:
        received.append(number)
        if len(received) > 1:
            # A second signal kills the process, which loses nothing that is committed.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set(f"{number.name} received")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked, number)
    return stop
