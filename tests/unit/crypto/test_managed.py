"""Values of the secrets manager: the vectors of the format facts, and what Grafana's reader refuses."""

from __future__ import annotations

import pytest

from reencrypt.crypto import envelope, managed
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import MalformedEnvelopeError

DATA_KEY = bytes(range(0xF0, 0x100))
WRAPPED = (
    "2a5957567a4c57646a62512a000102032a23feff000102030405060708090a0b66058d86293ea88527cfe90299e4159e30ab8e49089fb166ec73"
    "26275018b28c"
)
VALUE = "2a5957567a4c57646a62512a1011121314151617202122232425262728292a2b2b83db85d4b280efc53b9e72a946266c47e0d49f46e05d"
FRAMED = "2359574a6a5a47566d5a326870616d74734d544923" + VALUE
OF_GRAFANAS_TESTS = (
    "2a5957567a4c57646a62512a306337323330534214632fee3d2c817d0e25a2e62f1f684690df1a33b4114c34245d11cb639edb664aad4a"
)


@pytest.mark.parametrize(
    ("payload", "password", "plaintext"),
    [
        (WRAPPED, b"SW2YcwTIb9zpOOhoPsMm", DATA_KEY),
        (VALUE, DATA_KEY, b"grafana"),
        (OF_GRAFANAS_TESTS, b"1234", b"grafana"),
    ],
)
def test_vectors(payload: str, password: bytes, plaintext: bytes) -> None:
    parsed = managed.parse_payload(bytes.fromhex(payload))
    assert parsed.key_id is None
    assert envelope.decrypt(parsed, password, DerivedKeyCache()) == plaintext


def test_an_old_value_names_its_data_key_before_it() -> None:
    parsed = managed.parse(bytes.fromhex(FRAMED))
    assert parsed.key_id == "abcdefghijkl12"
    assert envelope.decrypt(parsed, DATA_KEY, DerivedKeyCache()) == b"grafana"


def test_the_reader_looks_neither_at_the_first_byte_nor_at_the_name() -> None:
    payload = bytes.fromhex(VALUE)
    for other in (b"x" + payload[1:], b"*YWVzLWNmYg*" + payload[12:], b"**" + payload[12:]):
        parsed = managed.parse_payload(other)
        assert parsed.algorithm is Algorithm.AES_GCM
        assert envelope.decrypt(parsed, DATA_KEY, DerivedKeyCache()) == b"grafana"


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (b"", "empty value"),
        (b"*YWVzLWdjbQ*" + bytes(36), "no data key id"),
        (b"#YWJj", "no end"),
        (b"#YWJj#", "no name of an algorithm"),
        (b"#YWJj#*YWVzLWdjbQ", "no name of an algorithm"),
        (b"#YWJj#*YWVz=*" + bytes(36), "not base64"),
        (b"#YWJj#*YWVzLWdjbQ*" + bytes(35), "too short"),
    ],
)
def test_what_grafana_does_not_read(value: bytes, fault: str) -> None:
    with pytest.raises(MalformedEnvelopeError, match=fault):
        managed.parse(value)
