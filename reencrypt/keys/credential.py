"""Who asks the vault: the service principal of Grafana's configuration, or the identity of this machine."""

from __future__ import annotations

import logging
import os
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from reencrypt.errors import ConfigurationError
from reencrypt.settings.model import AzureKeyVaultSettings

if TYPE_CHECKING:
    from azure.core.pipeline.transport import AioHttpTransport

_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


def make_credential(settings: AzureKeyVaultSettings, transport: AioHttpTransport) -> Any:  # noqa: ANN401 - azure-identity's
    """The service principal of the section, or without a client_secret whatever identity this machine has."""
    from azure.identity import aio  # noqa: PLC0415

    # What the SDK has to say reaches us as exceptions; without a handler its warnings go to stderr, between our lines.
    sdk = logging.getLogger("azure")
    if not sdk.handlers:
        sdk.addHandler(logging.NullHandler())
    authority = os.environ.get("AZURE_AUTHORITY_HOST", "login.microsoftonline.com")
    # By scheme: the endpoint of a managed identity is plain http on a link-local address, and never behind a proxy.
    proxies = proxies_for(authority if "://" in authority else f"https://{authority}")
    try:
        if settings.client_secret:
            return aio.ClientSecretCredential(
                settings.tenant_id,
                settings.client_id,
                settings.client_secret.reveal(),
                transport=transport,
                proxies=proxies,
                retry_total=0,
            )
        return aio.DefaultAzureCredential(
            managed_identity_client_id=settings.client_id or None, transport=transport, proxies=proxies
        )
    except ValueError as error:
        # A tenant_id of the wrong form, an authority that is not https.
        raise ConfigurationError(
            f"[{settings.section}]: {str(error).splitlines()[0]}",
            hint="check tenant_id there, and the AZURE_… variables",
        ) from None


def proxies_for(url: str) -> dict[str, str] | None:
    """The proxy for a host by the usual variables, which may except it; vault and sign-in can differ in that."""
    host = urlsplit(url).hostname or ""
    proxy = urllib.request.getproxies().get("https")
    if not proxy or host in _THIS_MACHINE or urllib.request.proxy_bypass(host):
        return None
    return {"https": proxy}
