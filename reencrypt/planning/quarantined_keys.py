"""Counts quarantined secrets by data key: those that stay, however often a run looks at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.reading import secrets_of
from reencrypt.databases.protocol import Database
from reencrypt.state.journal import digest
from reencrypt.state.quarantine import QuarantineEntry
from reencrypt.state.rowkey import key_from_text, key_to_text

#: How many rows are read at once.
_ROWS: Final = 500
#: The data key of secrets that cannot be taken apart.
UNREADABLE: Final = ""


async def count_unchanged(
    database: Database, locations: Iterable[Location], entries: Iterable[QuarantineEntry]
) -> Counter[tuple[str, str | None]]:
    """Count the secrets that are still as their entries found them, by location and data key (None: legacy value)."""
    known = {(entry.location, entry.row_key, entry.field): entry.secret_hash for entry in entries}
    found: Counter[tuple[str, str | None]] = Counter()
    for location in locations:
        keys = sorted({key for name, key, _ in known if name == location.name})
        for start in range(0, len(keys), _ROWS):
            for row in await database.read_rows(location, [key_from_text(key) for key in keys[start : start + _ROWS]]):
                for secret in secrets_of(location, row):
                    seen = known.get((location.name, key_to_text(row.key), secret.field))
                    if seen is not None and digest(secret.text_in(row)) == seen:
                        found[location.name, secret.envelope.key_id if secret.envelope else UNREADABLE] += 1
    return found
