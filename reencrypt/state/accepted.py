"""Accepted secrets: implausible ones that the user vouches for.

An acceptance is the SHA-256 of a ciphertext as it is in its column, so it covers every copy of these bytes, and
ends when Grafana saves the secret again. A secret that moves because of it is accepted by its new bytes too, in the
transaction that writes them; the old hash stays, so that an undo restores accepted bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.reading import secrets_of
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.databases.protocol import Executor, RowUpdate, Transaction
from reencrypt.state.journal import digest
from reencrypt.state.rowkey import key_to_text
from reencrypt.state.stamp import stamp


@dataclass(frozen=True, slots=True)
class Accepted:
    """The hashes of all accepted ciphertexts."""

    hashes: frozenset[bytes] = frozenset()

    def covers(self, text: bytes) -> bool:
        """Whether a secret with this text in its column is accepted."""
        return bool(self.hashes) and digest(text) in self.hashes

    def __or__(self, hashes: Iterable[bytes]) -> Accepted:
        """Return these and others."""
        return Accepted(self.hashes.union(hashes))


NOTHING: Final = Accepted()

#: The columns of `_hashes`.
_COLUMNS: Final = ("location", "row_key", "field", "secret_hash")


async def read_accepted(executor: Executor) -> Accepted:
    """Read all acceptances of this database; their table must exist."""
    rows = await executor.fetch("accepted")
    return Accepted(frozenset(each for (each,) in rows if isinstance(each, bytes)))


async def save_accepted(
    transaction: Transaction,
    run_id: str,
    location: Location,
    rows: Sequence[tuple[Row, RowUpdate | None, Sequence[str]]],
) -> None:
    """Remember fields of rows whose plaintexts are implausible, by the bytes that were read and those written."""
    entries = [
        (location.name, key_to_text(row.key), field, found)
        for row, update, fields in rows
        for cells in ((row.cells, update.new) if update else (row.cells,))
        for field, found in _hashes(location, row._replace(cells=cells), fields)
    ]
    await transaction.execute_many("accepted_save", _COLUMNS, entries, run_id=run_id, at=stamp())


def _hashes(location: Location, row: Row, fields: Sequence[str]) -> list[tuple[str, bytes | None]]:
    # A GCM tag needs no acceptance; and it is evidence, which an acceptance is not.
    return [
        (each.field, digest(each.text_in(row)))
        for each in secrets_of(location, row)
        if each.field in fields and each.envelope is not None and each.envelope.algorithm is not Algorithm.AES_GCM
    ]
