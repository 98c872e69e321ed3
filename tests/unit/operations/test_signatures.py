"""A ciphertext is recognised by its first bytes in every encoding; other text is not, and bombs cost little."""

from __future__ import annotations

import base64
import gzip
import json
import random
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.envelope import algorithm_prefix, key_id_prefix
from reencrypt.operations.complete import signatures
from reencrypt.operations.complete.layers import ESCAPED
from reencrypt.operations.complete.signatures import LEGACY, MOST_BYTES, examine, marks_of, suspects
from tests.grafana.disguises import BYTES, NEAR_MISSES, TEXTS, TOO_DEEP

KEYS = frozenset(("abc123def456gh", "2021-03-04/root@secretKey", "Zz-9_xYpQ"))
MARKS = marks_of(KEYS)
ALL = TEXTS | BYTES
# With both marks inside, and what base64 writes as "+" and "/".
BODY = b"saltsalt" + bytes(range(16)) + b"#*\xfb\xff\xbf\xfe*#\xff\xef" * 9
HEADERS = {
    f"{key_id or 'secret_key'} {algorithm or 'bare'}": (
        key_id,
        (key_id_prefix(key_id) if key_id else b"") + (algorithm_prefix(algorithm) if algorithm else b""),
    )
    for key_id in (*sorted(KEYS), None)
    for algorithm in (*Algorithm, None)
    if key_id or algorithm  # a legacy value without an algorithm has no beginning
}


def found_in(cell: bytes) -> set[str | None]:
    """What is found, by way of the quick look over a page of cells."""
    page = [b"# nothing here #", cell, b"", b"nor here"]
    (index,) = suspects(page, MARKS) or [-1]
    assert index == 1, index
    sighting = examine(page[index], MARKS)
    assert sighting.beyond == ""
    return sighting.key_ids


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("disguise", ALL)
def test_a_ciphertext_is_found_in_every_encoding(disguise: str, header: str) -> None:
    key_id, beginning = HEADERS[header]
    assert found_in(ALL[disguise](beginning + BODY)) == {key_id}


@given(
    header=st.sampled_from(sorted(HEADERS)),
    disguise=st.sampled_from(sorted(ALL)),
    body=st.binary(min_size=24, max_size=60),
    before=st.sampled_from([b"", b'{"a": "', b"text: ", b"\n", b"=", b"x,"]),
    behind=st.sampled_from([b"", b'"}', b"\n", b"== ", b'", "b": 1']),
)
def test_whatever_stands_around_it_and_follows_it(
    header: str, disguise: str, body: bytes, before: bytes, behind: bytes
) -> None:
    key_id, beginning = HEADERS[header]
    assert key_id in found_in(before + ALL[disguise](beginning + body) + behind)


@given(st.integers(0, 60), st.sampled_from(sorted(HEADERS)))
def test_base64_is_found_at_every_place_of_what_it_encodes(offset: int, header: str) -> None:
    key_id, beginning = HEADERS[header]
    assert found_in(base64.b64encode(b"\xf0" * offset + beginning + BODY)) == {key_id}
    assert found_in(base64.b64encode(b"." * offset + base64.b64encode(beginning + BODY))) == {key_id}


@pytest.mark.parametrize("before", ["", "k", "k:", "k: "])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_unpadded_base64_is_decoded_to_its_last_byte(encode: Callable[[bytes], bytes], before: str) -> None:
    # The shortest ciphertext there is: one character less of its base64, and it is none.
    shortest = algorithm_prefix(Algorithm.AES_CFB) + BODY[:24]
    assert found_in(encode(before.encode() + base64.b64encode(shortest)).rstrip(b"=")) == {LEGACY}


def test_several_keys_in_one_cell_are_all_found() -> None:
    values = [base64.b64encode(beginning + BODY).decode() for _, beginning in HEADERS.values()]
    assert found_in(json.dumps(values).encode()) == {*KEYS, LEGACY}


def test_an_envelope_is_no_legacy_value() -> None:
    # Whatever its data key: one that is gone, or one of Grafana's secrets manager.
    cell = key_id_prefix("zzz999zzz999zz") + algorithm_prefix(Algorithm.AES_CFB) + BODY
    assert found_in(cell) == {"zzz999zzz999zz"}
    # What is in front of this one is no id.
    assert found_in(b"#ab c#" + algorithm_prefix(Algorithm.AES_CFB) + BODY) == {LEGACY}


