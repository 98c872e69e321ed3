"""The metrics file, in the text format of Prometheus, which several commands of one Grafana share."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reencrypt.errors import ConfigurationError
from reencrypt.settings.files import special_file

if TYPE_CHECKING:
    from reencrypt.telemetry.metrics import Metrics

_MODE: Final = 0o644
#: How long others are waited for who write a file in the same folder. That takes each of them milliseconds.
_LOCK_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.01
#: How long the end of a command waits for the file; it may need the lock twice.
_LAST_SECONDS: Final = 15.0


class TextFile:
    """A file that is replaced whole, so that nobody reads half of it. It keeps what others have written to it.

    Raises `ConfigurationError` where it cannot be written, is no file, or holds something else.
    """

    def __init__(self, path: Path, metrics: Metrics) -> None:
        self._path, self._metrics = path, metrics
        hint = "Give --metrics-file a path in a folder that exists and that this user may write to."
        if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
            raise ConfigurationError(f"--metrics-file {path} cannot be written", hint=hint)
        # A new file in the place of /dev/null would break the machine.
        if special := special_file(str(path)):
            raise ConfigurationError(f"--metrics-file {path} {special}", hint=hint)
        try:
            metrics.remember(path.read_text())
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ConfigurationError(f"--metrics-file {path} cannot be read: {error.strerror}", hint=hint) from None
        except ValueError:
            raise ConfigurationError(
                f"--metrics-file {path} exists and is not a file of metrics",
                hint="Give another path, or remove the file.",
            ) from None

    @property
    def last_seconds(self) -> float:
        """How long the end of a command waits for it."""
        return _LAST_SECONDS

    def publish(self) -> str:
        """Write the metrics; returns what is to be known of it, mostly nothing. Raises `OSError` or `ValueError`."""
        with _locked(self._path.parent) as trouble:
            # Another command of the same Grafana may have written meanwhile.
            with suppress(FileNotFoundError):
                self._metrics.remember(self._path.read_text())
            self._replace(self._metrics.text())
        if not trouble:
            return ""
        return (
            f"the metrics are written to {self._path} without a lock ({trouble}): what another command wrote at the "
            "same moment may be missing"
        )

    def _replace(self, text: bytes) -> None:
        # The name does not end as the collector's files do.
        handle, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        new = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text)
                # Whatever the umask: who collects metrics is another user, and no number is a secret.
                os.fchmod(handle, self._mode())
                file.flush()
                os.fsync(handle)
            new.replace(self._path)
        finally:
            new.unlink(missing_ok=True)

    def _mode(self) -> int:
        """That of the file as it is, if it is there: somebody has chosen it."""
        try:
            return stat.S_IMODE(self._path.stat().st_mode)
        except FileNotFoundError:
            return _MODE

    def __str__(self) -> str:
        return str(self._path)


@contextmanager
def _locked(folder: Path) -> Iterator[str]:
    """Hold a lock on a folder, which needs no file that stays; yields why there is none, nothing where there is.

    Without it two commands that read the file at the same time would each write it without the other's end.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        yield error.strerror or str(error)
        return
    try:
        yield _lock(handle)
    finally:
        # This releases it.
        os.close(handle)


def _lock(handle: int) -> str:
    """Lock it in bounded time; returns why that failed."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return f"another process holds it for {_LOCK_SECONDS:g} s"
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            # Not every file system of a network has such locks.
            return error.strerror or str(error)
        else:
            return ""
