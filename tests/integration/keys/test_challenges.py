"""The challenge of a vault, or of what stands in its place: no form of it ends in a bug or sends a token elsewhere."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import trustme
from aiohttp import web

from reencrypt.errors import ReencryptError
from reencrypt.keys.azure.provider import AzureKeyProvider
from reencrypt.keys.azure.retry import RetryPolicy
from tests.support.connect_proxy import connect_proxy
from tests.unit.keys.azure.answers import key_in

SIGN_IN = "login.vault.azure.net"
TOKEN = "c4n4ry-token"
BLOCK = b"\x01" * 256
OURS = "https://vault.azure.net"


@dataclass
class Impostor:
    """A server in the place of the vault and of the sign-in; `scopes` are those that tokens were asked for."""

    challenge: str
    token: str = TOKEN
    scopes: list[str] = field(default_factory=list)
    authorized: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        if request.path.endswith("/oauth2/v2.0/token"):
            self.scopes += parse_qs(await request.text())["scope"]
            content = {"token_type": "Bearer", "expires_in": 3600, "access_token": self.token}
            return web.json_response(content)
        if "Authorization" in request.headers:
            self.authorized.append(request.headers["Authorization"])
        return web.Response(status=401, headers={"WWW-Authenticate": self.challenge} if self.challenge else {})


@asynccontextmanager
async def standing(
    impostor: Impostor, folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: object
) -> AsyncIterator[AzureKeyProvider]:
    """A provider that finds it by a proxy under the vault's name."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("*.vault.azure.net", "vault.example.org").configure_cert(context)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", impostor.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    with connect_proxy(("127.0.0.1", runner.addresses[0][1])) as proxy:
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"https://{SIGN_IN}")
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        for name in ("https_proxy", "NO_PROXY", "no_proxy", "AZURE_TOKEN_CREDENTIALS"):
            monkeypatch.delenv(name, raising=False)
        retry = RetryPolicy(deadline_seconds=1.0, first_wait_seconds=0.05)
        provider = AzureKeyProvider(key_in(**changes), retry=retry)  # type: ignore[arg-type]
        try:
            yield provider
        finally:
            await provider.close()
            await runner.cleanup()


def asking(resource: str, authorization: str = "https://login.microsoftonline.com/their-tenant") -> str:
    return f'Bearer authorization="{authorization}", resource="{resource}"'


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "Bearer",
        "Bearer ,",
        "Bearer x=1",
        "Negotiate",
        'Basic realm="gateway"',
        asking(OURS, "https://["),
        asking("https://["),
        asking("https://x:99999999"),
        asking("https://vault.azure.net:x"),
        asking(""),
        'Bearer authorization="https://login.microsoftonline.com/t"',
        asking("https://graph.microsoft.com"),
        asking("https://other.vault.azure.net"),
        asking("https://evil.example.org\\@vault.azure.net"),
    ],
)
async def test_no_challenge_ends_in_a_bug_or_sends_a_token(
    challenge: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impostor = Impostor(challenge)
    async with standing(impostor, tmp_path, monkeypatch) as provider:
        with pytest.raises(ReencryptError) as caught:
            await provider.unwrap(BLOCK)
    assert caught.value.exit_code == 2
    assert impostor.authorized == []
    assert impostor.scopes == []


@pytest.mark.parametrize("challenge", ["Bearer", "Bearer ,", 'Bearer realm="gateway"', "Negotiate"])
async def test_a_challenge_of_a_gateway_is_not_the_vaults_word_on_a_token(
    challenge: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with standing(Impostor(challenge), tmp_path, monkeypatch) as provider:
        with pytest.raises(ReencryptError, match="answered 401, in another form than Key Vault's") as caught:
            await provider.unwrap(BLOCK)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("resource", ["https://graph.microsoft.com", "https://management.azure.com/", "https://["])
async def test_a_vault_of_another_name_gets_no_token_for_another_service(
    resource: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impostor = Impostor(asking(resource))
    changes = {"vault_uri": "https://vault.example.org", "trusted_suffix": False}
    async with standing(impostor, tmp_path, monkeypatch, **changes) as provider:
        with pytest.raises(ReencryptError) as caught:
            await provider.unwrap(BLOCK)
    assert caught.value.exit_code == 2
    assert impostor.authorized == []
    assert impostor.scopes == []


@pytest.mark.parametrize("token", [f"{TOKEN}\r\nX: y", f"{TOKEN}\x00", f"{TOKEN} x", f"{TOKEN}é", "\ud800"])
async def test_a_token_that_no_header_can_hold_is_none(
    token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impostor = Impostor(asking(OURS), token)
    async with standing(impostor, tmp_path, monkeypatch) as provider:
        with pytest.raises(ReencryptError) as caught:
            await provider.unwrap(BLOCK)
    assert caught.value.exit_code == 7
    assert impostor.authorized == []
    assert TOKEN not in caught.value.message
