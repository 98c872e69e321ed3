"""What to say of a data key that a secret names and its table lacks."""

from __future__ import annotations

from collections.abc import Iterable

from reencrypt.catalogue.namespace import unqualified
from reencrypt.keys.ring import DataKey
from reencrypt.state.key_table import KeyTable


def missing_in_words(key_id: str, table: KeyTable, rows: Iterable[DataKey]) -> str:
    """Say that the table lacks a data key, and where it has one of that id all the same. `rows` are its data keys."""
    lacks = f"{table.table_name} has no such key"
    if table is not KeyTable.MANAGER:
        return lacks
    uid = unqualified(key_id)[1]
    others = sorted(row.namespace for row in rows if row.framed_id == uid)
    # Grafana looks for namespace and uid together, so it does not find that one.
    return f"{lacks} in this namespace, but one of that uid in {', '.join(others)}" if others else lacks
