"""Events as progress on a terminal: a bar with its figures, and below it the place, and why the command waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reencrypt.cli.figures import Figures
from reencrypt.cli.signals import cursor_shown_at_death
from reencrypt.events import Emit, Event, Quarantined, RunStarted, TargetKeyReady, Warned
from reencrypt.wording import counted, printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_BAR_COLUMNS = 20
_MINUTE, _HOUR = 60, 3600


@contextmanager
def progress_listener() -> Iterator[Emit]:
    """Show the progress on stderr while the block runs; nothing of it stays, however the block ends."""
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.live import Live  # noqa: PLC0415

    console = Console(stderr=True, highlight=False)
    drawn = _Drawn(Figures())
    live = Live(drawn, console=console, transient=True)
    with cursor_shown_at_death():
        try:
            with live:
                yield _Teller(console, drawn.figures).listen
        finally:
            # For Ctrl-C while it starts or stops.
            live.stop()
            console.show_cursor()


class _Teller:
    """Keeps the figures, and prints above them what a person should not miss."""

    def __init__(self, console: Console, figures: Figures) -> None:
        self._console = console
        self._figures = figures

    def listen(self, event: Event) -> None:
        self._figures.listen(event)
        match event:
            case RunStarted(run_id, resumed, target, _secrets):
                self._print(f"{'resuming run' if resumed else 'run'} {run_id} to {target}")
            case Quarantined(location, key, field, reason):
                self._print(f"quarantined {location} {key} {field}: {reason}")
            case Warned(_, message):
                self._print(f"warning: {message}")
            case TargetKeyReady(key_id, _provider, made):
                self._print(f"writing under the {'new' if made else 'existing'} data key {key_id}")
            case _:
                pass

    def _print(self, text: str) -> None:
        self._console.print(printable(text), markup=False)


class _Drawn:
    """Draws the figures as they are at this moment."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The bar on the first line, the rest on as many as it takes."""
        from rich.text import Text  # noqa: PLC0415

        figures = self.figures
        filled = _BAR_COLUMNS * (figures.percent or 0) // 100
        bar = f"{'━' * filled}{'─' * (_BAR_COLUMNS - filled)} {figures.percent:3}%  " if figures.total else ""
        of = f" of {figures.total:,}" if figures.total else ""
        rate = f"  {figures.rate:,.0f}/s" if figures.rate else ""
        yield Text(f"{figures.phase} {bar}{figures.done:,}{of}{rate}{_time_left(figures)}")
        yield Text(printable(_below(figures)))


def _time_left(figures: Figures) -> str:
    seconds = figures.seconds_left
    if seconds is None:
        return ""
    minutes, hours = seconds / _MINUTE, seconds / _HOUR
    time = f"{seconds:.0f} s" if minutes < 1 else f"{minutes:.0f} min" if hours < 1 else f"{hours:.1f} h"
    return f"  {time} to go"


def _below(figures: Figures) -> str:
    parts = [f"waiting: {figures.waiting}"] if figures.waiting else [figures.place] if figures.place else []
    if figures.quarantined:
        parts.append(f"{counted(figures.quarantined, 'secret')} in quarantine")
    if figures.left:
        parts.append(f"{figures.left:,} left as is")
    return "  " + "; ".join(parts)
