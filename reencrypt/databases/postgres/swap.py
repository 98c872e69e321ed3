"""The values of a compare and swap of many rows on PostgreSQL, sent in as few steps of the driver as there can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_ARRAYS_OF_TEXT: Final = frozenset(("text[]", "varchar[]"))
#: Between the values of one text. It is in no ciphertext and in hardly any key.
_SEPARATOR: Final = "\x1f"
_SEPARATOR_IN_SQL: Final = r"E'\x1f'"


def bind(values: list[Any], value: Any) -> str:  # noqa: ANN401 - what the driver takes: values, and arrays of them
    """Add a value to those of a query; returns its mark."""
    values.append(value)
    return f"${len(values)}"


@dataclass(slots=True)
class Swap:
    """A compare and swap of so many `rows`, part by part. They are the rows of a table of arrays, `page`.

    `old` and `new` are the expressions for what each stored column should hold, and gets.

    What all rows have in common is sent once and not in an array: of seven arrays for a page of the secrets manager
    four hold one value, a thousand times.
    """

    rows: int
    values: list[Any] = field(default_factory=list)
    sets: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    arrays: list[str] = field(default_factory=list)
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)

    def add(self, name: str, array: str, values: Sequence[Any], as_sent: Callable[[Any], Any] | None = None) -> str:
        """Add a value for each row, made what the driver takes by `as_sent`; returns the expression for a row's."""
        # A single row has an array for each, so that its statement is always the same.
        if self.rows > 1 and values[0] == values[-1] and values.count(values[0]) == len(values):
            value = as_sent(values[0]) if as_sent else values[0]
            return f"{bind(self.values, value)}::{array.removesuffix('[]')}"
        self.names.append(name)
        self.arrays.append(self._array(array, values, as_sent))
        return f"page.{name}"

    def _array(self, array: str, values: Sequence[Any], as_sent: Callable[[Any], Any] | None) -> str:
        """Add values as an array; returns the expression for it."""
        if self.rows > 1 and array in _ARRAYS_OF_TEXT:
            # The driver takes a step for each element of an array, and none for each character of a text.
            joined = _joined(values)
            if joined is not None:
                return f"string_to_array({bind(self.values, joined)}::text, {_SEPARATOR_IN_SQL})::{array}"
        return f"{bind(self.values, list(map(as_sent, values)) if as_sent else values)}::{array}"

    def statement(self, table: str) -> str:
        """The statement for `values`. Keys differ, so that there is at least one array."""
        return (
            f"UPDATE {table} AS t SET {', '.join(self.sets)} "
            f"FROM unnest({', '.join(self.arrays)}) AS page ({', '.join(self.names)}) "
            f"WHERE {' AND '.join(self.where)}"
        )


def _joined(values: Sequence[Any]) -> str | None:
    """Return values of one type, text or its bytes in UTF-8, as one text; None where one is NULL or has a separator."""
    try:
        text = _SEPARATOR.join(values) if isinstance(values[0], str) else _SEPARATOR.encode().join(values).decode()
    except TypeError:
        return None
    return text if text.count(_SEPARATOR) == len(values) - 1 else None
