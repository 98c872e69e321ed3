"""The key ring: every data key is unwrapped at most once per process, with its result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import Any

from reencrypt.catalogue.namespace import qualified, unqualified
from reencrypt.errors import ConfigurationError, first_error
from reencrypt.keys.errors import (
    ContradictionError,
    KeyDisabledError,
    MalformedWrappingError,
    OddLengthError,
    UnwrapFailedError,
)
from reencrypt.keys.provider import KeyProvider, Unwrapped, normalise_provider


@dataclass(frozen=True, slots=True)
class DataKey:
    """A row of a store's table of data keys; `provider` is normalised, `created` as the database gives it.

    In a store with namespaces the `id` is qualified, see `reencrypt.catalogue.namespace`.
    """

    id: str
    active: bool
    provider: str
    wrapped: bytes
    label: str
    created: object
    namespace: str = ""

    @property
    def framed_id(self) -> str:
        """The id as values name it, without its namespace."""
        return unqualified(self.id)[1] if self.namespace else self.id


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a data key is unusable: `unknown` where `data_keys` lacks it, else the unwrap failed.

    `another_key`: another key of the same provider may unwrap it. It may not where the bytes themselves are at fault,
    where the provider cannot be used at all, and where its key does unwrap them, to something else. `has_unwrapped`
    tells the last. `reading` is a data key that the unwrapped bytes may stand for, see `KeyRing.trust_reading`.
    """

    unknown: bool
    detail: str
    another_key: bool = False
    has_unwrapped: bool = False
    reading: Unwrapped | None = None


class KeyRing:
    """Rows of `data_keys` and, once needed, their unwrapped keys; `read` reads the rows."""

    def __init__(
        self, provider_of: Callable[[str], KeyProvider], read: Callable[[], Awaitable[Iterable[DataKey]]]
    ) -> None:
        self._provider_of = provider_of
        self._read = read
        self._rows: dict[str, DataKey] = {}
        self._entries: dict[str, Unwrapped | Failure] = {}
        self._flights: dict[str, asyncio.Lock] = {}

    async def reload(self) -> set[str]:
        """Read the rows again; a key that was unknown or has other bytes now is unwrapped anew.

        Returns the ids of those that were known and are not any more: findings about them are void.
        """
        return self.load(await self._read())

    def load(self, rows: Iterable[DataKey]) -> set[str]:
        """Do what `reload` does, with given rows."""
        fresh = {row.id: row for row in rows}
        forgotten = set()
        for key_id, row in fresh.items():
            old = self._rows.get(key_id)
            if (old is None or old.wrapped != row.wrapped) and self._entries.pop(key_id, None) is not None:
                forgotten.add(key_id)
        self._rows = fresh
        return forgotten

    @property
    def rows(self) -> Collection[DataKey]:
        """The rows as last loaded."""
        return self._rows.values()

    def row(self, key_id: str) -> DataKey | None:
        """The row of a data key."""
        return self._rows.get(key_id)

    def entry(self, key_id: str) -> Unwrapped | Failure:
        """The result for a key that `ensure` has seen."""
        return self._entries[key_id]

    def knows(self, key_id: str) -> bool:
        """Whether the key has a result: unwrapped or failed."""
        return key_id in self._entries

    def reading(self, key_id: str) -> Unwrapped | None:
        """Return the data key that a failed unwrap may stand for, if any."""
        entry = self._entries.get(key_id)
        return entry.reading if isinstance(entry, Failure) else None

    def trust_reading(self, key_id: str) -> None:
        """Take a reading for the data key, to read what is under it: the secrets under it have proven it."""
        reading = self.reading(key_id)
        if reading is not None:
            self._entries[key_id] = reading

    async def ensure(self, key_ids: Iterable[str]) -> None:
        """Unwrap the keys that have not been; reads `data_keys` again when one is not among the rows.

        Raises a `ReencryptError` where a provider fails as a whole; one key that does not unwrap becomes a `Failure`.
        """
        asked = list(dict.fromkeys(key_ids))
        if any(key_id not in self._entries and key_id not in self._rows for key_id in asked):
            # Grafana may have made it a moment ago.
            await self.reload()
        # After the reload, which drops rewrapped keys.
        wanted = [key_id for key_id in asked if key_id not in self._entries]
        if wanted:
            # The first alone: it fetches the token and learns version and padding for all others.
            await self._unwrap(wanted[0])
            await _all_of(self._unwrap, wanted[1:])

    async def confirm(self, key_ids: Iterable[str]) -> None:
        """Have each of these keys unwrapped a second time, unless it has its witnesses or failed to unwrap.

        Raises `ContradictionError` where the second answer is not the first, a `ReencryptError` where the provider
        fails.
        """
        wanted = [key_id for key_id in dict.fromkeys(key_ids) if self._lacks_witness(key_id)]
        if wanted:
            await self._confirm(wanted[0])
            await _all_of(self._confirm, wanted[1:])

    def _lacks_witness(self, key_id: str) -> bool:
        entry = self._entries.get(key_id)
        return isinstance(entry, Unwrapped) and entry.conclusive and not entry.is_proof

    async def _confirm(self, key_id: str) -> None:
        async with self._flights.setdefault(key_id, asyncio.Lock()):
            row, entry = self._rows.get(key_id), self._entries.get(key_id)
            if row is None or not isinstance(entry, Unwrapped) or entry.is_proof:
                return
            confirmed = await confirmed_by(self._provider_of(row.provider), row.id, row.wrapped, entry)
            if self._entries.get(key_id) is entry:
                self._entries[key_id] = confirmed

    async def _unwrap(self, key_id: str) -> None:
        # Single flight: a page that is transformed and one that lost a race may want the same key at the same time.
        async with self._flights.setdefault(key_id, asyncio.Lock()):
            while key_id not in self._entries:
                row = self._rows.get(key_id)
                if row is None:
                    self._entries[key_id] = Failure(unknown=True, detail="data_keys has no such key")
                    return
                entry = await self.unwrap_row(row)
                current = self._rows.get(key_id)
                if current is not None and current.wrapped == row.wrapped:
                    self._entries[key_id] = entry
                # Else it was rewrapped meanwhile: the result of the old bytes is void.

    async def unwrap_row(self, row: DataKey) -> Unwrapped | Failure:
        """Unwrap one row through its provider, without keeping the result."""
        try:
            provider = self._provider_of(row.provider)
        except ConfigurationError as error:
            # Its secrets are quarantined; those under other providers continue.
            return Failure(unknown=False, detail=f"its provider cannot be used: {error.message}")
        try:
            return await provider.unwrap(row.wrapped)
        except OddLengthError as error:
            return Failure(unknown=False, detail=str(error), has_unwrapped=True, reading=error.reading)
        except MalformedWrappingError as error:
            return Failure(unknown=False, detail=str(error))
        except UnwrapFailedError as error:
            return Failure(unknown=False, detail=str(error), another_key=True)
        except KeyDisabledError as error:
            raise KeyDisabledError(
                f"data key {row.id}: {error.message}",
                hint=f"{error.hint} Or leave its secrets with --skip-key {row.id}.",
            ) from None


