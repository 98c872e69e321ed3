"""A vault in a process of its own that gives one fixed answer as fast as it can: what is measured is the client."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.support.tls import server_tls

TENANT = "11111111-2222-4333-8444-555555555555"
VERSION = "0123456789abcdef0123456789abcdef"
#: 16 bytes, in base64url.
VALUE = "MDEyMzQ1Njc4OWFiY2RlZg"


class Responder(asyncio.Protocol):
    """Speaks as much HTTP as its clients do: requests with a Content-Length, one after the other."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember whom to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request in the buffer."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = 0
            if (at := head.find(b"content-length:")) >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._transport.write(self._answers[_kind(head)])


def _kind(head: bytes) -> bytes:
    if b"/oauth2/" in head:
        return b"token"
    if b"authorization:" not in head:
        return b"challenge"
    return b"key" if head.startswith(b"get ") else b"answer"


def _http(status: str, content: object, *headers: str) -> bytes:
    body = json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def serve(folder: Path) -> None:
    """Print one line of JSON when ready, and serve until the parent goes."""
    context, bundle = server_tls(folder)
    answers: dict[bytes, bytes] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Responder(answers), "127.0.0.1", 0, ssl=context, backlog=512)
    uri = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    kid = f"{uri}/keys/prod/{VERSION}"
    challenge = f'WWW-Authenticate: Bearer authorization="{uri}/{TENANT}", resource="https://vault.azure.net"'
    key = {"kid": kid, "kty": "RSA", "n": "_" * 342, "e": "AQAB"}
    answers |= {
        b"challenge": _http("401 Unauthorized", {}, challenge),
        b"token": _http("200 OK", {"token_type": "Bearer", "expires_in": 86_400, "access_token": "t" * 1500}),
        b"key": _http("200 OK", {"key": key, "attributes": {"enabled": True, "created": 1}}),
        b"answer": _http("200 OK", {"kid": kid, "value": VALUE}),
    }
    print(json.dumps({"uri": uri, "ca": str(bundle)}), flush=True)  # noqa: T201 - its parent reads it
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
