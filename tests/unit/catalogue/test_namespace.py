"""Ids of data keys with a namespace are injective, whatever the parts contain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.namespace import qualified, unqualified


def test_an_ordinary_id_is_readable() -> None:
    assert qualified("default", "abcdefghijkl12") == "default/abcdefghijkl12"


@given(st.text(), st.text())
def test_an_id_gives_its_parts_back(namespace: str, uid: str) -> None:
    assert unqualified(qualified(namespace, uid)) == (namespace, uid)


def test_the_name_of_a_classic_data_key_is_no_such_id() -> None:
    with pytest.raises(ValueError, match="not the id"):
        unqualified("abcdefghijkl12")
