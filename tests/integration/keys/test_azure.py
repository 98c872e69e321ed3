"""The provider `azurekv.NAME` against the emulator: what it finds out, what it remembers, what it refuses."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from emulator_clients import Wire, version_of, wire_to
from keyvault_emulator import ALL_PERMISSIONS, Emulator

from reencrypt.errors import ConfigurationError, RefusedError, UnavailableError
from reencrypt.keys.errors import AccessDeniedError, KeyDisabledError, KeyMissingError, UnwrapFailedError
from reencrypt.keys.provider import Unwrapped
from reencrypt.keys.ring import DataKey, KeyRing
from reencrypt.keys.wrap_format import Framing, RsaAlgorithm, WrapFormat
from reencrypt.secret import Secret
from tests.integration.keys.conftest import ProviderOf, make_provider

RAW_OAEP_256 = WrapFormat(Framing.RAW, RsaAlgorithm.OAEP_256)
PADDINGS = {
    RsaAlgorithm.OAEP_256: padding.OAEP(padding.MGF1(SHA256()), SHA256(), None),
    RsaAlgorithm.OAEP: padding.OAEP(padding.MGF1(SHA1()), SHA1(), None),  # noqa: S303 - RSA-OAEP of Key Vault
    RsaAlgorithm.PKCS1: padding.PKCS1v15(),
}


def only_version(state: Path, key: str = "prod") -> str:
    (path,) = (state / "keys" / key).glob("*.pem")
    return path.stem


@cache  # loading a private key takes as long as thirty unwraps
def load(content: bytes) -> RSAPrivateKey:
    key = load_pem_private_key(content, None)
    assert isinstance(key, RSAPrivateKey)
    return key


def private_key(state: Path, key: str, version: str) -> RSAPrivateKey:
    return load((state / "keys" / key / f"{version}.pem").read_bytes())


def pem(state: Path, key: str = "prod") -> RSAPrivateKey:
    return private_key(state, key, only_version(state, key))


def wrap(
    key: RSAPrivateKey, data_key: bytes, algorithm: RsaAlgorithm = RsaAlgorithm.OAEP_256, framing: Framing = Framing.RAW
) -> bytes:
    return framing.frame(key.public_key().encrypt(data_key, PADDINGS[algorithm]))


def asked(emulator: Emulator, *operations: str) -> int:
    """How many requests of these operations got past the challenge."""
    return sum(each.operation in operations and each.status != 401 for each in emulator.requests())


async def rotate(wire: Wire, key: str = "prod") -> str:
    return version_of((await wire.post(f"/keys/{key}/rotate")).json["key"]["kid"])


async def set_attributes(wire: Wire, attributes: dict[str, int], version: str = "") -> None:
    assert (await wire.patch(f"/keys/prod/{version}", {"attributes": attributes})).status == 200


# Unwrapping.


@pytest.mark.parametrize("algorithm", list(RsaAlgorithm))
@pytest.mark.parametrize("framing", list(Framing))
async def test_every_framing_and_algorithm_is_found_out(
    framing: Framing, algorithm: RsaAlgorithm, state: Path, provider_of: ProviderOf
) -> None:
    data_key = os.urandom(16)
    unwrapped = await provider_of().unwrap(wrap(pem(state), data_key, algorithm, framing))
    assert unwrapped.data_key == data_key
    assert unwrapped.wrap_format == WrapFormat(framing, algorithm)
    # RSA1_5 does not notice a wrong key.
    assert unwrapped.conclusive is (algorithm is not RsaAlgorithm.PKCS1)


async def test_the_second_answer_comes_by_the_other_operation_over_another_connection(
    emulator: Emulator, state: Path, provider_of: ProviderOf
) -> None:
    provider, wrapped = provider_of(), wrap(pem(state), b"k" * 16)
    first = await provider.unwrap(wrapped)
    assert (first.conclusive, first.is_proof) == (True, False)
    assert await provider.unwrap_again(wrapped, first) == b"k" * 16
    used = [(each.operation, each.version, each.connection) for each in emulator.requests() if each.status == 200]
    (decrypt, unwrap) = [each for each in used if each[0] in ("decrypt", "unwrapKey")]
    assert (decrypt[0], unwrap[0]) == ("decrypt", "unwrapKey")
    assert decrypt[1] == unwrap[1] == first.version
    assert unwrap[2] not in {connection for operation, _, connection in used if operation not in ("unwrapKey", "token")}


@pytest.mark.parametrize("permitted", ["decrypt", "unwrapKey"])
async def test_where_one_operation_is_permitted_the_second_answer_comes_by_the_same(
    emulator: Emulator, state: Path, provider_of: ProviderOf, permitted: str
) -> None:
    emulator.set_permissions(["get", permitted])
    provider, wrapped = provider_of(), wrap(pem(state), b"k" * 16)
    first = await provider.unwrap(wrapped)
    for _ in range(3):
        assert await provider.unwrap_again(wrapped, first) == b"k" * 16
    assert asked(emulator, permitted) == 4
    # That the other one is denied is asked once.
    assert asked(emulator, "decrypt", "unwrapKey") == 5


async def test_a_second_answer_that_does_not_decrypt_is_none(state: Path, provider_of: ProviderOf) -> None:
    provider = provider_of()
    first = await provider.unwrap(wrap(pem(state), b"k" * 16))
    assert await provider.unwrap_again(bytes(256), first) is None


@pytest.mark.parametrize("operation", ["decrypt", "unwrapKey", "get"])
async def test_the_answer_to_another_request_is_asked_for_again(
    emulator: Emulator, state: Path, provider_of: ProviderOf, operation: str
) -> None:
    emulator.add_fault(kind="mixed_up", after=1, next=1, operations=[operation])
    provider, wrapped = provider_of(), wrap(pem(state), b"k" * 16)
    for _ in range(2):
        first = await provider.unwrap(wrapped)
        assert first.data_key == b"k" * 16
        assert await provider.unwrap_again(wrapped, first) == b"k" * 16
    await provider.vault.get_key()
    assert not emulator.faults_waiting


@pytest.mark.parametrize("framing", list(Framing))
async def test_512_characters_of_base64_are_a_block_of_3072_bits_at_once(
    framing: Framing, state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    unwrapped = await provider_of("large").unwrap(wrap(pem(state, "large"), b"k" * 16, framing=framing))
    assert (unwrapped.data_key, unwrapped.wrap_format) == (b"k" * 16, WrapFormat(framing, RsaAlgorithm.OAEP_256))
    assert asked(emulator, "decrypt") == 1


async def test_base64_that_we_would_pad_otherwise_unwraps_but_is_no_format_to_write_in(
    state: Path, provider_of: ProviderOf
) -> None:
    block = wrap(pem(state), b"k" * 16)
    provider = provider_of()
    for text in (
        base64.b64encode(block).rstrip(b"="),
        base64.urlsafe_b64encode(block),
        base64.b64encode(block) + b"\n",
    ):
        unwrapped = await provider.unwrap(text)
        assert (unwrapped.data_key, unwrapped.wrap_format) == (b"k" * 16, None)


@pytest.mark.parametrize("algorithm", list(RsaAlgorithm))
async def test_fifty_data_keys_cost_fifty_requests_and_few_to_begin_with(
    algorithm: RsaAlgorithm, state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    provider = provider_of()
    for _ in range(50):
        data_key = os.urandom(16)
        assert (await provider.unwrap(wrap(pem(state), data_key, algorithm))).data_key == data_key
    assert 50 <= len(emulator.requests()) <= 50 + 10
    assert asked(emulator, "token") == 1
    tries = Counter(each.alg for each in emulator.requests() if each.status == 400)
    assert all(number <= 2 for number in tries.values()), tries


async def test_an_rsa1_5_that_works_does_not_go_before_an_oaep_that_works(
    state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    # A vault may answer RSA1_5 over a block of OAEP with bytes that mean nothing.
    emulator.set_bad_padding("random")
    provider = provider_of()
    assert not (await provider.unwrap(wrap(pem(state), b"a" * 16, RsaAlgorithm.PKCS1))).conclusive
    await provider.unwrap(wrap(pem(state), b"b" * 16))
    await provider.unwrap(wrap(pem(state), b"a" * 16, RsaAlgorithm.PKCS1))
    emulator.clear_requests()
    for _ in range(20):
        assert (await provider.unwrap(wrap(pem(state), b"c" * 16))).conclusive
    assert {each.alg for each in emulator.requests()} == {"RSA-OAEP-256"}


@pytest.mark.parametrize("allowed", ["decrypt", "unwrapKey"])
async def test_one_of_the_two_unwrapping_permissions_alone_is_enough(
    allowed: str, state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    emulator.set_permissions([allowed])
    provider = provider_of()
    for algorithm in RsaAlgorithm:
        for _ in range(3):
            assert (await provider.unwrap(wrap(pem(state), b"k" * 16, algorithm))).data_key == b"k" * 16
    # Denied once is known from then on.
    assert Counter(each.operation for each in emulator.requests() if each.status == 403)["decrypt"] <= 1


@pytest.mark.parametrize("model", ["policy", "rbac"])
async def test_without_either_the_permission_is_named_and_how_to_grant_it(
    model: str, state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    emulator.set_permissions(["get", "list", "encrypt", "wrapKey"], model)
    with pytest.raises(AccessDeniedError) as caught:
        await provider_of().unwrap(wrap(pem(state), b"k" * 16))
    # Who asked, as the vault says it, and its own words.
    assert caught.value.message.startswith(f"the application {emulator.client_id} (object id ")
    assert f"lacks the permission decrypt on key prod in {emulator.vault_uri}; the vault ans" in caught.value.message
    says = "Caller is not authorized" if model == "rbac" else "does not have keys decrypt permission"
    assert says in caught.value.message
    remedy = "'Key Vault Crypto User'" if model == "rbac" else "Add decrypt to the key permissions of"
    assert remedy in caught.value.hint


async def test_data_keys_of_older_versions_are_found_and_the_new_one_after_a_rotation_in_mid_run(
    state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    first = only_version(state)
    provider = provider_of()
    async with wire_to(emulator) as wire:
        versions = [first, await rotate(wire), await rotate(wire)]
        wrapped = {version: wrap(private_key(state, "prod", version), version[:16].encode()) for version in versions}
        for version in versions:
            assert (await provider.unwrap(wrapped[version])).data_key == version[:16].encode()
        newest = await rotate(wire)
    by_newest = wrap(private_key(state, "prod", newest), b"n" * 16)
    assert (await provider.unwrap(by_newest)).data_key == b"n" * 16
    emulator.clear_requests()
    for version in versions:
        for _ in range(3):
            assert (await provider.unwrap(wrapped[version])).data_key == version[:16].encode()
    # What worked last is tried first.
    assert asked(emulator, "decrypt") <= 9 + 3 * len(versions)
    assert asked(emulator, "list", "get") == 0


async def test_a_version_on_a_later_page_of_the_list_is_found(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = state / "keys" / "prod"
    old = only_version(state)
    attributes = json.loads((folder / f"{old}.json").read_text())
    for order in range(1, 60):
        version = uuid.uuid4().hex
        # The same other key under many names: making keys is slow.
        shutil.copyfile(next((state / "keys" / "other").glob("*.pem")), folder / f"{version}.pem")
        (folder / f"{version}.json").write_text(
            json.dumps({**attributes, "order": order, "created": attributes["created"] + order})
        )
    async with Emulator(state=state, keys=("prod", "other")) as emulator:
        monkeypatch.setenv("SSL_CERT_FILE", str(emulator.ca_bundle))
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", emulator.authority)
        provider = make_provider(emulator)
        try:
            unwrapped = await provider.unwrap(wrap(private_key(state, "prod", old), b"k" * 16))
            assert unwrapped.data_key == b"k" * 16
            assert asked(emulator, "list") == 3
            emulator.clear_requests()
            await provider.unwrap(wrap(private_key(state, "prod", old), b"k" * 16))
            assert len(emulator.requests()) == 1
        finally:
            await provider.close()


async def test_where_versions_may_not_be_listed_an_older_one_is_not_found_and_the_reason_said(
    state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    old = pem(state)
    async with wire_to(emulator) as wire:
        await rotate(wire)
    emulator.set_permissions(["decrypt"])
    with pytest.raises(UnwrapFailedError, match="needs the permission list"):
        await provider_of().unwrap(wrap(old, b"k" * 16))


async def test_a_data_key_of_a_foreign_rsa_key_fails_alone(
    emulator: Emulator, state: Path, provider_of: ProviderOf
) -> None:
    provider = provider_of()
    foreign = generate_private_key(65537, 2048)
    for framing in Framing:
        for algorithm in RsaAlgorithm:
            with pytest.raises(UnwrapFailedError) as caught:
                await provider.unwrap(wrap(foreign, b"k" * 16, algorithm, framing))
            # In the vault's own words.
            assert str(caught.value) == (
                f"no version of key prod in {emulator.vault_uri} unwraps it; the vault answered 400 BadParameter: "
                "Error occurred while decoding OAEP padding."
            )
    assert (await provider.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16


@pytest.mark.parametrize("length", [0, 15, 17, 32])
async def test_a_block_that_does_not_hold_16_bytes_is_no_data_key(
    length: int, state: Path, provider_of: ProviderOf
) -> None:
    with pytest.raises(UnwrapFailedError):
        await provider_of().unwrap(wrap(pem(state), b"k" * length))


@pytest.mark.parametrize("wrapped", [b"", b"x" * 255, b"x" * 257, b"A" * 342, b"\xff" * 52])
async def test_bytes_that_are_no_block_do_not_reach_the_vault(
    wrapped: bytes, emulator: Emulator, provider_of: ProviderOf
) -> None:
    if wrapped == b"A" * 342:
        # Base64 of 256 zero bytes: a block, but of no key.
        with pytest.raises(UnwrapFailedError, match="no version"):
            await provider_of().unwrap(wrapped)
        return
    with pytest.raises(UnwrapFailedError, match=f"{len(wrapped)} bytes are not an RSA block"):
        await provider_of().unwrap(wrapped)
    assert emulator.requests() == ()


async def test_concurrent_callers_each_get_their_own_answer(state: Path, provider_of: ProviderOf) -> None:
    provider = provider_of()
    keys = [os.urandom(16) for _ in range(60)]
    # All at once on a provider that has no token yet and knows nothing.
    answers = await asyncio.gather(*(provider.unwrap(wrap(pem(state), key)) for key in keys))
    assert [answer.data_key for answer in answers] == keys


async def test_the_ring_asks_the_vault_once_for_each_key(
    state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    provider = provider_of()
    keys = {f"k{number}": os.urandom(16) for number in range(20)}
    rows = [
        DataKey(name, active=True, provider="azurekv.prod", wrapped=wrap(pem(state), key), label="", created="")
        for name, key in keys.items()
    ]

    async def read() -> Iterable[DataKey]:
        return rows

    ring = KeyRing(lambda _name: provider, read)

    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(ring.ensure(list(keys)))
    assert {name: ring.entry(name) for name in keys} == {
        name: Unwrapped(key, conclusive=True, wrap_format=RAW_OAEP_256) for name, key in keys.items()
    }
    assert asked(emulator, "decrypt") == len(keys)
    assert asked(emulator, "token") == 1


async def test_a_token_that_is_refused_in_mid_run_is_replaced(
    state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    provider = provider_of()
    wrapped = wrap(pem(state), b"k" * 16)
    await provider.unwrap(wrapped)
    for _ in range(2):
        emulator.expire_tokens()
        answers = await asyncio.gather(*(provider.unwrap(wrapped) for _ in range(10)))
        assert {answer.data_key for answer in answers} == {b"k" * 16}


# Wrapping.


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("algorithm", list(RsaAlgorithm))
async def test_wrapping_is_local_where_the_public_key_may_be_read(
    framing: Framing, algorithm: RsaAlgorithm, state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    data_key = os.urandom(16)
    wrapped = await provider_of().wrap(data_key, WrapFormat(framing, algorithm))
    block = framing.unframe(wrapped)
    assert block is not None
    assert pem(state).decrypt(block, PADDINGS[algorithm]) == data_key
    assert {each.operation for each in emulator.requests()} <= {"get", "token"}


@pytest.mark.parametrize("allowed", ["encrypt", "wrapKey"])
async def test_wrapping_is_remote_where_it_may_not(
    allowed: str, state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    emulator.set_permissions([allowed])
    for algorithm in RsaAlgorithm:
        wrapped = await provider_of().wrap(b"k" * 16, WrapFormat(Framing.RAW, algorithm))
        assert pem(state).decrypt(wrapped, PADDINGS[algorithm]) == b"k" * 16
    assert asked(emulator, allowed) == len(RsaAlgorithm)


async def test_wrapping_uses_the_newest_version(state: Path, emulator: Emulator, provider_of: ProviderOf) -> None:
    async with wire_to(emulator) as wire:
        newest = await rotate(wire)
    provider = provider_of()
    local = await provider.wrap(b"k" * 16, RAW_OAEP_256)
    emulator.set_permissions(["encrypt"])
    remote = await provider.wrap(b"k" * 16, RAW_OAEP_256)
    for wrapped in (local, remote):
        assert private_key(state, "prod", newest).decrypt(wrapped, PADDINGS[RsaAlgorithm.OAEP_256]) == b"k" * 16


async def test_without_get_encrypt_and_wrap_the_permission_that_grafana_asks_for_is_named(
    emulator: Emulator, provider_of: ProviderOf
) -> None:
    emulator.set_permissions(set(ALL_PERMISSIONS) - {"get", "encrypt", "wrapKey"})
    with pytest.raises(AccessDeniedError, match="lacks the permission encrypt on key prod"):
        await provider_of().wrap(b"k" * 16, RAW_OAEP_256)


# Versions that are disabled, expired or restricted.


async def test_a_disabled_version_is_named_with_the_command_that_enables_it(
    state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    version = only_version(state)
    async with wire_to(emulator) as wire:
        await set_attributes(wire, {"enabled": False}, version)
    provider = provider_of()
    for attempt in (provider.unwrap(wrap(pem(state), b"k" * 16)), provider.wrap(b"k" * 16, RAW_OAEP_256)):
        with pytest.raises(KeyDisabledError) as caught:
            await attempt
        assert caught.value.message.startswith(f"key prod in {emulator.vault_uri}, version {version} is disabled")
        assert f"--name prod --version {version} --enabled true" in caught.value.hint


async def test_a_disabled_older_version_is_named_and_those_of_others_unwrap(
    state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    old = only_version(state)
    async with wire_to(emulator) as wire:
        newest = await rotate(wire)
        await set_attributes(wire, {"enabled": False}, old)
    provider = provider_of()
    with pytest.raises(KeyDisabledError, match=f"version {old} is disabled"):
        await provider.unwrap(wrap(private_key(state, "prod", old), b"k" * 16))
    assert (await provider.unwrap(wrap(private_key(state, "prod", newest), b"k" * 16))).conclusive


async def test_a_disabled_version_that_may_not_be_looked_up_is_called_the_newest(
    state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    async with wire_to(emulator) as wire:
        await set_attributes(wire, {"enabled": False})
    emulator.set_permissions(["decrypt", "encrypt"])
    provider = provider_of()
    for attempt in (provider.unwrap(wrap(pem(state), b"k" * 16)), provider.wrap(b"k" * 16, RAW_OAEP_256)):
        with pytest.raises(KeyDisabledError, match=r"the newest version of key prod in .* is disabled"):
            await attempt


async def test_the_ring_adds_which_data_key_needs_the_disabled_version(
    state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    async with wire_to(emulator) as wire:
        await set_attributes(wire, {"enabled": False})
    provider = provider_of()

    async def read() -> Iterable[DataKey]:
        return []

    ring = KeyRing(lambda _name: provider, read)
    wrapped = wrap(pem(state), b"k" * 16)
    row = DataKey("theid", active=True, provider="azurekv.prod", wrapped=wrapped, label="", created="")
    with pytest.raises(KeyDisabledError, match=r"^data key theid: ") as caught:
        await ring.unwrap_row(row)
    assert "--skip-key theid" in caught.value.hint


async def test_a_provider_that_fails_for_one_of_many_keys_fails_as_one_error(
    state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    old = only_version(state)
    async with wire_to(emulator) as wire:
        newest = await rotate(wire)
        await set_attributes(wire, {"enabled": False}, old)
    provider = provider_of()
    rows = [
        DataKey(
            f"{number}",
            active=True,
            provider="azurekv.prod",
            wrapped=wrap(private_key(state, "prod", version), b"k" * 16),
            label="",
            created="",
        )
        for number, version in enumerate([newest, newest, old, old, newest])
    ]

    async def read() -> Iterable[DataKey]:
        return rows

    ring = KeyRing(lambda _name: provider, read)

    with pytest.raises(KeyDisabledError, match=rf"data key [23]: .* version {old} is disabled"):
        await ring.ensure([row.id for row in rows])


@pytest.mark.parametrize("dates", [{"exp": 1_500_000_000}, {"nbf": 4_000_000_000}])
@pytest.mark.parametrize("denied", ["", "get"])
async def test_a_version_outside_its_validity_unwraps_and_refuses_to_wrap(
    dates: dict[str, int], denied: str, state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    async with wire_to(emulator) as wire:
        await set_attributes(wire, dates)
    emulator.set_permissions(set(ALL_PERMISSIONS) - {denied})
    provider = provider_of()
    assert (await provider.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16
    with pytest.raises(RefusedError) as caught:
        await provider.wrap(b"k" * 16, RAW_OAEP_256)
    assert ("newest version" if denied else only_version(state)) in caught.value.message
    assert "Make a new version" in caught.value.hint


async def test_key_ops_are_those_of_one_version(state: Path, emulator: Emulator, provider_of: ProviderOf) -> None:
    old = only_version(state)
    async with wire_to(emulator) as wire:
        newest = await rotate(wire)
        await wire.patch(f"/keys/prod/{newest}", {"key_ops": ["encrypt"]})
    emulator.set_permissions(["decrypt", "list"])
    provider = provider_of()
    for _ in range(2):
        assert (await provider.unwrap(wrap(private_key(state, "prod", old), b"k" * 16))).conclusive
    with pytest.raises(AccessDeniedError, match="its key_ops do not allow decrypt"):
        await provider.unwrap(wrap(private_key(state, "prod", newest), b"k" * 16))


async def test_a_key_that_is_missing_or_deleted_is_an_error_of_the_configuration(
    state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    wrapped = wrap(pem(state), b"k" * 16)
    async with wire_to(emulator) as wire:
        await wire.request("DELETE", "/keys/other")
    for name in ("nosuchkey", "other"):
        provider = provider_of(name)
        for attempt in (provider.unwrap(wrapped), provider.wrap(b"k" * 16, RAW_OAEP_256)):
            with pytest.raises(KeyMissingError, match=f"key {name} in .* does not exist") as caught:
                await attempt
            assert f"key_id in [security.encryption.azurekv.{name}]" in caught.value.hint


# Signing in, and the connection.


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("client_secret", Secret("not-the-secret-c4n4ry"), "client_secret is wrong"),
        ("client_id", str(uuid.UUID(int=7)), "client_id is unknown in that tenant"),
        ("tenant_id", str(uuid.UUID(int=7)), "tenant_id is wrong"),
        ("tenant_id", "not a tenant!", "tenant ID"),
    ],
)
async def test_a_wrong_credential_is_told_by_name(
    field: str, value: object, says: str, emulator: Emulator, provider_of: ProviderOf
) -> None:
    provider = provider_of(**{field: value})
    for _ in range(2):
        with pytest.raises(ConfigurationError) as caught:
            await provider.wrap(b"k" * 16, RAW_OAEP_256)
        assert says in caught.value.message
        assert "[security.encryption.azurekv.prod]" in caught.value.message
        said = caught.value.message + caught.value.hint
        assert emulator.client_secret not in said
        assert "c4n4ry" not in said


async def test_without_a_client_secret_the_identity_of_the_machine_signs_in(
    state: Path, emulator: Emulator, provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", emulator.tenant_id)
    monkeypatch.setenv("AZURE_CLIENT_ID", emulator.client_id)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", emulator.client_secret)
    provider = provider_of(client_secret=Secret(""))
    assert (await provider.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16
    emulator.expire_tokens()
    assert (await provider.unwrap(wrap(pem(state), b"k" * 16))).data_key == b"k" * 16


async def test_an_authority_that_is_not_https_is_an_error_of_the_configuration(
    provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "http://localhost:1")
    with pytest.raises(ConfigurationError, match="https"):
        await provider_of().wrap(b"k" * 16, RAW_OAEP_256)


async def test_a_certificate_that_nobody_trusts_is_told_from_a_network_that_is_down(
    provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ConfigurationError, match=r"the certificate of localhost:\d+ is not trusted") as caught:
        await provider_of().wrap(b"k" * 16, RAW_OAEP_256)
    assert "SSL_CERT_FILE" in caught.value.hint


async def test_a_vault_that_is_gone_is_unavailable_and_back_is_back(
    state: Path, emulator: Emulator, provider_of: ProviderOf
) -> None:
    provider = provider_of()
    wrapped = wrap(pem(state), b"k" * 16)
    await provider.unwrap(wrapped)
    port = int(emulator.vault_uri.rpartition(":")[2])
    await emulator.stop()
    with pytest.raises(
        UnavailableError, match=r"decrypt with key prod in .*: no connection .*; gave up \(deadline 1 s\)"
    ):
        await provider.unwrap(wrapped)
    async with Emulator(state=state, port=port, keys=("prod", "other")):
        assert (await provider.unwrap(wrapped)).data_key == b"k" * 16


async def test_a_provider_that_was_closed_opens_again(state: Path, provider_of: ProviderOf) -> None:
    provider = provider_of()
    for _ in range(2):
        await provider.unwrap(wrap(pem(state), b"k" * 16))
        await provider.close()
    await provider.close()
