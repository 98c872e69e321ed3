"""What the tests talk to the emulator with: the real Azure SDK, and plain HTTP for the shape of answers."""

from __future__ import annotations

import base64
import ssl
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import ClientSecretCredential
from azure.keyvault.keys.aio import KeyClient
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from keyvault_emulator import Emulator

API = "api-version=2025-07-01"


class Clock:
    """A wall clock that tests set forward; it starts at a whole second."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    text: str
    json: Any

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"])

    @property
    def inner(self) -> str:
        return str(self.json["error"]["innererror"]["code"])


class Wire:
    """Plain requests to one emulator, signed in when `token` is set."""

    def __init__(self, session: aiohttp.ClientSession, emulator: Emulator) -> None:
        self.session = session
        self.emulator = emulator
        self.token = ""

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: str = API,
        headers: Mapping[str, str] | None = None,
        data: bytes | Mapping[str, str] | None = None,
    ) -> Reply:
        url = path if path.startswith("https:") else f"{self.emulator.vault_uri}{path}{f'?{query}' if query else ''}"
        signed = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self.session.request(
            method, url, json=body, data=data, headers={**signed, **(headers or {})}
        ) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            return Reply(response.status, response.headers.copy(), text, await response.json() if is_json else None)

    async def get(self, path: str, query: str = API) -> Reply:
        return await self.request("GET", path, query=query)

    async def post(self, path: str, body: object = None) -> Reply:
        return await self.request("POST", path, body)

    async def patch(self, path: str, body: object) -> Reply:
        return await self.request("PATCH", path, body)

    async def crypt(self, path: str, value: bytes, alg: str = "RSA-OAEP-256") -> Reply:
        return await self.post(path, {"alg": alg, "value": encode(value)})

    async def token_request(self, tenant: str = "", **changes: str) -> Reply:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.emulator.client_id,
            "client_secret": self.emulator.client_secret,
            "scope": "https://vault.azure.net/.default",
        } | changes
        path = f"/{tenant or self.emulator.tenant_id}/oauth2/v2.0/token"
        return await self.request("POST", path, query="", data={name: value for name, value in form.items() if value})

    async def sign_in(self) -> None:
        reply = await self.token_request()
        assert reply.status == 200, reply.text
        self.token = reply.json["access_token"]


@asynccontextmanager
async def session_for(emulator: Emulator) -> AsyncIterator[aiohttp.ClientSession]:
    context = ssl.create_default_context(cafile=str(emulator.ca_bundle))
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(
        connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield session


@asynccontextmanager
async def wire_to(emulator: Emulator) -> AsyncIterator[Wire]:
    async with session_for(emulator) as session:
        wire = Wire(session, emulator)
        await wire.sign_in()
        yield wire


@asynccontextmanager
async def credential_for(
    emulator: Emulator,
    session: aiohttp.ClientSession,
    *,
    tenant_id: str = "",
    client_id: str = "",
    client_secret: str = "",
) -> AsyncIterator[ClientSecretCredential]:
    credential = ClientSecretCredential(
        tenant_id or emulator.tenant_id,
        client_id or emulator.client_id,
        client_secret or emulator.client_secret,
        authority=emulator.authority,
        transport=AioHttpTransport(session=session, session_owner=False),
    )
    async with credential:
        yield credential


@asynccontextmanager
async def key_client_for(emulator: Emulator) -> AsyncIterator[KeyClient]:
    async with session_for(emulator) as session, credential_for(emulator, session) as credential:
        client = KeyClient(
            emulator.vault_uri,
            credential,
            verify_challenge_resource=False,
            transport=AioHttpTransport(session=session, session_owner=False),
        )
        async with client:
            yield client


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def private_key(state: Path, name: str, version: str) -> RSAPrivateKey:
    """Read a private key from the emulator's folder, as somebody who checks it would."""
    key = load_pem_private_key((state / "keys" / name / f"{version}.pem").read_bytes(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


def version_of(kid: str) -> str:
    version = kid.rpartition("/")[2]
    assert uuid.UUID(hex=version).hex == version
    return version
