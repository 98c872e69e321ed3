"""Starts the command line in processes of its own that have imported everything already: `python warm.py SOCKET`.

Most of what a short command takes is imports. Here one process does them, and forks another one for each command, which
gets its arguments, environment, working directory and outputs and is a process like any other: it can be killed, and
leaves with an exit code. What starting itself promises is tested with `python -m reencrypt`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_REQUEST_BYTES = 1 << 20
#: What a fork needs to become a command.
_STARTERS = ("reencrypt.__main__", "tests.support.killer", "tests.support.impatience")


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    kill_at: tuple[int, Path] | None = None,
    patience: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `reencrypt ARGUMENT…` to its end; `kill_at` is what `killer.py` takes: the step, and the file to count in.

    `patience` is for how many seconds it waits for a database, see `impatience.py`.
    """
    request = {
        "patience": patience,
        "kill_at": [kill_at[0], str(kill_at[1])] if kill_at else None,
        "arguments": list(arguments),
        "environment": dict(environment),
        "folder": str(Path.cwd()),
    }
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(250)  # as long as a command of `commandline.py` may take
        connection.connect(_server())
        socket.send_fds(connection, [json.dumps(request).encode()], [out.fileno(), err.fileno()])
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(64)
        assert answer, "the process that starts the others is gone"
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(
            arguments, int(answer), out.read().decode(errors="replace"), err.read().decode(errors="replace")
        )


@cache
def _server() -> str:
    """Start the process that starts the others, once; it ends with this one."""
    folder = tempfile.TemporaryDirectory(prefix="warm-")
    path = Path(folder.name) / "socket"
    process = subprocess.Popen([sys.executable, __file__, str(path)], stdin=subprocess.PIPE)

    def stop() -> None:
        process.kill()
        process.wait()
        folder.cleanup()

    atexit.register(stop)
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)
    return str(path)


def _serve(path: str) -> None:
    """Fork for each request; the fork forks the command, waits for it and answers with how it ended."""
    import reencrypt  # noqa: PLC0415 - whoever only calls `run` needs none of it

    for module in pkgutil.walk_packages(reencrypt.__path__, "reencrypt."):
        if not module.name.startswith(("reencrypt.demo", "reencrypt.__main__")):
            importlib.import_module(module.name)
    for name in ("asyncmy", "asyncpg", "azure.keyvault.keys.crypto.aio", "azure.identity.aio", "rich.table"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for name in _STARTERS:
        importlib.import_module(name)
    # A collection in a fork would write into every object, and so copy all that the fork shares with this process.
    gc.collect()
    gc.freeze()
    # Bound under another name first: whoever sees the path may connect.
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{path}.new")
        listener.listen(16)
        Path(f"{path}.new").rename(path)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if listener not in ready:
                return  # whoever started us is gone
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(connection)
                os._exit(0)
            connection.close()
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _answer(connection: socket.socket) -> None:
    text, descriptors, _, _ = socket.recv_fds(connection, _REQUEST_BYTES, 2)
    while more := connection.recv(_REQUEST_BYTES):
        text += more
    request = json.loads(text)
    child = os.fork()
    if child == 0:
        connection.close()
        for number, descriptor in enumerate(descriptors, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        _become(request["kill_at"], request["arguments"], request["patience"])
    _, status = os.waitpid(child, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _become(kill_at: tuple[int, str] | None, arguments: list[str], patience: float | None) -> None:
    """Run the command as `python -m reencrypt` would, and leave as it does."""
    from reencrypt.__main__ import main  # noqa: PLC0415
    from tests.support import killer  # noqa: PLC0415
    from tests.support.impatience import shorten  # noqa: PLC0415

    code: object = 1
    try:
        if patience is not None:
            shorten(patience)
        if kill_at:
            code = killer.run(kill_at[0], Path(kill_at[1]), arguments)
        else:
            sys.argv = ["reencrypt", *arguments]
            main()
    except SystemExit as leaving:
        code = 0 if leaving.code is None else leaving.code
    except BaseException:  # noqa: BLE001 - what the interpreter does with it
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])
    _serve(sys.argv[1])
