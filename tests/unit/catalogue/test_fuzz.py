"""Whatever stands in a column, reading a row gives secrets or reasons: never an exception, never a hang."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.codec import splice
from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.reading import secrets_of
from reencrypt.catalogue.stores import STORES
from reencrypt.keys.azure.rsa_blocks import unframe

LOCATIONS = [location for store in STORES.values() for location in store.locations]
WORDS = st.sampled_from(
    [
        *("alertmanager_config", "receivers", "grafana_managed_receiver_configs", "secureSettings", "extra_config"),
        *("spec", "github", "encryptedToken", "status", "webhook", "encryptedSecret", "client_secret", "password"),
        *("dashboardEncrypted", "dataKeyId", "encryptedData", "KllXVnpMV2RqYlEq" + "A" * 48),
        *("crypto_", "IyNhYmM=", "I2FiYyNYWVo", "", "a", "####"),
    ]
)
LEAVES: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=4),
    max_leaves=25,
)


def cells() -> st.SearchStrategy[bytes | None]:
    documents = DOCUMENTS.map(lambda value: json.dumps(value).encode())
    cut = st.tuples(documents, st.integers(0, 60)).map(lambda pair: pair[0][: pair[1]])
    joined = st.tuples(st.binary(max_size=20), st.binary(max_size=80)).map(b"\0".join)
    return st.none() | st.binary(max_size=80) | joined | documents | cut | st.text(max_size=40).map(str.encode)


def read(location: Location, cell: bytes | None) -> None:
    row = Row(
        tuple("1" for _ in location.key), tuple(cell for _ in location.columns), tuple("1" for _ in location.extras)
    )
    secrets = list(secrets_of(location, row))
    for secret in secrets:
        assert (secret.envelope is None) is (secret.problem is not None)
        if secret.envelope is not None:
            # What could be read can be written back without moving a byte around it.
            assert splice(cell or b"", [(secret.slot, secret.slot.ciphertext)])


@pytest.mark.parametrize("location", LOCATIONS, ids=lambda location: location.name)
@given(cell=cells())
def test_any_cell_of_any_location_is_read(location: Location, cell: bytes | None) -> None:
    read(location, cell)


@given(wrapped=st.binary(max_size=900))
def test_any_wrapped_data_key_is_framed_or_refused(wrapped: bytes) -> None:
    framed = unframe(wrapped)
    assert framed is None or len(framed[1]) in (256, 384, 512)
