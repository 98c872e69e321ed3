"""Undo: gives columns their old bytes back, one page of the journal at a time, newest first.

A column is restored only while it holds what the run wrote, and only if its old bytes decrypt, now, to the same
plaintexts as the present ones. So nothing that Grafana saved since is lost, and no key that is gone comes into use.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.catalogue.reading import FoundSecret, secrets_of
from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto.ciphers import AuthenticationFailedError
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Envelope
from reencrypt.databases.protocol import Database, Swap, Transaction
from reencrypt.databases.retried import retried
from reencrypt.keys.provider import Unwrapped
from reencrypt.keys.ring import DataKey, KeyRing
from reencrypt.worker.counts import Counts
from reencrypt.worker.journal import digest, journal_swaps
from reencrypt.worker.lease import Lease
from reencrypt.worker.rowkey import key_from_text, key_to_text
from reencrypt.worker.runs import Checkpoint, save_checkpoint
from reencrypt.worker.transform import rehash
from reencrypt.worker.twins import follow

_PAGE_ROWS: Final = 100
_RACE_ATTEMPTS: Final = 5
_END: Final = 2**62  # behind every entry
#: The name that the journal has among the locations of a checkpoint.
JOURNAL: Final = "journal"


class Kept(StrEnum):
    """Why a column is not restored."""

    ROW_GONE = "row_gone"
    CHANGED_SINCE = "changed_since"
    OLD_UNREADABLE = "old_bytes_unreadable"
    PRESENT_UNREADABLE = "present_unreadable"
    DIFFERS = "plaintext_differs"
    NO_LOCATION = "table_unknown"


@dataclass(frozen=True, slots=True)
class KeptColumn:
    """A column that stays as it is."""

    table: str
    row_key: str
    column: str
    reason: Kept


@dataclass(frozen=True, slots=True)
class _Entry:
    id: int
    table: str
    row_key: str
    column: str
    old: bytes | None
    new_hash: bytes | None


@dataclass(slots=True)
class Undo:
    """Undoes one run, under the lease; `journal_id` is the run id under which it journals itself."""

    database: Database
    lease: Lease
    run_id: str
    journal_id: str
    locations: Mapping[str, Location]
    ring: KeyRing
    secret_key: bytes
    cache: DerivedKeyCache
    reload: Callable[[], Awaitable[list[DataKey]]]
    kept: list[KeptColumn] = field(default_factory=list)
    _seen: set[tuple[str, str, str]] = field(default_factory=set)

    async def page(self, checkpoint: Checkpoint) -> bool:
        """Undo the next page behind the checkpoint, and move that; returns False when there is nothing left."""
        entries = await self._read(int(checkpoint.last_key[0]) if checkpoint.last_key else _END)
        checkpoint.done = not entries
        if entries:
            checkpoint.last_key = (entries[-1].id,)
        newest = [each for each in entries if (each.table, each.row_key, each.column) not in self._seen]
        fresh: list[_Entry] = []
        for each in newest:
            # Of several rewrites of one column the newest tells what the run left.
            if (each.table, each.row_key, each.column) not in self._seen:
                self._seen.add((each.table, each.row_key, each.column))
                fresh.append(each)
        by_table: dict[str, list[_Entry]] = {}
        for each in fresh:
            by_table.setdefault(each.table, []).append(each)
        for table, group in by_table.items():
            await self._table(table, group, checkpoint.counts)
        await self._save(checkpoint)
        return bool(entries)

    async def remember(self, checkpoint: Checkpoint) -> None:
        """After an interruption: which columns have been decided already, by the newest of their rewrites."""
        before = _END
        while checkpoint.last_key and (entries := await self._read(before)):
            decided = [each for each in entries if each.id >= int(checkpoint.last_key[0])]
            self._seen.update((each.table, each.row_key, each.column) for each in decided)
            if len(decided) < len(entries):
                return
            before = entries[-1].id

    async def _read(self, before: int) -> list[_Entry]:
        rows = await self.database.fetch("journal_of_run", run_id=self.run_id, before=before, rows=_PAGE_ROWS)
        return [_entry(row) for row in rows]

    async def _table(self, table: str, entries: Sequence[_Entry], counts: Counts) -> None:
        location = next((each for each in self.locations.values() if each.table == table), None)
        if location is None:
            for entry in entries:
                self._keep(entry, Kept.NO_LOCATION, counts)
            return
        hashes = location.text_hash.column if location.text_hash else None
        by_row: dict[Key, dict[str, _Entry]] = {}
        for entry in entries:
            if entry.column != hashes:  # follows its text
                by_row.setdefault(key_from_text(entry.row_key), {})[entry.column] = entry
        for _ in range(_RACE_ATTEMPTS):
            by_row = await self._rows(location, by_row, counts)
            if not by_row:
                return
        for columns in by_row.values():
            for entry in columns.values():
                self._keep(entry, Kept.CHANGED_SINCE, counts)

    async def _rows(
        self, location: Location, by_row: Mapping[Key, dict[str, _Entry]], counts: Counts
    ) -> dict[Key, dict[str, _Entry]]:
        """Restore what can be; returns the rows that changed between read and write, to be looked at again.

        A commit whose answer was lost shows there, too: what it has restored holds the old bytes already.
        """
        rows = {row.key: row for row in await self.database.read_rows(location, list(by_row))}
        wanted: list[tuple[Row, Swap, list[_Entry]]] = []
        for key, columns in by_row.items():
            row = rows.get(key)
            restored = await self._row(location, row, columns, counts)
            if row is not None and restored:
                wanted.append((row, _swap(location, row, restored), restored))
        lost = set(await self._commit(location, wanted)) if wanted else set()
        counts.re_encrypted += sum(len(entries) for row, _, entries in wanted if row.key not in lost)
        return {row.key: {each.column: each for each in entries} for row, _, entries in wanted if row.key in lost}

    async def _row(
        self, location: Location, row: Row | None, columns: Mapping[str, _Entry], counts: Counts
    ) -> list[_Entry]:
        """The entries of a row that can be restored; the others are kept, each for its reason."""
        restorable: list[_Entry] = []
        for column, entry in columns.items():
            if row is None:
                self._keep(entry, Kept.ROW_GONE, counts)
            elif column not in location.columns:
                self._keep(entry, Kept.NO_LOCATION, counts)
            else:
                cell = row.cells[location.columns.index(column)]
                if cell == entry.old:
                    counts.already_current += 1
                elif digest(cell) != entry.new_hash:
                    self._keep(entry, Kept.CHANGED_SINCE, counts)
                elif (reason := await self._compare(location, row, entry)) is not None:
                    self._keep(entry, reason, counts)
                else:
                    restorable.append(entry)
        return restorable

    async def _compare(self, location: Location, row: Row, entry: _Entry) -> Kept | None:
        """Whether old and present bytes say the same; None if they do."""
        index = location.columns.index(entry.column)
        present = {each.field: each for each in secrets_of(location, row) if each.column == index}
        old = {each.field: each for each in _old_secrets(location, row, entry)}
        ids = {
            each.envelope.key_id
            for each in (*present.values(), *old.values())
            if each.envelope is not None and each.envelope.key_id is not None
        }
        await self.ring.ensure(ids, self.reload)
        if present.keys() != old.keys():
            return Kept.DIFFERS
        for name, each in present.items():
            reason = self._same(old[name], each)
            if reason is not None:
                return reason
        return None

    def _same(self, old: FoundSecret, present: FoundSecret) -> Kept | None:
        if old.envelope == present.envelope:
            return None if old.slot.ciphertext == present.slot.ciphertext else Kept.DIFFERS
        before, now = self._decrypt(old.envelope), self._decrypt(present.envelope)
        if before is None:
            return Kept.OLD_UNREADABLE
        if now is None:
            return Kept.PRESENT_UNREADABLE
        return None if before == now else Kept.DIFFERS

    def _decrypt(self, envelope: Envelope | None) -> bytes | None:
        if envelope is None:
            return None
        password: bytes | None = self.secret_key
        if envelope.key_id is not None:
            # Unwrapped once is not there still.
            there = self.ring.row(envelope.key_id) is not None
            entry = self.ring.entry(envelope.key_id)
            password = entry.data_key if there and isinstance(entry, Unwrapped) else None
        if password is None:
            return None
        try:
            return envelopes.decrypt(envelope, password, self.cache)
        except AuthenticationFailedError:
            return None

    async def _commit(self, location: Location, wanted: Sequence[tuple[Row, Swap, list[_Entry]]]) -> list[Key]:
        """Swap rows, their twins with them; returns the keys of those that had changed."""
        needed = {
            key_id for row, _, entries in wanted for entry in entries for key_id in _key_ids(location, row, entry)
        }

        async def body(transaction: Transaction) -> list[Key]:
            await self.lease.check(transaction)
            for key_id in needed:
                # From here to the commit nobody can delete a key that the old bytes need.
                key = self.ring.row(key_id)
                if key is None or not await transaction.fetch("data_key_lock", id=key_id, wrapped=key.wrapped):
                    raise _KeyGoneError
            lost = await transaction.swap_rows(location, [swap for _, swap, _ in wanted])
            losers = set(lost)
            done = [(row, swap) for row, swap, _ in wanted if row.key not in losers]
            await journal_swaps(transaction, self.journal_id, location, [swap for _, swap in done])
            await follow(transaction, self.journal_id, location, done, self.locations)
            return lost

        try:
            return await retried(self.database, body)
        except _KeyGoneError:
            # Judged again with the keys there are now, all of these rows.
            self.ring.load(await self.reload())
            return [row.key for row, _, _ in wanted]

    async def _save(self, checkpoint: Checkpoint) -> None:
        async def body(transaction: Transaction) -> None:
            await self.lease.check(transaction)
            await save_checkpoint(transaction, self.journal_id, checkpoint)

        await retried(self.database, body)

    def _keep(self, entry: _Entry, reason: Kept, counts: Counts) -> None:
        self.kept.append(KeptColumn(entry.table, entry.row_key, entry.column, reason))
        counts.leave(reason)


class _KeyGoneError(Exception):
    """A data key that old bytes need was deleted, or wrapped anew, since they were compared."""


def _old_secrets(location: Location, row: Row, entry: _Entry) -> list[FoundSecret]:
    """The secrets of a column as it was."""
    index = location.columns.index(entry.column)
    old_row = row._replace(cells=tuple(entry.old if at == index else cell for at, cell in enumerate(row.cells)))
    return [each for each in secrets_of(location, old_row) if each.column == index]


def _key_ids(location: Location, row: Row, entry: _Entry) -> set[str]:
    """The data keys that the old bytes of a column need."""
    envelopes_there = (each.envelope for each in _old_secrets(location, row, entry))
    return {each.key_id for each in envelopes_there if each is not None and each.key_id is not None}


def _swap(location: Location, row: Row, entries: Sequence[_Entry]) -> Swap:
    new = list(row.cells)
    for entry in entries:
        new[location.columns.index(entry.column)] = entry.old
    if location.text_hash:
        new[-1] = rehash(location, row, new)
    return Swap(row.key, row.cells, tuple(new))


def _entry(row: Sequence[object]) -> _Entry:
    number, table, row_key, column, old, new_hash = row
    return _Entry(
        int(str(number)),
        str(table),
        key_to_text(key_from_text(str(row_key))),
        str(column),
        old if isinstance(old, bytes) else None,
        new_hash if isinstance(new_hash, bytes) else None,
    )
