"""Random bytes from the operating system, drawn in bulk, because each call releases the GIL.

One call per nonce took more than half of a rotation's time: two threads and the event loop waited for one another.
"""

from __future__ import annotations

import os
import threading
from typing import Final

_DRAW_BYTES: Final = 8192


class _Drawn(threading.local):
    """The bytes that a thread has drawn and not yet handed out."""

    def __init__(self) -> None:
        self.data = b""
        self.used = 0


_drawn = _Drawn()


def random_bytes(length: int) -> bytes:
    """Return random bytes; each is handed out once."""
    start = _drawn.used
    if start + length > len(_drawn.data):
        _drawn.data, start = os.urandom(max(_DRAW_BYTES, length)), 0
    _drawn.used = start + length
    return _drawn.data[start : start + length]


def _forget() -> None:
    _drawn.data, _drawn.used = b"", 0


# An embedding program may fork, and a child must not repeat its parent's nonces.
os.register_at_fork(after_in_child=_forget)
