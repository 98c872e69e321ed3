"""Named parameters for drivers that know only positions: `:name` becomes `$1`, the same name the same position.

For thousands of rows each row is a tuple, and the names of its places are given once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

_V = TypeVar("_V")

# Not the second colon of a `::cast`.
_NAME: Final = re.compile(r"(?<!:):([a-z_]\w*)")


def in_order(
    statement: str, mark: str, names: Sequence[str], rows: Sequence[tuple[_V, ...]], shared: Mapping[str, _V]
) -> tuple[str, list[tuple[_V, ...]]]:
    """Put a driver's mark in the place of each name, and every row's values in the order of the statement."""
    marked = Positional.marked(statement, mark)
    return marked.text, arranged(marked.names, names, rows, shared)


def arranged(
    wanted: Sequence[str], names: Sequence[str], rows: Sequence[tuple[_V, ...]], shared: Mapping[str, _V]
) -> list[tuple[_V, ...]]:
    """Return the values of each row, whose places are `names`, with the shared ones, in the order of `wanted`.

    Raises `ValueError` where a wanted name is not given, or a given one is not wanted.
    """
    if sorted(wanted) != sorted((*names, *shared)):
        raise ValueError(f"wanted {', '.join(wanted)}; given {', '.join((*shared, *names))}")
    first = tuple(shared[name] for name in wanted if name in shared)
    if tuple(wanted) == (*(name for name in wanted if name in shared), *names):
        # The order of nearly all statements, and much the fastest.
        return [first + row for row in rows]
    places = [(name in shared, 0 if name in shared else names.index(name), name) for name in wanted]
    return [tuple(shared[name] if common else row[at] for common, at, name in places) for row in rows]


@dataclass(frozen=True, slots=True)
class Positional:
    """A statement in positions, and the names in their order."""

    text: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, statement: str) -> Positional:
        """Number the names of a statement by first appearance. No statement here has a colon in quoted text."""
        names: list[str] = []

        def number(match: re.Match[str]) -> str:
            name = match[1]
            if name not in names:
                names.append(name)
            return f"${names.index(name) + 1}"

        return cls(_NAME.sub(number, statement), tuple(names))

    @classmethod
    def marked(cls, statement: str, mark: str) -> Positional:
        """Put a driver's mark in the place of each name: a value stands as often as its name does."""
        return cls(_NAME.sub(mark, statement), tuple(_NAME.findall(statement)))

    def values(self, parameters: Mapping[str, _V]) -> tuple[_V, ...]:
        """The values in the order of their positions."""
        return tuple(parameters[name] for name in self.names)
