"""Reads what an operator names as a file, whatever it is: a pipe that nobody writes, an endless device, a folder."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.wording import printable

#: No configuration, key or certificate is this long; `/dev/zero` is longer.
LONGEST_BYTES: Final = 4 * 1024 * 1024
#: How long a pipe may stay silent, in seconds. A command behind `<(…)` needs some.
SILENCE_SECONDS: Final = 10.0

_CHUNK_BYTES: Final = 65536
_SHOWN_CHARACTERS: Final = 200
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_OWNER: Final = "Run as the user that Grafana runs as, usually grafana."


class _UnusableError(Exception):
    """What is wrong with the content, as the end of a sentence, and what to do about it."""


def read_text(path: Path, purpose: str, hint: str, *, silence_seconds: float = SILENCE_SECONDS) -> str:
    """Return the text of a file or pipe, line breaks as they are.

    Raises `ConfigurationError` that begins with `purpose` and the path, with `hint` where no better one is known.
    """
    try:
        return _text(_content(path, silence_seconds))
    except FileNotFoundError:
        problem = "does not exist"
    except IsADirectoryError:
        problem, hint = "is a folder, not a file", "Give the file inside it."
    except PermissionError:
        problem, hint = "may not be read by this user", _OWNER
    except _UnusableError as error:
        problem, hint = error.args
    except OSError as error:
        problem = f"cannot be read: {error.strerror or type(error).__name__}"
    except ValueError:  # of the operating system's functions, for a NUL in a path
        problem = "cannot be read: its name has a character that no path can have"
    raise ConfigurationError(f"{purpose} {shown_path(path)} {problem}", hint=hint)


def special_file(path: str) -> str:
    """Say that a path leads to a pipe or a device, where a library would read, and wait, without end; empty otherwise.

    For files that another library opens, such as certificates, and for those that are replaced.
    """
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return ""
    if stat.S_ISFIFO(mode):
        return "is a pipe, not a file"
    return "is a device, not a file" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else ""


def shown_path(path: Path) -> str:
    """The path for a message: in one line, and not longer than a person reads."""
    text = printable(str(path))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        named = "is UTF-16, not UTF-8" if content.startswith(_UTF_16) else "is not UTF-8"
        raise _UnusableError(named, "Save it as UTF-8 without changing its content.") from None


def _content(path: Path, silence_seconds: float) -> bytes:
    # Without waiting: the opening of a pipe would last until somebody writes.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        content = bytearray()
        while len(content) <= LONGEST_BYTES:
            if not regular:
                _wait(descriptor, silence_seconds)
            chunk = os.read(descriptor, _CHUNK_BYTES)
            if not chunk:
                return bytes(content)
            content += chunk
    finally:
        os.close(descriptor)
    raise _UnusableError(
        f"is longer than {LONGEST_BYTES >> 20} MiB, so it is not what belongs there",
        "Check the path: it leads to something else.",
    )


def _wait(descriptor: int, seconds: float) -> None:
    """Wait until there is something to read. A person at a terminal may take any time."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    if not waiting.poll(None if os.isatty(descriptor) else seconds * 1000):
        raise _UnusableError(
            f"is a pipe or device from which nothing came in {seconds:g} seconds",
            "Write the value into a file, or start what writes into the pipe first.",
        )
