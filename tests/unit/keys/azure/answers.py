"""Answers of a vault as plain values, in the forms that were recorded of the real service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from multidict import CIMultiDict

from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.secret import Secret

SECTION = "security.encryption.azurekv.prod"
VERSION = "0123456789abcdef0123456789abcdef"
VAULT = "https://myvault.vault.azure.net"
HSM = "https://myhsm.managedhsm.azure.net"


def key_in(
    vault_uri: str = VAULT, *, client_id: str = "the-client", trusted_suffix: bool = True
) -> AzureKeyVaultSettings:
    """The section for the key `grafana` in a vault."""
    return AzureKeyVaultSettings(
        provider="azurekv.prod",
        section=SECTION,
        tenant_id="the-tenant",
        client_id=client_id,
        client_secret=Secret("c4n4ry-client-secret" if client_id else ""),
        key_name="grafana",
        vault_uri=vault_uri,
        loopback=False,
        trusted_suffix=trusted_suffix,
    )


@dataclass(frozen=True)
class Answered:
    """What an HTTP client got: the parts that an answer is judged by."""

    status_code: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def answered(status: int, content: object, **headers: str) -> Answered:
    """An answer in JSON."""
    named = {"Content-Type": "application/json; charset=utf-8"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return Answered(status, json.dumps(content).encode(), CIMultiDict(named))


def refusal(status: int, code: str, message: str, inner: str = "", **headers: str) -> Answered:
    """A refusal in Key Vault's envelope; without an inner code it has no `innererror`, as behind some gateways."""
    error: dict[str, object] = {"code": code, "message": message}
    if inner:
        error["innererror"] = {"code": inner}
    return answered(status, {"error": error}, **headers)


def page(status: int, body: str = "<html><body>c4n4ry page</body></html>", **headers: str) -> Answered:
    """A page in HTML, such as a proxy or IIS sends it."""
    named = {"Content-Type": "text/html"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return Answered(status, body.encode(), CIMultiDict(named))
