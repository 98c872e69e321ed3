"""The token endpoint of Microsoft Entra: a token for client credentials, wrong ones refused as by Entra."""

from __future__ import annotations

import datetime as dt
import hmac
import re
import time
import uuid
from typing import TYPE_CHECKING, Final

from keyvault_emulator.tokens import RESOURCE
from keyvault_emulator.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyvault_emulator.credentials import Credentials
    from keyvault_emulator.identities import Identities
    from keyvault_emulator.tokens import Tokens
    from keyvault_emulator.wire import Call

SCOPE: Final = f"{RESOURCE}/.default"
#: The path of a machine's managed identity, as on App Service.
MACHINE_PATH: Final = "/msi/token"
_TOKEN_PATH: Final = re.compile(r"/([^/]+)/oauth2/v2\.0/token")


class _DenialError(Exception):
    """An AADSTS error on its way from a check to the answer."""

    def __init__(self, status: int, error: str, number: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.number = number
        self.description = description


def tenant_of(path: str) -> str | None:
    """Return the tenant whose token endpoint `path` is, or None for any other path."""
    match = _TOKEN_PATH.fullmatch(path)
    return match[1] if match else None


class TokenEndpoint:
    """`POST /{tenant}/oauth2/v2.0/token`."""

    def __init__(self, credentials: Credentials, identities: Identities, tokens: Tokens) -> None:
        self._credentials = credentials
        self._identities = identities
        self._tokens = tokens

    def answer(self, call: Call, tenant: str, form: Mapping[str, str]) -> Answer:
        """Return a token for the fields of `form`, or the error that Entra gives for the first wrong one."""
        try:
            self._check(call, tenant, form)
        except _DenialError as denial:
            return _error(call, denial)
        lifetime = self._tokens.lifetime
        return Answer.of_json(
            {
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "access_token": self._tokens.issue(),
            },
            headers={"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"},
        )

    def answer_machine(self, call: Call) -> Answer:
        """Return a token for the machine's own identity, or for the one that is named if it is the application."""
        header = call.headers.get("X-IDENTITY-HEADER", "")
        if not hmac.compare_digest(header.encode(), self._identities.header.encode()):
            return Answer.of_json({"message": "X-IDENTITY-HEADER is wrong"}, status=401)
        if call.query.get("client_id", self._credentials.client_id) != self._credentials.client_id:
            return Answer.of_json({"message": "No User Assigned Identity of that client id"}, status=400)
        expires = int(time.time()) + self._tokens.lifetime
        content = {"access_token": self._tokens.issue(), "expires_on": str(expires), "token_type": "Bearer"}
        return Answer.of_json({**content, "resource": call.query.get("resource", "")})

    def _check(self, call: Call, tenant: str, form: Mapping[str, str]) -> None:
        expected = self._credentials
        if call.method != "POST":
            text = f"The endpoint only accepts POST requests. Received a {call.method} request."
            raise _DenialError(400, "invalid_request", 900561, text)
        if tenant.lower() != expected.tenant_id:
            text = (
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into "
                "the correct cloud. Check with your subscription administrator, this may happen if there are no active "
                "subscriptions for the tenant."
            )
            raise _DenialError(400, "invalid_request", 90002, text)
        grant = _required(form, "grant_type")
        if grant != "client_credentials":
            raise _DenialError(
                400, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{grant}'."
            )
        client = _required(form, "client_id")
        if client.lower() != expected.client_id:
            text = (
                f"Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if "
                "the application has not been installed by the administrator of the tenant or consented to by any user "
                "in the tenant. You may have sent your authentication request to the wrong tenant."
            )
            raise _DenialError(400, "unauthorized_client", 700016, text)
        _check_scope(_required(form, "scope"), tenant)
        assertion = form.get("client_assertion", "")
        if assertion:
            if not self._identities.proves(assertion):
                raise _DenialError(401, "invalid_client", 700027, "The certificate or token is not registered.")
            return
        secret = form.get("client_secret", "")
        if not secret:
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise _DenialError(401, "invalid_client", 7000218, text)
        if not hmac.compare_digest(secret.encode(), expected.client_secret.encode()):
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{client}'."
            )
            raise _DenialError(401, "invalid_client", 7000215, text)


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "")
    if not value:
        text = f"The request body must contain the following parameter: '{name}'."
        raise _DenialError(400, "invalid_request", 900144, text)
    return value


def _check_scope(scope: str, tenant: str) -> None:
    if scope == SCOPE:
        return
    if not scope.endswith("/.default"):
        text = (
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
            "/.default suffixed to the resource identifier (application ID URI)."
        )
        raise _DenialError(400, "invalid_scope", 1002012, text)
    resource = scope.removesuffix("/.default")
    text = (
        f"The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the "
        "application has not been installed by the administrator of the tenant or consented to by any user in the "
        "tenant. You might have sent your authentication request to the wrong tenant."
    )
    raise _DenialError(400, "invalid_resource", 500011, text)


def _error(call: Call, denial: _DenialError) -> Answer:
    trace = str(uuid.uuid4())
    correlation = call.headers.get("client-request-id") or str(uuid.uuid4())
    timestamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    description = (
        f"AADSTS{denial.number}: {denial.description} "
        f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
    )
    content = {
        "error": denial.error,
        "error_description": description,
        "error_codes": [denial.number],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={denial.number}",
    }
    return Answer.of_json(content, status=denial.status, headers={"Cache-Control": "no-store, no-cache"})
