"""Keepalives of a connection, also of one that is lost in the moment in which it stands."""

from __future__ import annotations

import asyncio
import socket

from reencrypt.databases.server.keepalive import keep_alive


async def _ends() -> tuple[asyncio.Server, asyncio.StreamWriter]:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    return server, writer


async def test_they_are_turned_on() -> None:
    server, writer = await _ends()
    keep_alive(writer.transport)
    found = writer.get_extra_info("socket")
    assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    writer.close()
    server.close()


async def test_a_connection_that_is_gone_already_is_no_bug() -> None:
    server, writer = await _ends()
    writer.close()
    await writer.wait_closed()
    keep_alive(writer.transport)
    keep_alive(None)
    server.close()
