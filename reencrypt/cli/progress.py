"""Events as a progress bar on a terminal: rate, time to go, and what the run waits for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reencrypt.cli.options import Common
from reencrypt.events import (
    Emit,
    Event,
    PageCommitted,
    PassStarted,
    Quarantined,
    RunStarted,
    Surveyed,
    TargetKeyReady,
    Waiting,
    Warned,
)

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def wants_progress(common: Common) -> bool:
    """A bar is for a person at a terminal who did not ask for log lines."""
    return (common.output, common.log_format, common.verbose) == ("text", "console", 0) and sys.stderr.isatty()


@contextmanager
def progress_listener() -> Iterator[Emit]:
    """Show a bar on stderr while the block runs."""
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        yield _Bar(progress, progress.add_task("reading", total=None, rate="", note="")).listen


class _Bar:
    """Keeps one bar up to date."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._total = 0

    def listen(self, event: Event) -> None:
        update = self._progress.update
        match event:
            case Surveyed(location, secrets):
                update(self._task, advance=secrets, note=location)
            case RunStarted(run_id, resumed, target, secrets):
                self._total = secrets
                verb = "resuming run" if resumed else "run"
                self._progress.console.print(f"{verb} {run_id} to {target}", markup=False)
                self._progress.reset(self._task, total=secrets, description="run")
            case PassStarted(number):
                if number:
                    self._progress.reset(self._task, total=self._total, description=f"sweep {number}")
            case PageCommitted(location, secrets, _moved, _seconds):
                update(self._task, advance=secrets, note=location)
                speed = self._progress.tasks[0].speed
                update(self._task, rate=f"{speed:,.0f}/s" if speed else "")
            case Waiting(reason):
                update(self._task, note=f"waiting: {reason}")
            case Quarantined(location, key, field, reason):
                self._progress.console.print(f"quarantined {location} {key} {field}: {reason}", markup=False)
            case Warned(message):
                self._progress.console.print(f"warning: {message}", markup=False)
            case TargetKeyReady(key_id, _provider, made):
                what = "new" if made else "existing"
                self._progress.console.print(f"writing under the {what} data key {key_id}", markup=False)
            case _:
                pass
