"""The emulator's folder: its lock and atomic writes. Knows nothing of the files' content."""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from keyvault_emulator.errors import EmulatorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Owner only: private keys, and everything that names the client secret.
PRIVATE: Final = 0o600
#: For everyone: the certificate of the CA, which a client under another user has to read.
PUBLIC: Final = 0o644


def write_file(path: Path, content: bytes, *, mode: int = PRIVATE) -> None:
    """Replace `path` by `content` so that a reader, or the next start after a crash, sees all of it or nothing."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    # The mode is given at creation: a file that is made private afterwards was readable for a moment.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Hold `folder` for one emulator, creating it where it is missing.

    Two emulators on one folder would overwrite each other's ini file and serve different versions of one key.

    Raises:
        EmulatorError: another emulator holds the folder, or it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, PRIVATE)
    except OSError as error:
        raise EmulatorError(
            f"The emulator's folder {folder} cannot be used: {error.strerror}.",
            hint="Name a folder that you may write to with --state.",
        ) from error
    try:
        try:
            # The kernel drops this lock with the process, so a killed emulator leaves nothing to clean up.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EmulatorError(
                f"Another emulator is running in {folder}.",
                hint="Stop it first, or name another folder with --state.",
            ) from error
        yield
    finally:
        os.close(descriptor)
