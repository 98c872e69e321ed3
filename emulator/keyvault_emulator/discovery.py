"""What a client reads before it signs in: the OpenID configuration, the clouds that exist, the keys of tokens.

MSAL, which Azure's SDKs for JavaScript, .NET and Java and the synchronous one for Python sign in with, asks for the
configuration of the tenant before its first token. The shape is that of recorded answers (azure-sdk-for-js,
sdk/keyvault/keyvault-keys/recordings); every address in it is the emulator's own.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from keyvault_emulator.denials import DenialError
from keyvault_emulator.tenants import OPEN_NAMES

#: The clouds of Microsoft, as the endpoint for instance discovery lists them.
_CLOUDS: Final = (
    (
        "login.microsoftonline.com",
        "login.windows.net",
        ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"),
    ),
    (
        "login.partner.microsoftonline.cn",
        "login.partner.microsoftonline.cn",
        ("login.partner.microsoftonline.cn", "login.chinacloudapi.cn"),
    ),
    (
        "login.microsoftonline.us",
        "login.microsoftonline.us",
        ("login.microsoftonline.us", "login.usgovcloudapi.net"),
    ),
)
_HOSTS: Final = frozenset(alias for *_, aliases in _CLOUDS for alias in aliases)


def openid_configuration(base: str, tenant: str, *, version: str) -> dict[str, Any]:
    """Return the configuration of `tenant`, a GUID or one of `OPEN_NAMES`, for version 1.0 or 2.0 of the endpoints."""
    own = f"{base}/{tenant}"
    infix = "/v2.0" if version == "2.0" else ""
    issued_for = "{tenantid}" if tenant in OPEN_NAMES else tenant
    issuer = f"{base}/{issued_for}/v2.0" if version == "2.0" else f"https://sts.windows.net/{issued_for}/"
    return {
        "token_endpoint": f"{own}/oauth2{infix}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": f"{own}/discovery{infix}/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "request_uri_parameter_supported": False,
        "authorization_endpoint": f"{own}/oauth2{infix}/authorize",
        "device_authorization_endpoint": f"{own}/oauth2{infix}/devicecode",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{own}/oauth2{infix}/logout",
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "ver"],
        "tenant_region_scope": None if tenant in OPEN_NAMES else "EU",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }


def instance(base: str, asked: str, *, api_version: str) -> dict[str, Any]:
    """Return where the tenant of the authorization endpoint `asked` is configured, and from 1.1 on all clouds.

    Raises:
        DenialError: 400, the address is neither the emulator's nor one of Microsoft's.
    """
    own = urlsplit(base)
    try:
        parts = urlsplit(asked)
    except ValueError:
        parts = urlsplit("")
    tenant = parts.path.split("/", 2)[1:2]
    if parts.scheme != "https" or not tenant or parts.hostname not in (*_HOSTS, own.hostname):
        raise DenialError(400, "invalid_instance", 50049, "Unknown or invalid instance.")
    content: dict[str, Any] = {
        # At the emulator's own address: MSAL leaves out the port of the authority in what it asks.
        "tenant_discovery_endpoint": f"{base}/{tenant[0]}/v2.0/.well-known/openid-configuration"
    }
    if api_version != "1.0":
        content["api-version"] = api_version
        content["metadata"] = [
            {"preferred_network": network, "preferred_cache": cache, "aliases": list(aliases)}
            for network, cache, aliases in ((own.netloc, own.netloc, (own.netloc,)), *_CLOUDS)
        ]
    return content
