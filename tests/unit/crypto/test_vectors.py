"""Grafana's own test vectors, and deterministic ones checked with an independent implementation."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.crypto import ciphers, envelope, gobase64
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.ciphers import AuthenticationFailedError
from reencrypt.crypto.derive import DerivedKeyCache, derive_key
from reencrypt.crypto.envelope import Envelope, MalformedEnvelopeError

DEFAULT_SECRET_KEY = b"SW2YcwTIb9zpOOhoPsMm"
DATA_KEY = bytes(range(0xF0, 0x100))

V1 = "4554557841526b5890bc6de55b585571dc23b2bed0b6d15bfc778a85c60801"
V2 = "306337323330534214632fee3d2c817d0e25a2e62f1f684690df1a33b4114c34245d11cb639edb664aad4a"
V3 = "2a5957567a4c57646a62512a" + V2
V4 = "49473239796e5a6d7317ed0d82bc9776626750d14f8f167a2c28662988101b"


def decrypt(value: str, password: bytes) -> bytes:
    return envelope.decrypt(envelope.parse(bytes.fromhex(value)), password, DerivedKeyCache())


@pytest.mark.parametrize("value", [V1, V3, V4])
def test_values_of_grafanas_own_tests_decrypt(value: str) -> None:
    assert decrypt(value, b"1234") == b"grafana"


def test_a_bare_gcm_payload_decrypts_when_the_algorithm_is_given() -> None:
    data = bytes.fromhex(V2)
    bare = Envelope(None, Algorithm.AES_GCM, prefixed=False, salt=data[:8], nonce=data[8:20], body=data[20:])
    assert envelope.decrypt(bare, b"1234", DerivedKeyCache()) == b"grafana"


@pytest.mark.parametrize(
    ("password", "salt", "expected"),
    [
        (DEFAULT_SECRET_KEY, b"abcdefgh", "59d4cee5b140fec7c1234935b8e4b2b1444e5167d1a0e64756e16bf33a0bbae0"),
        (b"1234", b"ETUxARkX", "91fbe7f029f23182409bf06eece1e5b2ab45b38131190e221b48688da217a7fa"),
        (DATA_KEY, b"ABCDEFGH", "0d95a0ac23e74162d48d427e1a3bcddf623276356bb74bdec484253a79f2a639"),
    ],
)
def test_derived_keys_are_those_of_grafana(password: bytes, salt: bytes, expected: str) -> None:
    assert derive_key(password, salt).hex() == expected


@pytest.mark.parametrize(
    "wrapped",
    [
        "2a5957567a4c574e6d59672a6162636465666768000102030405060708090a0b0c0d0e0f4085d4828f0badf00351651ea34b1e23",
        (
            "2a5957567a4c57646a62512a6162636465666768000102030405060708090a0b"
            "048454d4254390ca85505828518eade34f31776be9151fe6ae065d9e0267ac8e"
        ),
    ],
)
def test_a_data_key_wrapped_under_secret_key_unwraps(wrapped: str) -> None:
    assert decrypt(wrapped, DEFAULT_SECRET_KEY) == DATA_KEY


ENVELOPE = (
    "2359574a6a5a47566d5a326870616d74734d5449232a5957567a4c574e6d59672a"
    "4142434445464748101112131415161718191a1b1c1d1e1f9236bc7faa5cf5"
)


def test_an_envelope_names_its_data_key_and_decrypts_under_it() -> None:
    parsed = envelope.parse(bytes.fromhex(ENVELOPE))
    assert parsed.key_id == "abcdefghijkl12"
    assert parsed.plaintext_bytes == len(b"grafana")
    assert envelope.decrypt(parsed, DATA_KEY, DerivedKeyCache()) == b"grafana"


def test_an_envelope_reads_from_padded_base64() -> None:
    text = b"I1lXSmpaR1ZtWjJocGFtdHNNVEkjKllXVnpMV05tWWcqQUJDREVGR0gQERITFBUWFxgZGhscHR4fkja8f6pc9Q=="
    assert gobase64.decode(text).hex() == ENVELOPE


def test_an_empty_plaintext_is_a_legal_secret() -> None:
    assert decrypt(ENVELOPE[:-14], DATA_KEY) == b""


def test_the_same_nonce_and_salt_give_the_same_bytes_as_grafana() -> None:
    parsed = envelope.parse(bytes.fromhex(ENVELOPE))
    body = plain_cfb(derive_key(DATA_KEY, parsed.salt), parsed.nonce, b"grafana")
    prefix = envelope.key_id_prefix("abcdefghijkl12") + envelope.algorithm_prefix(Algorithm.AES_CFB)
    assert (prefix + parsed.salt + parsed.nonce + body).hex() == ENVELOPE


def plain_cfb(key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    """AES-256-CFB as the library does it for one value alone."""
    context = Cipher(AES256(key), CFB(nonce)).encryptor()
    return context.update(plaintext) + context.finalize()


@given(st.lists(st.tuples(st.sampled_from([b"a" * 32, b"b" * 32]), st.binary(max_size=100)), max_size=12))
def test_one_value_after_the_other_is_what_each_would_be_alone(values: list[tuple[bytes, bytes]]) -> None:
    sealed = [(key, text, ciphers.encrypt(Algorithm.AES_CFB, key, [text])[0]) for key, text in values]
    assert len({value[:16] for _, _, value in sealed}) == len(values)
    for key, text, value in sealed:
        assert value[16:] == plain_cfb(key, value[:16], text)
    for key, text, value in reversed(sealed):
        assert ciphers.decrypt(Algorithm.AES_CFB, key, [value]) == [text]


@given(st.sampled_from(Algorithm), st.lists(st.binary(max_size=100), max_size=12))
def test_many_at_once_are_what_each_would_be_alone(algorithm: Algorithm, texts: list[bytes]) -> None:
    key = b"k" * 32
    sealed = ciphers.encrypt(algorithm, key, texts)
    assert [len(each) for each in sealed] == [len(text) + algorithm.overhead_bytes for text in texts]
    assert ciphers.decrypt(algorithm, key, sealed) == texts
    assert [ciphers.decrypt(algorithm, key, [each]) for each in sealed] == [[text] for text in texts]
    if algorithm is Algorithm.AES_CFB:
        assert [each[16:] for each in sealed] == [
            plain_cfb(key, each[:16], text) for each, text in zip(sealed, texts, strict=True)
        ]


def test_threads_do_not_get_into_each_others_way() -> None:
    def work(number: int) -> bool:
        text = b"%d" % number * 40
        (sealed,) = ciphers.encrypt(Algorithm.AES_CFB, b"k" * 32, [text])
        return plain_cfb(b"k" * 32, sealed[:16], text) == sealed[16:]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(5000)))
    finally:
        sys.setswitchinterval(before)


def test_nonces_of_one_stream_are_random() -> None:
    drawn = b"".join(each[:16] for each in ciphers.encrypt(Algorithm.AES_CFB, b"k" * 32, [b"the same"] * 4096))
    # Each bit is set half of the time: 32,768 draws deviate by more than six standard deviations once in 10^9.
    for bit in range(8):
        ones = sum(byte >> bit & 1 for byte in drawn)
        assert abs(ones - len(drawn) / 2) < 6 * (len(drawn) / 4) ** 0.5


def test_a_wrong_secret_fails_with_gcm_and_yields_garbage_with_cfb() -> None:
    with pytest.raises(AuthenticationFailedError):
        decrypt(V3, b"12345")
    assert decrypt(V1, b"12345") != b"grafana"


def test_a_truncated_gcm_tag_fails() -> None:
    with pytest.raises(AuthenticationFailedError):
        decrypt(V3[:-2], b"1234")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "empty value"),
        (b"1234567", "too short"),
        (b"12345678" + b"i" * 15, "too short"),
        (b"*YWVzLWdjbQ*12345678" + b"n" * 27, "too short"),
        (b"*YWVzLWNmYg*", "too short"),
        (b"#YWJj", "no end"),
        (b"#YWJj#", "no payload"),
        (b"#YW==#12345678" + b"i" * 16, "padded"),
        (b"#\xff\xfe#12345678" + b"i" * 16, "not base64"),
        (b"#/////w#12345678" + b"i" * 16, "not base64 of text"),
        (b"*YQ==*12345678" + b"i" * 16, "padded"),
        (b"*YWVzLXh4eA*12345678" + b"i" * 16, "unknown encryption algorithm"),
    ],
)
def test_what_grafana_could_not_have_written_is_refused(value: bytes, reason: str) -> None:
    with pytest.raises(MalformedEnvelopeError, match=reason):
        envelope.parse(value)


@pytest.mark.parametrize("prefix", [b"**", b"*"])
def test_damaged_prefixes_of_old_releases_read_as_cfb(prefix: bytes) -> None:
    body = b"12345678" + b"i" * 16 + b"body"
    parsed = envelope.parse(prefix + body)
    assert (parsed.algorithm, parsed.prefixed, parsed.salt, parsed.body) == (
        Algorithm.AES_CFB,
        False,
        b"12345678",
        b"body",
    )


def test_data_key_ids_of_grafana_8_hold_slashes_and_at_signs() -> None:
    key_id = "2021-11-30/root@secretKey"
    value = envelope.key_id_prefix(key_id) + b"12345678" + b"i" * 16
    assert envelope.parse(value).key_id == key_id
