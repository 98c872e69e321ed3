"""The emulator's one tenant under all its names: a GUID in any case, a domain name, and what stands for any tenant."""

from __future__ import annotations

import re
from typing import Final

from keyvault_emulator.denials import DenialError

#: A verified domain of the tenant. Entra takes it wherever it takes the GUID.
DOMAIN: Final = "emulator.onmicrosoft.com"
#: Names that leave the tenant open. They have a configuration, but an application cannot sign in with them.
OPEN_NAMES: Final = ("common", "organizations", "consumers")

_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DOMAIN: Final = re.compile(r"(?:[a-z0-9-]+\.)+[a-z0-9-]+", re.IGNORECASE)


def find_tenant(name: str, tenant_id: str, *, error: str) -> str:
    """Return the GUID of the tenant that `name` names, or the name in lower case that leaves it open.

    Raises:
        DenialError: 400, there is no such tenant. `error` is the OAuth error, which differs between endpoints.
    """
    known = name.lower()
    if known in (tenant_id, DOMAIN):
        return tenant_id
    if known in OPEN_NAMES:
        return known
    if not _GUID.fullmatch(name) and not _DOMAIN.fullmatch(name):
        text = f"Specified tenant identifier '{name}' is neither a valid DNS name, nor a valid external domain."
        raise DenialError(400, error, 900023, text)
    text = (
        f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant."
    )
    raise DenialError(400, error, 90002, text)


def demand_tenant(name: str, tenant_id: str) -> str:
    """Return the GUID of the tenant that an application signs in to.

    Raises:
        DenialError: 400, there is no such tenant, or the name leaves it open.
    """
    tenant = find_tenant(name, tenant_id, error="invalid_request")
    if tenant in OPEN_NAMES:
        text = "No tenant-identifying information found in either the request or implied by any provided credentials."
        raise DenialError(400, "invalid_request", 50059, text)
    return tenant
