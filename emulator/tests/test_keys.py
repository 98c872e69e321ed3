from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from emulator_clients import API, Wire, decode, version_of
from keyvault_emulator import ALL_PERMISSIONS, Emulator
from keyvault_emulator.apiversions import API_VERSIONS

if TYPE_CHECKING:
    from azure.keyvault.keys import KeyVaultKey
    from azure.keyvault.keys.aio import KeyClient
    from emulator_clients import Clock

UNKNOWN_VERSION = "0123456789abcdef0123456789abcdef"


async def test_a_key_bundle_has_the_shape_of_the_service(emulator: Emulator, wire: Wire) -> None:
    for path in ("/keys/prod", "/keys/prod/"):
        reply = await wire.get(path)
        assert reply.status == 200
        key = reply.json["key"]
        assert key["kid"].startswith(f"{emulator.vault_uri}/keys/prod/")
        assert key["kty"] == "RSA"
        assert key["key_ops"] == ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
        assert set(key) == {"kid", "kty", "key_ops", "n", "e"}
        attributes = reply.json["attributes"]
        assert attributes["enabled"] is True
        assert attributes["recoveryLevel"] == "Recoverable+Purgeable"
        assert isinstance(attributes["created"], int)
        assert isinstance(attributes["updated"], int)
    versioned = await wire.get(f"/keys/prod/{version_of(key['kid'])}")
    assert versioned.json == reply.json


async def test_every_answer_has_the_headers_of_the_service(wire: Wire) -> None:
    for path in ("/keys/prod", "/keys/no-such-key"):
        headers = (await wire.request("GET", path, headers={"x-ms-client-request-id": "my-request"})).headers
        assert headers["Content-Type"] == "application/json; charset=utf-8"
        assert headers["Cache-Control"] == "no-cache"
        assert headers["Pragma"] == "no-cache"
        assert headers["Expires"] == "-1"
        assert headers["Strict-Transport-Security"] == "max-age=31536000;includeSubDomains"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["x-ms-client-request-id"] == "my-request"
        assert headers["x-ms-keyvault-service-version"].startswith("1.9.")
        assert headers["x-ms-keyvault-network-info"] == "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;"
        assert {"x-ms-request-id", "x-ms-keyvault-region", "Content-Length", "Date"} <= set(headers)


async def test_an_absent_key_or_version_is_not_found(wire: Wire, keys: KeyClient) -> None:
    reply = await wire.get("/keys/absent")
    assert (reply.status, reply.code) == (404, "KeyNotFound")
    assert reply.message == (
        "A key with (name/id) absent was not found in this key vault. If you recently deleted this key you may be "
        "able to recover it using the correct recovery command. For help resolving this issue, please see "
        "https://go.microsoft.com/fwlink/?linkid=2125182"
    )
    versioned = await wire.crypt(f"/keys/prod/{UNKNOWN_VERSION}/decrypt", b"x")
    assert (versioned.status, versioned.code) == (404, "KeyNotFound")
    assert f"(name/id) prod/{UNKNOWN_VERSION} was" in versioned.message
    with pytest.raises(ResourceNotFoundError):
        await keys.get_key("absent")


@pytest.mark.parametrize(
    "path",
    [
        "/keys/prod/01234567-89ab-cdef-0123-456789abcdef/decrypt",
        "/keys/prod/0123456789ABCDEF0123456789ABCDEF/decrypt",
        "/keys/prod//",
        "/keys//",
        "/keys//create",
        f"/keys/prod/{UNKNOWN_VERSION}/nonsense",
        "/deletedkeys//recover",
        "/keyring",
        "/",
    ],
)
async def test_a_path_of_the_wrong_shape_gets_the_page_of_the_web_server(wire: Wire, path: str) -> None:
    for method in ("GET", "POST"):
        reply = await wire.request(method, path)
        assert reply.status == 404
        assert reply.headers["Content-Type"] == "text/html"
        assert "404 - File or directory not found." in reply.text


async def test_a_request_without_api_version_is_refused(wire: Wire) -> None:
    reply = await wire.get("/keys/prod", query="")
    assert (reply.status, reply.code) == (400, "BadParameter")
    assert reply.message == "api-version must be specified"


