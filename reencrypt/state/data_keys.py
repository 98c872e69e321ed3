"""Store of Grafana's `data_keys`, its only writer: each change is journaled in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from reencrypt.databases.protocol import Database, Executor, Transaction
from reencrypt.keys.ring import DataKey, data_key_of
from reencrypt.state.journal import journal_data_key, journal_rewrap
from reencrypt.state.stamp import stamp


class KeyTable(Enum):
    """The shapes that `data_keys` has had: none, 8.3 (name only), between (id and name), and 9 and later (label)."""

    NONE = ""
    NAME_ONLY = "data_keys_without_label"
    ID_AND_NAME = "data_keys_of_8_4"
    CURRENT = "data_keys"


class Wrapping(NamedTuple):
    """A data key in its row of `data_keys`: the wrapped bytes, the provider, and the label."""

    wrapped: bytes
    provider: str
    label: str

    def as_columns(self) -> Mapping[str, bytes]:
        """Return its form in the journal."""
        return {"encrypted_data": self.wrapped, "provider": self.provider.encode(), "label": self.label.encode()}


async def read_data_keys(executor: Executor, table: KeyTable) -> list[DataKey]:
    """Read the rows of `data_keys`, in any of its shapes."""
    if table is KeyTable.NONE:
        return []
    return [data_key_of(row) for row in await executor.fetch(table.value)]


async def read_ambiguous_keys(executor: Executor, table: KeyTable) -> frozenset[str]:
    """Read the data keys whose name more than one row of `data_keys` has, as the server compares names.

    Without its primary key, as after a careless copy, the table allows that. Grafana then uses the row that the
    database returns first.
    """
    if table is KeyTable.NONE:
        return frozenset()
    statement = "data_keys_ambiguous_of_8_4" if table is KeyTable.ID_AND_NAME else "data_keys_ambiguous"
    return frozenset(str(row[0]) for row in await executor.fetch(statement))


async def read_secrets_manager(executor: Executor) -> list[tuple[str, bytes | None]]:
    """Read provider and wrapping of the data keys of Grafana's secrets manager, whose table must exist."""
    rows = await executor.fetch("secrets_manager_keys")
    return [(str(name), wrapped if isinstance(wrapped, bytes) else None) for name, wrapped in rows]


async def read_wrapped(executor: Executor, key_id: str) -> bytes | None:
    """Read the wrapped bytes of a data key, None where there is none."""
    rows = await executor.fetch("data_key_read", id=key_id)
    return rows[0][0] if rows and isinstance(rows[0][0], bytes) else None


async def read_own(executor: Executor) -> dict[str, str]:
    """Read the data keys whose present wrapping reencrypt made, each with the run that made it."""
    return {str(key_id): str(run_id) for key_id, run_id in await executor.fetch("own_data_keys")}


async def is_held(transaction: Transaction, key_id: str, wrapped: bytes) -> bool:
    """Lock a row that still has this wrapping until the transaction ends; returns whether it has."""
    return bool(await transaction.fetch("data_key_lock", id=key_id, wrapped=wrapped))


@dataclass(frozen=True, slots=True)
class DataKeyStore:
    """Writes for one transaction of `database`; `journal_id` is the run, or the undo, that the journal names."""

    database: Database
    transaction: Transaction
    journal_id: str

    async def insert(self, key_id: str, wrapping: Wrapping) -> None:
        """Add an inactive data key, and remember that reencrypt made it."""
        await self.transaction.execute(
            "data_key_insert",
            id=key_id,
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

    async def deactivate_all_but(self, key_id: str) -> int:
        """Set every other active data key inactive, with any wrapping; returns how many."""
        number = 0
        for other, wrapped in await self.transaction.fetch("data_keys_active"):
            if str(other) == key_id:
                continue
            matched = await self.transaction.execute(
                "data_key_deactivate", id=other, active=False, now=self.database.now()
            )
            if matched:
                data = wrapped if isinstance(wrapped, bytes) else None
                await self._record("deactivate", str(other), data, data)
                number += 1
        return number

    async def rewrap(self, key_id: str, held: bytes, change: Callable[[Wrapping], Wrapping]) -> bool:
        """Replace a wrapping by the result of `change`; returns whether the row still held the bytes."""
        rows = await self.transaction.fetch("data_key_wrapping", id=key_id, wrapped=held)
        if not rows:
            return False
        provider, label = (str(value or "") for value in rows[0])
        old = Wrapping(held, provider, label)
        new = change(old)
        matched = await self.transaction.execute(
            "data_key_rewrap", id=key_id, old=held, **new._asdict(), now=self.database.now()
        )
        if not matched:
            return False
        await journal_rewrap(self.transaction, self.journal_id, key_id, old=old.as_columns(), new=new.as_columns())
        return True

    async def discard(self, key_id: str, wrapped: bytes) -> bool:
        """Delete a data key that reencrypt made and that was never active, by its bytes, so that no other is hit."""
        if not await self.transaction.execute("data_key_discard", id=key_id, wrapped=wrapped, active=False):
            return False
        await self.forget(key_id, self.journal_id)
        await self._record("discard", key_id, wrapped, None)
        return True

    async def delete(self, key_id: str, wrapped: bytes) -> bool:
        """Delete an inactive data key for good. Nothing is journaled, because the journal is deleted with it."""
        return bool(await self.transaction.execute("data_key_delete", id=key_id, wrapped=wrapped, active=False))

    async def remember(self, key_id: str, provider: str) -> None:
        """Remember that reencrypt made the present wrapping, which is then no evidence of what Grafana can read."""
        await self.transaction.execute(
            "own_data_key_remember", id=key_id, run_id=self.journal_id, provider=provider, at=stamp()
        )

    async def forget(self, key_id: str, run_id: str) -> None:
        """Forget that a run made a data key, or its wrapping."""
        await self.transaction.execute("own_data_key_forget", id=key_id, run_id=run_id)

    async def _set_active(self, key_id: str, wrapped: bytes, *, active: bool) -> bool:
        matched = await self.transaction.execute(
            "data_key_activate", id=key_id, active=active, wrapped=wrapped, now=self.database.now()
        )
        return bool(matched)

    async def _record(self, action: str, key_id: str, old: bytes | None, new: bytes | None) -> None:
        await journal_data_key(self.transaction, self.journal_id, action, key_id, old=old, new=new)
