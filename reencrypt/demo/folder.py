"""The folder of a demonstration: a temporary one, or a new one that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from reencrypt.errors import ConfigurationError


@contextmanager
def demo_folder(keep: Path | None) -> Iterator[Path]:
    """Make a folder for its owner alone; without `keep` it is removed at the end in any case.

    Raises `ConfigurationError` where `keep` holds something already or cannot be made.
    """
    if keep is None:
        with TemporaryDirectory(prefix="reencrypt-demo-") as name:
            yield Path(name).resolve()
        return
    try:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        occupied = any(keep.iterdir())
    except OSError as error:
        raise ConfigurationError(
            f"the folder {keep} cannot be used: {error.strerror}", hint="Name a new folder with --keep."
        ) from error
    if occupied:
        raise ConfigurationError(f"the folder {keep} is not empty", hint="Name a new folder with --keep.")
    yield keep.resolve()
