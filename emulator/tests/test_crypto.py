from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import HttpResponseError
from azure.keyvault.keys.crypto import EncryptionAlgorithm, KeyWrapAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from emulator_clients import Wire, decode, encode, private_key, version_of

if TYPE_CHECKING:
    from pathlib import Path

    from azure.keyvault.keys.aio import KeyClient
    from keyvault_emulator import Emulator

PADDINGS: dict[str, padding.AsymmetricPadding] = {
    "RSA-OAEP-256": padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None),
    "RSA-OAEP": padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None),  # noqa: S303 - what RSA-OAEP is
    "RSA1_5": padding.PKCS1v15(),
}
ALGORITHMS = list(PADDINGS)
LONGEST = {"RSA-OAEP-256": 190, "RSA-OAEP": 214, "RSA1_5": 245}
PRODUCE = ["encrypt", "wrapkey", "wrapKey"]
REVERT = ["decrypt", "unwrapkey", "unwrapKey"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("operation", PRODUCE)
async def test_what_the_emulator_wraps_opens_with_the_private_key_on_disk(
    wire: Wire, state: Path, operation: str, algorithm: str
) -> None:
    data_key = os.urandom(16)
    reply = await wire.crypt(f"/keys/prod/{operation}", data_key, algorithm)
    assert reply.status == 200
    key = private_key(state, "prod", version_of(reply.json["kid"]))
    assert key.decrypt(decode(reply.json["value"]), PADDINGS[algorithm]) == data_key
    assert "=" not in reply.json["value"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("operation", REVERT)
async def test_what_the_public_key_on_disk_wraps_the_emulator_unwraps(
    wire: Wire, state: Path, operation: str, algorithm: str
) -> None:
    version = version_of((await wire.get("/keys/prod")).json["key"]["kid"])
    for data_key in (os.urandom(16), os.urandom(LONGEST[algorithm]), b"\0\0"):
        wrapped = private_key(state, "prod", version).public_key().encrypt(data_key, PADDINGS[algorithm])
        reply = await wire.crypt(f"/keys/prod/{version}/{operation}", wrapped, algorithm)
        assert reply.status == 200
        assert decode(reply.json["value"]) == data_key


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_the_sdk_gets_back_what_it_encrypted_and_wrapped(keys: KeyClient, algorithm: str) -> None:
    data_key = os.urandom(16)
    client = keys.get_cryptography_client("prod")
    encrypted = await client.encrypt(EncryptionAlgorithm(algorithm), data_key)
    assert (await client.decrypt(encrypted.algorithm, encrypted.ciphertext)).plaintext == data_key
    wrapped = await client.wrap_key(KeyWrapAlgorithm(algorithm), data_key)
    assert (await client.unwrap_key(wrapped.algorithm, wrapped.encrypted_key)).key == data_key


async def test_wrap_and_encrypt_are_the_same_for_rsa(wire: Wire) -> None:
    encrypted = await wire.crypt("/keys/prod/encrypt", b"a data key")
    wrapped = await wire.crypt("/keys/prod/wrapkey", b"a data key")
    unwrapped = await wire.crypt("/keys/prod/unwrapkey", decode(encrypted.json["value"]))
    decrypted = await wire.crypt("/keys/prod/decrypt", decode(wrapped.json["value"]))
    assert decode(unwrapped.json["value"]) == decode(decrypted.json["value"]) == b"a data key"


async def test_the_version_may_be_given_left_empty_or_left_out(wire: Wire) -> None:
    kid = (await wire.get("/keys/prod")).json["key"]["kid"]
    wrapped = decode((await wire.crypt("/keys/prod/wrapkey", b"a data key")).json["value"])
    for middle in (f"/{version_of(kid)}/", "//", "/"):
        for operation in REVERT:
            reply = await wire.crypt(f"/keys/prod{middle}{operation}", wrapped)
            assert reply.status == 200
            assert reply.json["kid"] == kid


async def test_names_are_taken_in_any_case(wire: Wire) -> None:
    kid = (await wire.get("/keys/prod")).json["key"]["kid"]
    assert (await wire.get("/keys/PROD")).json["key"]["kid"] == kid


async def test_old_ciphertext_needs_its_version_after_a_rotation(wire: Wire) -> None:
    wrapped = await wire.crypt("/keys/prod/wrapkey", b"a data key")
    old = version_of(wrapped.json["kid"])
    rotated = await wire.post("/keys/prod/rotate")
    assert rotated.status == 200
    new = version_of(rotated.json["key"]["kid"])
    assert new != old
    assert (await wire.crypt("/keys/prod/wrapkey", b"x")).json["kid"] == rotated.json["key"]["kid"]

    versionless = await wire.crypt("/keys/prod/unwrapkey", decode(wrapped.json["value"]))
    assert (versionless.status, versionless.code) == (400, "BadParameter")
    assert versionless.message == "Error occurred while decoding OAEP padding."
    versioned = await wire.crypt(f"/keys/prod/{old}/unwrapkey", decode(wrapped.json["value"]))
    assert decode(versioned.json["value"]) == b"a data key"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_what_cannot_be_decrypted_is_a_bad_parameter(wire: Wire, algorithm: str) -> None:
    for damaged in (os.urandom(255), os.urandom(257), b"\xff" * 256, b"\0" * 256, b"x"):
        reply = await wire.crypt("/keys/prod/decrypt", damaged, algorithm)
        assert (reply.status, reply.code) == (400, "BadParameter"), damaged


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_plaintext_that_is_too_long_is_a_bad_parameter(wire: Wire, algorithm: str) -> None:
    assert (await wire.crypt("/keys/prod/encrypt", bytes(LONGEST[algorithm]), algorithm)).status == 200
    reply = await wire.crypt("/keys/prod/encrypt", bytes(LONGEST[algorithm] + 1), algorithm)
    assert (reply.status, reply.code) == (400, "BadParameter")


async def test_the_wrong_algorithm_does_not_decrypt(wire: Wire) -> None:
    wrapped = decode((await wire.crypt("/keys/prod/wrapkey", b"a data key")).json["value"])
    for algorithm in ("RSA-OAEP", "RSA1_5"):
        assert (await wire.crypt("/keys/prod/unwrapkey", wrapped, algorithm)).status == 400


async def test_random_instead_of_an_error_is_made_up_and_always_the_same(emulator: Emulator, wire: Wire) -> None:
    good = decode((await wire.crypt("/keys/prod/encrypt", b"a data key", "RSA1_5")).json["value"])
    emulator.set_bad_padding("random")
    # An OAEP block is never a PKCS#1 v1.5 one: it starts with 0 and then a random byte, 2 in one of 256.
    lengths = set()
    for seed in range(8):
        number = hashlib.shake_256(bytes([seed])).digest(255)
        first = await wire.crypt("/keys/prod/decrypt", b"\0" + number, "RSA1_5")
        again = await wire.crypt("/keys/prod/decrypt", b"\0" + number, "RSA1_5")
        assert first.status == 200
        assert first.json["value"] == again.json["value"]
        lengths.add(len(first.json["value"]))
    assert len(lengths) > 1
    reply = await wire.crypt("/keys/prod/decrypt", good, "RSA1_5")
    assert decode(reply.json["value"]) == b"a data key"

    assert (await wire.request("PUT", "/_control/rsa1_5", {"bad_padding": "error"})).status == 200
    assert (await wire.crypt("/keys/prod/decrypt", b"\0" + number, "RSA1_5")).status == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"alg": "RSA-OAEP-256"},
        {"value": "AAAA"},
        {"alg": "RSA-OAEP-257", "value": "AAAA"},
        {"alg": "A256KW", "value": "AAAA"},
        {"alg": ["RSA-OAEP"], "value": "AAAA"},
        {"alg": "RSA-OAEP-256", "value": 7},
        [],
    ],
)
async def test_a_body_that_makes_no_sense_is_a_bad_parameter(wire: Wire, body: object) -> None:
    reply = await wire.post("/keys/prod/encrypt", body)
    assert (reply.status, reply.code) == (400, "BadParameter")


