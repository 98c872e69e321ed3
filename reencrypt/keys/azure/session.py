"""Session and client of the SDK, without the parts that slow every call. Imports the SDK, so import it late."""

from __future__ import annotations

import os
import ssl
import zlib
from collections.abc import MutableMapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import IncompleteReadError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.keyvault.keys.aio import KeyClient

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.connection_errors import host_of, no_connection, not_a_host
from reencrypt.keys.azure.proxy import Proxy, proxy_for
from reencrypt.keys.azure.retry import TransientError
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.settings.files import special_file

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


class Transport(AioHttpTransport):  # type: ignore[misc] # the SDK gives it lazily, and so without a type
    """The SDK's transport by the proxy of each host: vault, sign-in and the endpoint of a managed identity differ.

    Raises `TransientError` or `ConfigurationError` for a request that got no answer.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        super().__init__(session=session, session_owner=False)
        self._proxies: dict[str, Proxy | None] = {}

    async def send(
        self,
        request: Any,  # noqa: ANN401 - the SDK has two classes of it
        *,
        stream: bool = False,
        proxies: MutableMapping[str, str] | None = None,  # noqa: ARG002 - the environment decides
        **config: Any,  # noqa: ANN401 - the SDK's
    ) -> Any:  # noqa: ANN401 - the same
        """Send a request on the way to its host."""
        proxy = self._proxy_for(request.url)
        if proxy is not None:
            config["proxy"] = proxy.url
            if proxy.authorization:
                # As a header: a URL is repeated in messages.
                config["proxy_headers"] = {"Proxy-Authorization": proxy.authorization.reveal()}
        try:
            return await super().send(request, stream=stream, **config)
        except (ServiceRequestError, ServiceResponseError) as error:
            raise no_connection(request.url, proxy, error) from None
        except (IncompleteReadError, zlib.error):
            # The body is read, and decompressed, before it is returned.
            host = host_of(request.url)
            raise TransientError(f"an answer of {host} that broke off, or is not compressed as it says") from None
        except UnicodeError:
            # A label of more than 63 characters, from the resolver.
            raise not_a_host(host_of(request.url)) from None

    def _proxy_for(self, url: str) -> Proxy | None:
        origin = "/".join(url.split("/", 3)[:3])
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(origin)
        return self._proxies[origin]


def open_session() -> aiohttp.ClientSession:
    """Open one session with one TLS context, for both the vault and tokens.

    A context per request defeats keep-alive and costs a handshake per call, and both must trust the same CAs.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=_tls(), limit=0),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _tls() -> ssl.SSLContext:
    return _tls_with(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _tls_with(path: str | None, folders: str | None) -> ssl.SSLContext:
    """Trust the CAs of the system and of `SSL_CERT_FILE`; OpenSSL ignores a file there that it cannot read.

    Made once: it takes 50 ms and a megabyte, and a fleet has many sessions.
    """
    if path and (special := special_file(path)):
        raise _bad_bundle("SSL_CERT_FILE", path, special)
    context = ssl.create_default_context()
    if path:
        try:
            context.load_verify_locations(cafile=path)
        except ssl.SSLError as error:
            raise _bad_bundle("SSL_CERT_FILE", path, "holds no certificate in PEM") from error
        except (OSError, ValueError) as error:
            raise _bad_bundle("SSL_CERT_FILE", path, f"cannot be read: {_why(error)}") from None
    if folders and not any(Path(folder).is_dir() for folder in folders.split(os.pathsep)):
        raise _bad_bundle("SSL_CERT_DIR", folders, "is not a directory")
    return context


def _bad_bundle(variable: str, path: str, fault: str) -> ConfigurationError:
    return ConfigurationError(
        f"{variable}: {path} {fault}", hint=f"Correct {variable}, or unset it to trust the system's certificates."
    )


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def open_client(settings: AzureKeyVaultSettings, credential: AsyncTokenCredential, transport: Transport) -> KeyClient:
    """The SDK's client for one vault."""
    return KeyClient(
        settings.vault_uri,
        credential,
        transport=transport,
        retry_policy=Once(),
        redirect_policy=Once(),
        # The vault sets its own request id, which Azure's support asks for.
        auto_request_id=False,
        # The credential checks it, for vaults outside Azure's domains too.
        verify_challenge_resource=False,
    )
