"""Standard output and error of this process, whatever they are: a full disk, a closed descriptor, a poor locale.

The result on standard output is lost once: then `OutputLostError` says why, and later writes go nowhere. Log lines on
standard error are best effort: work that writes to a database must not end because nobody can read about it.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import Final, TextIO

_INPUT, _OUTPUT, _ERROR = range(3)
#: What the encoding of the terminal does not have is shown as `\u2192`, instead of an error.
_ERRORS: Final = "backslashreplace"


class OutputLostError(Exception):
    """Standard output does not take the result. `exit_code` is what the command itself came to."""

    def __init__(self, reason: OSError, exit_code: int = 0) -> None:
        super().__init__()
        self.reason = reason
        self.exit_code = exit_code

    def after(self, exit_code: int) -> OutputLostError:
        """The same loss, after work that came to an exit code."""
        return OutputLostError(self.reason, exit_code)

    @property
    def is_reader_gone(self) -> bool:
        """Whether it is a pipe that nobody reads any more, as of `| head -1`."""
        return isinstance(self.reason, BrokenPipeError)


class _Raw(io.FileIO):
    """Writes all of each text. After the first failure it takes everything and writes nothing."""

    def __init__(self, descriptor: int, *, raises: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._raises = raises
        self._is_lost = False

    def write(self, content: object) -> int:
        data = memoryview(content)  # type: ignore[arg-type]  # a buffer, whatever it is
        if self._is_lost:
            return len(data)
        try:
            return self._written(data)
        except OSError as error:
            self._is_lost = True
            if not self._raises:
                return len(data)
            raise OutputLostError(error) from error

    def _written(self, data: memoryview) -> int:
        while (written := super().write(data)) is None:
            # A pipe that does not block, which was left to us like that, and is full.
            select.select((), (self,), ())
        return written


def adopt_standard_streams() -> None:
    """Take the place of `sys.stdout` and `sys.stderr`. No file or socket gets the number of one that is closed.

    A closed one stands for a device that cannot be written. Writing to it fails, as it does in every other program.
    """
    for descriptor in (_INPUT, _OUTPUT, _ERROR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # gets the lowest number that is free: this one
    sys.stdout = _adopted(sys.stdout, _OUTPUT, raises=True)
    sys.stderr = _adopted(sys.stderr, _ERROR, raises=False)


def _adopted(present: TextIO | None, descriptor: int, *, raises: bool) -> TextIO:
    encoding = present.encoding if present is not None else None
    raw = _Raw(descriptor, raises=raises)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, errors=_ERRORS, line_buffering=True)
