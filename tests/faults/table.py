"""The table of faults and commands: what a server, a cloud or an operator does, and what each command must answer.

To add a fault: write a `plant`, and add a `Fault` to `FAULTS` in the module of its kind beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from tests.support.servers import ALL_ENGINES
from tests.support.story import Story

#: The commands that read or write Grafana's database and need no run before them.
COMMANDS: Final = ("doctor", "plan", "run", "verify", "status", "complete", "rewrap", "rollback", "rekey-secret-key")


@dataclass(frozen=True)
class Answer:
    """What a command answers: its exit code, words that stand in what it prints, and words that must not.

    What a command that does not succeed leaves behind is byte for byte what it found. Where it can only notice after
    it has begun, `begun` is set: then every secret still reads as before.
    """

    exit_code: int
    says: tuple[str, ...] = ()
    never_says: tuple[str, ...] = ()
    begun: bool = False


#: Plants the fault and returns the story through which the commands run. The stack undoes it after the command.
Plant = Callable[[Story, ExitStack], Story]


@dataclass(frozen=True)
class Fault:
    """One fault, on the engines that can have it, with the answer of each command.

    `options` are further arguments by command. `vault_of_its_own` gives the fault an emulator that it may change, and
    `after_run` makes a finished run before the fault is planted, which `undo` needs.
    """

    name: str
    engines: tuple[str, ...]
    plant: Plant
    answers: Mapping[str, Answer]
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    vault_of_its_own: bool = False
    after_run: bool = False


def everywhere(answer: Answer, *commands: str, **differing: Answer) -> dict[str, Answer]:
    """The same answer for these commands, or for all of `COMMANDS`, but for those that differ."""
    return dict.fromkeys(commands or COMMANDS, answer) | differing


__all__ = ["ALL_ENGINES", "COMMANDS", "Answer", "Fault", "Plant", "everywhere"]
