"""Old values from the journal, as evidence for the keys of the secrets that are left.

After a run hardly anything is under `secret_key`, perhaps one damaged secret alone, which would refute the right
key. The journal still holds what was decrypted under it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.reading import secrets_of
from reencrypt.crypto.envelope import Envelope
from reencrypt.databases.protocol import Database
from reencrypt.planning.census import Samples
from reencrypt.state.accepted import NOTHING, Accepted
from reencrypt.state.journal import read_end, read_newest
from reencrypt.state.rowkey import key_from_text
from reencrypt.state.runs import Run

_NEWEST: Final = 500
_LONGEST_BYTES: Final = 64 * 1024


async def offer_journal_samples(
    database: Database,
    locations: Iterable[Location],
    samples: Samples,
    wants_sample: Callable[[Location, Envelope], bool],
    *,
    rekeyed: Run | None,
    accepted: Accepted = NOTHING,
) -> None:
    """Add the old values of the journal's newest entries to the samples. The state tables must exist.

    Values older than the latest change of `secret_key` (`rekeyed`) are evidence for a key that is gone, and `accepted`
    ones for none.
    """
    after = 0
    if rekeyed is not None:
        after = await read_end(database, rekeyed.id)
    newest = await read_newest(database, longest=_LONGEST_BYTES, after=after, rows=_NEWEST)
    for location in locations:
        entries = [
            (row_key, column, old)
            for (table, row_key, column), old in newest
            if table == location.table and column in location.columns
        ]
        if not entries:
            continue
        # The row as it is now: the kind of its plaintexts may depend on another column.
        keys = list(dict.fromkeys(key_from_text(row_key) for row_key, _, _ in entries))
        rows = {row.key: row for row in await database.read_rows(location, keys)}
        for row_key, column, old in entries:
            row = rows.get(key_from_text(row_key))
            if row is None:
                continue
            before = _as_it_was(location, row, column, old)
            for secret in secrets_of(location, before):
                if secret.envelope is None or not wants_sample(location, secret.envelope):
                    continue
                if not accepted.covers(secret.text_in(before)):
                    samples.offer(location.name, secret.envelope, secret.kind)


def _as_it_was(location: Location, row: Row, column: str, old: bytes) -> Row:
    return row._replace(cells=tuple(old if name == column else None for name in location.columns))
