"""Session and client of the SDK, without the parts that slow every call. Imports the SDK, so import it late."""

from __future__ import annotations

import ssl
from typing import TypeVar

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.keyvault.keys.aio import KeyClient

from reencrypt.keys.azure.credential import proxies_for
from reencrypt.keys.azure.settings import AzureKeyVaultSettings

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class Once(AsyncHTTPPolicy[Asked, Answered]):
    """Replaces the SDK's policies for retries and redirects, and does neither.

    `VaultClient` retries itself, and Key Vault never redirects: a token must not follow a proxy's redirect.
    It also keeps the SDK from decoding the answer: that raises where a proxy's page is not what its content type says,
    by errors of many kinds, and the status is lost.
    """

    async def send(self, request: PipelineRequest[Asked]) -> PipelineResponse[Asked, Answered]:
        """Pass the request on."""
        response = await self.next.send(request)
        # `ContentDecodePolicy`, which sees the answer next, leaves a stream alone. The body has been read by now.
        response.context.options["stream"] = True
        return response


def open_session() -> aiohttp.ClientSession:
    """Open one session with one TLS context, for both the vault and tokens.

    A context per request defeats keep-alive and costs a handshake per call, and both must trust the same CAs.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(), limit=0),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def transport_over(session: aiohttp.ClientSession) -> AioHttpTransport:
    """Return the SDK's transport over this session."""
    return AioHttpTransport(session=session, session_owner=False)


def open_client(
    settings: AzureKeyVaultSettings, credential: AsyncTokenCredential, transport: AioHttpTransport
) -> KeyClient:
    """The SDK's client for one vault."""
    return KeyClient(
        settings.vault_uri,
        credential,
        transport=transport,
        proxies=proxies_for(settings.vault_uri),
        retry_policy=Once(),
        redirect_policy=Once(),
        # The vault sets its own request id, which Azure's support asks for.
        auto_request_id=False,
        # A vault outside Azure's domains cannot name a resource above itself; its host was allowed by name.
        verify_challenge_resource=settings.trusted_suffix,
    )
