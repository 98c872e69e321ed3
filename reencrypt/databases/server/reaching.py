"""Whether a server is reached, and whether it is one of the right kind at all."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from reencrypt.errors import ConfigurationError, ReencryptError, TransactionLostError

_ADDRESS: Final = "Check the host and the port in [database]."
# A name that nobody knows; every other failure of a resolver (EAI_AGAIN, EAI_FAIL) is the resolver's own.
_UNKNOWN_NAME: Final = frozenset((socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)))
# What no wait mends. All others may pass, also those without a number: asyncio joins the failures of several addresses.
_PERMANENT: Final = frozenset(
    (
        *(errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG),  # the path of a socket
        *(errno.ENOTSOCK, errno.EPROTOTYPE, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EINVAL),
    )
)
_LONG_PATH: Final = "AF_UNIX path too long"  # Python's own, without a number
_PROBE_SECONDS: Final = 1.0
_PROBE_BYTES: Final = 64


def unreachable(name: str, error: OSError | ValueError, *, socket_path: str, reached_before: bool) -> ReencryptError:
    """What it means that no connection came about; `socket_path` is that of a Unix socket, or empty.

    A name that does not resolve is a mistake in the configuration (exit 2), unless this process has reached it before:
    then it is an outage that may pass. So is a socket that is missing from a folder that exists.
    """
    if not isinstance(error, OSError):  # a host with a label that no name can have, a file that is no text
        return ConfigurationError(f"{name} cannot be connected to: {error}", hint=_ADDRESS)
    said = error.strerror or str(error) or "it does not answer"
    if isinstance(error, socket.gaierror) and error.errno in _UNKNOWN_NAME and not reached_before:
        return ConfigurationError(f"{name}: the host is not known: {said}", hint=_ADDRESS)
    if error.errno in _PERMANENT or said == _LONG_PATH or (error.errno == errno.ENOENT and not _folder(socket_path)):
        return ConfigurationError(f"{name} cannot be reached: {said}", hint=_ADDRESS)
    return TransactionLostError(
        f"{name} cannot be reached: {said}",
        hint="Check host and port in [database], the server and the network, then start again; progress is saved.",
    )


def _folder(path: str) -> bool:
    try:
        return Path(path).parent.is_dir()
    except (OSError, ValueError):
        return False


async def stranger(host: str, port: int, hello: bytes, *, recognised: Callable[[bytes], bool]) -> str:
    """Which other kind of server answers there, empty where it is the right kind or nothing answers.

    `hello` is what a client of the right kind sends first. Drivers wait for more, or report a lost connection, where
    something else answers, and that would look like an outage.
    """
    answer = await _ask(host, port, hello)
    if answer and recognised(answer):
        return ""
    if not answer or answer.startswith(b"H"):
        answer = await _ask(host, port, b"GET / HTTP/1.0\r\n\r\n") or answer
    if answer.startswith(b"HTTP/"):
        return "a web server"
    if not answer or recognised(answer):
        return ""
    return "a server of another kind"


async def _ask(host: str, port: int, hello: bytes) -> bytes:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(hello)
                return await reader.read(_PROBE_BYTES)
            finally:
                writer.close()
                await writer.wait_closed()
    return b""