@pytest.mark.parametrize("key_id", sorted(KEYS))
@pytest.mark.parametrize("disguise", ["plain", "deeper", "base64", "gzip", "utf-16"])
def test_an_object_that_names_a_data_key_beside_a_ciphertext_is_found(disguise: str, key_id: str) -> None:
    document = json.dumps({"a": "more text than that", "spec": {"dataKeyId": key_id, "encryptedData": "…"}}, indent=1)
    cell = {
        "plain": document.encode(),
        "deeper": json.dumps({"a": json.dumps({"b": document})}).encode(),
        "base64": base64.b64encode(document.encode()),
        "gzip": gzip.compress(document.encode()),
        "utf-16": document.encode("utf-16-le"),
    }[disguise]
    assert found_in(cell) == {key_id}


def test_an_object_that_names_no_data_key_that_there_is_is_none() -> None:
    for name in ("another", "", "Zz-9_xYpQ "):
        assert examine(json.dumps({"dataKeyId": name}).encode(), MARKS).key_ids == set()


def test_an_unknown_key_needs_an_algorithm_behind_it() -> None:
    assert suspects([key_id_prefix("zzz999zzz999zz") + b" is text between two marks"], MARKS) == []


@pytest.mark.parametrize("before", [b"color #fff", b"#red", b"# ", b"#abcd#"])
def test_an_id_behind_another_mark_is_found(before: bytes) -> None:
    assert found_in(before + key_id_prefix("abc123def456gh") + BODY) == {"abc123def456gh"}


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_text_is_no_ciphertext(text: bytes) -> None:
    for index in suspects([text], MARKS):
        assert examine([text][index], MARKS) == signatures.Sighting()


@pytest.mark.parametrize("disguise", TOO_DEEP)
def test_what_lies_too_deep_is_said(disguise: str) -> None:
    cell = TOO_DEEP[disguise](key_id_prefix("abc123def456gh") + BODY)
    assert suspects([cell], MARKS) == [0]
    assert examine(cell, MARKS).beyond == "more than 3 layers of encoding"


def with_slashes(text: bytes) -> bytes:
    """As the JSON of PHP has it."""
    return text.replace(b"/", b"\\/")


def quoted(text: bytes) -> bytes:
    return json.dumps(text.decode("latin-1")).encode()


NAMED = b'{"dataKeyId": "2021-03-04/root@secretKey"}'
ESCAPING = st.sampled_from(
    [bytes, with_slashes, quoted, lambda text: with_slashes(quoted(text)), lambda text: quoted(with_slashes(text))]
)
SURROUNDINGS = st.sampled_from(
    [
        *(b"", b" ", b"\\n", b'{"a": "', b"#", b"#abc", b"/", b"\\/", b"\\n", b'\\"', b"/login/callback ", b"A" * 50),
        *NEAR_MISSES,
    ]
)
PLANTED = st.one_of(
    st.builds(
        lambda header, disguise, body: ALL[disguise](HEADERS[header][1] + body),
        *(st.sampled_from(sorted(HEADERS)), st.sampled_from(sorted(ALL)), st.binary(min_size=24, max_size=60)),
    ),
    st.just(NAMED),
    SURROUNDINGS,
)


@given(
    st.lists(st.builds(lambda escape, text: escape(text), ESCAPING, PLANTED), min_size=1, max_size=4),
    *(ESCAPING, SURROUNDINGS, SURROUNDINGS),
)
def test_escapes_that_are_left_alone_hide_nothing(
    parts: list[bytes], escape: Callable[[bytes], bytes], before: bytes, behind: bytes
) -> None:
    cell = before + escape(b"".join(parts)) + behind
    with pytest.MonkeyPatch.context() as patch:
        # All of them undone, whatever they stand in.
        patch.setattr(signatures, "_needs_unescaping", lambda data: ESCAPED.search(data) is not None)
        patch.setattr(signatures, "_holds_nothing", lambda _data, _marks: False)
        wanted = examine(cell, MARKS).key_ids
    assert examine(cell, MARKS).key_ids == wanted
    if wanted:
        assert suspects([b"nothing", cell, b"nothing"], MARKS) == [1]


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("header", HEADERS)
def test_escaped_slashes_are_undone_in_base64_in_marks_and_in_names(header: str, times: int) -> None:
    key_id, beginning = HEADERS[header]
    value = base64.b64encode(b"\xff" * 50 + beginning + BODY)
    for text in (value, beginning + b"/" * 60, NAMED):
        escaped = text
        for _ in range(times):
            escaped = quoted(with_slashes(escaped))
        assert ("2021-03-04/root@secretKey" if text is NAMED else key_id) in found_in(escaped)


