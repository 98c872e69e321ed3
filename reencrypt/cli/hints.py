"""Hints that can be followed: with the options of the command that the user has typed, and no others.

An error is raised where many commands pass, and its hint names what helps in most of them. So a sentence that names an
option is left out where the command has none of that name. What stands in backticks and is no option is a command line
of its own, with options of its own.
"""

from __future__ import annotations

import re
from typing import Final

import click

#: Where a sentence ends, and the next one begins with a capital letter or a command.
_BETWEEN: Final = r"(?<=[.?!]) (?=[A-Z`])"
_COMMAND_LINE: Final = r"`(?!--)[^`]*`"
_OPTION: Final = r"(?<![\w-])--[a-z][a-z-]*[a-z]"
#: Every command has it.
_HELP: Final = "--help"


def followable(hint: str, command: click.Command | None) -> str:
    """The sentences of a hint that name no option, or one that the command has; all where the command is not known."""
    if command is None:
        return hint
    known = {_HELP, *(name for each in command.params for name in each.opts)}
    return " ".join(each for each in re.split(_BETWEEN, hint) if options_in(each) <= known)


def options_in(text: str) -> set[str]:
    """The options that a text asks for, apart from those of a whole command line in it."""
    return set(re.findall(_OPTION, re.sub(_COMMAND_LINE, "", text)))
