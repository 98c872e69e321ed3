"""What the journal tells of a change of `secret_key`: under which of the two keys a value is."""

from __future__ import annotations

from typing import Final

from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.reading import secrets_of
from reencrypt.databases.paging import LookAt, read_to_end
from reencrypt.databases.protocol import Database
from reencrypt.keys.provider import SECRET_KEY_PROVIDER
from reencrypt.keys.secret_key import fingerprint_of
from reencrypt.operations.opening import inspect, open_database, read_data_keys
from reencrypt.secret import Secret
from reencrypt.settings import Settings
from reencrypt.worker.journal import digest
from reencrypt.worker.runs import last_rekey, read_runs

_PAGE_ROWS: Final = 1000
_PAGE_BYTES: Final = 4 * 1024 * 1024


async def done_before(settings: Settings, new: Secret) -> int | None:
    """How many values are under the new key, where all are, by the journal and not by plausibility; else None."""
    database = await open_database(settings.database, write=False)
    try:
        schema = await inspect(database)
        written = await written_towards(database, new) if schema.has_state else frozenset()
        if not written:
            return None
        rows = await read_data_keys(database, schema.key_table)
        digests = [digest(row.wrapped) for row in rows if row.provider == SECRET_KEY_PROVIDER]
        location = next((each for each in schema.fitted.locations if not each.reencrypted), None)
        if location is not None:
            digests += [
                digest(row.cells[0]) for row in await all_rows(database, location) if any(secrets_of(location, row))
            ]
        return len(digests) if all(each in written for each in digests) else None
    finally:
        await database.close()


async def all_rows(database: Database, location: Location) -> list[Row]:
    """Every row of a location; legacy alerting is small."""
    rows: list[Row] = []

    def begin() -> LookAt:
        rows.clear()

        async def look(page: list[Row]) -> None:
            rows.extend(page)

        return look

    await read_to_end(database, location, begin, rows=_PAGE_ROWS, size=_PAGE_BYTES)
    return rows


async def written_towards(database: Database, new: Secret) -> frozenset[bytes]:
    """Hashes of what the change towards this key has written: what holds such bytes is under it already."""
    latest = last_rekey(await read_runs(database))
    if latest is None or latest.wrap_format != fingerprint_of(new, latest.salt):
        return frozenset()
    hashes = await database.fetch("journal_hashes", run_id=latest.id)
    return frozenset(new_hash for (new_hash,) in hashes if isinstance(new_hash, bytes))
