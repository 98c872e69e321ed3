"""Runs the command line and kills it, without a word, at one of its steps.

A step is whatever the event loop is asked to run next, so every await and every commit has one before and one behind
it. At step 0 nothing is killed, and the number of steps is written to the file.
"""

from __future__ import annotations

import asyncio
import asyncio.events
import os
import signal
import sys
from pathlib import Path
from typing import Any


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts, and kills the process at the wanted step."""

    wanted = 0
    steps = 0

    def _count(self) -> None:
        CountingLoop.steps += 1
        if CountingLoop.steps == self.wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    def call_soon(self, *arguments: Any, **options: Any) -> Any:  # type: ignore[override]
        """Count a step of the loop's own."""
        self._count()
        return super().call_soon(*arguments, **options)

    def call_soon_threadsafe(self, *arguments: Any, **options: Any) -> Any:  # type: ignore[override]
        """Count a step that a thread asks for: a statement of SQLite's is done."""
        self._count()
        return super().call_soon_threadsafe(*arguments, **options)


def run(step: int, count_file: Path, arguments: list[str]) -> int:
    """Run the command line, be killed at the step, or write the number of steps; returns the exit code."""
    CountingLoop.wanted, sys.argv = step, ["reencrypt", *arguments]
    asyncio.events.new_event_loop = CountingLoop  # whom asyncio.run asks for a loop
    from reencrypt.cli.main import run_command_line  # noqa: PLC0415 - the loop first
    from reencrypt.operations.migrate import ranges  # noqa: PLC0415

    vars(ranges)["LEAST_ROWS"] = 3  # on a server several writers work on these few rows

    try:
        return run_command_line(arguments)
    finally:
        count_file.write_text(str(CountingLoop.steps))
