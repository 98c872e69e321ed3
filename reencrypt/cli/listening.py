"""Chooses who listens to the events: a progress bar for a person at a terminal, log lines otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reencrypt.cli.options import Common
from reencrypt.cli.progress import progress_listener, wants_progress
from reencrypt.events import Emit


@contextmanager
def listening(common: Common) -> Iterator[Emit]:
    """The listener for one command."""
    if wants_progress(common):
        with progress_listener() as listener:
            yield listener
        return
    from reencrypt.cli.logs import log_listener  # noqa: PLC0415 - structlog is not needed for help

    yield log_listener(common.log_format, common.verbose)
