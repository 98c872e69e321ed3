"""Runs a command on a terminal of 80 columns and 24 rows, as a person would, and returns what is on it."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyte

from tests.support.commandline import CommandLine

COLUMNS: Final = 80
_ROWS: Final = 24
_LONGEST_SECONDS: Final = 120
#: What is drawn is wider than the program believes, so that a line which is too long shows as one.
_DRAWN_COLUMNS: Final = 400
_HISTORY_ROWS: Final = 5000


@dataclass(frozen=True)
class Screen:
    """What a command printed on its terminal, as it came; `exit_code` is the process's."""

    raw: str
    exit_code: int

    @property
    def lines(self) -> list[str]:
        """What stands on the terminal at the end, with all that has scrolled off."""
        screen = pyte.HistoryScreen(_DRAWN_COLUMNS, _ROWS, history=_HISTORY_ROWS, ratio=1)
        pyte.Stream(screen).feed(self.raw)
        above = ["".join(row[column].data for column in range(_DRAWN_COLUMNS)) for row in screen.history.top]
        return [line.rstrip() for line in (*above, *screen.display)]

    @property
    def shows_cursor(self) -> bool:
        """Whether the cursor is visible at the end."""
        hidden, shown = self.raw.rfind("\x1b[?25l"), self.raw.rfind("\x1b[?25h")
        return shown >= hidden

    @property
    def last(self) -> str:
        """The last line that says something."""
        return next((line for line in reversed(self.lines) if line), "")


def on_terminal(
    cli: CommandLine,
    command: str,
    *arguments: str,
    columns: int = COLUMNS,
    environment: Mapping[str, str] | None = None,
    seen: Callable[[str, subprocess.Popen[bytes]], None] = lambda _text, _process: None,
) -> Screen:
    """Run a command whose standard streams are a terminal; `seen` is told all that it has printed so far."""
    return _run(cli.arguments(command, *arguments), cli.variables() | dict(environment or {}), columns, seen)


def _run(
    line: Sequence[str],
    environment: Mapping[str, str],
    columns: int,
    seen: Callable[[str, subprocess.Popen[bytes]], None],
) -> Screen:
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _IN_FOREGROUND, *line],
        env={**environment, "TERM": "xterm"},
        stdin=there,
        stdout=there,
        stderr=there,
        start_new_session=True,
    )
    os.close(there)
    watchdog = threading.Timer(_LONGEST_SECONDS, process.send_signal, (signal.SIGKILL,))
    watchdog.daemon = True
    watchdog.start()
    printed = b""
    try:
        while True:
            try:
                part = os.read(here, 65536)
            except OSError:  # the other side has closed
                part = b""
            if not part:
                break
            printed += part
            seen(printed.decode(errors="replace"), process)
        code = process.wait()
    finally:
        watchdog.cancel()
        os.close(here)
    return Screen(printed.decode(errors="replace"), code)


#: Makes the terminal that of the process, so that what is typed there, such as Ctrl-C, reaches it, and starts the rest.
#: What `nohup` leaves ignored for the tests is not ignored there.
_IN_FOREGROUND: Final = (
    "import fcntl, os, signal, sys, termios; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
