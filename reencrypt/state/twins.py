"""Rows that hold one text change together, in one transaction, whichever of them was come across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.text_hash import rehash
from reencrypt.databases.protocol import Swap, Transaction, Value
from reencrypt.state.journal import journal_swaps


async def follow(
    transaction: Transaction,
    run_id: str,
    location: Location,
    swapped: Sequence[tuple[Row, Swap]],
    locations: Mapping[str, Location],
) -> None:
    """Give the twins of rows that were swapped the same new text, and journal that."""
    if location.twins is None:
        return
    for row, swap in swapped:
        old, new = swap.old[0], swap.new[0]
        if old is None or new is None or old == new:
            continue
        for name in location.twins.locations:
            other = locations.get(name)
            if other is not None and other.twins is not None:
                scope = scope_of(location, row)
                twins = await transaction.read_twins(other, location.twins.scope, scope, old)
                swaps = [Swap(twin.key, twin.cells, with_text(other, twin, new)) for twin in twins]
                lost = set(await transaction.swap_rows(other, swaps)) if swaps else set()
                await journal_swaps(transaction, run_id, other, [each for each in swaps if each.key not in lost])


def scope_of(location: Location, row: Row) -> Value:
    """The value that ties a row to its twins."""
    if location.twins is None:
        return None
    value = row.extras[location.extras.index(location.twins.scope)]
    return value if isinstance(value, (int, str, bytes)) else None


def with_text(location: Location, row: Row, text: bytes) -> tuple[bytes | None, ...]:
    """The cells of a row with another text, and the hash that goes with it."""
    new = [text, *row.cells[1:]]
    if location.text_hash:
        new[-1] = rehash(location, row, new)
    return tuple(new)
