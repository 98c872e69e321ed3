"""Undo: restores old wrappings of data keys, and activates the data keys that a rotation set inactive.

A wrapping is restored only while the row holds what the run wrote, and only if the old one unwraps, now, to the same
data key, or to the one that alone decrypts the secrets under it (`readers`). No row is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from reencrypt.databases.protocol import Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.errors import ReencryptError
from reencrypt.events import Warned
from reencrypt.keys.errors import KeyDisabledError, KeyMissingError
from reencrypt.keys.provider import Unwrapped, normalise_provider
from reencrypt.keys.ring import DataKey
from reencrypt.operations.undo.journal import SkippedColumn, UndoSkipReason
from reencrypt.operations.undo.readers import DataKeyPair, KeyReaders, find_readers
from reencrypt.planning.session import Session
from reencrypt.state.accepted import NOTHING, Accepted
from reencrypt.state.checkpoints import DataKeyProgress, save_data_key_progress
from reencrypt.state.data_keys import DataKeyStore, Wrapping, read_wrapped
from reencrypt.state.journal import digest, read_data_key_entries
from reencrypt.state.key_table import KeyTable
from reencrypt.state.lease import Lease
from reencrypt.state.rowkey import key_to_text

_WRAPPING = "encrypted_data"


@dataclass(slots=True)
class _Change:
    """A run's change of a data key's row, by column: the bytes before, and a hash of those after."""

    old: dict[str, bytes] = field(default_factory=dict)
    new_hash: bytes | None = None


@dataclass(slots=True)
class DataKeyUndo:
    """Undoes the changes of one run to the data keys of a store, under the lease. All of it is idempotent."""

    session: Session
    lease: Lease
    run_id: str
    journal_id: str
    accepted: Accepted = NOTHING
    restored: int = 0
    kept: list[SkippedColumn] = field(default_factory=list)
    disputed: list[KeyReaders] = field(default_factory=list)
    _changes: dict[str, _Change] = field(default_factory=dict)
    _differing: dict[str, DataKeyPair] = field(default_factory=dict)

    @property
    def _table(self) -> KeyTable:
        return self.session.schema.key_table

    async def compare(self) -> None:
        """Restore the old wrapping of rewrapped data keys where both wrappings hold the same data key.

        For the others the secrets under them decide, in `settle`.
        """
        self._changes, _ = await self._journal()
        await self.session.ring.reload()
        self._differing.clear()
        for key_id, change in self._changes.items():
            row = self.session.ring.row(key_id)
            if row is None:
                self._keep(key_id, UndoSkipReason.ROW_GONE)
            elif row.wrapped == change.old[_WRAPPING]:
                self.restored += 1
            elif digest(row.wrapped) != change.new_hash:
                self._keep(key_id, UndoSkipReason.CHANGED_SINCE)
            else:
                await self._compare(row, change)

    async def read(self) -> Mapping[str, KeyReaders]:
        """Read the secrets under the data keys whose two wrappings differ. Changes nothing."""
        if not self._differing:
            return {}
        return await find_readers(self.session, self._differing, self.accepted)

    async def settle(self, readers: Mapping[str, KeyReaders]) -> None:
        """Restore the old wrappings that the secrets under the data keys need."""
        for key_id, found in readers.items():
            reason = found.verdict()
            if reason is None:
                await self._give_back(key_id, self._changes[key_id])
            else:
                self._keep(key_id, reason)
            if reason in (UndoSkipReason.UNDER_BOTH, UndoSkipReason.PRESENT_UNREADABLE):
                self.disputed.append(found)

    async def _compare(self, row: DataKey, change: _Change) -> None:
        """Restore where both wrappings hold the same data key; otherwise the secrets under it decide."""
        provider = change.old["provider"].decode()
        if self._table is not KeyTable.MANAGER:
            provider = normalise_provider(provider)
        old = await self._unwrap(replace(row, provider=provider, wrapped=change.old[_WRAPPING]))
        if old is None:
            self._keep(row.id, UndoSkipReason.OLD_UNREADABLE)
            return
        try:
            now = await self._unwrap(row)
        except ReencryptError as error:
            # An unreachable vault must not block the undo that leads out of it.
            self.session.emit(
                Warned(
                    "data key does not unwrap",
                    f"the present wrapping of data key {row.id} cannot be unwrapped: {error.message}",
                )
            )
            now = None
        if now is not None and now.data_key == old.data_key:
            await self._give_back(row.id, change)
        else:
            self._differing[row.id] = DataKeyPair(old.data_key, now.data_key if now else None, old.is_proof)

    async def _unwrap(self, row: DataKey) -> Unwrapped | None:
        try:
            entry = await self.session.ring.unwrap_row(row)
        except (KeyDisabledError, KeyMissingError) as error:
            self.session.emit(Warned("data key does not unwrap", error.message))
            return None
        return entry if isinstance(entry, Unwrapped) else None

    async def _give_back(self, key_id: str, change: _Change) -> None:
        row = self.session.ring.row(key_id)
        if row is not None and await self._restore(row, change.old):
            self.restored += 1
        else:
            self._keep(key_id, UndoSkipReason.CHANGED_SINCE)

    def _keep(self, key_id: str, reason: UndoSkipReason) -> None:
        place = self._table.table_name, key_to_text(self._table.row_key(key_id))
        self.kept.append(SkippedColumn(*place, _WRAPPING, reason))

    async def _restore(self, row: DataKey, old: Mapping[str, bytes]) -> bool:
        async def body(transaction: Transaction) -> bool:
            await self.lease.check(transaction)
            store = DataKeyStore(self.session.database, transaction, self.journal_id, self._table)
            back = Wrapping(old[_WRAPPING], old["provider"].decode(), old["label"].decode())
            done = await store.rewrap(row.id, row.wrapped, lambda _present: back)
            if done:
                # The wrapping is its first writer's again.
                await store.forget(row.id, self.run_id)
            return done

        return await retry_transaction(self.session.database, body)

    async def save(self) -> None:
        """Record the outcome for the wrappings, for an undo that is repeated."""
        progress = DataKeyProgress(self.restored)
        for each in self.kept:
            progress.keep(each.reason)
        if not (progress.changed or progress.kept_because):
            return

        async def body(transaction: Transaction) -> None:
            await self.lease.check(transaction)
            await save_data_key_progress(transaction, self.journal_id, progress, done=True)

        await retry_transaction(self.session.database, body)

    async def activity(self, own_keys: Iterable[str]) -> list[str]:
        """Activate the data keys that the run set inactive, and set its own keys inactive, in one transaction.

        A Grafana that reads in between must find an active key. Returns the run's own keys that are inactive now.
        """
        _, journalled = await self._journal()
        await self.session.ring.reload()
        table = self._table
        usable = [key_id for key_id, wrapped in journalled.items() if await self._is_usable(key_id, wrapped)]
        # Where no key that was active before unwraps now, Grafana would find none without the run's own key.
        left_without = {table.namespace_of(each) for each in journalled} - {table.namespace_of(each) for each in usable}
        own = [key_id for key_id in own_keys if table.namespace_of(key_id) not in left_without]

        async def body(transaction: Transaction) -> None:
            await self.lease.check(transaction)
            store = DataKeyStore(self.session.database, transaction, self.journal_id, table)
            for key_id in usable:
                if (present := await read_wrapped(transaction, key_id, table)) is not None:
                    await store.activate(key_id, present)
            for key_id in own:
                if (present := await read_wrapped(transaction, key_id, table)) is not None:
                    await store.deactivate(key_id, present)

        if usable or own:
            await retry_transaction(self.session.database, body)
        return own

    async def _is_usable(self, key_id: str, wrapped: bytes) -> bool:
        """Whether a key is as it was when it was set inactive, or was wrapped anew since and unwraps."""
        row = self.session.ring.row(key_id)
        if row is None or row.wrapped == wrapped:
            return row is not None
        try:
            return isinstance(await self.session.ring.unwrap_row(row), Unwrapped)
        except KeyDisabledError:
            return False

    async def _journal(self) -> tuple[dict[str, _Change], dict[str, bytes]]:
        """Read the rewrapped data keys, by id, and those set inactive, with their wrapping at that time."""
        rewrapped: dict[str, _Change] = {}
        inactive: dict[str, bytes] = {}
        for entry in await read_data_key_entries(self.session.database, self.run_id, self._table):
            before = entry.old or b""
            if entry.action == "deactivate":
                inactive[entry.key_id] = before
                continue
            change = rewrapped.setdefault(entry.key_id, _Change())
            # Of several rewraps by one run the first has the wrapping from before, the last the one that it left.
            change.old.setdefault(entry.column, before)
            if entry.column == _WRAPPING:
                change.new_hash = entry.new_hash
        return rewrapped, inactive
