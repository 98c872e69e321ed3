"""An envelope is recognised by its first bytes, raw or in base64, wherever it stands; other text is not."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.crypto.ciphers import Algorithm
from reencrypt.crypto.envelope import algorithm_prefix, key_id_prefix
from reencrypt.worker.search import envelopes_in

KEYS = frozenset(("abc123def456gh", "2021-03-04/root@secretKey", "short"))
BODY = bytes(range(40))


@given(
    key_id=st.sampled_from(sorted(KEYS)),
    algorithm=st.sampled_from([None, *Algorithm]),
    before=st.one_of(
        st.binary(max_size=20).filter(lambda each: b"#" not in each), st.just(b"/plugins/I1ab/Iyyyyyyyy/")
    ),
    form=st.sampled_from(["raw", "base64", "unpadded", "base64url"]),
)
def test_an_envelope_under_a_known_key_is_found_in_every_form(
    key_id: str, algorithm: Algorithm | None, before: bytes, form: str
) -> None:
    envelope = key_id_prefix(key_id) + (algorithm_prefix(algorithm) if algorithm else b"") + BODY
    if form == "base64url":
        text = base64.urlsafe_b64encode(envelope)
    else:
        text = {
            "raw": envelope,
            "base64": base64.b64encode(envelope),
            "unpadded": base64.b64encode(envelope).rstrip(b"="),
        }[form]
    assert list(envelopes_in(before + text + b'"', KEYS)) == [key_id]


@pytest.mark.parametrize("before", [b"color #fff", b"#red", b"# "])
def test_an_id_behind_another_mark_is_found(before: bytes) -> None:
    assert list(envelopes_in(before + key_id_prefix("short") + BODY, KEYS)) == ["short"]


def test_an_unknown_key_needs_an_algorithm_behind_it() -> None:
    unknown = key_id_prefix("zzz999zzz999zz")
    assert list(envelopes_in(unknown + algorithm_prefix(Algorithm.AES_CFB) + BODY, KEYS)) == ["zzz999zzz999zz"]
    assert list(envelopes_in(unknown + BODY, KEYS)) == []


@pytest.mark.parametrize(
    "text", [b"", b"# a # heading #", b"#abc#", b"I1 am text", b"colour #ffcc00 and #00ccff#", b"##"]
)
def test_text_is_no_envelope(text: bytes) -> None:
    assert list(envelopes_in(text, KEYS)) == []


@given(st.binary(max_size=400))
def test_nothing_makes_the_search_fail(data: bytes) -> None:
    list(envelopes_in(data, KEYS))
