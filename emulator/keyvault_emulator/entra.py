"""The endpoints of Microsoft Entra: tokens for an application, and what a client reads before it asks for one."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from keyvault_emulator import discovery
from keyvault_emulator.denials import DenialError
from keyvault_emulator.tenants import demand_tenant, find_tenant
from keyvault_emulator.tokens import RESOURCE
from keyvault_emulator.wire import Answer, not_emulated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyvault_emulator.credentials import Credentials
    from keyvault_emulator.identities import Identities
    from keyvault_emulator.tokens import Tokens
    from keyvault_emulator.wire import Call

#: The path of a machine's managed identity, as on App Service.
MACHINE_PATH: Final = "/msi/token"

_TOKEN_HEADERS: Final = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
_DISCOVERY_HEADERS: Final = {"Cache-Control": "max-age=86400, private", "Access-Control-Allow-Origin": "*"}
_SUFFIX: Final = "/.default"


class Endpoint(StrEnum):
    """What a path of Entra is for."""

    TOKEN = "token"  # noqa: S105 - the word
    CONFIGURATION = "configuration"
    KEYS = "keys"
    INSTANCE = "instance"
    #: Signing in a person, which needs a browser.
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class EntraRoute:
    """Where a request to Entra leads."""

    endpoint: Endpoint
    #: As in the path: a GUID, a domain name, or a name that leaves the tenant open.
    tenant: str
    #: Of the endpoint: 1.0 names a resource where 2.0 names scopes.
    version: str = "2.0"


_ROUTES: Final = tuple(
    (re.compile(f"/([^/]+)/{pattern}"), endpoint, version)
    for pattern, endpoint, version in (
        (r"oauth2/v2\.0/token", Endpoint.TOKEN, "2.0"),
        (r"oauth2/token", Endpoint.TOKEN, "1.0"),
        (r"v2\.0/\.well-known/openid-configuration", Endpoint.CONFIGURATION, "2.0"),
        (r"\.well-known/openid-configuration", Endpoint.CONFIGURATION, "1.0"),
        (r"discovery/v2\.0/keys", Endpoint.KEYS, "2.0"),
        (r"discovery/keys", Endpoint.KEYS, "1.0"),
        (r"discovery/instance", Endpoint.INSTANCE, "2.0"),
        (r"oauth2/(?:v2\.0/)?(?:authorize|devicecode|logout)", Endpoint.PERSON, "2.0"),
    )
)


def find_entra_route(path: str) -> EntraRoute | None:
    """Return where a path of Entra leads, or None for any other path."""
    for pattern, endpoint, version in _ROUTES:
        if match := pattern.fullmatch(path):
            return EntraRoute(endpoint, unquote(match[1]), version)
    return None


class Entra:
    """Answers the requests of an application that signs in."""

    def __init__(self, credentials: Credentials, identities: Identities, tokens: Tokens) -> None:
        self._credentials = credentials
        self._identities = identities
        self._tokens = tokens

    def answer(self, call: Call, route: EntraRoute, form: Mapping[str, str]) -> Answer:
        """Return a token for the fields of `form`, what discovery asks for, or the error for the first wrong part."""
        try:
            if route.endpoint is Endpoint.TOKEN:
                return self._token(call, route, form)
            if route.endpoint is Endpoint.PERSON:
                return not_emulated("The sign-in of a person", "only applications sign in to it").answer()
            _demand_method(call, "GET")
            return Answer.of_json(self._discovered(call, route), headers=_DISCOVERY_HEADERS)
        except DenialError as denial:
            return denial.answer(call)

    def answer_machine(self, call: Call) -> Answer:
        """Return a token for the machine's own identity, or for the one that is named if it is the application."""
        header = call.headers.get("X-IDENTITY-HEADER", "")
        if not hmac.compare_digest(header.encode("utf-8", "surrogateescape"), self._identities.header.encode()):
            return Answer.of_json({"message": "X-IDENTITY-HEADER is wrong"}, status=401)
        if call.query.get("client_id", self._credentials.client_id) != self._credentials.client_id:
            return Answer.of_json({"message": "No User Assigned Identity of that client id"}, status=400)
        token = self._tokens.issue()
        content = {"access_token": token.text, "expires_on": str(token.expires), "token_type": "Bearer"}
        return Answer.of_json({**content, "resource": call.query.get("resource", "")})

    def _discovered(self, call: Call, route: EntraRoute) -> object:
        if route.endpoint is Endpoint.KEYS:
            return self._tokens.key_set()
        if route.endpoint is Endpoint.INSTANCE:
            asked = call.query.get("authorization_endpoint", "")
            return discovery.instance(call.base, asked, api_version=call.query.get("api-version", "1.0"))
        tenant = find_tenant(route.tenant, self._credentials.tenant_id, error="invalid_tenant")
        return discovery.openid_configuration(call.base, tenant, version=route.version)

    def _token(self, call: Call, route: EntraRoute, form: Mapping[str, str]) -> Answer:
        self._check(call, route, form)
        token = self._tokens.issue()
        lifetime = token.expires - token.issued
        if route.version == "2.0":
            content: dict[str, object] = {
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "access_token": token.text,
            }
        else:
            # The older endpoint writes numbers as strings.
            content = {
                "token_type": "Bearer",
                "expires_in": str(lifetime),
                "ext_expires_in": str(lifetime),
                "expires_on": str(token.expires),
                "not_before": str(token.issued),
                "resource": RESOURCE,
                "access_token": token.text,
            }
        return Answer.of_json(content, headers=_TOKEN_HEADERS)

    def _check(self, call: Call, route: EntraRoute, form: Mapping[str, str]) -> None:
        expected = self._credentials
        _demand_method(call, "POST")
        tenant = demand_tenant(route.tenant, expected.tenant_id)
        grant = _required(form, "grant_type")
        if grant != "client_credentials":
            raise DenialError(
                400, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{grant}'."
            )
        client = _required(form, "client_id")
        if client.lower() != expected.client_id:
            text = (
                f"Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if "
                "the application has not been installed by the administrator of the tenant or consented to by any user "
                "in the tenant. You may have sent your authentication request to the wrong tenant."
            )
            raise DenialError(400, "unauthorized_client", 700016, text)
        _check_resource(_resource(form, route.version), tenant)
        assertion = form.get("client_assertion", "")
        if assertion:
            self._identities.check(assertion)
            return
        secret = form.get("client_secret", "")
        if not secret:
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise DenialError(401, "invalid_client", 7000218, text)
        if not hmac.compare_digest(secret.encode("utf-8", "surrogateescape"), expected.client_secret.encode()):
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{client}'."
            )
            raise DenialError(401, "invalid_client", 7000215, text)


def _demand_method(call: Call, method: str) -> None:
    if call.method != method:
        text = f"The endpoint only accepts {method} requests. Received a {call.method} request."
        raise DenialError(400, "invalid_request", 900561, text)


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "")
    if not value:
        text = f"The request body must contain the following parameter: '{name}'."
        raise DenialError(400, "invalid_request", 900144, text)
    return value


def _resource(form: Mapping[str, str], version: str) -> str:
    """Return the resource that a token is asked for."""
    if version == "1.0":
        return _required(form, "resource")
    scope = _required(form, "scope")
    if not scope.endswith(_SUFFIX):
        text = (
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
            "/.default suffixed to the resource identifier (application ID URI)."
        )
        raise DenialError(400, "invalid_scope", 1002012, text)
    return scope.removesuffix(_SUFFIX)


def _check_resource(resource: str, tenant: str) -> None:
    # Entra takes the address of the resource with a slash at its end, too.
    if resource.removesuffix("/") == RESOURCE:
        return
    text = (
        f"The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the "
        "application has not been installed by the administrator of the tenant or consented to by any user in the "
        "tenant. You might have sent your authentication request to the wrong tenant."
    )
    raise DenialError(400, "invalid_resource", 500011, text)
