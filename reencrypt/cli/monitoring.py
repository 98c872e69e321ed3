"""What monitors a command beside the person who reads: the metrics that are asked for, and traces."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from reencrypt.events import Emit
    from reencrypt.telemetry.options import MetricsOptions
    from reencrypt.telemetry.trace_context import LoggedTrace


class Monitors(Protocol):
    """Makes the listeners of one Grafana, which is a member of a fleet if it has a name.

    They come before those that log: the lines of a command carry the ids that `logged` gets from them.
    """

    def __call__(self, logged: LoggedTrace, member: str = "") -> list[Emit]:
        """Make them."""
        ...


@contextmanager
def monitoring(
    metrics: MetricsOptions, warn: Callable[[str], None], *, members: Collection[str] | None = None
) -> Iterator[Monitors]:
    """Publish metrics and export traces while the block runs. What goes wrong is told to `warn`."""
    from reencrypt.telemetry.exporting import exported  # noqa: PLC0415 - help needs none of it

    with ExitStack() as stack:
        traces = stack.enter_context(exported(os.environ, warn))
        found = None
        if metrics.wanted:
            from reencrypt.telemetry.publishing import published  # noqa: PLC0415

            found = stack.enter_context(published(metrics, warn, members=members))

        def monitors(logged: LoggedTrace, member: str = "") -> list[Emit]:
            listeners = [traces.listener(logged, member)] if traces is not None else []
            return [*listeners, found.listener(member)] if found is not None else listeners

        yield monitors
