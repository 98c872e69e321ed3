"""The rest of the interface for keys: importing, signing, backups, what follows a deletion, and what is not there."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.keyvault.keys import JsonWebKey
from azure.keyvault.keys.crypto import KeyWrapAlgorithm, SignatureAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from emulator_clients import Wire, decode, encode, private_key, version_of, wire_to
from keyvault_emulator import Emulator

if TYPE_CHECKING:
    from pathlib import Path

    from azure.keyvault.keys.aio import KeyClient
    from emulator_clients import Clock

SIGNATURES = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]


def number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8)


def web_key(private: rsa.RSAPrivateKey, **changes: Any) -> dict[str, Any]:
    numbers = private.private_numbers()
    parts = {
        "n": numbers.public_numbers.n, "e": numbers.public_numbers.e, "d": numbers.d, "p": numbers.p, "q": numbers.q,
        "dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp,
    }  # fmt: skip
    return {"kty": "RSA", **{name: number(value) for name, value in parts.items()}, **changes}


def on_the_wire(key: dict[str, Any]) -> dict[str, Any]:
    return {name: encode(value) if isinstance(value, bytes) else value for name, value in key.items()}


@pytest.fixture(scope="session")
def own() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


async def test_the_sdk_imports_a_key_and_uses_it(keys: KeyClient, state: Path, own: rsa.RSAPrivateKey) -> None:
    imported = await keys.import_key(
        "mine", JsonWebKey(**web_key(own, key_ops=["wrapKey", "unwrapKey"])), tags={"a": "b"}
    )
    assert imported.key_operations == ["wrapKey", "unwrapKey"]
    assert imported.properties.tags == {"a": "b"}
    assert imported.id is not None
    stored = private_key(state, "mine", version_of(imported.id))
    assert stored.private_numbers() == own.private_numbers()
    wrapped = own.public_key().encrypt(b"k" * 16, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    client = keys.get_cryptography_client("mine")
    assert (await client.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped)).key == b"k" * 16
    again = await keys.import_key("mine", JsonWebKey(**web_key(own)), hardware_protected=True)
    assert again.key_type == "RSA-HSM"
    assert len([version async for version in keys.list_properties_of_key_versions("mine")]) == 2


async def test_a_key_that_cannot_be_imported_is_refused(wire: Wire, own: rsa.RSAPrivateKey) -> None:
    right = on_the_wire(web_key(own))
    small = on_the_wire(web_key(rsa.generate_private_key(65537, 1024)))  # noqa: S505 - the point
    for wrong, status in (
        ({}, 400),
        ({"key": {}}, 400),
        ({"key": right | {"kty": "EC"}}, 501),
        ({"key": {name: value for name, value in right.items() if name != "d"}}, 400),
        ({"key": right | {"d": "!"}}, 400),
        ({"key": right | {"d": "AQAB"}}, 400),
        ({"key": right | {"p": "AQAB"}}, 400),
        ({"key": right | {"e": "AA"}}, 400),
        ({"key": small}, 400),
        ({"key": right | {"key_ops": ["fly"]}}, 400),
        ({"key": right, "release_policy": {}}, 501),
        ({"key": right, "attributes": {"exportable": True}}, 501),
    ):
        reply = await wire.request("PUT", "/keys/mine", wrong)
        assert (reply.status, reply.code) == (status, "BadParameter" if status == 400 else "NotImplemented"), wrong
    assert (await wire.get("/keys/mine")).status == 404


@pytest.mark.parametrize("algorithm", SIGNATURES)
async def test_the_sdk_signs_and_verifies(keys: KeyClient, wire: Wire, algorithm: str) -> None:
    digest = hashlib.new(f"sha{algorithm[2:]}", b"a text").digest()
    client = keys.get_cryptography_client("prod")
    signed = await client.sign(SignatureAlgorithm(algorithm), digest)
    assert (await client.verify(SignatureAlgorithm(algorithm), digest, signed.signature)).is_valid
    # The SDK verifies by itself; the service can, too.
    for signature, valid in ((signed.signature, True), (b"\1" * 256, False), (b"x", False)):
        body = {"alg": algorithm, "digest": encode(digest), "value": encode(signature)}
        assert (await wire.post("/keys/prod/verify", body)).json == {"value": valid}


async def test_a_signature_is_one_of_the_key(wire: Wire, state: Path) -> None:
    digest = hashlib.sha256(b"a text").digest()
    reply = await wire.crypt("/keys/prod//sign", digest, "PS256")
    public = private_key(state, "prod", version_of(reply.json["kid"])).public_key()
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    public.verify(decode(reply.json["value"]), digest, pss, utils.Prehashed(hashes.SHA256()))


async def test_what_cannot_be_signed_is_refused(wire: Wire) -> None:
    for body in (
        {"alg": "RS256", "value": encode(b"not a digest")},
        {"alg": "ES256", "value": encode(bytes(32))},
        {"alg": "RSA-OAEP-256", "value": encode(bytes(32))},
        {"alg": ["RS256"], "value": encode(bytes(32))},
        {"alg": "RS256"},
        {"value": encode(bytes(32))},
    ):
        for operation in ("sign", "verify"):
            reply = await wire.post(f"/keys/prod/{operation}", body | {"digest": body.get("value")})
            assert (reply.status, reply.code) == (400, "BadParameter")
    missing = await wire.post("/keys/prod/verify", {"alg": "RS256", "value": encode(bytes(256))})
    assert missing.message == "Property 'digest' is required.\r\n"


async def test_an_expired_key_verifies_and_does_not_sign(wire: Wire, clock: Clock) -> None:
    digest = hashlib.sha256(b"a text").digest()
    signature = (await wire.crypt("/keys/prod/sign", digest, "RS256")).json["value"]
    await wire.patch("/keys/prod", {"attributes": {"exp": int(clock.now) - 1}})
    refused = await wire.crypt("/keys/prod/sign", digest, "RS256")
    assert (refused.status, refused.code) == (403, "Forbidden")
    body = {"alg": "RS256", "digest": encode(digest), "value": signature}
    assert (await wire.post("/keys/prod/verify", body)).json == {"value": True}
    await wire.patch("/keys/prod", {"attributes": {"exp": None}, "key_ops": ["verify"]})
    refused = await wire.crypt("/keys/prod/sign", digest, "RS256")
    assert (refused.inner, refused.message) == ("KeyOperationForbidden", "Operation sign is not permitted on this key.")


async def test_the_sdk_recovers_and_purges_what_it_deleted(keys: KeyClient, state: Path) -> None:
    created = await keys.get_key("prod")
    await keys.delete_key("prod")
    recovered = await keys.recover_deleted_key("prod")
    assert recovered.id == created.id
    assert (await keys.get_key("prod")).id == created.id
    with pytest.raises(ResourceNotFoundError, match="A key with"):
        await keys.recover_deleted_key("prod")
    with pytest.raises(ResourceNotFoundError, match="Deleted Key not found"):
        await keys.purge_deleted_key("prod")

    await keys.delete_key("prod")
    await keys.purge_deleted_key("prod")
    with pytest.raises(ResourceNotFoundError):
        await keys.get_deleted_key("prod")
    assert sorted(path.name for path in (state / "keys").iterdir()) == ["next"]
    again = await keys.create_rsa_key("prod")
    assert again.id != created.id


async def test_a_backup_brings_back_every_version(keys: KeyClient, state: Path) -> None:
    old = await keys.get_key("prod")
    client = keys.get_cryptography_client("prod", key_version=old.properties.version)
    wrapped = await client.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, b"a data key")
    new = await keys.rotate_key("prod")
    await keys.update_key_properties("prod", old.properties.version, tags={"age": "old"})
    backup = await keys.backup_key("prod")
    assert backup is not None
    with pytest.raises(ResourceExistsError, match=f"There was a conflict restoring the key '{new.id}'"):
        await keys.restore_key_backup(backup)
    await keys.delete_key("prod")
    with pytest.raises(ResourceExistsError):
        await keys.restore_key_backup(backup)
    await keys.purge_deleted_key("prod")

    restored = await keys.restore_key_backup(backup)
    assert restored.id == new.id
    assert (await keys.get_key("prod", old.properties.version)).properties.tags == {"age": "old"}
    assert (await client.unwrap_key(wrapped.algorithm, wrapped.encrypted_key)).key == b"a data key"
    assert len(list((state / "keys" / "prod").glob("*.pem"))) == 2


async def test_another_vault_takes_a_backup_and_has_it_after_a_restart(
    wire: Wire, tmp_path_factory: pytest.TempPathFactory
) -> None:
    backup = (await wire.post("/keys/prod/backup")).json
    bundle = (await wire.get("/keys/prod")).json
    other = tmp_path_factory.mktemp("other")
    async with Emulator(state=other, keys=("unrelated",)) as emulator, wire_to(emulator) as elsewhere:
        assert (await elsewhere.post("/keys/restore", backup)).status == 200
    async with Emulator(state=other, keys=("unrelated",)) as emulator, wire_to(emulator) as elsewhere:
        found = (await elsewhere.get("/keys/prod")).json
    assert found["key"]["n"] == bundle["key"]["n"]
    assert found["attributes"] == bundle["attributes"]


async def test_a_malformed_backup_is_refused_as_recorded(wire: Wire, state: Path) -> None:
    good = json.loads(decode((await wire.post("/keys/next/backup")).json["value"]))
    (version,) = good["versions"]
    stem = next((state / "keys" / "next").glob("*.pem")).stem
    assert version["version"] == stem
    wrong: list[object] = [
        b"\0" * 32,
        [],
        {},
        good | {"form": "another"},
        good | {"name": "../../elsewhere"},
        good | {"name": None},
        good | {"versions": []},
        good | {"versions": 1},
        good | {"versions": [version | {"version": "../x"}]},
        good | {"versions": [version | {"pem": "garbage"}]},
        good | {"versions": [version | {"pem": 1}]},
        good | {"versions": [version | {"created": "long ago"}]},
        good | {"versions": [version | {"tags": []}]},
        good | {"versions": [version | {"exp": "soon"}]},
    ]
    await wire.request("DELETE", "/keys/next")
    await wire.request("DELETE", "/deletedkeys/next")
    for content in wrong:
        blob = content if isinstance(content, bytes) else json.dumps(content).encode()
        reply = await wire.post("/keys/restore", {"value": encode(blob)})
        assert (reply.status, reply.code) == (400, "Malformed backup blob"), content
        assert reply.message == "Backup blob contains invalid or corrupt version."
    assert (await wire.post("/keys/restore", {"value": "!"})).code == "BadParameter"
    assert (await wire.post("/keys/restore")).code == "BadParameter"
    assert (await wire.get("/keys/next")).status == 404
    # A key may be called so, which is why only one method means the operation.
    assert (await wire.get("/keys/restore")).code == "KeyNotFound"


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("POST", "/keys/prod/release", "The operation 'release'"),
        ("POST", f"/keys/prod/{uuid.UUID(int=1).hex}/release", "The operation 'release'"),
        ("POST", "/keys/prod//release", "The operation 'release'"),
        ("GET", "/keys/prod/attestation", "The operation 'get key attestation'"),
        ("POST", "/rng", "The operation 'get random bytes'"),
        ("GET", "/secrets/x", "The collection 'secrets'"),
        ("PUT", "/secrets/x", "The collection 'secrets'"),
        ("GET", "/certificates", "The collection 'certificates'"),
        ("GET", "/deletedsecrets", "The collection 'deletedsecrets'"),
        ("GET", "/storage/x/sas", "The collection 'storage'"),
    ],
)
async def test_what_is_not_there_is_said_by_name(wire: Wire, method: str, path: str, words: str) -> None:
    reply = await wire.request(method, path)
    assert (reply.status, reply.code) == (501, "NotImplemented")
    assert reply.message.startswith(f"{words} is not implemented by the Key Vault emulator: ")
    wire.token = ""
    assert (await wire.request(method, path)).status == 401


async def test_the_sdk_shows_what_is_not_there(keys: KeyClient) -> None:
    for attempt in (
        keys.create_ec_key("curve"),
        keys.get_random_bytes(8),
        keys.release_key("prod", "a token"),
        keys.create_rsa_key("exportable", exportable=True),
    ):
        with pytest.raises(HttpResponseError, match="is not implemented by the Key Vault emulator") as caught:
            await attempt
        assert caught.value.status_code == 501
    with pytest.raises(HttpResponseError, match="Invalid kty value: oct") as caught:
        await keys.create_oct_key("symmetric")
    assert caught.value.error is not None
    assert caught.value.error.innererror == {"code": "KeyTypeNotSupported"}


async def test_a_name_may_be_encoded_as_any_text_in_a_path(wire: Wire) -> None:
    assert (await wire.get("/keys/%70rod")).status == 200
    assert (await wire.get("/%6Beys/prod")).status == 200
    assert (await wire.get("/keys/a%2Fb")).code == "BadParameter"
