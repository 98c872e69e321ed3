"""Store of Grafana's data keys, the only writer of their tables: each change is journaled in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from reencrypt.databases.protocol import Database, Executor, Transaction, Value
from reencrypt.keys.ring import DataKey, data_key_of, managed_key_of
from reencrypt.state.journal import journal_data_key, journal_rewrap
from reencrypt.state.key_table import KeyTable
from reencrypt.state.stamp import stamp

#: The statements of whole tables that are not those of `data_keys` today.
_AMBIGUOUS: Final = {
    KeyTable.ID_AND_NAME: "data_keys_ambiguous_of_8_4",
    KeyTable.MANAGER: "managed_keys_ambiguous",
}
_ACTIVE: Final = {KeyTable.MANAGER: "managed_keys_active"}


class Wrapping(NamedTuple):
    """A data key in its row: the wrapped bytes, the provider, and the label."""

    wrapped: bytes
    provider: str
    label: str

    def as_columns(self) -> Mapping[str, bytes]:
        """Return its form in the journal."""
        return {"encrypted_data": self.wrapped, "provider": self.provider.encode(), "label": self.label.encode()}


async def read_data_keys(executor: Executor, table: KeyTable) -> list[DataKey]:
    """Read the rows of a table of data keys, in any of its shapes."""
    if table is KeyTable.NONE:
        return []
    key_of = managed_key_of if table is KeyTable.MANAGER else data_key_of
    return [key_of(row) for row in await executor.fetch(table.value)]


async def read_ambiguous_keys(executor: Executor, table: KeyTable) -> frozenset[str]:
    """Read the data keys whose id more than one row has, as the server compares texts.

    Without its primary key, as after a careless copy, the table allows that. Grafana then uses the row that the
    database returns first.
    """
    if table is KeyTable.NONE:
        return frozenset()
    rows = await executor.fetch(_AMBIGUOUS.get(table, "data_keys_ambiguous"))
    return frozenset(table.key_id(tuple(map(str, row))) for row in rows)


async def read_wrapped(executor: Executor, key_id: str, table: KeyTable = KeyTable.CURRENT) -> bytes | None:
    """Read the wrapped bytes of a data key, None where there is none."""
    rows = await executor.fetch(table.statement("read"), **table.parameters(key_id))
    return rows[0][0] if rows and isinstance(rows[0][0], bytes) else None


async def read_own(executor: Executor) -> dict[str, str]:
    """Read the data keys whose present wrapping reencrypt made, each with the run that made it."""
    return {str(key_id): str(run_id) for key_id, run_id in await executor.fetch("own_data_keys")}


async def is_held(transaction: Transaction, key_id: str, wrapped: bytes, table: KeyTable = KeyTable.CURRENT) -> bool:
    """Lock a row that still has this wrapping until the transaction ends; returns whether it has."""
    return bool(await transaction.fetch(table.statement("lock"), **table.parameters(key_id), wrapped=wrapped))


@dataclass(frozen=True, slots=True)
class DataKeyStore:
    """Writes for one transaction of `database`; `journal_id` is the run, or the undo, that the journal names."""

    database: Database
    transaction: Transaction
    journal_id: str
    table: KeyTable = KeyTable.CURRENT

    async def insert(self, key_id: str, wrapping: Wrapping) -> None:
        """Add an inactive data key, and remember that reencrypt made it."""
        await self._execute(
            "insert",
            key_id,
            active=False,
            provider=wrapping.provider,
            wrapped=wrapping.wrapped,
            now=self.database.now(),
            label=wrapping.label,
        )
        await self.transaction.execute(
            "own_data_key_insert", id=key_id, run_id=self.journal_id, provider=wrapping.provider, at=stamp()
        )
        await self._record("insert", key_id, None, wrapping.wrapped)

    async def activate(self, key_id: str, wrapped: bytes) -> bool:
        """Set a data key active, so that Grafana writes under it; returns whether it still has this wrapping."""
        if not await self._set_active(key_id, wrapped, active=True):
            return False
        await self._record("activate", key_id, wrapped, wrapped)
        return True

    async def deactivate(self, key_id: str, wrapped: bytes) -> bool:
        """Set a data key inactive, so that Grafana stops writing under it; returns whether it has this wrapping."""
        if not await self._set_active(key_id, wrapped, active=False):
            return False
        await self._record("deactivate", key_id, wrapped, wrapped)
        return True

    async def deactivate_all_but(self, key_id: str, *, labelled: Callable[[str], bool] = lambda _label: True) -> int:
        """Set other active data keys of its namespace inactive, those with such a label; returns how many.

        The classic store is one namespace.
        """
        number = 0
        active = await self.transaction.fetch(
            _ACTIVE.get(self.table, "data_keys_active"), **self.table.parameters(key_id)
        )
        for *row_key, wrapped, label in active:
            other = self.table.key_id(tuple(map(str, row_key)))
            if other == key_id or not labelled(str(label or "")):
                continue
            if await self._execute("deactivate", other, active=False, now=self.database.now()):
                data = wrapped if isinstance(wrapped, bytes) else None
                await self._record("deactivate", other, data, data)
                number += 1
        return number

    async def rewrap(self, key_id: str, held: bytes, change: Callable[[Wrapping], Wrapping]) -> bool:
        """Replace a wrapping by the result of `change`; returns whether the row still held the bytes."""
        rows = await self.transaction.fetch(
            self.table.statement("wrapping"), **self.table.parameters(key_id), wrapped=held
        )
        if not rows:
            return False
        provider, label = (str(value or "") for value in rows[0])
        old = Wrapping(held, provider, label)
        new = change(old)
        if not await self._execute("rewrap", key_id, old=held, **new._asdict(), now=self.database.now()):
            return False
        await journal_rewrap(
            self.transaction, self.journal_id, key_id, old=old.as_columns(), new=new.as_columns(), table=self.table
        )
        return True

    async def discard(self, key_id: str, wrapped: bytes) -> bool:
        """Delete a data key that reencrypt made and that was never active, by its bytes, so that no other is hit."""
        if not await self._execute("discard", key_id, wrapped=wrapped, active=False):
            return False
        await self.forget(key_id, self.journal_id)
        await self._record("discard", key_id, wrapped, None)
        return True

    async def delete(self, key_id: str, wrapped: bytes) -> bool:
        """Delete an inactive data key for good. Nothing is journaled, because the journal is deleted with it.

        Raises `ValueError` for one of the secrets manager: nothing ever deletes those, so nobody knows what names them.
        """
        if self.table is KeyTable.MANAGER:
            raise ValueError(f"{key_id}: a data key of the secrets manager is never deleted")
        return bool(await self._execute("delete", key_id, wrapped=wrapped, active=False))

    async def remember(self, key_id: str, provider: str) -> None:
        """Remember that reencrypt made the present wrapping, which is then no evidence of what Grafana can read."""
        await self.transaction.execute(
            "own_data_key_remember", id=key_id, run_id=self.journal_id, provider=provider, at=stamp()
        )

    async def forget(self, key_id: str, run_id: str) -> None:
        """Forget that a run made a data key, or its wrapping."""
        await self.transaction.execute("own_data_key_forget", id=key_id, run_id=run_id)

    async def _set_active(self, key_id: str, wrapped: bytes, *, active: bool) -> bool:
        return bool(await self._execute("activate", key_id, active=active, wrapped=wrapped, now=self.database.now()))

    async def _execute(self, action: str, key_id: str, **values: Value) -> int:
        return await self.transaction.execute(self.table.statement(action), **self.table.parameters(key_id), **values)

    async def _record(self, action: str, key_id: str, old: bytes | None, new: bytes | None) -> None:
        await journal_data_key(self.transaction, self.journal_id, action, key_id, old=old, new=new, table=self.table)
