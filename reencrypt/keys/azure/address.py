"""Addresses of vaults that a token may be sent to: Azure's own, this machine, or one named as trusted.

The vault itself names the resource of the token in its challenge, so both are checked: its host, and that resource.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from reencrypt.settings.providers import TRUST_VAULT

#: Vaults and managed HSMs of the public, the US government and the Chinese cloud.
AZURE_SUFFIXES: Final = (
    ".vault.azure.net",
    ".vault.usgovcloudapi.net",
    ".vault.azure.cn",
    ".managedhsm.azure.net",
    ".managedhsm.usgovcloudapi.net",
    ".managedhsm.azure.cn",
)
#: Zones in which Azure's DNS keeps the private addresses of vaults. Certificates name the public zones alone.
_PRIVATE_ZONES: Final = {
    ".privatelink.vaultcore.azure.net": ".vault.azure.net",
    ".privatelink.vaultcore.usgovcloudapi.net": ".vault.usgovcloudapi.net",
    ".privatelink.vaultcore.azure.cn": ".vault.azure.cn",
    **{f".privatelink{suffix}": suffix for suffix in AZURE_SUFFIXES},
}
_NAME: Final = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
_TEXT: Final = re.compile(r"[!-~]+", re.ASCII)
_HTTPS: Final = 443
_ALL_OF_A_RESOURCE: Final = "/.default"


@dataclass(frozen=True, slots=True)
class VaultAddress:
    """A checked address: `uri` is `https://host[:port]` in lower case."""

    uri: str
    loopback: bool
    trusted_suffix: bool


def check_vault_uri(text: str, trusted: Collection[str]) -> VaultAddress | str:
    """Return the address, or its fault as the end of a sentence that begins with the key's name.

    `trusted` holds further hosts, as `host` (any port) or `host:port`.
    """
    parts = _split(text)
    if parts is None or not parts[0].hostname:
        return "is not a URL such as https://NAME.vault.azure.net"
    url, port = parts
    if url.scheme != "https":
        return f"begins with {url.scheme}://, but a vault is reached by https:// only"
    if url.path not in ("", "/") or url.query or url.fragment or "@" in url.netloc or "?" in text or "#" in text:
        return "must be https://HOST alone, without path, query or user"
    host = url.hostname or ""
    private = next(((zone, public) for zone, public in _PRIVATE_ZONES.items() if host.endswith(zone)), None)
    if private is not None:
        public = host.removesuffix(private[0]) + private[1]
        return (
            f"has the host {host}, the name of a private link, which no certificate of a vault has: write "
            f"https://{public}, whose private address the DNS of the network gives"
        )
    loopback = _is_loopback(host)
    suffix = any(host.endswith(suffix) for suffix in AZURE_SUFFIXES) and re.fullmatch(_NAME, host, re.ASCII) is not None
    if not loopback and not suffix and not _is_trusted(host, port or _HTTPS, trusted):
        return f"has the host {host}, which is not one of Azure's: allow it with {TRUST_VAULT} {host} if it is yours"
    shown = f"[{host}]" if ":" in host else host
    return VaultAddress(f"https://{shown}:{port}" if port else f"https://{shown}", loopback, suffix)


def is_resource_of(vault: str, scope: str, *, trusted_suffix: bool) -> bool:
    """Whether a vault may ask for a token of this scope: of its own domain, or of Azure's vaults where it is none.

    A vault by another name, behind a gateway for instance, says what Azure's say. Nothing gets a token for another
    service, which whoever answers could use there in the name of Grafana.
    """
    if not scope.endswith(_ALL_OF_A_RESOURCE):
        return False
    parts = _split(scope.removesuffix(_ALL_OF_A_RESOURCE))
    if parts is None or parts[0].scheme != "https" or "@" in parts[0].netloc:
        return False
    resource, host = (parts[0].hostname or "", parts[1] or _HTTPS), urlsplit(vault)
    asking = (host.hostname or "", host.port or _HTTPS)
    above = asking[0].endswith(f".{resource[0]}") and asking[1] == resource[1]
    if trusted_suffix:
        return above
    return above or resource == asking or (f".{resource[0]}" in AZURE_SUFFIXES and resource[1] == _HTTPS)


def _split(text: str) -> tuple[SplitResult, int | None] | None:
    if not _TEXT.fullmatch(text) or "\\" in text:
        return None
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return None
    host = url.hostname or ""
    if not url.scheme or port == 0 or not (re.fullmatch(_NAME, host, re.ASCII) or _is_address(host)):
        return None
    return url, port


def _is_trusted(host: str, port: int, trusted: Collection[str]) -> bool:
    for entry in trusted:
        parts = _split(f"https://{entry}" if "[" in entry or entry.count(":") < 2 else f"https://[{entry}]")  # noqa: PLR2004
        if parts is not None and parts[0].hostname == host and parts[1] in (None, port):
            return True
    return False


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
