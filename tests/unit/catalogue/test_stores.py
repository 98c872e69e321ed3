"""The two stores are one catalogue: no name twice, and each location in one store."""

from __future__ import annotations

from reencrypt.catalogue.location import fit
from reencrypt.catalogue.store_name import StoreName
from reencrypt.catalogue.stores import STORE_OF, STORES

MANAGER = STORES[StoreName.MANAGER]


def test_no_two_locations_of_both_stores_have_one_name() -> None:
    names = [location.name for store in STORES.values() for location in store.locations]
    assert len(set(names)) == len(names)
    assert set(STORE_OF) == set(names)
    assert STORE_OF["resource"] is StoreName.CLASSIC
    assert STORE_OF["resource_snapshots"] is StoreName.MANAGER


def test_a_store_has_a_name_in_sentences_and_a_table_of_data_keys() -> None:
    assert [(name.value, store.in_words, store.data_keys) for name, store in STORES.items()] == [
        ("classic", "the classic store", "data_keys"),
        ("manager", "the secrets manager", "secret_data_key"),
    ]


def test_the_column_of_the_id_is_used_where_a_release_has_it() -> None:
    old = frozenset({"namespace", "name", "version", "encrypted_data", "created", "updated"})
    for columns, key_id in ((old, None), (old | {"data_key_id"}, "data_key_id")):
        (location,) = fit(MANAGER.locations, {"secret_encrypted_value": columns}).locations
        assert (location.fields[0].key_id, location.updated, location.updated_in_seconds) == (key_id, "updated", True)


def test_the_experimental_table_is_not_the_one_of_the_catalogue() -> None:
    columns = {"secret_encrypted_value": frozenset({"uid", "namespace", "encrypted_data", "created", "updated"})}
    fitted = fit(MANAGER.locations, columns)
    assert fitted.locations == ()
    assert "secret_encrypted_value" in fitted.missing
