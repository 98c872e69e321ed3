from __future__ import annotations

import asyncio
import json
import socket
import ssl
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import ClientSecretCredential
from azure.keyvault.keys.aio import KeyClient
from emulator_clients import API, Wire, credential_for, decode, encode, session_for, wire_to
from keyvault_emulator import Emulator

if TYPE_CHECKING:
    from pathlib import Path

    from emulator_clients import Clock

WRONG_TENANT = "11111111-2222-3333-4444-555555555555"
SCOPE = "https://vault.azure.net/.default"


@pytest.mark.parametrize(
    "path",
    ["/keys", "/keys/prod", "/keys/prod/", "/keys/prod//decrypt", "/keys/no-such-key", "/keys/a/b/c/d", "/deletedkeys"],
)
async def test_every_path_of_the_vault_is_challenged_first(emulator: Emulator, wire: Wire, path: str) -> None:
    wire.token = ""
    for method in ("GET", "POST"):
        reply = await wire.request(method, path, query="")
        assert reply.status == 401
        assert reply.headers["WWW-Authenticate"] == (
            f'Bearer authorization="{emulator.authority}/{emulator.tenant_id}", resource="https://vault.azure.net"'
        )
        assert reply.json == {
            "error": {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer or PoP token."}
        }


async def test_the_challenge_comes_before_the_body_is_parsed(wire: Wire) -> None:
    wire.token = ""
    reply = await wire.request("POST", "/keys/prod/encrypt", data=b"this is not JSON")
    assert reply.status == 401


@pytest.mark.parametrize("token", ["x", "a.b.c", "eyJ.e30.", "ä"])
async def test_a_token_of_somebody_else_is_challenged(wire: Wire, token: str) -> None:
    wire.token = token
    reply = await wire.get("/keys/prod")
    assert reply.status == 401
    assert reply.message.startswith("AKV10046")
    assert "WWW-Authenticate" in reply.headers


async def test_a_token_of_another_tenant_or_for_something_else_is_refused_by_name(
    emulator: Emulator, wire: Wire, tmp_path: Path
) -> None:
    async with Emulator(state=tmp_path / "stranger") as stranger, wire_to(stranger) as elsewhere:
        wire.token = elsewhere.token
        reply = await wire.get("/keys/prod")
        found = f"https://sts.windows.net/{stranger.tenant_id}/"
    own = f"https://sts.windows.net/{emulator.tenant_id}/"
    assert (reply.status, reply.code) == (401, "Unauthorized")
    assert reply.message == f"AKV10032: Invalid issuer. Expected one of {own}, found {found}."
    assert "WWW-Authenticate" in reply.headers

    claims = {"iss": own, "aud": "https://management.azure.com"}
    wire.token = f"{encode(b'{}')}.{encode(json.dumps(claims).encode())}.{encode(b'x')}"
    assert (await wire.get("/keys/prod")).message == (
        "AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://management.azure.com."
    )
    claims["aud"] = "https://vault.azure.net"
    wire.token = f"{encode(b'{}')}.{encode(json.dumps(claims).encode())}.{encode(b'x')}"
    assert (await wire.get("/keys/prod")).message.startswith("AKV10046")


async def test_header_bytes_that_are_no_text_are_refused_like_any_wrong_token(emulator: Emulator) -> None:
    port = int(emulator.vault_uri.rpartition(":")[2])
    context = ssl.create_default_context(cafile=str(emulator.ca_bundle))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    writer.write(
        b"GET /keys/prod?api-version=7.4 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Authorization: Bearer \xff.\xff.\xff\r\nx-ms-client-request-id: \xff\r\n\r\n"
    )
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_the_credential_of_the_sdk_gets_a_token(emulator: Emulator) -> None:
    async with session_for(emulator) as session, credential_for(emulator, session) as credential:
        token = await credential.get_token(SCOPE)
    claims = json.loads(decode(token.token.split(".")[1]))
    assert claims["aud"] == "https://vault.azure.net"
    assert claims["tid"] == emulator.tenant_id
    assert claims["appid"] == emulator.client_id


async def test_a_wrong_tenant_is_refused_with_the_code_of_entra(wire: Wire) -> None:
    reply = await wire.token_request(tenant=WRONG_TENANT)
    assert reply.status == 400
    assert reply.json["error"] == "invalid_request"
    assert reply.json["error_codes"] == [90002]
    assert reply.json["error_description"].startswith(f"AADSTS90002: Tenant '{WRONG_TENANT}' not found.")


async def test_an_unknown_client_is_refused_with_the_code_of_entra(wire: Wire) -> None:
    reply = await wire.token_request(client_id=WRONG_TENANT)
    assert (reply.status, reply.json["error"]) == (400, "unauthorized_client")
    assert reply.json["error_codes"] == [700016]


async def test_a_wrong_client_secret_is_refused_with_the_code_of_entra(wire: Wire) -> None:
    reply = await wire.token_request(client_secret="wrong-canary")
    assert (reply.status, reply.json["error"]) == (401, "invalid_client")
    assert reply.json["error_codes"] == [7000215]
    assert reply.json["error_description"].startswith("AADSTS7000215: Invalid client secret provided.")
    assert set(reply.json) >= {"timestamp", "trace_id", "correlation_id"}
    assert "wrong-canary" not in reply.text


@pytest.mark.parametrize(
    ("changes", "status", "error", "number"),
    [
        ({"grant_type": ""}, 400, "invalid_request", 900144),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"client_id": ""}, 400, "invalid_request", 900144),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"scope": ""}, 400, "invalid_request", 900144),
        ({"scope": "https://vault.azure.net"}, 400, "invalid_scope", 1002012),
        ({"scope": "https://graph.microsoft.com/.default"}, 400, "invalid_resource", 500011),
    ],
)
async def test_every_field_of_the_token_request_is_checked(
    wire: Wire, changes: dict[str, str], status: int, error: str, number: int
) -> None:
    reply = await wire.token_request(**changes)
    assert (reply.status, reply.json["error"], reply.json["error_codes"]) == (status, error, [number])


