"""The bytes that a run writes, by what the census has measured and a run would move."""

from __future__ import annotations

from reencrypt.databases.footprint import Footprint, Rewrites
from reencrypt.databases.protocol import Database
from reencrypt.events import Warned
from reencrypt.planning.census import MANY
from reencrypt.planning.plan import Plan

# An envelope names its data key, a legacy value none; in base64 like the rest of it.
_ENVELOPE_BYTES = 40


async def footprint_of(plan: Plan, database: Database) -> Footprint | None:
    """Estimate what a run of the plan writes; None where it moves nothing, or would refuse."""
    rewrites = rewrites_of(plan)
    return await database.footprint(rewrites) if rewrites and not plan.refusals else None


def rewrites_of(plan: Plan) -> dict[str, Rewrites]:
    """The rows that a run rewrites, by table."""
    found: dict[str, Rewrites] = {}
    for location in plan.locations:
        if not location.reencrypted:
            continue
        census, rewrites = plan.census.locations[location.name], Rewrites()
        moves = {entry: number for entry, number in census.by_key.items() if plan.moves(location, *entry)}
        for entries, rows in census.rows_by_keys.items():
            if moves and (entries == MANY or not entries.isdisjoint(moves)):
                rewrites.add(rows)
        if not plan.target.is_legacy:
            legacy = sum(number for (key_id, _), number in moves.items() if key_id is None)
            rewrites.growth += legacy * _ENVELOPE_BYTES
        if rewrites.rows:
            found.setdefault(location.table, Rewrites()).add(rewrites)
    return found


def shortage(footprint: Footprint | None) -> tuple[Warned, ...]:
    """The warning where a run would not fit."""
    if footprint is None or not (short := footprint.shortage):
        return ()
    return (Warned("not enough room", f"a run may not fit: it writes about {short}; make room first"),)