async def test_every_stable_version_is_known(wire: Wire) -> None:
    assert len(API_VERSIONS) == 10
    for version in API_VERSIONS:
        assert (await wire.get("/keys/prod", query=f"api-version={version}")).status == 200


async def test_a_version_that_does_not_exist_is_refused_with_the_newest(wire: Wire) -> None:
    reply = await wire.get("/keys/prod", query="api-version=7.9")
    assert (reply.status, reply.code) == (400, "BadParameter")
    assert reply.message == (
        "The specified version (7.9) is not recognized. Consider using the latest supported version (2026-04-01)."
    )


async def test_a_cloud_may_know_older_versions_only(emulator: Emulator, wire: Wire, keys: KeyClient) -> None:
    older = {"known": ["7.3", "7.4"]}
    assert (await wire.request("PUT", "/_control/api-versions", older)).status == 200
    for method, path in (("GET", "/keys/prod"), ("GET", "/keys"), ("POST", "/keys/prod/unwrapkey")):
        reply = await wire.request(method, path)
        assert (reply.status, reply.code) == (400, "BadParameter")
        assert reply.message == (
            "The specified version (2025-07-01) is not recognized. Consider using the latest supported version (7.4)."
        )
    with pytest.raises(HttpResponseError, match="is not recognized"):
        await keys.get_key("prod")
    assert (await wire.get("/keys/prod", query="api-version=7.4")).status == 200
    emulator.set_api_versions()
    assert (await keys.get_key("prod")).name == "prod"


async def test_a_name_that_cannot_be_is_refused(wire: Wire) -> None:
    reply = await wire.get("/keys/under_score")
    assert (reply.status, reply.code) == (400, "BadParameter")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/keys/prod"), ("PUT", "/keys"), ("PATCH", "/deletedkeys/prod"), ("GET", "/rng")]
)
async def test_a_method_that_does_not_fit_the_path_is_refused(wire: Wire, method: str, path: str) -> None:
    reply = await wire.request(method, path, {})
    assert (reply.status, reply.code) == (405, "MethodNotAllowed")


@pytest.mark.parametrize(
    ("method", "path", "word"),
    [
        ("GET", "/keys/prod/decrypt", "decrypt"),
        ("GET", f"/keys/prod/{UNKNOWN_VERSION}/wrapkey", "wrapkey"),
        ("GET", "/keys/prod//sign", "sign"),
        ("PUT", "/keys/prod/restore", "restore"),
        ("GET", "/keys/prod/latest", "latest"),
        ("GET", "/keys/prod/01234567-89ab-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"),
        ("DELETE", "/deletedkeys/prod/purge", "purge"),
    ],
)
async def test_what_follows_a_name_is_taken_for_an_operation(wire: Wire, method: str, path: str, word: str) -> None:
    reply = await wire.request(method, path)
    assert (reply.status, reply.code) == (400, "BadParameter")
    assert reply.message == f"Method {method} does not allow operation '{word}'"


def modulus(key: KeyVaultKey) -> bytes:
    n = getattr(key.key, "n")  # noqa: B009 - the SDK sets the fields of a JWK where no type checker sees them
    assert isinstance(n, bytes)
    return n


async def test_the_sdk_creates_rotates_and_reads_keys(keys: KeyClient) -> None:
    created = await keys.create_rsa_key(
        "fresh", size=3072, key_operations=["encrypt", "decrypt"], tags={"team": "storage"}
    )
    assert len(modulus(created)) == 384
    rotated = await keys.rotate_key("fresh")
    assert len(modulus(rotated)) == 384
    assert rotated.properties.version != created.properties.version
    assert rotated.properties.tags == {"team": "storage"}
    assert rotated.key_operations == ["encrypt", "decrypt"]
    current = await keys.get_key("fresh")
    assert current.properties.version == rotated.properties.version
    old = await keys.get_key("fresh", created.properties.version)
    assert modulus(old) == modulus(created)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kty": "oct"},
        {"kty": ["RSA"]},
        {"kty": "RSA", "key_size": 1024},
        {"kty": "RSA", "key_size": "2048"},
        {"kty": "RSA", "public_exponent": 3},
        {"kty": "RSA", "key_ops": ["fly"]},
        {"kty": "RSA", "key_ops": "encrypt"},
        {"kty": "RSA", "attributes": []},
        {"kty": "RSA", "attributes": {"enabled": "yes"}},
        {"kty": "RSA", "attributes": {"exp": True}},
        {"kty": "RSA", "attributes": {"nbf": 2, "exp": 1}},
        {"kty": "RSA", "tags": {"a": 1}},
    ],
)
async def test_a_key_that_cannot_be_made_is_a_bad_parameter(wire: Wire, body: dict[str, object]) -> None:
    reply = await wire.post("/keys/fresh/create", body)
    assert (reply.status, reply.code) == (400, "BadParameter")
    assert (await wire.get("/keys/fresh")).status == 404


