"""Named parameters for drivers that know only positions: `:name` becomes `$1`, the same name the same position.

Where values come by the thousand, they come in the order of the names: then `:name` becomes the driver's own mark.
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
    statement: str, mark: str, rows: Sequence[tuple[_V, ...]], shared: Mapping[str, _V]
) -> tuple[str, list[tuple[_V, ...]]]:
    """Put a driver's mark in the place of each name, and before the values of each row those that all share.

    Raises `ValueError` where a name stands twice, or those of the shared values do not stand first.
    """
    names = _NAME.findall(statement)
    first = names[: len(shared)]
    if len(set(names)) < len(names) or set(first) != shared.keys():
        raise ValueError(statement)
    values = tuple(shared[name] for name in first)
    return _NAME.sub(mark, statement), [values + row for row in rows]


@dataclass(frozen=True, slots=True)
class Positional:
    """A statement in positions, and the names in their order."""

    text: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, statement: str) -> Positional:
        """Number the names of a statement by first appearance. Our statements hold no colon in quoted text."""
        names: list[str] = []

        def number(match: re.Match[str]) -> str:
            name = match[1]
            if name not in names:
                names.append(name)
            return f"${names.index(name) + 1}"

        return cls(_NAME.sub(number, statement), tuple(names))

    def values(self, parameters: Mapping[str, _V]) -> tuple[_V, ...]:
        """The values in the order of their positions."""
        return tuple(parameters[name] for name in self.names)
