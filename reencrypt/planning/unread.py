"""Refuses values in tables of a first trial of Grafana's: no release reads them, so nobody can say what they need."""

from __future__ import annotations

from collections.abc import Sequence

from reencrypt.databases.paging import count_rows
from reencrypt.errors import RefusedError
from reencrypt.planning import preflight
from reencrypt.planning.session import Session


async def unread_values(session: Session) -> list[RefusedError]:
    """A refusal for each such table of the session's store that is not empty."""
    counts = [(each, await count_rows(session.database, each)) for each in session.schema.unread]
    return [preflight.of_unread(location, number) for location, number in counts if number]


async def refuse_unread(sessions: Sequence[Session]) -> None:
    """Raise `RefusedError` where a store has such values: an answer without them is one about a part of it."""
    for session in sessions:
        for refusal in await unread_values(session):
            if others := [each.store for each in sessions if each is not session]:
                refusal.hint += f" Or leave {session.store.in_words} out with --store {others[0]}."
            raise refusal
