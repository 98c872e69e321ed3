"""The connections that the loop of a test still watches."""

from __future__ import annotations

import asyncio


async def all_closed() -> None:
    """Wait until the loop watches no connection any more.

    asyncpg closes a refused TLS connection and does not wait for the server's goodbye, which on a busy machine comes
    after the end of the test. The socket would then be found unclosed in whatever test comes next.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, asyncio.SelectorEventLoop)
    # One is the loop's own. Nothing else tells, and nobody is told when it changes.
    while len(loop._selector.get_map()) > 1:  # type: ignore[attr-defined]  # noqa: ASYNC110, SLF001
        await asyncio.sleep(0.01)
