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
from reencrypt.state.rowkey import key_from_text

#: The data key of secrets that cannot be taken apart.
UNREADABLE: Final = ""


async def count_unchanged(
    database: Database, locations: Iterable[Location], entries: Iterable[QuarantineEntry]
) -> Counter[tuple[str, str | None]]:
    """Count the secrets that are still as their entries found them, by location and data key (None: legacy value)."""
    by_name = {location.name: location for location in locations}
    found: Counter[tuple[str, str | None]] = Counter()
    for entry in entries:
        location = by_name.get(entry.location)
        if location is None:
            continue
        for row in await database.read_rows(location, [key_from_text(entry.row_key)]):
            for secret in secrets_of(location, row):
                if secret.field == entry.field and digest(secret.text_in(row)) == entry.secret_hash:
                    found[location.name, secret.envelope.key_id if secret.envelope else UNREADABLE] += 1
    return found
