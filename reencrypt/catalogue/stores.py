"""Grafana's envelope stores, which lie in one database: the classic one and, since 12, the secrets manager.

A store is its data keys and the places that hold its secrets. No two locations of both have one name, because the
quarantine and the checkpoints know a location by its name alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.locations import LOCATIONS
from reencrypt.catalogue.manager_locations import MANAGER_LOCATIONS, UNREAD_LOCATIONS
from reencrypt.catalogue.store_name import StoreName


@dataclass(frozen=True, slots=True)
class Store:
    """A store: its name, the table of its data keys, and its part of the catalogue.

    `unread` are places of a first trial of Grafana's, in a form that no release reads.
    """

    name: StoreName
    data_keys: str
    locations: tuple[Location, ...]
    unread: tuple[Location, ...] = ()

    @property
    def in_words(self) -> str:
        """Its name in sentences."""
        return self.name.in_words


STORES: Final[Mapping[StoreName, Store]] = {
    each.name: each
    for each in (
        Store(StoreName.CLASSIC, "data_keys", LOCATIONS),
        Store(StoreName.MANAGER, "secret_data_key", MANAGER_LOCATIONS, UNREAD_LOCATIONS),
    )
}

#: The store of each location, by the location's name.
STORE_OF: Final[Mapping[str, StoreName]] = {
    location.name: store.name for store in STORES.values() for location in store.locations
}
