"""Properties of the formats over all inputs."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.crypto import envelope, gobase64
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Encryptor, MalformedEnvelopeError
from reencrypt.crypto.gobase64 import MalformedEncodingError
from reencrypt.crypto.salt import new_salt

CACHE = DerivedKeyCache()
PASSWORDS = st.sampled_from([b"SW2YcwTIb9zpOOhoPsMm", bytes(range(16)), b"\x00" * 16])
KEY_IDS = st.one_of(st.none(), st.text(min_size=1, max_size=100).filter(lambda text: text.isprintable()))


@given(key_id=KEY_IDS, password=PASSWORDS, algorithm=st.sampled_from(Algorithm), plaintext=st.binary(max_size=300))
def test_what_is_sealed_parses_and_decrypts_to_the_same(
    key_id: str | None, password: bytes, algorithm: Algorithm, plaintext: bytes
) -> None:
    encryptor = Encryptor.create(key_id=key_id, password=password, algorithm=algorithm, salt=b"saltSALT", cache=CACHE)
    parsed = envelope.parse(encryptor.encrypt(plaintext))
    assert (parsed.key_id, parsed.algorithm, parsed.salt, parsed.prefixed) == (key_id, algorithm, b"saltSALT", True)
    assert parsed.plaintext_bytes == len(plaintext)
    assert envelope.decrypt(parsed, password, CACHE) == plaintext


def test_two_seals_of_one_plaintext_differ() -> None:
    encryptor = Encryptor.create(
        key_id="k", password=b"p", algorithm=Algorithm.AES_CFB, salt=new_salt(), cache=DerivedKeyCache()
    )
    assert encryptor.encrypt(b"same") != encryptor.encrypt(b"same")


def test_a_sealer_never_shows_its_key() -> None:
    encryptor = Encryptor.create(
        key_id="k", password=b"password-canary", algorithm=Algorithm.AES_CFB, salt=b"saltSALT", cache=CACHE
    )
    assert "canary" not in repr(encryptor)
    assert repr(encryptor.derived_key) not in repr(encryptor)


HEADERS = st.sampled_from([b"", b"#azE#", b"#azI#", b"*YWVzLWNmYg*", b"*YWVzLWdjbQ*", b"**", b"*", b"#", b"\0"])


@given(st.lists(st.tuples(HEADERS, HEADERS, st.binary(max_size=60)).map(b"".join), max_size=8))
def test_what_was_parsed_before_changes_nothing(values: list[bytes]) -> None:
    def outcome(value: bytes) -> object:
        try:
            return envelope.parse(value)
        except MalformedEnvelopeError as error:
            return str(error)

    after_each_other = [outcome(value) for value in values]
    for value, found in zip(values, after_each_other, strict=True):
        envelope.parse(b"#b3RoZXI#*YWVzLWdjbQ*" + bytes(60))  # the memory holds a header that none of them has
        assert outcome(value) == found


@given(st.binary(max_size=200))
def test_parsing_any_bytes_gives_an_envelope_or_one_clear_error(value: bytes) -> None:
    try:
        parsed = envelope.parse(value)
    except MalformedEnvelopeError as error:
        assert str(error)  # noqa: PT017 - either outcome is right, an error without words is not
    else:
        assert len(parsed.salt) == len(b"saltSALT")
        assert parsed.plaintext_bytes >= 0


@given(st.binary(max_size=100), st.booleans())
def test_base64_round_trips_and_keeps_the_rule_of_its_column(data: bytes, padded: bool) -> None:  # noqa: FBT001
    text = gobase64.encode(data, padded=padded)
    assert gobase64.decode(text) == data
    assert gobase64.is_strict(text, padded=padded)
    assert padded == (text == base64.b64encode(data)) or len(data) % 3 == 0


@given(st.binary(min_size=1, max_size=100))
def test_base64_with_line_breaks_reads_as_go_reads_it(data: bytes) -> None:
    text = base64.encodebytes(data)
    assert gobase64.decode(text) == data
    assert gobase64.decode(text.replace(b"\n", b"\r\n")) == data


@given(st.text("AQgw/+=\n-", max_size=12).map(str.encode))
def test_the_short_way_decodes_what_the_careful_one_does(text: bytes) -> None:
    def outcome(decode: Callable[[bytes], bytes]) -> bytes | str:
        try:
            return decode(text)
        except MalformedEncodingError as error:
            return str(error)

    assert outcome(gobase64.decode) == outcome(gobase64.decode_carefully)


@given(st.binary(max_size=60))
def test_decoding_any_bytes_gives_bytes_or_one_clear_error(text: bytes) -> None:
    try:
        data = gobase64.decode(text)
    except MalformedEncodingError:
        return
    assert base64.b64encode(data).rstrip(b"=")[:-1] == text.translate(None, b"\r\n").rstrip(b"=")[:-1]


@pytest.mark.parametrize("text", [b"A", b"AAAAA", b"AA=", b"AAA==", b"AA=A", b"A===", b"AA-_", b"AA A", b"=", b"===="])
def test_what_go_refuses_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedEncodingError):
        gobase64.decode(text)


def test_stray_bits_in_the_last_character_are_accepted_as_in_go() -> None:
    assert gobase64.decode(b"AB") == gobase64.decode(b"AA") == b"\x00"
    assert gobase64.decode(b"AB==") == b"\x00"


def test_a_new_salt_is_from_grafanas_alphabet() -> None:
    salt = new_salt()
    assert len(salt) == 8
    assert salt.isalnum()
    assert salt.isascii()


def test_the_derived_key_cache_stays_bounded() -> None:
    cache = DerivedKeyCache(size=2)
    keys = [cache.get(b"p", bytes([n]) * 8) for n in range(3)]
    assert len(cache._keys) == 2  # noqa: SLF001 - the bound is the promise
    assert cache.get(b"p", bytes([0]) * 8) == keys[0]


BASE64_TEXTS = st.one_of(
    st.builds(lambda data, padded: gobase64.encode(data, padded=padded), st.binary(max_size=12), st.booleans()),
    st.text("ABz09+/=-_ \r\n", max_size=9).map(str.encode),
)


@given(st.lists(BASE64_TEXTS, max_size=6), st.booleans())
def test_texts_are_decoded_together_only_where_each_is_accepted_by_itself(texts: list[bytes], padded: bool) -> None:  # noqa: FBT001
    found = gobase64.decode_all(texts, padded=padded)
    if found is not None:
        assert found == [gobase64.decode(text) for text in texts]
        assert all(gobase64.is_strict(text, padded=padded) for text in texts)


@given(st.lists(st.binary(max_size=12), max_size=6), st.booleans())
def test_texts_of_one_rule_are_decoded_together(values: list[bytes], padded: bool) -> None:  # noqa: FBT001
    assert gobase64.decode_all([gobase64.encode(each, padded=padded) for each in values], padded=padded) == values
