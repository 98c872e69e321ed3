"""The inventory of a store with more data keys than a report lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reencrypt.catalogue.store_name import StoreName
from reencrypt.planning.inventory import KeyInUse, StoreInventory

MADE = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def key(number: int, *, version: str, secrets: int = 1) -> KeyInUse:
    made = MADE + timedelta(seconds=number)
    return KeyInUse(f"key-{number}", "azurekv.prod", active=False, created=made, secrets=secrets, version=version)


def test_every_data_key_in_use_counts_and_the_oldest_are_listed() -> None:
    keys = [key(number, version="old" if number < 5 else "new") for number in range(1500)]
    unused = [key(number, version="", secrets=0) for number in range(-700, 0)]
    found = StoreInventory(StoreName.CLASSIC, "azurekv.prod", {}, [*unused, *reversed(keys)]).as_json()
    assert (found["data_keys_total"], found["data_keys_in_use"]) == (2200, 1500)
    assert [each["id"] for each in found["data_keys"]] == [f"key-{number}" for number in range(1000)]
    assert found["key_versions"] == [
        {"provider": "azurekv.prod", "version": "new", "data_keys": 1495},
        {"provider": "azurekv.prod", "version": "old", "data_keys": 5},
    ]
