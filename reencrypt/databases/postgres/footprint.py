"""What a run writes into a PostgreSQL, and how much room its data directory has where that is one of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reencrypt.databases.footprint import ENTRY_BYTES, Footprint, Rewrites, Room, room_at
from reencrypt.databases.server.connection import Session

# Tuple header and line pointer, lengths, alignment and the entry of the primary key; TOAST cuts long values in chunks.
_ENTRY: Final = ENTRY_BYTES + 65
_TOAST: Final = 1.05
# The columns beside the secret ones, which a new version of a row repeats, and their entries in indexes.
_ROW: Final = 100
# Records of the log: heap and index insert of an entry; update of a row, its indexes, and its share of the page's
# checkpoint.
_LOGGED: Final = 120
_STATE: Final = 200_000  # the state tables themselves, in the log
_PAGE: Final = 8192
_NAME: Final = "write-ahead log"
_TABLES: Final = """
SELECT c.relname, pg_catalog.pg_table_size(c.oid) + pg_catalog.pg_indexes_size(c.oid),
  pg_catalog.current_setting('full_page_writes') = 'on'
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = ANY ($2::text[])
"""
# An account without pg_read_all_settings does not find this setting here.
_PLACE: Final = """
SELECT s.setting, pg_catalog.pg_tablespace_location(d.dattablespace),
  pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())
FROM pg_catalog.pg_settings AS s, pg_catalog.pg_database AS d
WHERE s.name = 'data_directory' AND d.datname = pg_catalog.current_database()
"""
_NEAR_SECONDS: Final = 2.0


async def footprint(session: Session, schema: str, rewrites: Mapping[str, Rewrites]) -> Footprint:
    """Estimate it for the rewritten rows of each table."""
    total = Rewrites.sum(rewrites.values())
    journal = int(total.cells * _ENTRY + total.size * _TOAST)
    # A new version of each row; the old ones are left to VACUUM.
    rows = int(total.size * _TOAST) + total.growth + total.rows * _ROW
    pages = 0
    for name, size, whole_pages in await session.fetch(_TABLES, (schema, list(rewrites))):
        # After a checkpoint the first change of a page logs all of it: of the heap, and of an index.
        if whole_pages:
            pages += min(int(size), rewrites[str(name)].rows * 2 * _PAGE)
    log = journal + rows + (total.cells + total.rows) * _LOGGED + pages + _STATE
    return Footprint(journal, rows, log, _NAME, await _room(session))


async def _room(session: Session) -> Room:
    found = await session.fetch(_PLACE)
    if not found:
        return Room(unknown="the account may not see data_directory (GRANT pg_read_all_settings)")
    ((directory, tablespace, started),) = found
    data = Path(directory)
    if not _is_here(data, float(started)):
        return Room(unknown="the server's data directory is not one that this account can read on this machine")
    return room_at(Path(tablespace or directory), data / "pg_wal")


def _is_here(data: Path, started: float) -> bool:
    """Whether it is the server's own, and not one of the same name on another machine: it tells when it was started."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return abs(int(lines[2]) - started) <= _NEAR_SECONDS
    except (OSError, ValueError, IndexError):
        return False
