"""Random bytes from the operating system, drawn in bulk: a call of its own for each nonce gives the GIL away each time.

That was more than half of a rotation's time, because two threads and the event loop then wait for one another.
"""

from __future__ import annotations

import os
import threading
from typing import Final

_DRAW_BYTES: Final = 8192


class _Drawn(threading.local):
    """What a thread has drawn and not yet handed out."""

    def __init__(self) -> None:
        self.data = b""
        self.used = 0


_drawn = _Drawn()


def random_bytes(length: int) -> bytes:
    """So many random bytes, each handed out once."""
    start = _drawn.used
    if start + length > len(_drawn.data):
        _drawn.data, start = os.urandom(max(_DRAW_BYTES, length)), 0
    _drawn.used = start + length
    return _drawn.data[start : start + length]


def _forget() -> None:
    _drawn.data, _drawn.used = b"", 0


# For whoever embeds us and forks all the same: a child must not repeat its parent's nonces.
os.register_at_fork(after_in_child=_forget)
