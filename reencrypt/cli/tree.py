"""The tree of commands, and which of them a command line is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click


@dataclass(slots=True)
class Invocation:
    """Which command a command line is about, as far as it could be read. click hands it to every context as `obj`.

    `settings_file` is one that was read without being named.
    """

    words: list[str] = field(default_factory=list)
    command: click.Command | None = None
    settings_file: Path | None = None

    @property
    def name(self) -> str:
        """The full name of the command; empty where there is none of that name."""
        return " ".join(self.words)


def all_commands(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that is no group, with its full name."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for each in list(command.commands) or command.list_commands(context):
        inner = command.get_command(context, each)
        if inner is not None:
            yield from all_commands(inner, f"{name} {each}".strip())
