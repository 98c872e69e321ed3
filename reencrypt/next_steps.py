"""What to type next: the last lines of every result, and the same in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class NextStep:
    """A command to type next, and why.

    `fill_in` names what stands for something that nobody but the operator knows, such as FILE.
    """

    command: str
    why: str
    fill_in: str = ""


def steps_as_json(steps: Sequence[NextStep]) -> dict[str, Any]:
    """The members of a result that say it. The commands of the first two can be run as they are."""
    commands = [each.command for each in steps if not each.fill_in]
    return {
        "next_command": commands[0] if commands else None,
        "next_commands": commands,
        "next": [{"command": each.command, "why": each.why, "fill_in": each.fill_in or None} for each in steps],
    }
