"""The inventory: which secrets of a database are under which key, and how old its data keys are.

It reads rows and unwraps nothing, so it needs no key service. Metrics, the state of a run and reports are made of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.store_name import StoreName
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.errors import ReencryptError, StoppedEarlyError
from reencrypt.events import Emit, InventoryTaken, KeysCounted, SecretsCounted, Waiting, Warned, ignore
from reencrypt.keys.provider import LEGACY_PROVIDER
from reencrypt.keys.ring import DataKey
from reencrypt.operations.session import Shared
from reencrypt.operations.work import R, Work
from reencrypt.planning.census import Census, take_census
from reencrypt.planning.options import RunOptions
from reencrypt.planning.schema import Schema, inspect
from reencrypt.planning.target import Target, created_at
from reencrypt.settings import Settings
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.quarantine import QuarantineEntry, read_quarantine
from reencrypt.state.stop import StopRequest


class SecretState(StrEnum):
    """Where a secret stands, seen from Grafana's configuration."""

    #: Under a data key of the configured provider, in the configured algorithm.
    CURRENT = "current"
    #: Under another key.
    OLD = "old"
    #: Under a data key that its table does not have.
    KEY_MISSING = "key_missing"
    #: Not in a form that Grafana writes.
    NOT_UNDERSTOOD = "not_understood"
    #: In a location that no run re-encrypts.
    NOT_APPLICABLE = "not_applicable"


#: The provider of secrets that name no data key which exists.
NO_PROVIDER: Final = ""


@dataclass(frozen=True, slots=True)
class KeyInUse:
    """A data key and the number of secrets under it; `created` is UTC and naive, None where it is no date."""

    id: str
    provider: str
    active: bool
    created: datetime | None
    secrets: int

    def as_json(self) -> dict[str, Any]:
        """For state and reports."""
        created = f"{self.created:%Y-%m-%dT%H:%M:%SZ}" if self.created is not None else None
        return {
            "id": self.id,
            "provider": self.provider,
            "active": self.active,
            "created": created,
            "secrets": self.secrets,
        }


@dataclass(frozen=True, slots=True)
class StoreInventory:
    """The secrets of one store, counted by location, provider and state; `target` is the configured provider."""

    store: StoreName
    target: str
    secrets: Mapping[tuple[str, str, SecretState], int]
    data_keys: Sequence[KeyInUse]

    def as_json(self) -> dict[str, Any]:
        """For state and reports."""
        return {
            "store": self.store,
            "target_provider": self.target,
            "secrets": [
                {"location": location, "provider": provider, "state": state, "secrets": number}
                for (location, provider, state), number in self.secrets.items()
            ],
            "data_keys": [each.as_json() for each in self.data_keys],
        }


@dataclass(frozen=True, slots=True)
class Inventory:
    """The stores of a database that have a place there, and the quarantine."""

    stores: Sequence[StoreInventory]
    quarantine: Sequence[QuarantineEntry] = field(default=())

    def as_event(self) -> InventoryTaken:
        """What listeners are told."""
        secrets = [
            SecretsCounted(each.store, location, provider, state, number)
            for each in self.stores
            for (location, provider, state), number in each.secrets.items()
        ]
        quarantined = Counter((entry.location, entry.state) for entry in self.quarantine)
        return InventoryTaken(
            {each.store: each.target for each in self.stores},
            secrets,
            [counted for each in self.stores for counted in _keys_counted(each)],
            [(location, str(state), number) for (location, state), number in quarantined.items()],
        )


def _keys_counted(store: StoreInventory) -> list[KeysCounted]:
    groups: dict[tuple[str, bool, bool], list[KeyInUse]] = {}
    for each in store.data_keys:
        groups.setdefault((each.provider, each.active, each.secrets > 0), []).append(each)
    found = []
    for (provider, active, in_use), keys in groups.items():
        created = [each.created for each in keys if each.created is not None]
        # One without a date may be the oldest of all.
        oldest = min(created) if len(created) == len(keys) else None
        found.append(KeysCounted(store.store, provider, active, in_use, len(keys), oldest, max(created, default=None)))
    return found


def count_secrets(
    store: StoreName, locations: Sequence[Location], census: Census, rows: Sequence[DataKey], target: Target
) -> StoreInventory:
    """Sort the census of a store by provider and state."""
    by_id = {row.id: row for row in rows}
    found: Counter[tuple[str, str, SecretState]] = Counter()
    used: Counter[str] = Counter()
    for location in locations:
        counted = census.locations[location.name]
        for (key_id, algorithm), number in counted.by_key.items():
            row = by_id.get(key_id) if key_id is not None else None
            if key_id is not None:
                used[key_id] += number
            if key_id is not None and row is None:
                provider, state = NO_PROVIDER, SecretState.KEY_MISSING
            else:
                provider = row.provider if row is not None else LEGACY_PROVIDER
                is_current = target.is_reached(key_id, algorithm, row)
                state = SecretState.CURRENT if is_current else SecretState.OLD
            if not location.reencrypted:
                state = SecretState.NOT_APPLICABLE
            found[location.name, provider, state] += number
        if problems := sum(counted.problems.values()):
            state = SecretState.NOT_UNDERSTOOD if location.reencrypted else SecretState.NOT_APPLICABLE
            found[location.name, NO_PROVIDER, state] += problems
    keys = [
        KeyInUse(row.id, row.provider, row.active, created_at(row.created), used[row.id])
        for row in sorted(rows, key=lambda row: row.id)
    ]
    return StoreInventory(store, target.name, found, keys)


async def take_inventory(database: Database, schema: Schema, settings: Settings, *, emit: Emit = ignore) -> Inventory:
    """Read every secret of the stores that are in this database."""
    stores = []
    for name in StoreName:
        seen = schema.of(name)
        if name is StoreName.MANAGER and (settings.manager.is_remote or not seen.has_store):
            continue
        rows = await read_data_keys(database, seen.key_table)
        locations = seen.fitted.locations
        census = await take_census(
            database, locations, keys=len(rows), wants_sample=lambda _location, _envelope: False, emit=emit
        )
        target = Target.resolve(settings.of(name), RunOptions())
        stores.append(count_secrets(name, locations, census, rows, target))
    return Inventory(stores, await read_quarantine(database) if schema.has_state else ())


async def inventory_of(settings: Settings, *, emit: Emit = ignore) -> Inventory:
    """Open the database of a configuration and take its inventory."""
    database = await open_database(settings.database, write=False, waiting=lambda reason: emit(Waiting(reason)))
    try:
        return await take_inventory(database, await inspect(database), settings)
    finally:
        await database.close()


def with_inventory(work: Work[R]) -> Work[R]:
    """The same work, and afterwards an inventory for whoever listens; a stop leaves that out.

    Where the inventory cannot be taken, a warning says so: the work itself has its result.
    """

    async def perform(settings: Settings, shared: Shared, *, emit: Emit, stop: StopRequest) -> R:
        report = await work.perform(settings, shared, emit=emit, stop=stop)
        if stop.reason is None:
            await _tell_inventory(settings, emit, stop)
        return report

    return Work(perform, work.exit_code, work.stops)


async def _tell_inventory(settings: Settings, emit: Emit, stop: StopRequest) -> None:
    try:
        inventory = await stop.interruptible(inventory_of(settings, emit=emit))
    except StoppedEarlyError:
        return
    except ReencryptError as error:
        emit(Warned(f"the secrets cannot be counted for the metrics: {error.message}"))
    else:
        emit(inventory.as_event())
