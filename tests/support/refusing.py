"""Servers that say no: recorded refusals of databases and of proxies, sent as their protocols send them."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

_SSL_REQUEST: Final = 80877103
_WAIT_SECONDS: Final = 5.0
Answer = Callable[[socket.socket], None]


class RefusingServer:
    """Listens on localhost, and gives every client the same answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._client: socket.socket | None = None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for each in (self._socket, self._client):
            if each is not None:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self._client = client
            with client, suppress(OSError, EOFError, struct.error):
                client.settimeout(_WAIT_SECONDS)
                self._answer(client)


def postgres_error(state: str, message: str, **fields: str) -> Answer:
    """PostgreSQL's ErrorResponse to a client that begins a session; TLS is not offered."""
    texts = {"S": "FATAL", "V": "FATAL", "C": state, "M": message, **fields}
    body = b"".join(f"{key}{value}\0".encode() for key, value in texts.items() if value) + b"\0"
    return postgres_message(b"E", body)


def postgres_authentication(number: int, body: bytes = b"") -> Answer:
    """PostgreSQL's request to sign in by the method of this number."""
    return postgres_message(b"R", struct.pack("!i", number) + body)


def postgres_message(kind: bytes, body: bytes, *more: tuple[bytes, bytes]) -> Answer:
    """One message or several, after any request for TLS was declined."""

    def answer(client: socket.socket) -> None:
        while True:
            length, code = struct.unpack("!ii", client.recv(8, socket.MSG_WAITALL))
            if code != _SSL_REQUEST:
                break
            client.sendall(b"N")
        client.recv(length - 8, socket.MSG_WAITALL)
        for each, content in ((kind, body), *more):
            client.sendall(each + struct.pack("!i", len(content) + 4) + content)

    return answer


def mysql_error(number: int, message: str) -> Answer:
    """MySQL's error packet in place of its greeting, as it refuses an address or one connection too many."""
    payload = b"\xff" + struct.pack("<H", number) + message.encode()
    return lambda client: client.sendall(len(payload).to_bytes(3, "little") + b"\0" + payload)


def mysql_refusal(number: int, state: str, message: str, *, ask: bytes = b"") -> Answer:
    """MySQL's greeting, and its error once the client has named itself; `ask` is a way to sign in that it asks for."""
    error = b"\xff" + struct.pack("<H", number) + b"#" + state.encode() + message.encode()
    return _mysql(*([(2, b"\xfe" + ask + b"\0"), (4, error)] if ask else [(2, error)]))


def mysql_then(answer: bytes) -> Answer:
    """A MySQL that lets the client in, and answers this to its first statement."""
    return _mysql((2, b"\0\0\0\2\0\0\0"), (1, answer))


def _mysql(*packets: tuple[int, bytes]) -> Answer:
    """A greeting, and then one packet for each of the client's, under these numbers."""
    greeting = (
        b"\x0a8.0.36\0" + struct.pack("<I", 7) + b"saltsalt\0" + struct.pack("<H", 0xF7FF) + b"\xff\x02\0"
        b"\xff\xdf\x15" + bytes(10) + b"saltsaltsalt\0mysql_native_password\0"
    )

    def answer(client: socket.socket) -> None:
        client.sendall(len(greeting).to_bytes(3, "little") + b"\0" + greeting)
        for sequence, payload in packets:
            header = client.recv(4, socket.MSG_WAITALL)
            client.recv(int.from_bytes(header[:3], "little"), socket.MSG_WAITALL)
            client.sendall(len(payload).to_bytes(3, "little") + bytes([sequence]) + payload)

    return answer


def web_server(client: socket.socket) -> None:
    """A web server that waits for a whole line, and does not know what it says."""
    said = b""
    while b"\n" not in said:
        part = client.recv(1024)
        if not part:
            return
        said += part
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
