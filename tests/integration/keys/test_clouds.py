"""Vaults and managed HSMs of every cloud, by their own names over TLS, in the forms that were recorded of them."""

from __future__ import annotations

import base64
import json
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import abc, web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.provider import AzureKeyProvider
from reencrypt.keys.azure.retry import RetryPolicy
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.diagnostics import State
from reencrypt.keys.errors import AccessDeniedError, OddLengthError, UnwrapFailedError
from reencrypt.keys.wrap_format import Framing, RsaAlgorithm, WrapFormat
from reencrypt.secret import Secret

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
VERSION, OLDER = "0123456789abcdef0123456789abcdef", "f123456789abcdef0123456789abcdef"
DATA_KEY = b"c4n4ry-data-key1"
OAEP_256 = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


@pytest.fixture(scope="module")
def private() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@dataclass
class Cloud:
    """A vault as one cloud serves it, and the sign-in of that cloud, in one server for all names."""

    host: str
    resource: str
    login: str
    kty: str
    private: RSAPrivateKey
    port: int = 0
    #: Bytes that an unwrap gives behind the key, as a managed HSM once did.
    behind: bytes = b""
    denied: bool = False
    asked: Counter[str] = field(default_factory=Counter)

    @property
    def is_hsm(self) -> bool:
        return ".managedhsm." in self.host

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        self.asked[f"{request.host} {request.path.rpartition('/')[2]}"] += 1
        if request.host == self.login:
            return web.json_response({"access_token": "t0ken", "expires_in": 3600, "token_type": "Bearer"})
        assert request.host == self.host
        if "Authorization" not in request.headers:
            return self._challenge()
        if self.is_hsm:
            # It echoes no request id, and sends no `Date` (recordings).
            answer = self._answer(request, body)
            answer.headers["x-ms-request-id"] = "5d3a1c3c-0000-11ee-8000-000d3a5b0001"
            return answer
        answer = self._answer(request, body)
        answer.headers["x-ms-client-request-id"] = request.headers["x-ms-client-request-id"]
        return answer

    def _challenge(self) -> web.Response:
        challenge = f'Bearer authorization="https://{self.login}/{TENANT}", resource="{self.resource}"'
        headers = {"WWW-Authenticate": challenge}
        if self.is_hsm:
            return web.Response(status=401, headers=headers)
        error = {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer or PoP token."}
        return web.json_response({"error": error}, status=401, headers=headers)

    def _answer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        kid = f"https://{self.host}/keys/grafana/{VERSION}"
        attributes: dict[str, Any] = {"enabled": True, "created": 1_600_000_001, "updated": 1_600_000_001}
        attributes |= {"recoveryLevel": "CustomizedRecoverable+Purgeable", "recoverableDays": 7, "exportable": False}
        if request.path.endswith("/versions"):
            return self._page(request, attributes)
        if request.path.endswith("/rotationpolicy"):
            return web.json_response({"lifetimeActions": [{"action": {"type": "Notify"}}], "attributes": None})
        if request.method == "GET":
            numbers = self.private.public_key().public_numbers()
            key = {"kid": kid, "kty": self.kty, "e": "AQAB", "n": _text(numbers.n.to_bytes(257))}
            return web.json_response({"key": key | {"key_ops": ["wrapKey", "unwrapKey"]}, "attributes": attributes})
        return self._crypt(request, body, kid)

    def _page(self, request: web.BaseRequest, attributes: dict[str, Any]) -> web.Response:
        if "$skiptoken" in request.query:
            item = {"kid": f"https://{self.host}/keys/grafana/{OLDER}", "attributes": attributes | {"created": 1}}
            return web.json_response({"value": [item], "nextLink": None})
        item = {"kid": f"https://{self.host}/keys/grafana/{VERSION}", "attributes": attributes}
        host = self.host if self.is_hsm else f"{self.host}:443"
        version = "" if self.is_hsm else "api-version=7.4&"
        link = f"https://{host}/keys/grafana/versions?{version}$skiptoken=eyJOZXh0TWFya2VyIjoiMiJ9&maxresults=1"
        return web.json_response({"value": [item], "nextLink": link})

    def _crypt(self, request: web.BaseRequest, body: bytes, kid: str) -> web.Response:
        operation = request.path.rpartition("/")[2]
        activity = " (Activity ID: 5d3a1c3c-0000-11ee-8000-000d3a5b0001)" if self.is_hsm else ""
        if self.denied:
            action = f"Microsoft.KeyVault/managedHsm/keys/{operation}/action"
            message = f"Not authorized to access {action} on /keys/grafana{activity}"
            return web.json_response({"error": {"code": "AccessDenied", "message": message}}, status=403)
        content = _json(body)
        value = base64.urlsafe_b64decode(content["value"] + "==")
        if operation in ("encrypt", "wrapkey"):
            result = self.private.public_key().encrypt(value, OAEP_256)
        else:
            try:
                result = self.private.decrypt(value, OAEP_256) + self.behind
            except ValueError:
                result = b""
            if not result or content["alg"] != "RSA-OAEP-256":
                text = "Encountered error while decrypting" if self.is_hsm else "The parameter is incorrect.\r\n"
                return web.json_response(
                    {"error": {"code": "BadParameter", "message": f"{text}{activity}"}}, status=400
                )
        extra = {"alg": content["alg"]} if self.is_hsm else {}
        return web.json_response({"kid": kid, "value": _text(result), **extra})


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _json(body: bytes) -> Any:
    return json.loads(body)


CLOUDS = {
    "a vault": ("myvault.vault.azure.net", "https://vault.azure.net", "login.microsoftonline.com", "RSA"),
    "a vault with a key in an HSM": (
        "myvault.vault.azure.net",
        "https://vault.azure.net",
        "login.microsoftonline.com",
        "RSA-HSM",
    ),
    "a managed HSM": (
        "myhsm.managedhsm.azure.net",
        "https://managedhsm.azure.net",
        "login.microsoftonline.com",
        "RSA-HSM",
    ),
    "China": ("myvault.vault.azure.cn", "https://vault.azure.cn", "login.chinacloudapi.cn", "RSA"),
    "US Government": (
        "myvault.vault.usgovcloudapi.net",
        "https://vault.usgovcloudapi.net",
        "login.microsoftonline.us",
        "RSA",
    ),
    "a managed HSM of the US Government": (
        "myhsm.managedhsm.usgovcloudapi.net",
        "https://managedhsm.usgovcloudapi.net",
        "login.microsoftonline.us",
        "RSA-HSM",
    ),
}
#: A name of the operator's own before a vault, which names its own resource and ids all the same.
OWN_NAME = "vault.example.org"


@asynccontextmanager
async def served(cloud: Cloud, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AzureKeyProvider]:
    """Serve a cloud under its real names, and open a provider that finds it by them."""
    ca, bundle = trustme.CA(), folder / "ca.pem"
    ca.cert_pem.write_to_path(str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(cloud.host, cloud.login).configure_cert(context)
    runner = web.ServerRunner(web.Server(cloud.handle, access_log=None), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    port = int(runner.addresses[0][1])

    class Everywhere(abc.AbstractResolver):
        """Every name is this server, whatever its port: real URLs need no port of their own."""

        async def resolve(self, host: str, port_: int = 0, family: int = socket.AF_INET) -> list[abc.ResolveResult]:
            del port_, family
            return [
                abc.ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)
            ]

        async def close(self) -> None:
            pass

    monkeypatch.setattr("aiohttp.connector.DefaultResolver", lambda **_: Everywhere())
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    for name in ("AZURE_AUTHORITY_HOST", "HTTPS_PROXY", "https_proxy", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("reencrypt.keys.azure.provider._SECOND_LOOK_SECONDS", 0.01)
    settings = AzureKeyVaultSettings(
        provider="azurekv.prod",
        section="security.encryption.azurekv.prod",
        tenant_id=TENANT,
        client_id="client",
        client_secret=Secret("c4n4ry-client-secret"),
        key_name="grafana",
        vault_uri=f"https://{cloud.host}",
        loopback=False,
        trusted_suffix=cloud.host != OWN_NAME,
    )
    provider = AzureKeyProvider(settings, retry=RetryPolicy(deadline_seconds=5.0, first_wait_seconds=0.01))
    try:
        yield provider
    finally:
        await provider.close()
        await runner.cleanup()


def cloud_of(name: str, private: RSAPrivateKey) -> Cloud:
    host, resource, login, kty = CLOUDS[name]
    return Cloud(host, resource, login, kty, private)


@pytest.mark.parametrize("name", CLOUDS)
async def test_a_data_key_goes_there_and_back(
    name: str, private: RSAPrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = cloud_of(name, private)
    async with served(cloud, tmp_path, monkeypatch) as provider:
        wrapped = await provider.wrap(DATA_KEY, WrapFormat(Framing.RAW, RsaAlgorithm.OAEP_256))
        first = await provider.unwrap(wrapped)
        assert (first.data_key, first.version, first.conclusive) == (DATA_KEY, VERSION, True)
        assert await provider.unwrap_again(wrapped, first) == DATA_KEY
        assert await provider.versions() == [VERSION, OLDER]
        assert await provider.vault.rotates_after() is None
        with pytest.raises(UnwrapFailedError, match="no version of key grafana in"):
            await provider.unwrap(bytes(256))
        checks = {check.name: check for check in await provider.diagnose()}
    assert not [check for check in checks.values() if check.state is State.FAILED]
    assert ("by Azure's limits" in checks["quota"].detail) == (not cloud.is_hsm)
    assert "HSM" in checks["key"].detail or cloud.kty == "RSA"
    # The sign-in of the same cloud, and no other.
    assert {each.partition(" ")[0] for each in cloud.asked} == {cloud.host, cloud.login}


async def test_a_vault_behind_a_name_of_the_operators_own(
    private: RSAPrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = Cloud(OWN_NAME, "https://vault.azure.net", "login.microsoftonline.com", "RSA", private)
    async with served(cloud, tmp_path, monkeypatch) as provider:
        wrapped = await provider.wrap(DATA_KEY, WrapFormat(Framing.RAW, RsaAlgorithm.OAEP_256))
        assert (await provider.unwrap(wrapped)).data_key == DATA_KEY


async def test_a_name_of_azures_whose_resource_is_another_clouds_gets_no_token(
    private: RSAPrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = cloud_of("China", private)
    cloud.resource = "https://vault.azure.net"
    async with served(cloud, tmp_path, monkeypatch) as provider:
        with pytest.raises(ConfigurationError, match="asks for a token for somebody else's resource"):
            await provider.vault.get_key()
    assert not [each for each in cloud.asked if each.startswith(cloud.login)]


async def test_a_managed_hsm_that_adds_a_nul_is_said_to(
    private: RSAPrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = cloud_of("a managed HSM", private)
    cloud.behind = b"\x00"
    async with served(cloud, tmp_path, monkeypatch) as provider:
        wrapped = await provider.wrap(DATA_KEY, WrapFormat(Framing.RAW, RsaAlgorithm.OAEP_256))
        with pytest.raises(OddLengthError, match=r"RSA-OAEP-256 to 17 bytes instead of 16 \(16 bytes and") as caught:
            await provider.unwrap(wrapped)
    reading = caught.value.reading
    assert reading is not None
    assert (reading.data_key, reading.conclusive, reading.wrap_format) == (DATA_KEY, False, None)


async def test_the_local_roles_of_a_managed_hsm_are_named(
    private: RSAPrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = cloud_of("a managed HSM", private)
    cloud.denied = True
    async with served(cloud, tmp_path, monkeypatch) as provider:
        with pytest.raises(
            AccessDeniedError, match=r"Not authorized to access Microsoft\.KeyVault/managedHsm"
        ) as caught:
            await provider.unwrap(bytes(256))
    assert "'Managed HSM Crypto User'" in caught.value.hint