@pytest.mark.parametrize("value", ["", "+/+/", "AAA=", "A", "ä", "AA AA"])
async def test_a_value_that_is_not_base64url_is_named(wire: Wire, value: str) -> None:
    reply = await wire.post("/keys/prod/encrypt", {"alg": "RSA-OAEP-256", "value": value})
    assert (reply.status, reply.code) == (400, "BadParameter")
    assert reply.message == "Content of 'value' is not base64url.\r\nProperty 'value' is required.\r\n"


async def test_broken_json_is_a_bad_parameter(wire: Wire) -> None:
    for data in (b"{", b"\xff", b"\0", b"[" * 100_000):
        reply = await wire.request("POST", "/keys/prod/encrypt", data=data)
        assert (reply.status, reply.code) == (400, "BadParameter")


@pytest.mark.parametrize("operation", ["encrypt", "decrypt", "wrapKey", "unwrapKey"])
async def test_each_operation_needs_its_own_key_op(wire: Wire, operation: str) -> None:
    wrapped = decode((await wire.crypt("/keys/prod/encrypt", b"a data key")).json["value"])
    values = {"encrypt": b"x", "wrapKey": b"x", "decrypt": wrapped, "unwrapKey": wrapped}
    others = [other for other in values if other != operation]
    assert (await wire.patch("/keys/prod/", {"key_ops": others})).json["key"]["key_ops"] == others
    refused = await wire.crypt(f"/keys/prod/{operation}", values[operation])
    assert (refused.status, refused.code, refused.inner) == (403, "Forbidden", "KeyOperationForbidden")
    assert refused.message == f"Operation {operation} is not permitted on this key."
    for other in others:
        assert (await wire.crypt(f"/keys/prod/{other}", values[other])).status == 200


async def test_the_sdk_names_the_reason_of_a_refusal(keys: KeyClient) -> None:
    client = keys.get_cryptography_client("prod")
    wrapped = await client.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, b"a data key")
    await keys.update_key_properties("prod", enabled=False)
    with pytest.raises(HttpResponseError) as caught:
        await client.unwrap_key(wrapped.algorithm, wrapped.encrypted_key)
    assert caught.value.status_code == 403
    assert caught.value.error is not None
    assert caught.value.error.code == "Forbidden"
    assert caught.value.error.innererror == {"code": "KeyDisabled"}


async def test_the_modulus_on_the_wire_is_that_of_the_key_on_disk(wire: Wire, state: Path) -> None:
    key = (await wire.get("/keys/next")).json["key"]
    numbers = private_key(state, "next", version_of(key["kid"])).public_key().public_numbers()
    assert key["e"] == "AQAB"
    assert decode(key["n"]) == numbers.n.to_bytes(256)
    assert encode(decode(key["n"])) == key["n"]
