"""Credential for a vault: the service principal of Grafana's configuration, or the identity of this machine."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from reencrypt.errors import ConfigurationError, ReencryptError
from reencrypt.keys.azure.address import is_resource_of
from reencrypt.keys.azure.retry import TransientError, delay_asked_for, may_pass
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.azure.sign_in_errors import (
    EntraRefusalError,
    TokenError,
    check_token_answer,
    identity_of,
    machine_refused,
    no_identity,
    refused_by_entra,
    signs_in_by_section,
    without_secret,
)
from reencrypt.settings.files import shown_path, special_file

if TYPE_CHECKING:
    from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
    from azure.core.pipeline.transport import AioHttpTransport

_AUTHORITIES: Final = {".usgovcloudapi.net": "login.microsoftonline.us", ".azure.cn": "login.chinacloudapi.cn"}
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 8.0
_LAST_SECONDS: Final = 300
_TOKEN_PATH: Final = "/oauth2/v2.0/token"  # noqa: S105 - a path
_CERTIFICATE: Final = "AZURE_CLIENT_CERTIFICATE_PATH"
_TOKEN_FILE: Final = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105 - a variable's name
#: What a header can hold of a token, and more than RFC 6750 allows.
_SENDABLE: Final = re.compile(r"[!-~]+", re.ASCII)
#: Further statuses of the endpoint of a managed identity that may pass: it is not there yet.
_NOT_YET: Final = (404, 410)
#: Credentials that sign a user in, who may have accounts in several tenants.
_OF_A_USER: Final = ("AzureCliCredential", "AzurePowerShellCredential", "AzureDeveloperCliCredential")


class Attempt:
    """One credential of azure-identity. It remembers why it gave no token: a chain of them tells that as text alone."""

    def __init__(self, credential: Any, settings: AzureKeyVaultSettings) -> None:  # noqa: ANN401 - azure-identity's
        self._credential = credential
        self.name: str = getattr(credential, "_credential_name", type(credential).__name__)
        self._tenant = settings.tenant_id if self.name in _OF_A_USER else ""
        self.error: Exception | None = None

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Ask for a token of the configured tenant: what a vault's challenge names is not asked."""
        asked: TokenRequestOptions = {**(options or {})}
        asked.pop("tenant_id", None)
        if self._tenant:
            asked["tenant_id"] = self._tenant
        try:
            token: AccessTokenInfo = await self._credential.get_token_info(*scopes, options=asked)
            _check_sendable(token.token, self.name)
        except Exception as error:
            self.error = error
            raise
        return token

    async def close(self) -> None:
        """Close the credential."""
        await self._credential.close()


class SharedCredential:
    """A credential of azure-identity that fetches a token once for all concurrent calls, and tells why there is none.

    The SDK has no lock there: fifty concurrent calls at the end of a token are fifty requests for the next one.
    `get_token_info` raises `TokenError`, `ConfigurationError`, and `TransientError` for what may pass. It asks for no
    token of a service that is not the vault's, whatever the vault asks for.
    """

    def __init__(
        self,
        credential: Any,  # noqa: ANN401 - azure-identity's
        settings: AzureKeyVaultSettings,
        attempts: Sequence[Attempt],
        *,
        has_worked: bool,
    ) -> None:
        self._credential = credential
        self._settings = settings
        self._attempts = attempts
        self._tokens: dict[tuple[object, ...], AccessTokenInfo] = {}
        self._fetching = asyncio.Lock()
        # A token endpoint that is down is called once for all waiting calls, not once for each.
        self._failure: Exception | None = None
        self._failed_until = 0.0
        self._pause = _FIRST_PAUSE_SECONDS
        #: Whether it has ever given a token: then its configuration is right.
        self.has_worked = has_worked

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """Return the token for these scopes and claims: the cached one while it is good, else a new one."""
        _check_resource(self._settings, scopes)
        asked = options or {}
        wanted = (*scopes, asked.get("claims"))
        async with self._fetching:
            token = self._tokens.get(wanted)
            if token is None or _is_stale(token):
                token = await self._fetch(scopes, asked)
                # A token that answers a claims challenge replaces earlier ones too.
                self._tokens |= {wanted: token, (*scopes, None): token}
            return token

    async def _fetch(self, scopes: tuple[str, ...], asked: TokenRequestOptions) -> AccessTokenInfo:
        from azure.core.exceptions import AzureError  # noqa: PLC0415

        if self._failure is not None and time.monotonic() < self._failed_until:
            raise self._failure
        for attempt in self._attempts:
            attempt.error = None
        try:
            token: AccessTokenInfo = await self._credential.get_token_info(*scopes, options=asked)
        except (AzureError, EntraRefusalError, OSError, ReencryptError, TransientError) as error:
            failure = self._explain(error)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # azure-identity reads what an endpoint answers without looking at its form first.
            failure = self._explain(error)
        else:
            self._failure, self._pause, self.has_worked = None, _FIRST_PAUSE_SECONDS, True
            return token
        self._failure, self._failed_until = failure, time.monotonic() + self._pause
        self._pause = min(_LONGEST_PAUSE_SECONDS, self._pause * 2)
        raise failure from None

    def _explain(self, raised: Exception) -> ReencryptError | TransientError:
        """Return our error for what the decisive attempt raised: the first that had what it takes to try."""
        from azure.identity import CredentialUnavailableError  # noqa: PLC0415

        failed = [(each.name, each.error) for each in self._attempts if each.error is not None]
        name, error = next(
            ((name, error) for name, error in failed if not isinstance(error, CredentialUnavailableError)),
            ("", raised),
        )
        if name:
            return self._failure_of(name, error)
        missing = no_identity(self._settings, {name: str(error) for name, error in failed})
        return TransientError(missing.message, hint=missing.hint) if self.has_worked else missing

    def _failure_of(self, name: str, error: Exception) -> ReencryptError | TransientError:
        settings = self._settings
        if isinstance(error, ReencryptError):
            return error
        if isinstance(error, TransientError):
            return TransientError(without_secret(settings, str(error)), error.retry_after, hint=error.hint)
        if name == "WorkloadIdentityCredential" and (fault := _fault_of_token_file()):
            return TokenError(
                f"[{settings.section}]: {_TOKEN_FILE}: {fault}",
                hint="Have the cluster mount the service account's token there (label azure.workload.identity/use), or "
                "unset the variable.",
            )
        if isinstance(error, EntraRefusalError):
            return refused_by_entra(settings, identity_of(name, settings, os.environ), error)
        if isinstance(error, (AttributeError, LookupError, TypeError, ValueError)) or _is_no_answer(error):
            return TransientError(f"an answer to the sign-in that cannot be read ({name}, {type(error).__name__})")
        return _passing(error) or machine_refused(settings, name, str(error))

    async def close(self) -> None:
        """Close the credential."""
        await self._credential.close()


