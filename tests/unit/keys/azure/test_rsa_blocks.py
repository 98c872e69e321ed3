"""What bytes of another length may stand for: a key with trailing NULs, or its text; nothing else."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.keys.azure.rsa_blocks import read_as_data_key

KEY = bytes(range(0xF0, 0x100))  # - and _ in base64url, + and / in base64


@given(st.binary(min_size=16, max_size=16), st.integers(1, 3))
def test_a_key_with_trailing_nuls_and_its_text_are_read(key: bytes, nuls: int) -> None:
    assert read_as_data_key(key + bytes(nuls)) == (key, "16 bytes and trailing NULs")
    for text in (base64.b64encode(key), base64.urlsafe_b64encode(key)):
        for shape in (text, text.rstrip(b"=")):
            assert read_as_data_key(shape) == (key, "base64 text of 16 bytes")


@pytest.mark.parametrize(
    "unwrapped",
    [
        b"",
        KEY[:15],
        KEY,
        KEY + b"\x01",
        KEY + b"\x00\x01",
        b"\x00" + KEY,
        b"x" * 32,
        base64.b64encode(KEY + b"x"),
        base64.b64encode(KEY)[:-1],
        base64.b64encode(KEY)[:21] + b"x==",  # bits that no 16 bytes have
        b"\n" + base64.b64encode(KEY)[:23],
        b"\xff" * 22,
        b"=" * 24,
    ],
)
def test_nothing_else_is_a_guess(unwrapped: bytes) -> None:
    assert read_as_data_key(unwrapped) is None
