"""Values that end where their column ends: a MySQL without strict mode stores what fits, and says nothing."""

from __future__ import annotations

from typing import Final

from reencrypt.databases.protocol import ColumnLimit

#: MySQL's TEXT in bytes. A database that was copied from MySQL to another engine holds what was cut off there.
_MYSQL_TEXT: Final = 65_535


def column_ends(limit: ColumnLimit | None) -> frozenset[int]:
    """The lengths of an ASCII cell for which `cut_off` has something to say."""
    if limit is None:
        return frozenset((_MYSQL_TEXT,))
    if limit.key_id is None:
        return frozenset((_MYSQL_TEXT, limit.size))
    # With an id of any length and a NUL before it.
    return frozenset((_MYSQL_TEXT, *range(limit.size + 1, limit.size + limit.key_id.size + 2)))


def cut_off(cell: bytes, limit: ColumnLimit | None) -> str:
    """Say that a cell was probably cut off when it was saved; empty where nothing looks like that."""
    if limit is not None and limit.is_filled_by(cell):
        unit = "characters" if limit.in_characters else "bytes"
        return f"it fills its column to the last of {limit.size} {unit}, so it was probably cut off when it was saved"
    if len(cell) == _MYSQL_TEXT:
        return f"it has {len(cell)} bytes, where MySQL's TEXT ends, so it was probably cut off when it was saved"
    return ""