@pytest.mark.parametrize("operation", ["encrypt", "decrypt", "wrapKey", "unwrapKey"])
async def test_a_disabled_version_does_nothing_but_can_be_read(wire: Wire, operation: str) -> None:
    wrapped = await wire.crypt("/keys/prod/encrypt", b"a data key")
    version = version_of(wrapped.json["kid"])
    disabled = await wire.patch(f"/keys/prod/{version}", {"attributes": {"enabled": False}})
    assert disabled.json["attributes"]["enabled"] is False
    assert (await wire.get("/keys/prod")).json["attributes"]["enabled"] is False

    for path in (f"/keys/prod/{version}/{operation}", f"/keys/prod//{operation}"):
        refused = await wire.crypt(path, decode(wrapped.json["value"])[:190])
        assert (refused.status, refused.code, refused.inner) == (403, "Forbidden", "KeyDisabled")
        assert refused.message == f"Operation {operation} is not allowed on a disabled key."

    await wire.patch("/keys/prod/", {"attributes": {"enabled": True}})
    assert (await wire.crypt("/keys/prod/decrypt", decode(wrapped.json["value"]))).status == 200


async def test_a_disabled_version_may_be_hidden_too(emulator: Emulator, wire: Wire) -> None:
    await wire.patch("/keys/prod", {"attributes": {"enabled": False}})
    assert (await wire.request("PUT", "/_control/disabled", {"shown": False})).status == 200
    reply = await wire.get("/keys/prod")
    assert (reply.status, reply.code, reply.inner) == (403, "Forbidden", "KeyDisabled")
    assert reply.message == "Operation get is not allowed on a disabled key."
    assert (await wire.get("/keys/next")).status == 200
    assert len((await wire.get("/keys/prod/versions")).json["value"]) == 1
    emulator.set_shows_disabled(True)
    assert (await wire.get("/keys/prod")).status == 200


async def test_disabling_one_version_leaves_the_others_alone(wire: Wire) -> None:
    old = version_of((await wire.get("/keys/prod")).json["key"]["kid"])
    await wire.post("/keys/prod/rotate")
    await wire.patch(f"/keys/prod/{old}", {"attributes": {"enabled": False}})
    assert (await wire.crypt("/keys/prod/encrypt", b"x")).status == 200
    assert (await wire.crypt(f"/keys/prod/{old}/encrypt", b"x")).status == 403


@pytest.mark.parametrize("moment", ["expired", "not yet valid"])
async def test_outside_its_dates_a_key_still_reads_and_no_longer_writes(wire: Wire, clock: Clock, moment: str) -> None:
    wrapped = decode((await wire.crypt("/keys/prod/wrapkey", b"a data key")).json["value"])
    now = int(clock.now)
    dates = {"exp": now + 10} if moment == "expired" else {"nbf": now + 20}
    await wire.patch("/keys/prod/", {"attributes": dates})
    clock.now += 9
    assert (await wire.crypt("/keys/prod/wrapkey", b"x")).status == (200 if moment == "expired" else 403)
    clock.now += 1
    for operation in ("encrypt", "wrapKey"):
        refused = await wire.crypt(f"/keys/prod/{operation}", b"x")
        assert (refused.status, refused.code) == (403, "Forbidden")
        assert refused.inner == ("KeyExpired" if moment == "expired" else "KeyNotYetValid")
    for operation in ("decrypt", "unwrapKey"):
        assert decode((await wire.crypt(f"/keys/prod/{operation}", wrapped)).json["value"]) == b"a data key"


