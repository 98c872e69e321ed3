"""Refusals of a vault (4xx): what each means, and what to do about it, with the vault's own words in every message.

Codes and texts are those of recorded answers of the real service. A vault gives the reason of a 403 in `innererror`;
where that is missing, as behind some gateways, the text tells. A reason that is in neither table stays unexplained.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from urllib.parse import urlsplit

from reencrypt.errors import ConfigurationError, ReencryptError, RefusedError
from reencrypt.keys.azure.errors import (
    OUTSIDE_VALIDITY,
    KeyOperationForbiddenError,
    UnexplainedRefusalError,
    VersionDisabledError,
)
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.errors import AccessDeniedError, KeyMissingError
from reencrypt.keys.service_options import read_api_version

_LONGEST_TEXT: Final = 1000
#: A JSON web token, such as a gateway may quote.
_TOKEN: Final = re.compile(r"\beyJ[\w-]*\.[\w-]+(\.[\w-]*)?")
_CALLER: Final = re.compile(r"\bappid=([^;'\s]{1,64})(?:;oid=([^;'\s]{1,64}))?")
#: Source: azure-sdk-for-net #14788, azure-sdk-for-python #28595; clouds other than the public one lag behind.
_API_VERSION: Final = re.compile(
    r"The specified version \([^()]*\) is not recognized\. "
    r"Consider using the latest supported version \((?P<known>[^()]*)\)"
)
_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403

#: The access-policy permission that each operation needs.
_PERMISSION: Final = {
    "get": "get",
    "list": "list",
    "encrypt": "encrypt",
    "decrypt": "decrypt",
    "wrapkey": "wrapKey",
    "unwrapkey": "unwrapKey",
    "rotationpolicy": "getRotationPolicy",
}


def in_one_line(text: str, sent: str = "", *, longest: int = _LONGEST_TEXT) -> str:
    """Return somebody else's text for a message: one printable line, cut where it is too long.

    A gateway may quote the request: neither what was sent nor a token stays in it.
    """
    if sent:
        text = text.replace(sent, "…")
    printable = "".join(each if each.isprintable() else " " for each in _TOKEN.sub("…", text))
    line = " ".join(printable.split())
    return line if len(line) <= longest else f"{line[:longest]}…"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a vault said in a 4xx, each part in one printable line."""

    status: int
    code: str
    inner: str
    text: str
    request_id: str = ""

    @property
    def words(self) -> str:
        """The vault's own words, to end a message with."""
        inner = f", {self.inner}" if self.inner else ""
        return f"the vault answered {self.status} {self.code}{inner}{f': {self.text}' if self.text else ''}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a vault was asked, for messages: the operation, and the version where it was named."""

    settings: AzureKeyVaultSettings
    operation: str
    version: str = ""

    @property
    def permission(self) -> str:
        """The permission that the operation needs."""
        return _PERMISSION[self.operation]

    @property
    def key(self) -> str:
        """The key and its vault."""
        return f"key {self.settings.key_name} in {self.settings.vault_uri}"

    @property
    def named(self) -> str:
        """The key, with the version where one was named."""
        return f"{self.key}, version {self.version}" if self.version else self.key

    @property
    def exactly(self) -> str:
        """The version that was asked."""
        return self.named if self.version else f"the newest version of {self.key}"


class _Reason(Enum):
    DISABLED = auto()
    KEY_OPS = auto()
    FIREWALL = auto()
    PRIVATE = auto()
    VALIDITY = auto()
    POLICY = auto()
    ROLE = auto()
    UNKNOWN = auto()


