"""Rows of the state tables that no reencrypt has written: changed by hand, or by a copy that lost their form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from reencrypt.errors import ConfigurationError


class DamagedStateError(ConfigurationError):
    """A row of a state table cannot be read back (exit 2)."""

    code = "damaged_state"


@contextmanager
def read_back(what: str) -> Iterator[None]:
    """Read something back in the block: whatever is wrong with its form raises a `DamagedStateError` that names it."""
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise DamagedStateError(
            f"{what} cannot be read back: no reencrypt has written it like that",
            hint="Restore the table from a backup. Without one, delete the row: the run "
            "that it belongs to can then be neither resumed nor undone, and no secret changes by that.",
        ) from error


def whole(value: object) -> int:
    """Return a number as JSON holds it; raises `ValueError` for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("not a whole number")  # noqa: TRY004 - a value that was read, not an argument
    return value


def wholes(value: object) -> dict[str, int]:
    """Return numbers by name; raises `ValueError` for anything else."""
    if not isinstance(value, Mapping):
        raise ValueError("not an object")  # noqa: TRY004 - the same
    return {str(name): whole(number) for name, number in value.items()}
