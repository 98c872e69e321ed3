"""Events as a progress bar on a terminal: rate, remaining time, and why the run waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reencrypt.events import (
    DataKeysRewrapped,
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
        self._advance(event)
        self._tell(event)

    def _advance(self, event: Event) -> None:
        update = self._progress.update
        match event:
            case RunStarted():
                self._total = event.secrets
                self._progress.reset(self._task, total=event.secrets, description="run")
            case PassStarted(number):
                if number:
                    self._progress.reset(self._task, total=self._total, description=f"sweep {number}")
            case Surveyed(location, secrets):
                update(self._task, advance=secrets, note=location)
            case PageCommitted(location, secrets):
                update(self._task, advance=secrets, note=location)
                speed = self._progress.tasks[0].speed
                update(self._task, rate=f"{speed:,.0f}/s" if speed else "")
            case DataKeysRewrapped(number):
                update(self._task, advance=number, note="data keys")
            case Waiting(reason):
                update(self._task, note=f"waiting: {reason}")
            case _:
                pass

    def _tell(self, event: Event) -> None:
        match event:
            case RunStarted(run_id, resumed, target, _secrets):
                self._print(f"{'resuming run' if resumed else 'run'} {run_id} to {target}")
            case Quarantined(location, key, field, reason):
                self._print(f"quarantined {location} {key} {field}: {reason}")
            case Warned(message):
                self._print(f"warning: {message}")
            case TargetKeyReady(key_id, _provider, made):
                self._print(f"writing under the {'new' if made else 'existing'} data key {key_id}")
            case _:
                pass

    def _print(self, text: str) -> None:
        self._progress.console.print(text, markup=False)