def test_escaped_slashes_are_undone_in_a_short_mark() -> None:
    marks = marks_of(["is it?"])
    mark = key_id_prefix("is it?")
    assert b"/" in mark
    (index,) = suspects([b"text", b'{"a": "%s, and more text"}' % with_slashes(mark)], marks)
    assert index == 1
    assert examine(b'{"a": "%s, and more text"}' % with_slashes(mark), marks).key_ids == {"is it?"}


def test_a_slash_that_is_escaped_in_a_query_costs_nothing() -> None:
    query = b'{"expr": "rate(http_requests_total{path=~\\"\\\\/api\\\\/v1\\\\/.*\\"}[5m]) > 1", "color": "#F2495C"}'
    assert suspects([query * 20], MARKS) == []


@given(st.lists(st.binary(max_size=400), max_size=5), st.sampled_from([*ALL.values(), bytes]))
def test_nothing_makes_it_fail_and_no_suspect_is_forgotten(cells: list[bytes], disguise: object) -> None:
    assert callable(disguise)
    cells = [disguise(cell) for cell in cells]
    chosen = suspects(cells, MARKS)
    for index, cell in enumerate(cells):
        if index not in chosen:
            assert examine(cell, MARKS) == signatures.Sighting()


def _deep(layers: int) -> bytes:
    data = b"A" * 64
    for _ in range(layers):
        data = base64.b64encode(data)
    return data


BOMBS = {
    "gzip": lambda: gzip.compress(bytes(200 * 1024 * 1024), 1),
    "gzip of gzip": lambda: gzip.compress(gzip.compress(bytes(200 * 1024 * 1024), 1)),
    "members of gzip": lambda: gzip.compress(b"") * 50_000,
    "beginnings of gzip": lambda: b"\x1f\x8b\x08\0\0\0\0\0\0\0" * 400_000,
    "empty blocks of gzip": lambda: b"\x1f\x8b\x08\0\0\0\0\0\0\0" + b"\0\0\0\xff\xff" * 2_000_000,
    "deep base64": lambda: _deep(24),
    "base64 of base64's own letters": lambda: b"A" * 4_000_000,
    "marks": lambda: b"#YWJj" * 200_000,
    "algorithms": lambda: b"*YWVzLWNmYg*" * 100_000,
    "escapes": lambda: b"\\u0023\\/\\\\" * 100_000,
    "nearly base64": lambda: (b"A" * 47 + b" ") * 100_000,
    "hashes": lambda: b"".join(random.Random(1).randbytes(32).hex().encode() + b" " for _ in range(20_000)),
    "escapes of escapes": lambda: b"\\u005c" + b"u005c" * 200_000,
    "short base64 beside escapes": lambda: (
        b"\\/login/callback"
        + b"".join(b" " + base64.b64encode(random.Random(number).randbytes(36)) for number in range(20_000))
    ),
    "zeros": lambda: b"A\0" * 2_000_000,
    "a huge cell of base64": lambda: base64.b64encode(random.Random(1).randbytes(1 << 20)) * 50,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_costs_seconds_and_bounded_memory(bomb: str) -> None:
    cell = BOMBS[bomb]()
    tracemalloc.start()
    try:
        began = time.process_time()
        suspects([cell], MARKS)
        examine(cell, MARKS)
        assert time.process_time() - began < 30
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * MOST_BYTES


def test_more_than_64_mib_is_said_and_what_came_before_is_found() -> None:
    value = key_id_prefix("abc123def456gh") + BODY
    sighting = examine(gzip.compress(value + bytes(MOST_BYTES), 1), MARKS)
    assert sighting == signatures.Sighting({"abc123def456gh"}, "more than 64 MiB unpacked")
    assert examine(gzip.compress(bytes(MOST_BYTES) + value, 1), MARKS).beyond == "more than 64 MiB unpacked"


def test_a_damaged_gzip_is_searched_as_far_as_it_goes() -> None:
    noise = random.Random(1).randbytes(5000)
    whole = gzip.compress(key_id_prefix("abc123def456gh") + BODY + noise)
    assert found_in(whole[:3000]) == {"abc123def456gh"}
    damaged = bytearray(whole)
    damaged[3000:3010] = b"\xff" * 10
    assert found_in(bytes(damaged)) == {"abc123def456gh"}
    with pytest.raises(zlib.error):
        zlib.decompress(bytes(damaged), 31)
