"""The journal: what a run replaced, in the transaction that replaced it, so that it can be undone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from reencrypt.catalogue.location import Location
from reencrypt.databases.protocol import Swap, Transaction, Value
from reencrypt.state.rowkey import key_to_text

#: What an entry holds besides its run, action and table.
_COLUMNS: Final = ("row_key", "column_name", "old_bytes", "new_hash")


def digest(data: bytes | None) -> bytes | None:
    """SHA-256 of written bytes: enough to recognise them, and it gives nothing away."""
    return hashlib.sha256(data).digest() if data is not None else None


async def journal_swaps(transaction: Transaction, run_id: str, location: Location, swaps: Sequence[Swap]) -> None:
    """Record the old bytes of every column that changed, and a hash of the new ones."""
    await journal_entries(transaction, run_id, location, swap_entries(location, swaps))


async def journal_entries(
    transaction: Transaction, run_id: str, location: Location, entries: Sequence[tuple[Value, ...]]
) -> None:
    """Record what `swap_entries` has made."""
    await transaction.execute_many(
        "journal_append", _COLUMNS, entries, run_id=run_id, action="rewrite", table_name=location.table
    )


def swap_entries(location: Location, swaps: Sequence[Swap]) -> list[tuple[Value, ...]]:
    """What the journal gets for these swaps, so that it can be made before anything is locked."""
    columns = location.columns
    return [
        (key_to_text(swap.key), column, old, digest(new))
        for swap in swaps
        for column, old, new in zip(columns, swap.old, swap.new, strict=True)
        if old != new
    ]


async def journal_data_key(
    transaction: Transaction, run_id: str, action: str, key_id: str, *, old: bytes | None, new: bytes | None
) -> None:
    """Record that a data key was inserted, activated or discarded; the bytes are the wrapped ones."""
    await transaction.execute(
        "journal_append",
        run_id=run_id,
        action=action,
        table_name="data_keys",
        row_key=key_to_text((key_id,)),
        column_name="encrypted_data",
        old_bytes=old,
        new_hash=digest(new),
    )


async def journal_rewrap(
    transaction: Transaction, run_id: str, key_id: str, *, old: Mapping[str, bytes], new: Mapping[str, bytes]
) -> None:
    """Record by column what a row of `data_keys` held, and a hash of what it holds now."""
    row = key_to_text((key_id,))
    entries = [(row, column, before, digest(new[column])) for column, before in old.items()]
    await transaction.execute_many(
        "journal_append", _COLUMNS, entries, run_id=run_id, action="rewrap", table_name="data_keys"
    )
