"""Joined cells: the id of a data key in one column, and what it encrypts in the column beside it.

Above the engines the two are one cell: the id, a NUL, the bytes. So they are read, compared, written, journaled and
undone together. Engines see the columns only, and part or join at their boundary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.protocol import ColumnLimit, RowUpdate

Cells = tuple[bytes | None, ...]

_NUL: Final = b"\0"
#: The most that a column without a limit of its own holds, in bytes: PostgreSQL's values end there.
_UNLIMITED: Final = ColumnLimit(1 << 30, in_characters=False)


def joined_rows(location: Location, rows: list[Row]) -> list[Row]:
    """Return rows with the location's cells; `rows` have a cell for each stored column."""
    if not location.is_joined:
        return rows
    if len(location.columns) == 1:
        # Nearly all there are: without the steps of the general way.
        return [Row(key, (_join(key_id, data),), extras) for key, (key_id, data), extras in rows]
    return [row._replace(cells=_joined(location, row.cells)) for row in rows]


def parted_cells(location: Location, rows: Mapping[Key, Cells]) -> Mapping[Key, Cells]:
    """Return the content of rows by stored column."""
    if not location.is_joined:
        return rows
    return {key: _parted(location, cells) for key, cells in rows.items()}


def parted_updates(location: Location, updates: Sequence[RowUpdate]) -> Sequence[RowUpdate]:
    """Return row updates by stored column."""
    if not location.is_joined:
        return updates
    part = _part if len(location.columns) == 1 else partial(_parted, location)
    return [RowUpdate(key, part(old), part(new)) for key, old, new in updates]


def joined_limits(location: Location, limits: tuple[ColumnLimit | None, ...]) -> tuple[ColumnLimit | None, ...]:
    """Return the limits of the location's cells; `limits` are those of the stored columns."""
    if not location.is_joined:
        return limits
    rest = iter(limits)
    found = [next(rest) if each.key_id is None else _both(next(rest), next(rest)) for each in location.fields]
    return (*found, *rest)


def _both(key_id: ColumnLimit | None, data: ColumnLimit | None) -> ColumnLimit | None:
    if key_id is None and data is None:
        return None
    data = data or _UNLIMITED
    return ColumnLimit(data.size, in_characters=data.in_characters, key_id=key_id or _UNLIMITED)


def _joined(location: Location, cells: Sequence[bytes | None]) -> Cells:
    rest = iter(cells)
    found = [next(rest) if each.key_id is None else _join(next(rest), next(rest)) for each in location.fields]
    return (*found, *rest)


def _join(key_id: bytes | None, data: bytes | None) -> bytes | None:
    return None if data is None else (key_id or b"") + _NUL + data


def _part(cells: Cells) -> Cells:
    """The two columns of one cell.

    An id with a NUL in it is parted in another place, so that the two equal nothing that is stored: such a row is never
    written to.
    """
    (cell,) = cells
    if cell is None:
        return None, None
    key_id, _, data = cell.partition(_NUL)
    return key_id, data


def _parted(location: Location, cells: Cells) -> Cells:
    found: list[bytes | None] = []
    for each, cell in zip(location.fields, cells, strict=False):
        found += (cell,) if each.key_id is None else _part((cell,))
    return (*found, *cells[len(location.fields) :])
