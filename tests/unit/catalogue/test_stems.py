"""What ciphertexts with one beginning have in common as texts, in every encoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.encoding import PADDED, RAW, UNPADDED, Base64, BesideKeyId, Encoding
from reencrypt.crypto import gobase64, managed

MARKED = Base64(padded=True, prefix=b"$encrypted$", plain_allowed=True)
ENCODINGS: list[Encoding] = [
    RAW,
    PADDED,
    UNPADDED,
    Base64(padded=True, prefix=b"$encrypted$", plain_allowed=True),
    BesideKeyId(),
]
START = managed.join_key_id(b"key", b"")


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(st.lists(st.binary(max_size=12), min_size=1), st.integers(0, len(START)))
def test_what_is_behind_a_stem_is_read_and_written_as_the_whole_is(
    encoding: Encoding, ends: list[bytes], length: int
) -> None:
    values = [START + end for end in ends]
    stem = encoding.stem(START if isinstance(encoding, BesideKeyId) else START[:length])
    rests = [value[stem.length :] for value in values]
    texts = [encoding.encode(value) for value in values]
    assert encoding.encode_rests(stem, rests) == texts
    assert all(text.startswith(stem.text) for text in texts)
    assert encoding.decode_rests([text[len(stem.text) :] for text in texts]) == rests


@pytest.mark.parametrize("padded", [True, False])
@given(st.binary(min_size=1), st.binary(min_size=1))
def test_a_rest_that_grafana_would_not_read_is_not_decoded(padded: bool, beginning: bytes, rest: bytes) -> None:  # noqa: FBT001
    encoding = Base64(padded=padded)
    stem = encoding.stem(beginning)
    text = gobase64.encode(beginning + rest, padded=not padded)
    found = encoding.decode_rests([text[len(stem.text) :]])
    assert (found is not None) == (text == encoding.encode(beginning + rest))
