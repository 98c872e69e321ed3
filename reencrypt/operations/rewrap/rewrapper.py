"""Wraps data keys anew: under the newest version of a vault's key, another vault or another provider.

The data keys stay the same, so no secret changes. A new wrapping replaces the old one only after it was
unwrapped again, and only while the row still holds the bytes that were read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from reencrypt.databases.protocol import Database, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.errors import RefusedError, first_error
from reencrypt.keys.errors import UnwrapFailedError
from reencrypt.keys.provider import KeyProvider, Unwrapped, normalise_provider
from reencrypt.keys.ring import DataKey
from reencrypt.keys.wrap_format import WrapFormat
from reencrypt.state.checkpoints import DataKeyProgress, save_data_key_progress
from reencrypt.state.data_keys import DataKeyStore, Wrapping
from reencrypt.state.key_table import KeyTable
from reencrypt.state.lease import Lease
from reencrypt.state.runs import Run

#: The table's name, also in the list of columns that an undo kept.
DATA_KEYS: Final = "data_keys"
BATCH_KEYS: Final = 100


@dataclass(frozen=True, slots=True, repr=False)
class Candidate:
    """A data key to rewrap: its row, and the key in the clear."""

    row: DataKey
    unwrapped: Unwrapped


@dataclass(frozen=True, slots=True)
class _CheckedWrapping:
    """A checked new wrapping; `same_form` says that provider, framing and padding stay."""

    row: DataKey
    wrapped: bytes
    same_form: bool


@dataclass(frozen=True, slots=True)
class Rewrapper:
    """Rewraps under one provider for one run, in the table of a store's data keys."""

    database: Database
    table: KeyTable
    lease: Lease
    run: Run
    provider: KeyProvider
    wrap_format: WrapFormat | None

    async def batch(self, candidates: Sequence[Candidate], progress: DataKeyProgress) -> int:
        """Wrap a batch, check it and commit it with the progress; returns how many rows still held their bytes.

        Raises `RefusedError` where a new wrapping does not give its data key back: nothing of the batch is written.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._wrap(each)) for each in candidates]
        except BaseExceptionGroup as failures:
            raise first_error(failures) from None
        wrapped = [task.result() for task in tasks]

        async def body(transaction: Transaction) -> int:
            await self.lease.check(transaction)
            done = 0
            for each in wrapped:
                done += await self._replace(transaction, each)
            now = replace(progress, changed=progress.changed + done)
            await save_data_key_progress(transaction, self.run.id, now, done=False)
            return done

        done = await retry_transaction(self.database, body)
        progress.changed += done
        return done

    async def _wrap(self, candidate: Candidate) -> _CheckedWrapping:
        row, data_key = candidate.row, candidate.unwrapped.data_key
        # Within a provider a key keeps its form: its writer can read it.
        own_format = candidate.unwrapped.wrap_format if row.provider == self.provider.name else None
        same_form = own_format is not None or (
            row.provider == self.provider.name and not self.provider.needs_wrap_format
        )
        wrap_format = own_format or self.wrap_format
        wrapped = await self.provider.wrap(data_key, wrap_format)
        try:
            again = (await self.provider.unwrap(wrapped)).data_key
        except UnwrapFailedError:
            again = b""
        if again != data_key:
            raise RefusedError(
                f"data key {row.id}, wrapped under {self.provider.name}, does not unwrap again",
                hint="Nothing of its batch was written. Check the vault key. Check --wrap-format too.",
            )
        return _CheckedWrapping(row, wrapped, same_form)

    async def _replace(self, transaction: Transaction, new: _CheckedWrapping) -> bool:
        provider = self.provider.name
        store = DataKeyStore(self.database, transaction, self.run.id, self.table)

        def change(old: Wrapping) -> Wrapping:
            # The secrets manager unwraps by the row's provider, and finds a key to write under by its own label of
            # the day: what is written today under the new provider gets a data key of its own there.
            is_classic = self.table is not KeyTable.MANAGER
            label = relabelled(old.label, old.provider, provider) if is_classic else old.label
            return Wrapping(new.wrapped, provider, label)

        done = await store.rewrap(new.row.id, new.row.wrapped, change)
        if done and not new.same_form:
            # A form that the user chose is no evidence of what Grafana can read. The form from before still is.
            await store.remember(new.row.id, provider)
        return done


def relabelled(label: str, old_provider: str, provider: str) -> str:
    """The label with its provider changed and its date kept: `2026-11-25/root@azurekv.prod`; others stay as they are.

    Grafana looks for the key to write under by the label of the day, and a day that has passed must not come back.
    """
    head, mark, tail = label.rpartition("@")
    known = mark and normalise_provider(tail) == normalise_provider(old_provider)
    return f"{head}@{provider}" if known else label