async def confirmed_by(provider: KeyProvider, key_id: str, wrapped: bytes, first: Unwrapped) -> Unwrapped:
    """Return an unwrapped key with a second witness.

    Raises `ContradictionError` where the provider answers differently now.
    """
    if await provider.unwrap_again(wrapped, first) != first.data_key:
        raise ContradictionError(
            f"{provider.name} gave two different answers for data key {key_id}: one of them is wrong",
            hint="Nothing more is written. Find what mixes up answers between here and the vault (a proxy, for "
            "instance), then start again; progress is saved.",
        )
    return replace(first, witnesses=first.witnesses + 1)


async def _all_of(work: Callable[[str], Coroutine[Any, Any, None]], key_ids: Iterable[str]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for key_id in key_ids:
                group.create_task(work(key_id))
    except BaseExceptionGroup as failures:
        # The others were cancelled because of it, so one error says it all.
        raise first_error(failures) from None


def data_key_of(row: tuple[object, ...]) -> DataKey:
    """Build a `DataKey` from a row of the statement `data_keys`."""
    key_id, active, provider, wrapped, label, created = row
    data = wrapped.encode() if isinstance(wrapped, str) else bytes(wrapped) if isinstance(wrapped, bytes) else b""
    return DataKey(_text(key_id), bool(active), normalise_provider(_text(provider)), data, _text(label or ""), created)


def managed_key_of(row: tuple[object, ...]) -> DataKey:
    """Build a `DataKey` from a row of the statement `managed_keys`; Grafana compares its provider literally."""
    namespace, uid, active, provider, wrapped, label, created = row
    data = wrapped if isinstance(wrapped, bytes) else b""
    place = _text(namespace)
    return DataKey(
        qualified(place, _text(uid)), bool(active), _text(provider), data, _text(label), created, namespace=place
    )


def _text(value: object) -> str:
    """A text, also where SQLite keeps it as a blob, which Grafana reads alike."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
