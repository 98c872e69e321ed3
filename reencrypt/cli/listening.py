"""Chooses who listens to the events: a progress bar for a person at a terminal, log lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reencrypt.cli.options import Common

if TYPE_CHECKING:
    from reencrypt.events import Emit


@contextmanager
def listening(common: Common) -> Iterator[Emit]:
    """The listener for one command."""
    # A bar is for a person at a terminal who did not ask for log lines. None of this is needed for help.
    if (common.output, common.log_format, common.verbose) == ("text", "console", 0) and sys.stderr.isatty():
        from reencrypt.cli.progress import progress_listener  # noqa: PLC0415

        with progress_listener() as listener:
            yield listener
        return
    from reencrypt.cli.logs import log_listener  # noqa: PLC0415

    yield log_listener(common.log_format, common.verbose)
