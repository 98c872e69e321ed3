"""Azure's SDK for JavaScript, in a folder of the tests: npm installs it there once, and the tests use it from there.

Which versions, and which of everything that they need, is written in `javascript/`. Where there is no Node.js, or
npm cannot reach its registry in time, the tests that need it are skipped.

`python3 emulator/tests/javascript_packages.py` fetches them ahead of the tests. It needs the standard library alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCES = Path(__file__).parent / "javascript"
MANIFESTS = ("package.json", "package-lock.json")
OLDEST_NODE = 20
LONGEST_SECONDS = 60.0
REMEMBERED_SECONDS = 1800.0  # a failure, so that a run of the tests waits for one attempt alone
INSTALL = (
    *("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"),
    *("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=1000"),
)


class NotAvailableError(Exception):
    """The packages cannot be had on this machine; the message says why, in one line."""


def javascript_packages(cache: Path | None = None, *, in_any_case: bool = False) -> Path:
    """The folder with `node_modules`: the one in the cache, else a new one. Raises `NotAvailableError`.

    A failure is remembered for a while, and not tried again but `in_any_case`.
    """
    cache = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reencrypt-tests"
    _check_node()
    content = b"".join((SOURCES / name).read_bytes() for name in MANIFESTS)
    target = cache / f"javascript-{hashlib.sha256(content).hexdigest()[:12]}"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _lock(cache / "javascript.lock"):
            if not target.exists():
                _install(cache, target, in_any_case=in_any_case)
    except OSError as error:
        raise NotAvailableError(f"{cache} cannot be used: {error}") from error
    return target


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_node() -> None:
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise NotAvailableError(f"there is no {tool} here")
    version = _run(("node", "--version"), Path.cwd(), 60.0).strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        raise NotAvailableError(f"Node.js {version} is older than the SDK takes")


def _install(cache: Path, target: Path, *, in_any_case: bool) -> None:
    """Install into a folder that gets its name when all is there; older ones go."""
    failed = cache / "javascript.failed"
    if not in_any_case and failed.exists() and time.time() - failed.stat().st_mtime < REMEMBERED_SECONDS:
        raise NotAvailableError(failed.read_text())
    for unfinished in cache.glob("installing-javascript-*"):
        shutil.rmtree(unfinished, ignore_errors=True)  # we hold the lock, so the process that made it is gone
    folder = Path(tempfile.mkdtemp(prefix="installing-javascript-", dir=cache))
    try:
        for name in MANIFESTS:
            shutil.copy(SOURCES / name, folder)
        _run(INSTALL, folder, LONGEST_SECONDS)
        folder.rename(target)
    except NotAvailableError as error:
        failed.write_text(str(error))
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    failed.unlink(missing_ok=True)
    for old in cache.glob("javascript-*"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)


def _run(command: tuple[str, ...], folder: Path, longest: float) -> str:
    """Run a command to its end, or for `longest` seconds; what it complains of first is the reason where it fails."""
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise NotAvailableError(f"{command[0]} does not start: {error}") from error
    try:
        said, errors = process.communicate(timeout=longest)
    except subprocess.TimeoutExpired:
        # npm starts processes of its own, which would hold the pipes open.
        os.killpg(process.pid, 9)
        process.communicate()
        raise NotAvailableError(f"{command[0]} took longer than {longest:.0f} s") from None
    if process.returncode != 0:
        lines = [line for line in (errors + said).splitlines() if line.strip()]
        complaints = [line for line in lines if line.startswith("npm error")]
        reason = (complaints or lines or ["no word"])[0]
        raise NotAvailableError(f"{command[0]}: {reason.removeprefix('npm error').strip()}")
    return said


if __name__ == "__main__":
    try:
        print(f"Azure's SDK for JavaScript for the tests: {javascript_packages(in_any_case=True)}")  # noqa: T201 - a command
    except NotAvailableError as reason:
        print(f"NOT RUN: the tests with Azure's SDK for JavaScript: {reason}")  # noqa: T201 - a command
