"""What MSAL and other clients read before they sign in, and who they may say that they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from emulator_clients import Wire, encode
from keyvault_emulator import Emulator

if TYPE_CHECKING:
    from emulator_clients import Reply

GUID = "11111111-2222-3333-4444-555555555555"
#: The parts of an answer of Entra that MSAL for JavaScript, Python, .NET or Java refuses to be without.
DEMANDED = {"token_endpoint", "authorization_endpoint", "issuer", "jwks_uri"}


async def configuration(wire: Wire, tenant: str, infix: str = "/v2.0") -> Reply:
    return await wire.get(f"/{tenant}{infix}/.well-known/openid-configuration", query="")


async def test_the_configuration_of_the_tenant_names_endpoints_that_answer(emulator: Emulator, wire: Wire) -> None:
    own = f"{emulator.authority}/{emulator.tenant_id}"
    for tenant in (emulator.tenant_id, emulator.tenant_id.upper(), emulator.tenant_domain):
        found = (await configuration(wire, tenant)).json
        assert set(found) >= DEMANDED
        assert found["token_endpoint"] == f"{own}/oauth2/v2.0/token"
        assert found["authorization_endpoint"] == f"{own}/oauth2/v2.0/authorize"
        assert found["issuer"] == f"{own}/v2.0"
        assert found["jwks_uri"] == f"{own}/discovery/v2.0/keys"
    addresses = [value for value in found.values() if isinstance(value, str) and value.startswith(emulator.authority)]
    assert len(addresses) == 6
    for name in ("token_endpoint", "jwks_uri"):
        assert (await wire.get(found[name])).status != 404


async def test_clients_of_the_older_endpoint_are_served_too(emulator: Emulator, wire: Wire) -> None:
    found = (await configuration(wire, emulator.tenant_id, "")).json
    assert found["issuer"] == f"https://sts.windows.net/{emulator.tenant_id}/"
    form = {
        "grant_type": "client_credentials",
        "client_id": emulator.client_id,
        "client_secret": emulator.client_secret,
        "resource": "https://vault.azure.net",
    }
    reply = await wire.request("POST", found["token_endpoint"], data=form)
    assert reply.status == 200
    # Numbers are strings there.
    assert reply.json["expires_in"] == "3600"
    assert int(reply.json["expires_on"]) - int(reply.json["not_before"]) == int(reply.json["expires_in"])
    assert reply.json["resource"] == "https://vault.azure.net"
    wire.token = reply.json["access_token"]
    assert (await wire.get("/keys/prod")).status == 200
    del form["resource"]
    assert (await wire.request("POST", found["token_endpoint"], data=form)).json["error_codes"] == [900144]


@pytest.mark.parametrize("tenant", ["common", "organizations"])
async def test_a_name_for_any_tenant_has_a_configuration_but_signs_nobody_in(
    emulator: Emulator, wire: Wire, tenant: str
) -> None:
    found = (await configuration(wire, tenant)).json
    assert found["token_endpoint"] == f"{emulator.authority}/{tenant}/oauth2/v2.0/token"
    assert found["issuer"] == f"{emulator.authority}/{{tenantid}}/v2.0"
    reply = await wire.token_request(tenant=tenant)
    assert (reply.status, reply.json["error"], reply.json["error_codes"]) == (400, "invalid_request", [50059])


@pytest.mark.parametrize(
    ("tenant", "number", "words"),
    [
        (GUID, 90002, f"Tenant '{GUID}' not found. Check to make sure you have the correct tenant ID"),
        ("contoso.example", 90002, "Tenant 'contoso.example' not found."),
        (
            "contoso",
            900023,
            "Specified tenant identifier 'contoso' is neither a valid DNS name, nor a valid external domain.",
        ),
        ("%7Btenantid%7D", 900023, "Specified tenant identifier '{tenantid}' is neither a valid DNS name"),
    ],
)
async def test_a_tenant_that_does_not_exist_is_refused_as_by_entra(
    wire: Wire, tenant: str, number: int, words: str
) -> None:
    for reply, error in (
        (await configuration(wire, tenant), "invalid_tenant"),
        (await wire.token_request(tenant=tenant), "invalid_request"),
    ):
        assert (reply.status, reply.json["error"], reply.json["error_codes"]) == (400, error, [number])
        description = reply.json["error_description"]
        assert description.startswith(f"AADSTS{number}: {words}")
        for name, word in (("trace_id", "Trace ID"), ("correlation_id", "Correlation ID"), ("timestamp", "Timestamp")):
            assert f"{word}: {reply.json[name]}" in description
        assert reply.json["error_uri"].endswith(f"code={number}")


async def test_an_error_names_the_correlation_id_of_the_client(wire: Wire) -> None:
    path = f"/{GUID}/v2.0/.well-known/openid-configuration"
    reply = await wire.request("GET", path, headers={"client-request-id": GUID})
    assert reply.json["correlation_id"] == GUID


async def test_the_tenant_may_be_named_in_any_case_and_by_its_domain(emulator: Emulator, wire: Wire) -> None:
    for tenant in (emulator.tenant_id.upper(), emulator.tenant_domain, emulator.tenant_domain.upper()):
        assert (await wire.token_request(tenant=tenant)).status == 200


async def test_an_instance_is_the_emulators_or_one_of_microsofts(emulator: Emulator, wire: Wire) -> None:
    async def ask(endpoint: str, version: str) -> Reply:
        query = f"api-version={version}&authorization_endpoint={endpoint}"
        return await wire.get("/common/discovery/instance", query=query)

    discovered = f"{emulator.authority}/{emulator.tenant_id}/v2.0/.well-known/openid-configuration"
    # MSAL for Python leaves out the port of the authority.
    for host in (emulator.authority, "https://localhost", "https://login.microsoftonline.com"):
        reply = await ask(f"{host}/{emulator.tenant_id}/oauth2/v2.0/authorize", "1.0")
        assert reply.json == {"tenant_discovery_endpoint": discovered}
    newer = (await ask(f"{emulator.authority}/{emulator.tenant_id}/oauth2/v2.0/authorize", "1.1")).json
    assert newer["tenant_discovery_endpoint"] == discovered
    aliases = [alias for cloud in newer["metadata"] for alias in cloud["aliases"]]
    assert emulator.authority.removeprefix("https://") in aliases
    assert {"login.microsoftonline.com", "login.chinacloudapi.cn", "login.microsoftonline.us"} < set(aliases)
    for wrong in ("https://idp.example/tenant/oauth2/v2.0/authorize", "", "https://[", "http://localhost/tenant/x"):
        reply = await ask(wrong, "1.1")
        assert (reply.status, reply.json["error"], reply.json["error_codes"]) == (400, "invalid_instance", [50049])


async def test_a_token_can_be_checked_with_the_published_key(emulator: Emulator, wire: Wire) -> None:
    for path in ("discovery/v2.0/keys", "discovery/keys"):
        keys = jwt.PyJWKSet.from_dict((await wire.get(f"/{emulator.tenant_id}/{path}", query="")).json)
    header = jwt.get_unverified_header(wire.token)
    claims: dict[str, Any] = jwt.decode(
        wire.token,
        keys[header["kid"]],
        algorithms=[header["alg"]],
        audience="https://vault.azure.net",
        issuer=f"https://sts.windows.net/{emulator.tenant_id}/",
        # The tests' clock is not the machine's.
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert claims["exp"] - claims["iat"] == 3600
    assert (claims["tid"], claims["appid"]) == (emulator.tenant_id, emulator.client_id)
    assert claims["oid"] == claims["sub"]
    assert (claims["idtyp"], claims["ver"]) == ("app", "1.0")


async def test_what_needs_a_browser_is_said_not_to_be_there(emulator: Emulator, wire: Wire) -> None:
    reply = await wire.get(f"/{emulator.tenant_id}/oauth2/v2.0/authorize", query="")
    assert (reply.status, reply.code) == (501, "NotImplemented")
    assert "sign-in of a person" in reply.message
    assert (await wire.request("PUT", f"/{emulator.tenant_id}/discovery/keys")).json["error_codes"] == [900561]


def assertion(emulator: Emulator, **changes: object) -> str:
    claims = {"iss": emulator.client_id, "sub": emulator.client_id, "aud": emulator.authority, "exp": 4_000_000_000}
    pem = emulator.identities.certificate.read_bytes()
    return jwt.encode({**claims, **changes}, pem, algorithm="RS256", headers={"x5t": "thumb"})


async def test_an_assertion_signed_as_older_clients_do_is_taken(emulator: Emulator, wire: Wire) -> None:
    reply = await wire.token_request(client_secret="", client_assertion=assertion(emulator))
    assert reply.status == 200


def federated(emulator: Emulator, **changes: object) -> str:
    token = emulator.identities.federated_token.read_text()
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    header, _, signature = token.split(".")
    return f"{header}.{encode(json.dumps(claims).encode())}.{signature}"


async def test_every_wrong_assertion_has_the_error_of_entra(
    emulator: Emulator, wire: Wire, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with Emulator(state=tmp_path_factory.mktemp("stranger")) as stranger:
        of_a_stranger = assertion(stranger, iss=emulator.client_id, sub=emulator.client_id)
    cases = (
        ("garbage", 400, 50027, "JWT token is invalid or malformed."),
        ("a.b.c", 400, 50027, "JWT token is invalid or malformed."),
        (of_a_stranger, 401, 700027, "Thumbprint of key used by client: 'thumb'"),
        (assertion(emulator, exp=1_000_000_000), 401, 700024, "expiry time of assertion 2001-09-09T01:46:40Z"),
        (assertion(emulator, exp="soon"), 401, 700024, "expiry time of assertion soon"),
        (federated(emulator, iss="https://idp.example"), 401, 700211, "assertion issuer 'https://idp.example'"),
        (federated(emulator, sub="system:serviceaccount:a:b"), 401, 700213, "subject 'system:serviceaccount:a:b'"),
        (federated(emulator, aud="https://vault.azure.net"), 401, 700212, "audience 'https://vault.azure.net'"),
        (federated(emulator, more="claims"), 401, 50013, "Assertion failed signature validation."),
    )
    for wrong, status, number, words in cases:
        reply = await wire.token_request(client_secret="", client_assertion=wrong)
        assert (reply.status, reply.json["error_codes"]) == (status, [number]), wrong
        assert reply.json["error"] == ("invalid_request" if status == 400 else "invalid_client")
        assert words in reply.json["error_description"]