async def test_the_sdk_sees_the_dates_that_it_set(keys: KeyClient) -> None:
    expires = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    await keys.update_key_properties("prod", expires_on=expires, tags={"a": "b"})
    properties = (await keys.get_key("prod")).properties
    assert properties.expires_on == expires
    assert properties.tags == {"a": "b"}
    assert properties.enabled is True


async def test_more_than_a_page_of_versions_is_listed_to_the_end(
    emulator: Emulator, wire: Wire, keys: KeyClient
) -> None:
    for _ in range(27):
        await wire.post("/keys/prod/rotate")
    first = await wire.get("/keys/prod/versions")
    assert len(first.json["value"]) == 25
    assert set(first.json["value"][0]) == {"kid", "attributes"}
    assert first.json["nextLink"].startswith(f"{emulator.vault_uri}/keys/prod/versions?api-version=2025-07-01&$skip")
    second = await wire.get(first.json["nextLink"])
    assert len(second.json["value"]) == 3
    assert second.json["nextLink"] is None
    listed = [version_of(item["kid"]) for item in first.json["value"] + second.json["value"]]
    assert listed == sorted(set(listed))

    for size in (None, 7):
        by_sdk = [found.version async for found in keys.list_properties_of_key_versions("prod", max_page_size=size)]
        assert by_sdk == listed


async def test_under_the_name_of_a_real_vault_links_spell_out_the_port(emulator: Emulator, wire: Wire) -> None:
    await wire.post("/keys/prod/rotate")
    headers = {"Host": "myvault.vault.azure.net"}
    reply = await wire.request("GET", "/keys/prod/versions", query=f"{API}&maxresults=1", headers=headers)
    assert reply.json["value"][0]["kid"].startswith("https://myvault.vault.azure.net/keys/prod/")
    assert reply.json["nextLink"].startswith("https://myvault.vault.azure.net:443/keys/prod/versions?")
    forged = await wire.request("GET", "/keys/prod", headers={"Host": 'a"b'})
    assert forged.json["key"]["kid"].startswith(emulator.vault_uri)


@pytest.mark.parametrize(
    "query",
    ["maxresults=0", "maxresults=26", "maxresults=x", "maxresults=" + 5000 * "9", "$skiptoken=x", "$skiptoken=W10"],
)
async def test_a_page_that_cannot_be_is_refused(wire: Wire, query: str) -> None:
    reply = await wire.get("/keys/prod/versions", query=f"{API}&{query}")
    assert (reply.status, reply.code) == (400, "BadParameter")


async def test_a_key_that_is_not_there_has_an_empty_list_of_versions(wire: Wire) -> None:
    reply = await wire.get("/keys/absent/versions")
    assert reply.json == {"value": [], "nextLink": None}


async def test_the_list_of_keys_names_no_versions(emulator: Emulator, wire: Wire, keys: KeyClient) -> None:
    reply = await wire.get("/keys")
    assert [item["kid"] for item in reply.json["value"]] == [
        f"{emulator.vault_uri}/keys/next",
        f"{emulator.vault_uri}/keys/prod",
    ]
    assert [found.name async for found in keys.list_properties_of_keys()] == ["next", "prod"]


async def test_a_deleted_key_is_gone_and_its_name_is_taken(wire: Wire, keys: KeyClient) -> None:
    kid = (await wire.get("/keys/prod")).json["key"]["kid"]
    missing = await wire.get("/deletedkeys/prod")
    assert (missing.status, missing.message) == (404, "Deleted Key not found: prod")

    deleted = await keys.delete_key("prod")
    assert deleted.id == kid
    assert deleted.scheduled_purge_date is not None
    assert (await keys.get_deleted_key("prod")).id == kid
    assert [found.name async for found in keys.list_deleted_keys()] == ["prod"]
    assert [found.name async for found in keys.list_properties_of_keys()] == ["next"]

    for method, path in (
        ("GET", "/keys/prod"),
        ("GET", f"/keys/prod/{version_of(kid)}"),
        ("DELETE", "/keys/prod"),
        ("POST", "/keys/prod/rotate"),
    ):
        reply = await wire.request(method, path)
        assert (reply.status, reply.code) == (404, "KeyNotFound")
    assert (await wire.crypt("/keys/prod/encrypt", b"x")).status == 404
    with pytest.raises(ResourceExistsError) as caught:
        await keys.create_rsa_key("prod")
    assert caught.value.error is not None
    assert caught.value.error.innererror == {"code": "ObjectIsDeletedButRecoverable"}


