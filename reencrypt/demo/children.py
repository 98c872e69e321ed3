"""The commands of the demonstration as real subprocesses: visitors see what they would get by typing them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reencrypt.errors import ReencryptError
from reencrypt.outcomes import ExitCode

#: Seconds that a child gets to end after a signal; a run needs them for its current page.
_GRACE: Final = 10.0
#: Seconds after which a command counts as stuck: nothing here takes ten.
_TIMEOUT: Final = 120.0
_EMULATOR_LOG: Final = "emulator.log"
#: Variables that could make a command talk to something other than the demonstration. All of it is on this machine,
#: so a proxy would only interfere.
_FOREIGN: Final = ("GF_", "AZURE_", "REENCRYPT_", "SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class DemoFailedError(ReencryptError):
    """The demonstration did not go as told, which is a bug (exit 1)."""

    exit_code = ExitCode.BUG
    code = "demo_failed"


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Children:
    """Starts commands in `folder`, with no environment but `environment`."""

    folder: Path
    environment: Mapping[str, str]

    async def run(self, *arguments: str) -> Finished:
        """Run a command to its end."""
        async with self.started(*arguments) as process:
            stdout, stderr = await _within(_TIMEOUT, process.communicate(), arguments)
            return Finished(process.returncode or 0, stdout.decode(), stderr.decode())

    @asynccontextmanager
    async def started(self, *arguments: str) -> AsyncIterator[Process]:
        """Start a command; when the block ends, however it ends, so does the command."""
        process = await asyncio.create_subprocess_exec(
            *_program(arguments), cwd=self.folder, env=self.environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        try:
            yield process
        finally:
            await _end(process)


@asynccontextmanager
async def emulator(folder: Path, *arguments: str) -> AsyncIterator[dict[str, Any]]:
    """Run `reencrypt emulator` while the block lasts; yields what it prints when it is ready.

    Its other output goes to a file, because nobody reads a pipe meanwhile.
    """
    with (folder / _EMULATOR_LOG).open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *_program(("emulator", *arguments)),
            cwd=folder,
            env=clean_environment(),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=log,
        )
    try:
        if process.stdout is None:  # only for the type: a pipe was asked for
            raise DemoFailedError("the emulator has no output")
        line = await _within(_TIMEOUT, process.stdout.readline(), ("emulator",))
        if not line:
            said = (folder / _EMULATOR_LOG).read_text(errors="replace")
            raise DemoFailedError("`reencrypt emulator` did not start", hint=said.strip())
        ready: dict[str, Any] = json.loads(line)
        yield ready
    finally:
        await _end(process)


def clean_environment() -> dict[str, str]:
    """The visitor's environment without variables of a real Grafana, a real Azure or reencrypt."""
    return {name: text for name, text in os.environ.items() if not name.upper().startswith(_FOREIGN)}


def _program(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "reencrypt", *arguments]


async def _within(seconds: float, awaited: Any, arguments: tuple[str, ...]) -> Any:  # noqa: ANN401 - passed through
    try:
        async with asyncio.timeout(seconds):
            return await awaited
    except TimeoutError:
        raise DemoFailedError(f"`reencrypt {arguments[0]}` did not come to an end in {seconds:.0f} s") from None


async def _end(process: Process) -> None:
    """Ask the process to stop, wait, and kill it where it does not, or where this task is cancelled again."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_GRACE):
            await process.wait()
    except TimeoutError:
        pass  # it is killed below
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