def _check_sendable(token: str, name: str) -> None:
    if not _SENDABLE.fullmatch(token):
        raise TransientError(f"an answer to the sign-in whose token no header can hold ({name})")


def _check_resource(settings: AzureKeyVaultSettings, scopes: Sequence[str]) -> None:
    for scope in scopes:
        if not is_resource_of(settings.vault_uri, scope, trusted_suffix=settings.trusted_suffix):
            raise ConfigurationError(
                f"{settings.vault_uri} asks for a token for somebody else's resource",
                hint=f"Check vault_uri in [{settings.section}]: this is not Azure's Key Vault.",
            )


def _is_no_answer(error: Exception) -> bool:
    """Whether the SDK could not read an answer at all: its own refusals are of the other class."""
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError  # noqa: PLC0415

    return isinstance(error, HttpResponseError) and not isinstance(error, ClientAuthenticationError)


def _passing(error: Exception) -> TransientError | None:
    """Return what an endpoint of a managed identity answers that may pass by itself."""
    status = getattr(error, "status_code", None) or 0
    if status not in _NOT_YET and not may_pass(status):
        return None
    headers = getattr(getattr(error, "response", None), "headers", {})
    return TransientError(f"the endpoint of this machine's identity answered {status}", delay_asked_for(headers))


def _is_stale(token: AccessTokenInfo) -> bool:
    """Whether the SDK would refresh it: past its refresh time, or in its last five minutes."""
    now = time.time()
    return bool(token.refresh_on and token.refresh_on <= now) or token.expires_on - now < _LAST_SECONDS


def make_credential(
    settings: AzureKeyVaultSettings, transport: AioHttpTransport, *, has_worked: bool = False
) -> SharedCredential:
    """Open the service principal of the section, or without a client_secret the identity of this machine.

    `has_worked` says that it has given tokens before: where it is gone now, it may come back.

    `AZURE_TOKEN_CREDENTIALS=WorkloadIdentityCredential` overrides a client_secret: a pod has Grafana's own file.
    """
    from azure.identity import aio  # noqa: PLC0415

    # The SDK reports by exceptions; without a handler its warnings would go to stderr between this program's lines.
    sdk = logging.getLogger("azure")
    if not sdk.handlers:
        sdk.addHandler(logging.NullHandler())
    common = {
        "authority": authority_for(settings.vault_uri),
        "transport": transport,
        # `call_with_retries` tries again, within its deadline.
        "retry_total": 0,
        "raw_response_hook": _check_answer,
    }
    try:
        if signs_in_by_section(settings, os.environ):
            attempt = Attempt(
                aio.ClientSecretCredential(
                    settings.tenant_id, settings.client_id, settings.client_secret.reveal(), **common
                ),
                settings,
            )
            return SharedCredential(attempt, settings, [attempt], has_worked=has_worked)
        _check_what_is_sent()
        _check_files()
        chain: Any = aio.DefaultAzureCredential(**common, **_names(settings))
    except (OSError, TypeError, ValueError) as error:
        raise _cannot_be_used(settings, error) from None
    attempts = [Attempt(each, settings) for each in chain.credentials]
    chain.credentials = tuple(attempts)
    return SharedCredential(chain, settings, attempts, has_worked=has_worked)


