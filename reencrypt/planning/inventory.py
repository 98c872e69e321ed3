"""The inventory: which secrets of a store are under which key, and how old its data keys are.

It is made of a census and the rows of the data keys, and unwraps nothing. Metrics, the audit of a run and reports are
made of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.store_name import StoreName
from reencrypt.events import InventoryTaken, KeysCounted, SecretsCounted
from reencrypt.keys.provider import LEGACY_PROVIDER, Unwrapped
from reencrypt.keys.ring import DataKey, KeyRing
from reencrypt.outcomes import Operation
from reencrypt.planning.census import Census
from reencrypt.planning.target import Target, created_at
from reencrypt.state.quarantine import QuarantineEntry


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
    #: Given up knowingly in quarantine.
    ACKNOWLEDGED = "acknowledged"
    #: In a location that no run re-encrypts.
    NOT_APPLICABLE = "not_applicable"


#: The provider of secrets that name no data key which exists.
NO_PROVIDER: Final = ""
#: How many data keys are listed one by one; their number is always whole.
_LISTED_KEYS: Final = 1000


@dataclass(frozen=True, slots=True)
class KeyInUse:
    """A data key and the number of secrets under it that a run moves; `created` is UTC and naive, None for no date.

    `version` is that of the key service's key which unwrapped it, empty where nothing has, or where there are none.
    """

    id: str
    provider: str
    active: bool
    created: datetime | None
    secrets: int
    version: str = ""

    def as_json(self) -> dict[str, Any]:
        """For state and reports."""
        created = f"{self.created:%Y-%m-%dT%H:%M:%SZ}" if self.created is not None else None
        return {
            "id": self.id,
            "provider": self.provider,
            "active": self.active,
            "created": created,
            "secrets": self.secrets,
            "version": self.version or None,
        }


@dataclass(frozen=True, slots=True)
class StoreInventory:
    """The secrets of one store, counted by location, provider and state; `target` is the configured provider."""

    store: StoreName
    target: str
    secrets: Mapping[tuple[str, str, SecretState], int]
    data_keys: Sequence[KeyInUse]

    @property
    def keys_in_use(self) -> Sequence[KeyInUse]:
        """Those that encrypt a secret."""
        return [each for each in self.data_keys if each.secrets]

    @property
    def key_versions(self) -> Counter[tuple[str, str]]:
        """How many data keys in use each provider's key has wrapped, by its version as far as that is known."""
        return Counter((each.provider, each.version) for each in self.keys_in_use)

    def as_json(self) -> dict[str, Any]:
        """For state and reports: the data keys in use, of thousands the oldest; their numbers are always whole."""
        in_use = sorted(self.keys_in_use, key=lambda each: (str(each.created or ""), each.id))
        return {
            "store": self.store,
            "target_provider": self.target,
            "secrets": [
                {"location": location, "provider": provider, "state": state, "secrets": number}
                for (location, provider, state), number in self.secrets.items()
            ],
            "data_keys_total": len(self.data_keys),
            "data_keys_in_use": len(in_use),
            "data_keys": [each.as_json() for each in in_use[:_LISTED_KEYS]],
            "key_versions": [
                {"provider": provider, "version": version or None, "data_keys": number}
                for (provider, version), number in sorted(self.key_versions.items())
            ],
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
    store: StoreName,
    locations: Sequence[Location],
    census: Census,
    rows: Collection[DataKey],
    target: Target,
    versions: Mapping[str, str] | None = None,
) -> StoreInventory:
    """Sort the census of a store by provider and state; `versions` are those of the data keys that are unwrapped."""
    by_id = {row.id: row for row in rows}
    found: Counter[tuple[str, str, SecretState]] = Counter()
    used: Counter[str] = Counter()
    for location in locations:
        counted = census.locations[location.name]
        for (key_id, algorithm), number in counted.by_key.items():
            row = by_id.get(key_id) if key_id is not None else None
            if key_id is not None and location.reencrypted:
                used[key_id] += number
            if key_id is not None and row is None:
                provider, state = NO_PROVIDER, SecretState.KEY_MISSING
            else:
                provider = row.provider if row is not None else LEGACY_PROVIDER
                is_current = target.is_reached(key_id, algorithm, row)
                state = SecretState.CURRENT if is_current else SecretState.OLD
            if not location.reencrypted or (key_id is None and target.operation is Operation.REWRAP):
                # A rewrap is about data keys, and these have none.
                state = SecretState.NOT_APPLICABLE
            found[location.name, provider, state] += number
        if counted.given_up:
            found[location.name, NO_PROVIDER, SecretState.ACKNOWLEDGED] += counted.given_up
        if problems := sum(counted.problems.values()):
            state = SecretState.NOT_UNDERSTOOD if location.reencrypted else SecretState.NOT_APPLICABLE
            found[location.name, NO_PROVIDER, state] += problems
    keys = [
        KeyInUse(
            row.id, row.provider, row.active, created_at(row.created), used[row.id], (versions or {}).get(row.id, "")
        )
        for row in sorted(rows, key=lambda row: row.id)
    ]
    return StoreInventory(store, target.name, found, keys)


def versions_in(ring: KeyRing) -> dict[str, str]:
    """The version of the key service's key that each data key was unwrapped with, as far as that is known."""
    entries = {row.id: ring.entry(row.id) for row in ring.rows if ring.knows(row.id)}
    return {key_id: entry.version for key_id, entry in entries.items() if isinstance(entry, Unwrapped)}