async def test_the_token_endpoint_takes_posted_forms_only(emulator: Emulator, wire: Wire) -> None:
    path = f"/{emulator.tenant_id}/oauth2/v2.0/token"
    assert (await wire.get(path)).json["error_codes"] == [900561]
    assert (await wire.post(path, {"grant_type": "client_credentials"})).json["error_codes"] == [900144]


@pytest.mark.parametrize("wrong", ["tenant_id", "client_id", "client_secret"])
async def test_the_sdk_reports_wrong_credentials_as_an_authentication_error(emulator: Emulator, wrong: str) -> None:
    async with session_for(emulator) as session, credential_for(emulator, session, **{wrong: WRONG_TENANT}) as bad:
        with pytest.raises(ClientAuthenticationError, match="AADSTS"):
            await bad.get_token(SCOPE)


async def test_a_token_is_refused_once_it_has_expired(wire: Wire, clock: Clock) -> None:
    clock.now += 3599
    assert (await wire.get("/keys/prod")).status == 200
    clock.now += 1
    reply = await wire.get("/keys/prod")
    assert reply.status == 401
    assert reply.message == "[TokenExpired] Error validating token: 'S2S12086'."
    assert "WWW-Authenticate" in reply.headers


async def test_expired_by_hand_a_token_is_refused_and_the_next_one_is_taken(emulator: Emulator, wire: Wire) -> None:
    emulator.expire_tokens()
    assert (await wire.get("/keys/prod")).status == 401
    await wire.sign_in()
    assert (await wire.get("/keys/prod")).status == 200
    assert (await wire.request("POST", "/_control/expire-tokens")).status == 200
    assert (await wire.get("/keys/prod")).status == 401


async def test_a_token_outlives_a_restart_of_the_vault(
    state: Path, emulator: Emulator, wire: Wire, clock: Clock
) -> None:
    await emulator.stop()
    async with Emulator(state=state, keys=("prod",), clock=clock) as again:
        reply = await wire.request("GET", f"{again.vault_uri}/keys/prod?{API}")
    assert reply.status == 200


class EverythingIsHere(AbstractResolver):
    """Answers every name with the emulator's address and port, so that clients may use real vault URLs."""

    def __init__(self, emulator: Emulator) -> None:
        self._port = int(emulator.vault_uri.rpartition(":")[2])

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del port, family
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=self._port, family=socket.AF_INET, proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]  # fmt: skip

    async def close(self) -> None:
        pass


async def test_under_the_url_of_a_real_vault_the_sdk_needs_no_option_at_all(emulator: Emulator) -> None:
    context = ssl.create_default_context(cafile=str(emulator.ca_bundle))
    connector = aiohttp.TCPConnector(ssl=context, resolver=EverythingIsHere(emulator))
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        transport = AioHttpTransport(session=session, session_owner=False)
        async with (
            ClientSecretCredential(
                emulator.tenant_id, emulator.client_id, emulator.client_secret, transport=transport
            ) as credential,
            KeyClient("https://myvault.vault.azure.net", credential, transport=transport) as keys,
        ):
            key = await keys.get_key("prod")
    assert (key.id or "").startswith("https://myvault.vault.azure.net/keys/prod/")
