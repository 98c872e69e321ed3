"""The part of the quarantine that belongs to a store."""

from __future__ import annotations

from reencrypt.catalogue.store_name import StoreName
from reencrypt.planning.session import Session
from reencrypt.state.quarantine import QuarantineEntry, read_quarantine


async def entries_of(session: Session) -> list[QuarantineEntry]:
    """Read the entries of the session's store; none where there are no state tables yet.

    Those of a location that nobody knows any more count as the classic store's, so that none is overlooked.
    """
    schema = session.schema
    if not schema.has_state:
        return []
    entries = await read_quarantine(session.database)
    return [entry for entry in entries if (schema.store_of(entry.location) or StoreName.CLASSIC) is session.store]
