"""Credential for a vault: the service principal of Grafana's configuration, or the identity of this machine."""

from __future__ import annotations

import asyncio
import logging
import os
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.settings import AzureKeyVaultSettings

if TYPE_CHECKING:
    from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
    from azure.core.pipeline.transport import AioHttpTransport

_AUTHORITIES: Final = {".usgovcloudapi.net": "login.microsoftonline.us", ".azure.cn": "login.chinacloudapi.cn"}
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 8.0
_LAST_SECONDS: Final = 300
_WORKLOAD_IDENTITY: Final = "workloadidentitycredential"
_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


class SharedCredential:
    """A credential of azure-identity that fetches a token once for all concurrent calls.

    The SDK has no lock there: fifty concurrent calls at the end of a token are fifty requests for the next one.
    """

    def __init__(self, credential: Any) -> None:  # noqa: ANN401 - azure-identity's
        self._credential = credential
        self._tokens: dict[tuple[object, ...], AccessTokenInfo] = {}
        self._fetching = asyncio.Lock()
        # A token endpoint that is down is called once for all waiting calls, not once for each.
        self._failure: Exception | None = None
        self._failed_until = 0.0
        self._pause = _FIRST_PAUSE_SECONDS

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Return the token for these scopes, tenant and claims: the cached one while it is good, else a new one."""
        asked = options or {}
        wanted = (*scopes, asked.get("tenant_id"), asked.get("claims"))
        async with self._fetching:
            token = self._tokens.get(wanted)
            if token is None or _is_stale(token):
                token = await self._fetch(scopes, asked)
                # A token that answers a claims challenge replaces earlier ones too.
                self._tokens |= {wanted: token, (*scopes, asked.get("tenant_id"), None): token}
            return token

    async def _fetch(self, scopes: tuple[str, ...], asked: TokenRequestOptions) -> AccessTokenInfo:
        if self._failure is not None and time.monotonic() < self._failed_until:
            raise self._failure
        try:
            token: AccessTokenInfo = await self._credential.get_token_info(*scopes, options=asked)
        except Exception as error:
            self._failure, self._failed_until = error, time.monotonic() + self._pause
            self._pause = min(_LONGEST_PAUSE_SECONDS, self._pause * 2)
            raise
        self._failure, self._pause = None, _FIRST_PAUSE_SECONDS
        return token

    async def close(self) -> None:
        """Close the credential."""
        await self._credential.close()


def _is_stale(token: AccessTokenInfo) -> bool:
    """Whether the SDK would refresh it: past its refresh time, or in its last five minutes."""
    now = time.time()
    return bool(token.refresh_on and token.refresh_on <= now) or token.expires_on - now < _LAST_SECONDS


def make_credential(settings: AzureKeyVaultSettings, transport: AioHttpTransport) -> SharedCredential:
    """Open the service principal of the section, or without a client_secret the identity of this machine.

    `AZURE_TOKEN_CREDENTIALS=WorkloadIdentityCredential` overrides a client_secret: a pod has Grafana's own file.
    """
    from azure.identity import aio  # noqa: PLC0415

    # The SDK reports by exceptions; without a handler its warnings would go to stderr between this program's lines.
    sdk = logging.getLogger("azure")
    if not sdk.handlers:
        sdk.addHandler(logging.NullHandler())
    authority = authority_for(settings.vault_uri)
    # By scheme: the endpoint of a managed identity is plain http on a link-local address, and never behind a proxy.
    proxies = proxies_for(authority if "://" in authority else f"https://{authority}")
    try:
        if settings.client_secret and os.environ.get("AZURE_TOKEN_CREDENTIALS", "").lower() != _WORKLOAD_IDENTITY:
            return SharedCredential(
                aio.ClientSecretCredential(
                    settings.tenant_id,
                    settings.client_id,
                    settings.client_secret.reveal(),
                    authority=authority,
                    transport=transport,
                    proxies=proxies,
                    retry_total=0,
                )
            )
        # The cluster says which identity a pod has; the section may name Grafana's own.
        in_pod = "AZURE_FEDERATED_TOKEN_FILE" in os.environ
        identity = {
            "managed_identity_client_id": settings.client_id,
            "workload_identity_client_id": (in_pod and os.environ.get("AZURE_CLIENT_ID")) or settings.client_id,
            "workload_identity_tenant_id": (in_pod and os.environ.get("AZURE_TENANT_ID")) or settings.tenant_id,
        }
        named = {name: value for name, value in identity.items() if value}
        return SharedCredential(
            aio.DefaultAzureCredential(
                authority=authority,
                transport=transport,
                proxies=proxies,
                **{name: value for name, value in named.items() if value},
            )
        )
    except ValueError as error:
        # A tenant_id of the wrong form, an authority that is not https.
        raise ConfigurationError(
            f"[{settings.section}]: {str(error).splitlines()[0]}",
            hint="Check tenant_id there, and the AZURE_… variables.",
        ) from None


def authority_for(vault_uri: str) -> str:
    """Return where to sign in: `AZURE_AUTHORITY_HOST`, else the cloud of the vault's name."""
    host = urlsplit(vault_uri).hostname or ""
    by_suffix = (authority for suffix, authority in _AUTHORITIES.items() if host.endswith(suffix))
    return os.environ.get("AZURE_AUTHORITY_HOST") or next(by_suffix, "login.microsoftonline.com")


def proxies_for(url: str) -> dict[str, str] | None:
    """Return the proxy for a host by the usual variables, which may exclude it; vault and sign-in can differ."""
    host = urlsplit(url).hostname or ""
    proxy = urllib.request.getproxies().get("https")
    if not proxy or host in _THIS_MACHINE or urllib.request.proxy_bypass(host):
        return None
    return {"https": proxy}
