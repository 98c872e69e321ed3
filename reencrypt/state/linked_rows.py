"""Linked rows: rows that hold one text change together, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.text_hash import rehash
from reencrypt.databases.protocol import RowUpdate, Transaction, Value
from reencrypt.state.journal import journal_updates

_STEP: Final = 4096


async def follow(
    transaction: Transaction,
    run_id: str,
    location: Location,
    changed: Sequence[tuple[Row, RowUpdate]],
    locations: Mapping[str, Location],
) -> None:
    """Give the linked rows of updated rows the same new text, and journal that."""
    if location.linked is None:
        return
    for row, update in changed:
        old, new = update.old[0], update.new[0]
        if old is None or new is None or old == new:
            continue
        for name in location.linked.locations:
            other = locations.get(name)
            if other is not None and other.linked is not None:
                scope = scope_of(location, row)
                linked = await transaction.read_linked(
                    other, location.linked.scope, scope, old, first_difference(old, new)
                )
                updates = [
                    RowUpdate(other_row.key, other_row.cells, with_text(other, other_row, new)) for other_row in linked
                ]
                lost = set(await transaction.update_rows(other, updates)) if updates else set()
                await journal_updates(transaction, run_id, other, [each for each in updates if each.key not in lost])


def first_difference(one: bytes, other: bytes) -> int:
    """Return where two texts differ first, in bytes: in the first ciphertext, where one has been re-encrypted."""
    start = 0
    while one[start : start + _STEP] == other[start : start + _STEP] and start < len(one):
        start += _STEP
    pairs = zip(one[start : start + _STEP], other[start : start + _STEP], strict=False)
    return start + next((index for index, (left, right) in enumerate(pairs) if left != right), 0)


def scope_of(location: Location, row: Row) -> Value:
    """Return the value that ties a row to its linked rows."""
    if location.linked is None:
        return None
    value = row.extras[location.extras.index(location.linked.scope)]
    return value if isinstance(value, (int, str, bytes)) else None


def with_text(location: Location, row: Row, text: bytes) -> tuple[bytes | None, ...]:
    """Return the cells of a row with a new text and its hash."""
    new = [text, *row.cells[1:]]
    if location.text_hash:
        new[-1] = rehash(location, row, new)
    return tuple(new)
