"""Row keys as text: whatever a key is made of comes back as it was."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from reencrypt.state.rowkey import key_from_text, key_to_text

_PARTS = st.integers() | st.text() | st.binary() | st.floats(allow_nan=False)


@given(st.lists(_PARTS, min_size=1, max_size=3).map(tuple))
def test_a_key_comes_back_as_it_was(key: tuple[int | float | str | bytes, ...]) -> None:
    found = key_from_text(key_to_text(key))
    assert found == key
    assert list(map(type, found)) == list(map(type, key))


@given(st.lists(st.integers() | st.text() | st.floats(allow_nan=False), min_size=1, max_size=3).map(tuple))
def test_a_key_is_written_as_json_always_was(key: tuple[int | float | str, ...]) -> None:
    """Its text is compared with that of earlier runs, so that it may never change by a character."""
    assert key_to_text(key) == json.dumps(list(key), ensure_ascii=False, separators=(",", ":"))


def test_different_keys_have_different_texts() -> None:
    keys: list[tuple[int | float | str | bytes, ...]] = [(1,), (1.0,), ("1",), (b"1",), ('{"bytes":"31"}',)]
    assert len({key_to_text(key) for key in keys}) == len(keys)
