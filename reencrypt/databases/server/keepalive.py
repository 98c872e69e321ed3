"""TCP keepalives of a connection to a server: a firewall keeps it, and a host that is gone is noticed."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any, Final

#: Seconds without traffic before the first probe, seconds between two, and how many may be lost: a minute together.
_OPTIONS: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


def keep_alive(transport: Any) -> None:  # noqa: ANN401 - a transport of asyncio, or TLS over one
    """Turn them on, as far as the platform has them; a Unix socket needs none, and the first statement meets a loss."""
    found = transport.get_extra_info("socket") if transport is not None else None
    if found is None or found.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with suppress(OSError):  # the server has hung up in this moment
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _OPTIONS:
            if hasattr(socket, name):
                found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
