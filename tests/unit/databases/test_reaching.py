"""Which failures to reach a server may pass by themselves."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from reencrypt.databases.server.reaching import unreachable
from reencrypt.errors import ConfigurationError, TransactionLostError

UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def judged(error: OSError | ValueError, *, socket_path: str = "", before: bool = False) -> type[Exception]:
    return type(unreachable("the server", error, socket_path=socket_path, reached_before=before))


@pytest.mark.parametrize(
    "error",
    [
        UNKNOWN,
        OSError(errno.EACCES, "Permission denied"),
        OSError(errno.EPERM, "Operation not permitted"),
        OSError(errno.ENOTDIR, "Not a directory"),
        OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol"),
        OSError("AF_UNIX path too long"),
        UnicodeError("label too long"),
        ValueError("embedded null byte"),
    ],
)
def test_what_no_wait_mends_is_the_operators(error: OSError | ValueError) -> None:
    assert judged(error) is ConfigurationError


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure in name resolution"),
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        OSError(errno.EHOSTUNREACH, "No route to host"),
        OSError(errno.ENETUNREACH, "Network is unreachable"),
        OSError(errno.EMFILE, "Too many open files"),
        OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 99] Cannot assign requested address"),
        TimeoutError(),
    ],
)
def test_what_may_pass_is_tried_again(error: OSError) -> None:
    assert judged(error) is TransactionLostError


def test_a_name_that_this_process_has_reached_before_is_an_outage() -> None:
    assert judged(UNKNOWN, before=True) is TransactionLostError


def test_a_socket_that_is_missing_is_a_server_that_starts_unless_its_folder_is_missing_too(tmp_path: Path) -> None:
    error = FileNotFoundError(errno.ENOENT, "No such file or directory")
    assert judged(error, socket_path=f"{tmp_path}/socket") is TransactionLostError
    assert judged(error, socket_path=f"{tmp_path}/nowhere/socket") is ConfigurationError
