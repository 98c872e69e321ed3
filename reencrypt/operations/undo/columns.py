"""Undo: gives columns their old bytes back, one page of the journal at a time, newest first.

A column is restored only while it holds what the run wrote, and only where each secret in it that the run changed may
come back: see `old_keys`. So nothing that Grafana saved since is lost, and no missing or wrong key comes into use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.catalogue.text_hash import rehash
from reencrypt.databases.protocol import RowUpdate, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.operations.undo.journal import (
    FINAL,
    Rewritten,
    SkippedColumn,
    UndoSkipReason,
    as_stored_now,
    rewritten_secrets,
)
from reencrypt.operations.undo.old_keys import OldKeys
from reencrypt.planning.session import Session
from reencrypt.state.checkpoints import ColumnProgress, save_column_progress
from reencrypt.state.data_keys import is_held
from reencrypt.state.journal import (
    END,
    ColumnPlace,
    JournalEntry,
    digest,
    journal_updates,
    read_entries,
    read_rewritten_again,
)
from reencrypt.state.lease import Lease
from reencrypt.state.linked_rows import follow
from reencrypt.state.runs import Run

_RACE_ATTEMPTS: Final = 5


class _Step(NamedTuple):
    """One of several rewrites of a column by one run: hashes of the bytes before and after."""

    id: int
    old_hash: bytes | None
    new_hash: bytes | None


class _Restorable(NamedTuple):
    """A row, its update, and the journal entries behind it."""

    row: Row
    update: RowUpdate
    entries: list[JournalEntry]
    key_ids: set[str]


@dataclass(slots=True)
class ColumnUndo:
    """Undoes one run, under the lease; `journal_id` is the run id under which it journals itself.

    `of_later_runs` are hashes of what later runs wrote and could not undo completely.
    """

    session: Session
    lease: Lease
    run: Run
    journal_id: str
    keys: OldKeys
    of_later_runs: frozenset[bytes] = frozenset()
    kept: list[SkippedColumn] = field(default_factory=list)
    _steps: dict[ColumnPlace, list[_Step]] = field(default_factory=dict)
    _dropped: frozenset[str] = frozenset()
    _unknown: set[ColumnPlace] = field(default_factory=set)

    @property
    def locations(self) -> Mapping[str, Location]:
        """The locations of this database, by name."""
        return {location.name: location for location in self.session.locations}

    async def prepare(self) -> None:
        """Read the run's whole journal before anything is restored: for evidence, and for the order of rewrites."""
        present = await self.session.database.columns()
        # Of those that are known, opening the session has made sure that they are not only hidden.
        self._dropped = frozenset(self.session.schema.fitted.missing) - present.keys()
        again = await read_rewritten_again(self.session.database, self.run.id)
        self._steps = {place: [] for place in again}
        before = END
        while again and (entries := await read_entries(self.session.database, self.run.id, before)):
            before = entries[-1].id
            for each in entries:
                if each.place in again:
                    self._steps[each.place].append(_Step(each.id, digest(each.old), each.new_hash))
        await self.keys.survey(self.run, self.locations)

    async def page(self, progress: ColumnProgress) -> bool:
        """Undo and count the next page of the journal; returns False when nothing is left."""
        before = END if progress.last is None else progress.last
        entries = await read_entries(self.session.database, self.run.id, before)
        progress.done = not entries
        if entries:
            progress.last = entries[-1].id
        for layer in _layers(entries):
            by_location: dict[str | None, list[JournalEntry]] = {}
            for each in layer:
                by_location.setdefault(self._location_of(each), []).append(each)
            for name, group in by_location.items():
                await self._location(name, group, progress)
        await self._save(progress)
        return bool(entries)

    def _location_of(self, entry: JournalEntry) -> str | None:
        """The name of the location that the entry's column is in; None where nobody knows it any more."""
        return next(
            (
                name
                for name, each in self.locations.items()
                if each.table == entry.table and entry.column in each.columns
            ),
            None,
        )

    async def _location(self, name: str | None, entries: Sequence[JournalEntry], progress: ColumnProgress) -> None:
        if name is None:
            self._keep_all(entries, progress)
            return
        location = self.locations[name]
        hashes = location.text_hash.column if location.text_hash else None
        by_row: dict[Key, dict[str, JournalEntry]] = {}
        for entry in entries:
            if entry.column != hashes:  # follows its text
                by_row.setdefault(entry.key, {})[entry.column] = entry
        for _ in range(_RACE_ATTEMPTS):
            by_row = await self._rows(location, by_row, progress)
            if not by_row:
                return
        for columns in by_row.values():
            for entry in columns.values():
                self._keep(entry, UndoSkipReason.CHANGED_SINCE, progress)

    def _keep_all(self, entries: Sequence[JournalEntry], progress: ColumnProgress) -> None:
        """Keep columns of no location: the table or column was dropped since, or nobody has told what is in them."""
        for entry in entries:
            if not self._dropped.isdisjoint((entry.table, f"{entry.table}.{entry.column}")):
                self._keep(entry, UndoSkipReason.ROW_GONE, progress)
            elif entry.place not in self._unknown:
                # Once for all rewrites of the column, of which none can be undone.
                self._unknown.update({entry.place} & self._steps.keys())
                self._keep(entry, UndoSkipReason.NO_LOCATION, progress)

    async def _rows(
        self, location: Location, by_row: Mapping[Key, dict[str, JournalEntry]], progress: ColumnProgress
    ) -> dict[Key, dict[str, JournalEntry]]:
        """Restore the rows that can be; returns those that changed between read and write, to be tried again.

        A commit whose answer was lost shows there too: its rows hold the old bytes already.
        """
        rows = {row.key: row for row in await self.session.database.read_rows(location, list(by_row))}
        changed: dict[Key, list[tuple[JournalEntry, list[Rewritten]]]] = {}
        for key, columns in by_row.items():
            changed[key] = self._unchanged_since(location, rows.get(key), columns, progress)
        # All at once: those of a page are few.
        await self.keys.ensure(_old_key_ids(secrets for each in changed.values() for _, secrets in each))
        wanted = [
            restorable
            for key, entries in changed.items()
            if entries and (restorable := await self._row(location, rows[key], entries, progress))
        ]
        lost = set(await self._commit(location, wanted)) if wanted else set()
        progress.restored += sum(
            self._is_newest(entry) for each in wanted if each.row.key not in lost for entry in each.entries
        )
        return {
            each.row.key: {entry.column: entry for entry in each.entries} for each in wanted if each.row.key in lost
        }

    def _unchanged_since(
        self, location: Location, row: Row | None, columns: Mapping[str, JournalEntry], progress: ColumnProgress
    ) -> list[tuple[JournalEntry, list[Rewritten]]]:
        """Find the columns of a row that still hold what the run wrote, with the secrets it wrote; count the others."""
        found = []
        for column, entry in columns.items():
            if row is None:
                self._keep(entry, UndoSkipReason.ROW_GONE, progress)
            else:
                cell, now = row.cells[location.columns.index(column)], as_stored_now(location, row, entry)
                if cell == now.old or self._is_further_back(entry, cell):
                    progress.as_before += self._is_newest(entry)
                elif digest(cell) != now.new_hash:
                    later = digest(cell) in self.of_later_runs
                    self._keep(entry, UndoSkipReason.OF_LATER_RUN if later else UndoSkipReason.CHANGED_SINCE, progress)
                elif (secrets := rewritten_secrets(location, row, now)) is None:
                    self._keep(entry, UndoSkipReason.DIFFERS, progress)
                else:
                    found.append((entry, secrets))
        return found

    async def _row(
        self,
        location: Location,
        row: Row,
        entries: Sequence[tuple[JournalEntry, list[Rewritten]]],
        progress: ColumnProgress,
    ) -> _Restorable | None:
        """Decide how a row is restored; columns that cannot be are kept, each for its reason."""
        restored, key_ids = [], set()
        for entry, secrets in entries:
            reason: UndoSkipReason | None = None
            for secret in secrets:
                if reason is None:
                    reason = await self.keys.verdict(secret)
            if reason is not None:
                self._keep(entry, reason, progress)
            else:
                restored.append(entry)
                key_ids |= _old_key_ids([secrets])
        return _Restorable(row, _update(location, row, restored), restored, key_ids) if restored else None

    async def _commit(self, location: Location, wanted: Sequence[_Restorable]) -> list[Key]:
        """Update rows, linked rows with them; returns the keys of those that had changed."""
        needed = {key_id for each in wanted for key_id in each.key_ids}
        table = self.session.schema.key_table

        async def body(transaction: Transaction) -> list[Key]:
            await self.lease.check(transaction)
            for key_id in needed:
                # From here to the commit nobody can delete a key that the old bytes need.
                key = self.session.ring.row(key_id)
                if key is None or not await is_held(transaction, key_id, key.wrapped, table):
                    raise _KeyGoneError
            lost = await transaction.update_rows(location, [each.update for each in wanted])
            losers = set(lost)
            done = [(each.row, each.update) for each in wanted if each.row.key not in losers]
            await journal_updates(transaction, self.journal_id, location, [update for _, update in done])
            await follow(transaction, self.journal_id, location, done, self.locations)
            return lost

        try:
            return await retry_transaction(self.session.database, body)
        except _KeyGoneError:
            # All of these rows are judged again with the present keys.
            await self.session.ring.reload()
            return [each.row.key for each in wanted]

    async def _save(self, progress: ColumnProgress) -> None:
        async def body(transaction: Transaction) -> None:
            await self.lease.check(transaction)
            await save_column_progress(transaction, self.journal_id, progress)

        await retry_transaction(self.session.database, body)

    def _is_newest(self, entry: JournalEntry) -> bool:
        """Whether this is the run's last rewrite of the column: each column counts by its last."""
        steps = self._steps.get(entry.place)
        return not steps or steps[0].id == entry.id

    def _is_further_back(self, entry: JournalEntry, cell: bytes | None) -> bool:
        """Whether a column holds its bytes from before an earlier rewrite, which this one followed."""
        expected = digest(entry.old)
        for step in self._steps.get(entry.place, ()):
            if step.id < entry.id:
                if step.new_hash != expected:
                    return False
                expected = step.old_hash
                if digest(cell) == expected:
                    return True
        return False

    def _keep(self, entry: JournalEntry, reason: UndoSkipReason, progress: ColumnProgress) -> None:
        if not self._is_newest(entry):
            if reason in FINAL:
                # The newest rewrite is counted already, and brought back what Grafana saved between the two.
                return
            # One rewrite of the column was undone, but not all of them.
            progress.restored -= 1
        location = self._location_of(entry) or ""
        self.kept.append(SkippedColumn(entry.table, entry.row_key, entry.column, reason, location))
        progress.keep(reason)


class _KeyGoneError(Exception):
    """A data key that old bytes need was deleted, or wrapped anew, since they were compared."""


def _layers(entries: Sequence[JournalEntry]) -> list[list[JournalEntry]]:
    """Put several rewrites of one column into a layer each: the newest tells what the run left."""
    layers: list[list[JournalEntry]] = []
    met: dict[ColumnPlace, int] = {}
    for entry in entries:
        depth = met[entry.place] = met.get(entry.place, -1) + 1
        if depth == len(layers):
            layers.append([])
        layers[depth].append(entry)
    return layers


def _old_key_ids(columns: Iterable[Sequence[Rewritten]]) -> set[str]:
    """The data keys that the old texts of these secrets need."""
    envelopes = (secret.old.envelope for secrets in columns for secret in secrets)
    return {each.key_id for each in envelopes if each is not None and each.key_id is not None}


def _update(location: Location, row: Row, entries: Sequence[JournalEntry]) -> RowUpdate:
    new = list(row.cells)
    for entry in entries:
        new[location.columns.index(entry.column)] = as_stored_now(location, row, entry).old
    if location.text_hash:
        new[-1] = rehash(location, row, new)
    return RowUpdate(row.key, row.cells, tuple(new))
