"""Faults: files, variables, certificates and outputs of an operator."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from tests.faults.table import ALL_ENGINES, Answer, Fault, everywhere
from tests.support.story import Story


def _missing_configuration(story: Story, _stack: ExitStack) -> Story:
    assert story.cli.configuration is not None
    story.cli.configuration.unlink()
    return story


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        "missing_configuration",
        ALL_ENGINES[:1],
        _missing_configuration,
        everywhere(Answer(2, says=("does not exist", "--grafana-config"))),
    ),
)