_BY_CODE: Final = {
    "KeyDisabled": _Reason.DISABLED,
    "KeyOperationForbidden": _Reason.KEY_OPS,
    "ForbiddenByFirewall": _Reason.FIREWALL,
    "ForbiddenByConnection": _Reason.PRIVATE,
    "KeyExpired": _Reason.VALIDITY,
    "KeyNotYetValid": _Reason.VALIDITY,
    "ForbiddenByPolicy": _Reason.POLICY,
    "ForbiddenByRbac": _Reason.ROLE,
}
_BY_TEXT: Final = (
    (re.compile(r"\bnot allowed on a disabled key\b", re.IGNORECASE), _Reason.DISABLED),
    (re.compile(r"\bOperation \w+ is not permitted on this key\b", re.IGNORECASE), _Reason.KEY_OPS),
    (re.compile(r"\bClient address is not authorized\b", re.IGNORECASE), _Reason.FIREWALL),
    (re.compile(r"\bPublic network access is disabled\b", re.IGNORECASE), _Reason.PRIVATE),
    (re.compile(r"\bnot an approved private link\b", re.IGNORECASE), _Reason.PRIVATE),
    (re.compile(r"\bkey\b.*\b(expired|not yet valid)\b|\bexpired key\b", re.IGNORECASE), _Reason.VALIDITY),
    (re.compile(r"\bdoes not have keys \w+ permission\b", re.IGNORECASE), _Reason.POLICY),
    (re.compile(r"\bCaller is not authorized to perform action\b", re.IGNORECASE), _Reason.ROLE),
    # A managed HSM's own roles: code AccessDenied, without an inner code.
    (re.compile(r"\bNot authorized to access Microsoft\.KeyVault/managedHsm/", re.IGNORECASE), _Reason.ROLE),
)


def _reason(refusal: Refusal) -> _Reason:
    """Tell why a vault forbids something: by its inner code, else by its text."""
    if refusal.inner in _BY_CODE:
        return _BY_CODE[refusal.inner]
    return next((reason for pattern, reason in _BY_TEXT if pattern.search(refusal.text)), _Reason.UNKNOWN)


def refused(asked: Asked, refusal: Refusal) -> ReencryptError:
    """Return the error for a refusal in Key Vault's own form, other than 401 and 429."""
    if refusal.status == _NOT_FOUND and "notfound" in refusal.code.lower():
        return KeyMissingError(
            f"{asked.named} does not exist; {refusal.words}",
            hint=f"Check key_id in [{asked.settings.section}]; deleted keys can be recovered.",
        )
    if _API_VERSION.search(refusal.text):
        known = api_version_for(refusal)
        return ConfigurationError(
            f"{asked.settings.vault_uri} does not know the version of Key Vault's interface that it was asked in; "
            f"{refusal.words}",
            hint=f"Run again with `--vault-api-version {known}`."
            if known
            else "Set --vault-api-version to one it knows.",
        )
    if refusal.status == _FORBIDDEN:
        return _FORBIDDEN_FOR[_reason(refusal)](asked, refusal)
    found_by = f"its request id, {refusal.request_id}" if refusal.request_id else "the time of the request"
    return ConfigurationError(
        f"{asked.operation} with {asked.named} is refused; {refusal.words}",
        hint=f"The vault's words say what it does not accept. Azure's support finds the request by {found_by}.",
    )


def api_version_for(refusal: Refusal) -> str:
    """Return the `api-version` that a vault asks for where it does not know the one it was asked in; else nothing."""
    named = _API_VERSION.search(refusal.text) if refusal.status == _BAD_REQUEST else None
    try:
        return read_api_version(named["known"]) if named is not None else ""
    except ValueError:
        # It would go into a URL.
        return ""


def disabled(settings: AzureKeyVaultSettings, version: str, words: str = "") -> VersionDisabledError:
    """Build the error for a disabled version, named where known: an answer about the newest one does not say."""
    asked = Asked(settings, "get", version)
    which = f" --version {version}" if version else ""
    return VersionDisabledError(
        f"{asked.exactly} is disabled{f'; {words}' if words else ''}",
        hint=f"Run `az keyvault key set-attributes {_place(settings)}{which} --enabled true`.",
        words=words,
    )


def _key_ops(asked: Asked, refusal: Refusal) -> ReencryptError:
    return KeyOperationForbiddenError(
        f"{asked.exactly}: its key_ops do not allow {asked.permission}; {refusal.words}",
        # `--ops` replaces the list, as a permission list does.
        hint=f"Add {asked.permission} to the operations that this version of the key has: `az keyvault key show "
        f"{_place(asked.settings)}` lists them as key_ops, and `az keyvault key set-attributes --ops` takes away what "
        "it does not name.",
    )


def _firewall(asked: Asked, refusal: Refusal) -> ReencryptError:
    return ConfigurationError(
        f"the firewall of {asked.settings.vault_uri} refuses this machine; {refusal.words}",
        hint="Allow its address in the vault's networking settings, or run where Grafana runs.",
    )


