"""How much a connection has moved: bytes that a slow network still brings or takes are a sign of life."""

from __future__ import annotations

import socket
import struct
import sys
from contextlib import suppress
from typing import Any, Final

# Of Linux's `struct tcp_info` (linux/tcp.h, since 4.2): tcpi_bytes_acked and tcpi_bytes_received, after eight flags, 24
# numbers of four bytes and two of eight. Neither counts keepalives, probes or what is sent again.
_MOVED: Final = struct.Struct("=120xQQ")


def bytes_moved(transport: Any) -> int:  # noqa: ANN401 - a transport of asyncio, or TLS over one
    """How many bytes the other end has acknowledged and sent; 0 where the platform does not tell, or it is no TCP."""
    found = transport.get_extra_info("socket") if transport is not None else None
    if sys.platform != "linux" or found is None or found.family not in (socket.AF_INET, socket.AF_INET6):
        return 0
    with suppress(OSError):
        told = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _MOVED.size)
        if len(told) == _MOVED.size:
            return sum(_MOVED.unpack(told))
    return 0
