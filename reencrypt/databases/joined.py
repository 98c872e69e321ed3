"""Joined cells: the id of a data key in one column, and what it encrypts in the column beside it.

Above the engines the two are one cell: the id, a NUL, the bytes. So they are read, compared, written, journaled and
undone together. Engines see the columns only, and part or join at their boundary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Final

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.protocol import ColumnLimit, RowUpdate

Cells = tuple[bytes | None, ...]

_NUL: Final = b"\0"
_AS_ROW: Final[Callable[[tuple[Any, ...]], Row]] = partial(tuple.__new__, Row)
#: The most that a column without a limit of its own holds, in bytes: PostgreSQL's values end there.
_UNLIMITED: Final = ColumnLimit(1 << 30, in_characters=False)


def rows_of(location: Location, raws: Iterable[tuple[Any, ...]]) -> list[Row]:
    """Build rows of what an engine has read: the parts of a key, a cell for each stored column, and the extras."""
    start, end = len(location.key), len(location.key) + len(location.stored)
    if not location.is_joined:
        raws = list(raws)
        parts = (map(itemgetter(each), raws) for each in (slice(start), slice(start, end), slice(end, None)))
        # Without a step of the interpreter for each row.
        return list(map(_AS_ROW, zip(*parts, strict=True)))
    if len(location.columns) == 1:
        # Nearly all there are: without the steps of the general way.
        return [Row(raw[:start], (_join(raw[start], raw[start + 1]),), raw[end:]) for raw in raws]
    return [Row(raw[:start], _joined(location, raw[start:end]), raw[end:]) for raw in raws]


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


def stored_columns(location: Location, rows: Iterable[Cells]) -> list[Sequence[bytes | None]]:
    """Return cells by stored column instead of by row; there is at least one row."""
    if not location.is_joined:
        return list(zip(*rows, strict=True))
    if len(location.columns) > 1:
        return list(zip(*(_parted(location, cells) for cells in rows), strict=True))
    cells = [cell for (cell,) in rows]
    key_id, nul, _ = (cells[0] or b"").partition(_NUL)
    start = key_id + nul
    if nul and all(cell is not None and cell.startswith(start) for cell in cells):
        # Nearly all pages are under one data key.
        length = len(start)
        return [[key_id] * len(cells), [cell and cell[length:] for cell in cells]]
    return list(zip(*(_part((cell,)) for cell in cells), strict=True))


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