@pytest.mark.parametrize("denied", ALL_PERMISSIONS)
async def test_without_a_permission_exactly_its_operations_are_refused(
    emulator: Emulator, wire: Wire, denied: str
) -> None:
    attempts = {
        "get": ("GET", "/keys/prod", None),
        "list": ("GET", "/keys/prod/versions", None),
        "encrypt": ("POST", "/keys/prod/encrypt", {"alg": "RSA-OAEP", "value": "AAAA"}),
        "decrypt": ("POST", "/keys/prod/decrypt", {"alg": "RSA-OAEP", "value": "AAAA"}),
        "wrapKey": ("POST", "/keys/prod/wrapkey", {"alg": "RSA-OAEP", "value": "AAAA"}),
        "unwrapKey": ("POST", "/keys/prod/unwrapkey", {"alg": "RSA-OAEP", "value": "AAAA"}),
        "create": ("POST", "/keys/prod/create", {"kty": "RSA"}),
        "rotate": ("POST", "/keys/prod/rotate", None),
        "update": ("PATCH", "/keys/prod", {}),
        "sign": ("POST", "/keys/prod/sign", {"alg": "RS256", "value": "AAAA"}),
        "verify": ("POST", "/keys/prod/verify", {"alg": "RS256", "value": "AAAA", "digest": "AAAA"}),
        "import": ("PUT", "/keys/prod", {}),
        "backup": ("POST", "/keys/prod/backup", None),
        "restore": ("POST", "/keys/restore", {}),
        "getRotationPolicy": ("GET", "/keys/prod/rotationpolicy", None),
        "setRotationPolicy": ("PUT", "/keys/prod/rotationpolicy", {}),
        "delete": ("DELETE", "/keys/prod", None),
        "recover": ("POST", "/deletedkeys/prod/recover", None),
        "purge": ("DELETE", "/deletedkeys/prod", None),
    }
    assert set(attempts) == set(ALL_PERMISSIONS)
    emulator.set_permissions([permission for permission in ALL_PERMISSIONS if permission != denied])
    for permission, (method, path, body) in attempts.items():
        reply = await wire.request(method, path, body)
        assert (reply.status == 403) == (permission == denied), permission
        if permission == denied:
            assert (reply.code, reply.inner) == ("Forbidden", "ForbiddenByPolicy")
            assert reply.message == (
                f"The user, group or application 'appid={emulator.client_id};oid={reply.message.split('oid=')[1][:36]};"
                f"iss=https://sts.windows.net/{emulator.tenant_id}/' does not have keys {denied} permission on key "
                "vault 'localhost;location=westeurope'. For help resolving this issue, please see "
                "https://go.microsoft.com/fwlink/?linkid=2125287"
            )


async def test_under_rbac_reading_and_listing_are_one_and_a_refusal_names_the_data_action(
    emulator: Emulator, wire: Wire
) -> None:
    allowed = {"allow": ["get", "wrapKey"], "model": "rbac"}
    assert (await wire.request("PUT", "/_control/permissions", allowed)).status == 200
    assert (await wire.get("/keys/prod/versions")).status == 200
    assert (await wire.crypt("/keys/prod/wrapkey", b"x")).status == 200
    reply = await wire.crypt("/keys/prod/unwrapkey", b"x")
    assert (reply.status, reply.code, reply.inner) == (403, "Forbidden", "ForbiddenByRbac")
    assert reply.message.startswith("Caller is not authorized to perform action on resource.\r\nIf role assignments")
    assert f"\r\nCaller: appid={emulator.client_id};oid=" in reply.message
    assert "\r\nAction: 'Microsoft.KeyVault/vaults/keys/unwrap/action'\r\n" in reply.message
    assert reply.message.endswith("\r\nVault: localhost;location=westeurope\r\n")
