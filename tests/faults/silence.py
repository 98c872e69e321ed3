"""Faults: servers that stop answering."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Final

from tests.faults.table import Answer, Fault, everywhere
from tests.support.servers import SERVERS
from tests.support.silent import silent_proxy
from tests.support.story import Story

_PATIENCE: Final = 1.5


def _silent_from_the_start(story: Story, stack: ExitStack) -> Story:
    """The server takes connections, or a firewall does for it, and says nothing."""
    proxy = stack.enter_context(silent_proxy(story.engine.url))
    proxy.silence()
    return replace(story, cli=replace(story.cli, database=proxy.url, patience=_PATIENCE))


def _silent_in_the_middle(story: Story, stack: ExitStack) -> Story:
    """The server is there at first, and its packets are lost while the tables of secrets are looked at."""
    proxy = stack.enter_context(silent_proxy(story.engine.url))
    proxy.silence_at(b"SELECT", skip=4)
    return replace(story, cli=replace(story.cli, database=proxy.url, patience=_PATIENCE))


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        "silent_from_the_start",
        tuple(SERVERS),
        _silent_from_the_start,
        everywhere(Answer(7, says=("cannot be reached", "Check host and port")), "doctor", "run", "status"),
    ),
    Fault(
        "silent_in_the_middle",
        tuple(SERVERS),
        _silent_in_the_middle,
        everywhere(Answer(7, says=("has not answered SELECT", "waiting", "progress is saved"))),
    ),
)