def _private(asked: Asked, refusal: Refusal) -> ReencryptError:
    return ConfigurationError(
        f"{asked.settings.vault_uri} takes no connections of this network; {refusal.words}",
        hint="Run where Grafana runs: in a network with the vault's private endpoint, whose DNS gives the vault's name "
        "the private address.",
    )


def _validity(asked: Asked, refusal: Refusal) -> ReencryptError:
    return RefusedError(
        f"{asked.exactly} is outside its validity period and cannot {asked.permission}; {refusal.words}",
        hint=OUTSIDE_VALIDITY,
    )


def _denied(asked: Asked, refusal: Refusal) -> ReencryptError:
    asking = _identity(asked.settings, refusal)
    return AccessDeniedError(
        f"{asking} lacks the permission {asked.permission} on {asked.key}; {refusal.words}",
        hint=_grant(asked, refusal),
    )


def _unexplained(asked: Asked, refusal: Refusal) -> ReencryptError:
    return UnexplainedRefusalError(
        f"{asked.operation} with {asked.named} is forbidden; {refusal.words}",
        hint="The vault's words are all that is known of the reason. Azure's support finds the request by "
        f"{f'its request id, {refusal.request_id}' if refusal.request_id else 'its time'}.",
    )


_FORBIDDEN_FOR: Final[Mapping[_Reason, Callable[[Asked, Refusal], ReencryptError]]] = {
    _Reason.DISABLED: lambda asked, refusal: disabled(asked.settings, asked.version, refusal.words),
    _Reason.KEY_OPS: _key_ops,
    _Reason.FIREWALL: _firewall,
    _Reason.PRIVATE: _private,
    _Reason.VALIDITY: _validity,
    _Reason.POLICY: _denied,
    _Reason.ROLE: _denied,
    _Reason.UNKNOWN: _unexplained,
}


def _identity(settings: AzureKeyVaultSettings, refusal: Refusal) -> str:
    """Name who asked: as the vault saw it, which need not be the client_id of the section."""
    caller = _CALLER.search(refusal.text)
    if caller is not None:
        return f"the application {caller[1]}{f' (object id {caller[2]})' if caller[2] else ''}"
    return settings.client_id or "the identity of this machine"


def _grant(asked: Asked, refusal: Refusal) -> str:
    """Return the hint that adds a permission to those that the identity has, by the vault's kind and model."""
    settings = asked.settings
    if asked.operation == "rotationpolicy":
        # Not worth a permission of its own.
        return f"Have the vault's owner run `az keyvault key rotation-policy show {_place(settings)}`."
    caller = _CALLER.search(refusal.text)
    who = (caller[2] or caller[1]) if caller is not None else settings.client_id or "CLIENT_ID"
    vault = _vault_name(settings)
    if settings.is_managed_hsm:
        return (
            f"Run `az keyvault role assignment create --hsm-name {vault} --assignee {who} "
            f"--role 'Managed HSM Crypto User' --scope /keys/{settings.key_name}`."
        )
    if _reason(refusal) is _Reason.ROLE:
        scope = f"az keyvault show --name {vault} --query id --output tsv"
        command = f"az role assignment create --assignee {who} --role 'Key Vault Crypto User' --scope \"$({scope})\""
        return f"Run `{command}`; a new role takes some minutes to apply."
    # `az keyvault set-policy --key-permissions` would replace what the identity has (azure-cli, custom.py, set_policy).
    query = "properties.accessPolicies[].[objectId, permissions.keys]"
    return (
        f"Add {asked.permission} to the key permissions of {who} in the access policies of vault {vault}, and keep "
        f'those that it has: `az keyvault show --name {vault} --query "{query}"` lists them, and a new list replaces '
        "the old one."
    )


def _place(settings: AzureKeyVaultSettings) -> str:
    option = "--hsm-name" if settings.is_managed_hsm else "--vault-name"
    return f"{option} {_vault_name(settings)} --name {settings.key_name}"


def _vault_name(settings: AzureKeyVaultSettings) -> str:
    return (urlsplit(settings.vault_uri).hostname or "").split(".")[0]
