"""A small HTTP proxy with real sockets: CONNECT alone, with or without Basic authentication, or an answer of its own.

It resolves no name: every way ends at one server of the tests, as a vault behind a company's proxy does.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class ConnectProxy:
    """A running proxy. `asked` holds the target of each CONNECT.

    `answer` is the status line that refuses them all; `raw` are the bytes of an answer in no form.
    """

    target: tuple[str, int]
    credentials: str = ""
    answer: str = ""
    raw: bytes | None = None
    tls: ssl.SSLContext | None = None
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def answer_to(self, head: list[str]) -> str:
        """The status line that answers the lines of a request."""
        method, target, _ = head[0].split(" ")
        self.asked.append(target)
        if self.answer:
            return self.answer
        wanted = "Basic " + base64.b64encode(self.credentials.encode()).decode()
        headers = dict(line.split(": ", 1) for line in head[1:])
        if self.credentials and headers.get("Proxy-Authorization") != wanted:
            return "407 Proxy Authentication Required"
        return "200 Connection established" if method == "CONNECT" else "405 Method Not Allowed"


@contextmanager
def connect_proxy(
    target: tuple[str, int],
    *,
    credentials: str = "",
    answer: str = "",
    raw: bytes | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[ConnectProxy]:
    """Run a proxy to `target`; `credentials` are `user:password`, `answer` is such as `403 Forbidden`."""
    proxy = ConnectProxy(target, credentials, answer, raw, tls)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            # Clients leave as they like.
            with contextlib.suppress(OSError), self._wrapped() as client:
                _serve(proxy, client)

        def _wrapped(self) -> socket.socket:
            plain: socket.socket = self.request
            return proxy.tls.wrap_socket(plain, server_side=True) if proxy.tls else plain

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def _serve(proxy: ConnectProxy, client: socket.socket) -> None:
    head = _head(client)
    if not head:
        return
    answer = proxy.answer_to(head)
    if proxy.raw is not None:
        client.sendall(proxy.raw)
        return
    if not answer.startswith("200 "):
        body = b"<html>from the proxy</html>"
        authenticate = "Proxy-Authenticate: Basic realm=proxy\r\n" if answer.startswith("407") else ""
        client.sendall(f"HTTP/1.1 {answer}\r\n{authenticate}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return
    with socket.create_connection(proxy.target) as server:
        client.sendall(f"HTTP/1.1 {answer}\r\n\r\n".encode())
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        _copy(client, server)
        back.join()


def _head(client: socket.socket) -> list[str]:
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(4096)
        if not more:
            return []
        data += more
    return data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
