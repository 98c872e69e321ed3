"""A proxy before a database server that stops forwarding and closes nothing, as a network does that loses packets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

SLOW_BYTES = 1 << 14
_KEPT = 200  # bytes of what came before, because words may lie in two pieces


@dataclass
class _Trigger:
    words: bytes
    after: bytes
    skip: int
    answer_only: bool
    everything: bool


@dataclass
class _Client:
    """One connection through the proxy."""

    silent: bool = False
    seen: bytes = b""
    #: Whether the server was the last to say something.
    is_answered: bool = True
    #: Whether it has said what has to come before the words that make the proxy silent.
    is_near: bool = False


class SilentProxy:
    """Forwards to the server of a URL until it is told to be silent, or until a client says certain words."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = unquote(parts.hostname or ""), parts.port or 5432
        self._url = parts
        self._silent = False
        #: Seconds that a piece of `SLOW_BYTES` takes.
        self.pace = 0.0
        self._trigger: _Trigger | None = None
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.port = 0
        #: Set once it is silent.
        self.fell_silent = threading.Event()
        #: How many connections it has taken.
        self.taken = 0
        #: How many times a client has said something after the server had: what each costs a way there and back.
        self.round_trips = 0

    @property
    def url(self) -> str:
        """The database's URL through the proxy."""
        user = self._url.netloc.rpartition("@")[0]
        return self._url._replace(netloc=f"{user}@127.0.0.1:{self.port}", query="").geturl()

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        assert self._listening.wait(60)

    def stop(self) -> None:
        """Close everything, which both ends notice."""
        if self._thread.is_alive():
            assert self._loop is not None
            assert self._stop is not None
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(60)

    def silence(self) -> None:
        """Forward nothing more, in either direction, of any connection; new ones are taken and get no answer."""
        self._silent = True
        self.fell_silent.set()

    def silence_at(
        self, words: bytes, *, after: bytes = b"", skip: int = 0, answer_only: bool = False, everything: bool = True
    ) -> None:
        """Be silent once a client says `words` to the server, after having said them `skip` times.

        Words count only where the same connection has said `after` before, and since the last time that they counted.
        With `answer_only` the server still gets what holds the words. Without `everything` only that connection is
        silent.
        """
        self._trigger = _Trigger(words, after, skip, answer_only, everything)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        listening = socket.create_server(("127.0.0.1", 0))
        # Little is on its way here, so that a client's system notices how slow the proxy is.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BYTES)
        server = await asyncio.start_server(self._connected, sock=listening)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        client = _Client()
        if self._host.startswith("/"):
            there = await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        else:
            there = await asyncio.open_connection(self._host, self._port)
        assert self._stop is not None
        stopped = asyncio.ensure_future(self._stop.wait())
        ways = (
            asyncio.ensure_future(self._forward(client, reader, there[1], to_server=True)),
            asyncio.ensure_future(self._forward(client, there[0], writer, to_server=False)),
        )
        # One end closes: so does the other. A silent client that closes is not noticed by its server.
        await asyncio.wait((*ways, stopped), return_when=asyncio.FIRST_COMPLETED)
        if client.silent or self._silent:
            await stopped
        for task in (*ways, stopped):
            task.cancel()
        writer.close()
        there[1].close()

    async def _forward(
        self, client: _Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_server: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(SLOW_BYTES if self.pace else 1 << 16):
                await asyncio.sleep(self.pace)
                self.round_trips += to_server and client.is_answered
                client.is_answered = not to_server
                passes = not (client.silent or self._silent)
                if to_server and passes:
                    passes = self._judge(client, data)
                if passes:
                    writer.write(data)
                    await writer.drain()

    def _judge(self, client: _Client, data: bytes) -> bool:
        """Whether the data still pass; may make the proxy silent."""
        trigger = self._trigger
        if trigger is None:
            return True
        seen, client.seen = client.seen + data, data[-_KEPT:]
        if trigger.after and not client.is_near:
            client.is_near = trigger.after in seen
            return True
        found = seen.count(trigger.words) - (seen[: -len(data)].count(trigger.words))
        if trigger.after:
            found = min(found, 1)
            client.is_near = not found
        trigger.skip -= found
        if not found or trigger.skip >= 0:
            return True
        self._trigger = None
        client.silent = True
        self._silent = trigger.everything
        self.fell_silent.set()
        return trigger.answer_only


@contextmanager
def silent_proxy(url: str) -> Iterator[SilentProxy]:
    """A proxy before the server of a URL."""
    proxy = SilentProxy(url)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