def _check_what_is_sent() -> None:
    """Refuse a variable that cannot be sent: Python reads a byte that is not UTF-8 as half of a character."""
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        try:
            os.environ.get(name, "").encode()
        except UnicodeEncodeError:
            raise ConfigurationError(
                f"{name} holds bytes that are not UTF-8", hint=f"Correct {name}, or unset it."
            ) from None


def _check_files() -> None:
    """Refuse a pipe or a device where azure-identity would read a file, without end."""
    for name in (_CERTIFICATE, _TOKEN_FILE):
        path = os.environ.get(name, "")
        if path and (special := special_file(path)):
            raise ConfigurationError(
                f"{name}: {shown_path(Path(path))} {special}", hint=f"Correct {name}, or unset it."
            )


def _names(settings: AzureKeyVaultSettings) -> dict[str, str]:
    """Name the identity among several; the cluster says which one a pod has, the section may name Grafana's own."""
    in_pod = _TOKEN_FILE in os.environ
    names = {
        "managed_identity_client_id": settings.client_id,
        "workload_identity_client_id": (in_pod and os.environ.get("AZURE_CLIENT_ID")) or settings.client_id,
        "workload_identity_tenant_id": (in_pod and os.environ.get("AZURE_TENANT_ID")) or settings.tenant_id,
    }
    return {name: value for name, value in names.items() if value}


def _check_answer(response: Any) -> None:  # noqa: ANN401 - azure-core's
    """Look at each answer before azure-identity does, which drops its status and its form."""
    url = urlsplit(response.http_request.url)
    if url.path.endswith(_TOKEN_PATH):
        answer = response.http_response
        check_token_answer(response.http_request.url, answer.status_code, answer.headers, _text(answer))


def _text(answer: Any) -> str:  # noqa: ANN401 - the same
    try:
        # Both of azure-core's kinds of answers have it; older versions of azure-identity use the older one.
        return str(answer.text("utf-8"))
    except UnicodeError:
        return ""


def _cannot_be_used(settings: AzureKeyVaultSettings, error: Exception) -> ConfigurationError:
    """Return the error for what azure-identity refuses to begin with, by the setting that it comes from."""
    where, variables = f"[{settings.section}]", os.environ
    empty = [
        name
        for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", _CERTIFICATE)
        if variables.get(name) == ""
    ]
    if empty and not settings.client_secret:
        return ConfigurationError(
            f"{where}: {' and '.join(empty)} {'is' if len(empty) == 1 else 'are'} set and empty",
            hint="Give it its value, or unset it.",
        )
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "AZURE_TOKEN_CREDENTIALS" in reason:
        return ConfigurationError(f"{where}: {reason}", hint="Correct AZURE_TOKEN_CREDENTIALS, or unset it.")
    path = variables.get(_CERTIFICATE)
    if path and not settings.client_secret and "tenant" not in reason:
        why = getattr(error, "strerror", None) or reason
        return ConfigurationError(
            f"{where}: {_CERTIFICATE}: {path}: {why}",
            hint="Name a file with the certificate and its RSA private key, in PEM or PKCS#12, which can be read here; "
            "AZURE_CLIENT_CERTIFICATE_PASSWORD is its password.",
        )
    # A tenant_id of the wrong form.
    return ConfigurationError(f"{where}: {reason}", hint="Check tenant_id there, and the AZURE_… variables.")


def _fault_of_token_file() -> str:
    path = os.environ.get(_TOKEN_FILE, "")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    except ValueError:
        return f"{path} holds no token"
    return "" if text.strip() else f"{path} is empty"


def authority_for(vault_uri: str) -> str:
    """Return the URL to sign in at: `AZURE_AUTHORITY_HOST`, else the cloud of the vault's name."""
    host = urlsplit(vault_uri).hostname or ""
    by_suffix = (authority for suffix, authority in _AUTHORITIES.items() if host.endswith(suffix))
    named = os.environ.get("AZURE_AUTHORITY_HOST", "").strip()
    if not named:
        return f"https://{next(by_suffix, 'login.microsoftonline.com')}"
    url = (named if "://" in named else f"https://{named}").rstrip("/")
    fault = _fault_of_authority(url)
    if fault:
        raise ConfigurationError(
            f"AZURE_AUTHORITY_HOST {fault}",
            hint="Give it the URL of the sign-in, such as https://login.microsoftonline.com, or unset it.",
        )
    return url


def _fault_of_authority(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not a URL"
    if "@" in parts.netloc:
        return "must not hold a user or a password"
    if parts.scheme != "https":
        return f"begins with {parts.scheme}://, but a secret is sent by https:// only"
    if not parts.hostname or port == 0 or any(each.isspace() or not each.isprintable() for each in url):
        return "is not a URL"
    return "must be a URL without query" if parts.query or parts.fragment else ""
