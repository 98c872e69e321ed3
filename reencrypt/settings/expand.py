"""`${VAR}`, `$__env{VAR}` and `$__file{path}` inside a value, replaced as Grafana replaces them.

A pure function: the caller looks up variables and files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_EXPRESSION: Final = re.compile(r"\$(|__\w+)\{([^}]+)\}", re.ASCII)
_ENV: Final = ("", "__env")
_FILE: Final = "__file"


@dataclass(frozen=True, slots=True)
class Expansion:
    """The text after expansion, and a note on the source of each expression (never on its value)."""

    text: str = field(repr=False)
    notes: tuple[str, ...]


def has_expression(text: str) -> bool:
    """Whether `text` has an expression that Grafana would expand."""
    return _EXPRESSION.search(text) is not None


def unknown_expanders(text: str) -> tuple[str, ...]:
    """Return the names of expanders in `text` other than `env` and `file`, as written: `$__vault`."""
    return tuple(f"${word}" for word, _ in _EXPRESSION.findall(text) if word not in (*_ENV, _FILE))


def expand(text: str, *, variable: Callable[[str], str], read: Callable[[str], str]) -> Expansion:
    """Expand `text`: all variables first, then all files, so that a variable may hold `$__file{…}`.

    Nothing is expanded twice: all expressions are found first and then replaced one by one, each at its first
    occurrence. Other expanders stay as they are.
    """
    notes: list[str] = []
    for words in (_ENV, (_FILE,)):
        for match in list(_EXPRESSION.finditer(text)):
            word, argument = match.groups()
            if word not in words:
                continue
            found = read(argument) if word == _FILE else variable(argument)
            notes.append(match[0] if found or word == _FILE else f"{match[0]} is not set")
            text = text.replace(match[0], found, 1)
    return Expansion(text, tuple(notes))
