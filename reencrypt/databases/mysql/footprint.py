"""What a run writes into a MySQL or MariaDB, and the room in its data folder where that is on this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reencrypt.databases.footprint import ENTRY_BYTES, Footprint, Rewrites, Room, room_at
from reencrypt.databases.server.connection import Session

# InnoDB's header and system columns of an entry; its pages are not full, and a long value has pages of its own.
_ENTRY: Final = ENTRY_BYTES + 100
_PAGES: Final = 1.25
_AHEAD: Final = 8 << 20  # by so much at most a file is extended at once
# In the binary log: an entry with its header, the columns beside the secret ones in each image of a row, and the words
# of a statement where those are logged too.
_LOGGED_ENTRY: Final = ENTRY_BYTES + 30
_ROW: Final = 150
_WORDS: Final = 250
_NAME: Final = "binary log"
_VARIABLES: Final = """
SHOW VARIABLES WHERE Variable_name IN ('log_bin', 'log_bin_basename', 'binlog_row_image', 'binlog_annotate_row_events',
  'binlog_rows_query_log_events', 'datadir', 'server_uuid')
"""
_UUID: Final = re.compile(r"^server-uuid=(.+)$", re.MULTILINE)


async def footprint(session: Session, rewrites: Mapping[str, Rewrites]) -> Footprint:
    """Estimate it for the rewritten rows of each table."""
    variables = {str(name).lower(): str(value) for name, value in await session.fetch(_VARIABLES)}
    total = Rewrites.sum(rewrites.values())
    journal = int(total.cells * _ENTRY + total.size * _PAGES)
    # Rows stay in their place; their old versions are purged from the undo log as soon as nobody reads them.
    return Footprint(journal, total.growth, _log(total, variables), _NAME, _room(variables), _AHEAD)


def _log(total: Rewrites, variables: Mapping[str, str]) -> int:
    """Bytes of the binary log, none where it is off."""
    if variables.get("log_bin") != "ON":
        return 0
    images = 1 if variables.get("binlog_row_image") in ("MINIMAL", "FULL_NODUP") else 2
    log = images * (total.size + total.rows * _ROW) + total.growth + total.size + total.cells * _LOGGED_ENTRY
    if "ON" in (variables.get("binlog_annotate_row_events"), variables.get("binlog_rows_query_log_events")):
        # Old and new bytes of the update, and the old ones once more for the journal.
        log += 3 * total.size + total.growth + total.cells * _WORDS
    return log


def _room(variables: Mapping[str, str]) -> Room:
    folder = Path(variables.get("datadir", ""))
    try:
        told = _UUID.search((folder / "auto.cnf").read_text())
    except OSError:
        told = None
    # Only this file tells a folder of the server from one of the same name on another machine.
    if told is None or told[1] != variables.get("server_uuid"):
        return Room(unknown="the server's data folder is not one that this account can tell on this machine")
    return room_at(folder, Path(variables.get("log_bin_basename") or folder / "log").parent)
