"""What the provider makes of a service that answers badly: a TLS server that fails as it is told, then answers."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from reencrypt.errors import ConfigurationError, ReencryptError, UnavailableError
from reencrypt.events import Event, Warned
from reencrypt.keys.azure.credential import make_credential
from reencrypt.keys.azure.errors import ForeignAnswerError
from reencrypt.keys.azure.limiter import Limiter
from reencrypt.keys.azure.provider import AzureKeyProvider
from reencrypt.keys.azure.quota import Window
from reencrypt.keys.azure.retry import RetryPolicy, TransientError
from reencrypt.keys.azure.session import Transport, open_session
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.errors import UnwrapFailedError
from reencrypt.keys.kind import ProviderContext
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.secret import Secret
from tests.support.tls import server_tls

TENANT = "11111111-2222-4333-8444-555555555555"
DATA_KEY = b"c4n4ry-data-key1"
VALUE = base64.urlsafe_b64encode(DATA_KEY).rstrip(b"=").decode()
VERSION = "0123456789abcdef0123456789abcdef"
BLOCK = b"\x01" * 256
MODULUS = base64.urlsafe_b64encode(b"\xff" * 256).rstrip(b"=").decode()


@dataclass
class Service:
    """A vault and its token endpoint in one; `vault` and `token` hold what to answer first, None for a reset."""

    resource: str = "https://vault.azure.net"
    vault: list[web.Response | None] = field(default_factory=list)
    token: list[web.Response | None] = field(default_factory=list)
    bundle: list[web.Response | None] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    paths: list[str] = field(default_factory=list)
    #: The only `api-version` that it knows, and the one that it names to others; any where it is empty.
    known: str = ""
    names: str = ""
    token_paths: list[str] = field(default_factory=list)
    uri: str = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        if request.path.endswith("/oauth2/v2.0/token"):
            self.asked["token"] += 1
            self.token_paths.append(request.path)
            return self._next(request, self.token) or web.json_response({"access_token": "t0ken", "expires_in": 3600})
        if "Authorization" not in request.headers:
            challenge = f'Bearer authorization="https://login.example.org/{TENANT}", resource="{self.resource}"'
            return web.json_response({}, status=401, headers={"WWW-Authenticate": challenge})
        self.paths.append(f"{request.method} {request.raw_path.partition('?')[0]}")
        kid = f"{self.uri}/keys/prod/{VERSION}"
        spoken = request.query.get("api-version", "")
        self.asked[f"in {spoken}"] += 1
        if self.known and spoken != self.known:
            text = (
                f"The specified version ({spoken}) is not recognized. Consider using the latest supported version "
                f"({self.names or self.known})."
            )
            return web.json_response({"error": {"code": "BadParameter", "message": text}}, status=400)
        if request.path == "/elsewhere":
            self.asked["elsewhere"] += 1
        if request.method == "GET":
            # What a client looks at first; the faults are those of the work itself.
            attributes = {"enabled": True, "created": 1}
            if request.path.endswith("/versions"):
                return web.json_response({"value": [{"kid": kid, "attributes": attributes}], "nextLink": None})
            key = {"kid": kid, "kty": "RSA", "n": MODULUS, "e": "AQAB"}
            return self._next(request, self.bundle) or web.json_response({"key": key, "attributes": attributes})
        self.asked["vault"] += 1
        echo = {"x-ms-client-request-id": request.headers["x-ms-client-request-id"]}
        return self._next(request, self.vault) or web.json_response({"kid": kid, "value": VALUE}, headers=echo)

    @staticmethod
    def _next(request: web.BaseRequest, script: list[web.Response | None]) -> web.Response | None:
        if not script:
            return None
        answer = script.pop(0)
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return answer


@pytest.fixture
async def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    service = Service()
    context, bundle = server_tls(tmp_path)
    runner = web.ServerRunner(web.Server(service.handle, access_log=None), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    service.uri = f"https://localhost:{runner.addresses[0][1]}"
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", service.uri)
    yield service
    await runner.cleanup()


@pytest.fixture
async def provider(service: Service) -> AsyncIterator[AzureKeyProvider]:
    provider = provider_of(service)
    yield provider
    await provider.close()


def settings_of(service: Service, *, trusted_suffix: bool = False, tenant_id: str = TENANT) -> AzureKeyVaultSettings:
    return AzureKeyVaultSettings(
        provider="azurekv.prod",
        section="security.encryption.azurekv.prod",
        tenant_id=tenant_id,
        client_id="client",
        client_secret=Secret("c4n4ry-client-secret"),
        key_name="prod",
        vault_uri=service.uri,
        loopback=True,
        trusted_suffix=trusted_suffix,
    )


def provider_of(
    service: Service,
    context: ProviderContext | None = None,
    *,
    trusted_suffix: bool = False,
    tenant_id: str = TENANT,
) -> AzureKeyProvider:
    return AzureKeyProvider(
        settings_of(service, trusted_suffix=trusted_suffix, tenant_id=tenant_id),
        context,
        retry=RetryPolicy(deadline_seconds=2.0, first_wait_seconds=0.01),
        limiter=Limiter(Window(), first_pause_seconds=0.01),
    )


def unavailable(retry_after: str) -> web.Response:
    return web.Response(status=503, headers={"Retry-After": retry_after})


def throttled(**headers: str) -> web.Response:
    return web.json_response({"error": {"code": "Throttled", "message": "too many"}}, status=429, headers=headers)


PASSING: Final[dict[str, Callable[[], web.Response | None]]] = {
    "throttled without a word on when": throttled,
    "throttled for so long": lambda: throttled(**{"Retry-After": "0.02"}),
    "throttled until a date": lambda: throttled(**{"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
    "broken": lambda: web.Response(status=503, text="<html>", content_type="text/html"),
    "timed out in a proxy": lambda: web.Response(status=504),
    "reset": lambda: None,
    "no value": lambda: web.json_response({"kid": "x"}),
    "a value that is none": lambda: web.json_response({"value": None}),
    "a value that is not base64": lambda: web.json_response({"value": "%%%"}),
    "a list": lambda: web.json_response([]),
    "half an answer": lambda: web.Response(text='{"value": "', content_type="application/json"),
    "a page": lambda: web.Response(text="<html>sign in to the guest network</html>", content_type="text/html"),
}


@pytest.mark.parametrize("fault", PASSING)
async def test_a_fault_that_may_pass_is_tried_again(fault: str, service: Service, provider: AzureKeyProvider) -> None:
    service.vault = [PASSING[fault](), PASSING[fault]()]
    assert (await provider.unwrap(BLOCK)).data_key == DATA_KEY
    assert service.asked["vault"] == 3


@pytest.mark.parametrize("fault", ["broken", "reset", "no value", "a page"])
async def test_a_fault_that_does_not_pass_is_unavailable(
    fault: str, service: Service, provider: AzureKeyProvider
) -> None:
    service.vault = [PASSING[fault]() for _ in range(500)]
    with pytest.raises(UnavailableError, match=r"decrypt with key prod in .*; gave up \(deadline 2 s\)") as caught:
        await provider.unwrap(BLOCK)
    assert "guest network" not in caught.value.message


async def test_a_vault_that_wants_longer_than_the_deadline_is_not_waited_for(
    service: Service, provider: AzureKeyProvider
) -> None:
    service.vault = [throttled(**{"Retry-After": "600"})]
    with pytest.raises(UnavailableError, match="429"):
        await provider.unwrap(BLOCK)
    assert service.asked["vault"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        None,
        web.Response(status=503),
        web.Response(status=502, text="<html>", content_type="text/html"),
        web.json_response({"error": "temporarily_unavailable", "error_description": "AADSTS90033"}, status=503),
        web.json_response({"error": "invalid_request", "error_description": "AADSTS90055"}, status=429),
    ],
)
async def test_a_token_endpoint_that_fails_for_a_moment_is_tried_again(
    fault: web.Response | None, service: Service, provider: AzureKeyProvider
) -> None:
    service.token = [fault]
    assert (await provider.unwrap(BLOCK)).data_key == DATA_KEY
    assert service.asked["token"] == 2


@pytest.mark.parametrize(
    "answer",
    [
        web.json_response({"error": {"code": "MethodNotAllowed"}}, status=405, headers={"x-ms-request-id": "the-id"}),
        web.json_response({"error": {"code": "Conflict"}}, status=409),
        web.json_response({"error": {"code": "RequestDisallowedByGateway"}}, status=400),
        web.json_response({"error": {"code": "BadParameter", "message": "Property 'value' is required."}}, status=400),
    ],
)
async def test_a_refusal_that_nobody_knows_condemns_no_data_key(
    answer: web.Response, service: Service, provider: AzureKeyProvider
) -> None:
    service.vault = [answer]
    with pytest.raises(
        ConfigurationError, match=rf"decrypt with key prod in .* is refused; the vault answered {answer.status}"
    ) as e:
        await provider.unwrap(BLOCK)
    assert ("the-id" if "x-ms-request-id" in answer.headers else "the time of the request") in e.value.hint
    assert service.asked["vault"] == 1


NOT_THE_VAULTS: dict[str, Callable[[Service], web.Response]] = {
    "a strange status": lambda _: web.Response(status=520),
    "nothing": lambda _: web.Response(status=204),
    "a timeout": lambda _: web.Response(status=408),
    "another key": lambda service: web.json_response({"kid": f"{service.uri}/keys/x/{VERSION}", "value": VALUE}),
    "no version": lambda service: web.json_response({"kid": f"{service.uri}/keys/prod", "value": VALUE}),
    "no bytes": lambda service: web.json_response({"kid": f"{service.uri}/keys/prod/{VERSION}", "value": ""}),
}


@pytest.mark.parametrize("name", NOT_THE_VAULTS)
async def test_one_answer_that_is_not_the_vaults_is_no_verdict(
    name: str, service: Service, provider: AzureKeyProvider
) -> None:
    assert (await provider.unwrap(BLOCK)).data_key == DATA_KEY
    service.vault = [NOT_THE_VAULTS[name](service)]
    assert (await provider.unwrap(BLOCK)).data_key == DATA_KEY
    assert service.vault == []


FOREIGN: dict[str, Callable[[], web.Response]] = {
    "a gateway's page": lambda: web.Response(status=400, text="<html>bad request</html>", content_type="text/html"),
    "an error that is a word": lambda: web.json_response({"error": "bad_gateway"}, status=403),
    "no page": lambda: web.Response(status=404, text="<html>404</html>", content_type="text/html"),
    "a guest network": lambda: web.Response(status=403, text="<html>sign in</html>", content_type="text/html"),
    "a network's sign-in": lambda: web.Response(status=511, text="<html>sign in</html>", content_type="text/html"),
    "a proxy's sign-in": lambda: web.Response(status=407, headers={"Proxy-Authenticate": "Basic"}),
    "no operation": lambda: web.Response(status=501),
}


@pytest.mark.parametrize("name", FOREIGN)
async def test_a_refusal_of_somebody_else_is_asked_for_once_and_is_no_verdict(
    name: str, service: Service, provider: AzureKeyProvider
) -> None:
    assert (await provider.unwrap(BLOCK)).data_key == DATA_KEY
    answer = FOREIGN[name]()
    service.vault, service.asked["vault"] = [answer] * 500, 0
    with pytest.raises(ForeignAnswerError, match=rf"localhost answered {answer.status}, in another form") as caught:
        await provider.unwrap(BLOCK)
    assert service.asked["vault"] == 1
    assert "sign in" not in caught.value.message
    assert "vault_uri in [security.encryption.azurekv.prod]" in caught.value.hint


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_request_follows_where_a_proxy_points(
    status: int, service: Service, provider: AzureKeyProvider
) -> None:
    def elsewhere() -> web.Response:
        return web.Response(status=status, headers={"Location": f"{service.uri}/elsewhere?c4n4ry"})

    service.bundle, service.vault = [elsewhere(), elsewhere()], [elsewhere()]
    for ask in (provider.vault.get_key, lambda: provider.unwrap(BLOCK)):
        with pytest.raises(ForeignAnswerError, match=f"{status} with a redirect to localhost, in another") as caught:
            await ask()
        assert "c4n4ry" not in caught.value.message
    assert service.bundle == service.vault == []
    assert service.asked["elsewhere"] == 0


async def test_no_path_has_an_empty_segment(service: Service, provider: AzureKeyProvider) -> None:
    """A strict router redirects `//`, and a redirect of a POST is followed by nobody."""
    await provider.unwrap(BLOCK)
    await provider.vault.crypt("encrypt", "RSA-OAEP-256", DATA_KEY)
    await provider.vault.get_key()
    await provider.vault.list_versions()
    assert {f"POST /keys/prod/{each}" for each in ("decrypt", "encrypt")} < set(service.paths)
    assert {"GET /keys/prod/", "GET /keys/prod/versions"} < set(service.paths)
    assert not [path for path in service.paths if "//" in path]


async def test_a_cloud_that_is_behind_is_asked_in_the_version_that_it_names(service: Service) -> None:
    events: list[Event] = []
    service.known = "7.4"
    provider = provider_of(service, ProviderContext(emit=events.append))
    try:
        # All at once, on a connection that knows nothing: each refused call is asked again, and one switches.
        await asyncio.gather(*(provider.vault.crypt("encrypt", "RSA-OAEP-256", DATA_KEY) for _ in range(20)))
        first = await provider.unwrap(BLOCK)
        assert await provider.unwrap_again(BLOCK, first) == DATA_KEY
        await provider.vault.list_versions()
    finally:
        await provider.close()
    (warning,) = [each.message for each in events if isinstance(each, Warned)]
    assert "in version 7.4 of Key Vault's interface" in warning
    assert "The specified version (" in warning
    asked = {each: count for each, count in service.asked.items() if each.startswith("in ")}
    # The first call goes alone, so only it was refused.
    assert len(asked) == 2
    assert asked["in 7.4"] == 24
    assert sum(asked.values()) == asked["in 7.4"] + 1


@pytest.mark.parametrize("names", ["7.3", "7.4 or so", "../../secrets?x=1", "7.2-"])
async def test_a_cloud_is_followed_once_and_only_to_a_version(names: str, service: Service) -> None:
    service.known, service.names = "7.2", names
    provider = provider_of(service)
    try:
        with pytest.raises(ConfigurationError, match="does not know the version of Key Vault's interface") as caught:
            await provider.unwrap(BLOCK)
    finally:
        await provider.close()
    assert "is not recognized" in caught.value.message
    assert "--vault-api-version" in caught.value.hint
    assert ("--vault-api-version 7.3" in caught.value.hint) == (names == "7.3")
    assert {each for each in service.asked if each.startswith("in ")} == {
        "in 2025-07-01",
        *(["in 7.3"] if names == "7.3" else []),
    }


async def test_the_operators_own_version_is_sent_and_not_changed(service: Service) -> None:
    service.known = "7.4"
    for chosen, fine in (("7.4", True), ("7.5", False)):
        service.asked.clear()
        provider = provider_of(service, ProviderContext(ServiceOptions(api_version=chosen)))
        try:
            if fine:
                assert (await provider.unwrap(BLOCK)).data_key == DATA_KEY
            else:
                with pytest.raises(ConfigurationError, match="does not know the version") as caught:
                    await provider.unwrap(BLOCK)
                assert caught.value.hint == "Run again with `--vault-api-version 7.4`."
        finally:
            await provider.close()
        assert {each for each in service.asked if each.startswith("in ")} == {f"in {chosen}"}


UNREADABLE: dict[str, Callable[[], web.Response]] = {
    "bytes": lambda: web.Response(body=b"\xff\xfe\x00c4n4ry", content_type="application/json"),
    "an unknown content type": lambda: web.Response(body=b"{}", content_type="application/x-c4n4ry"),
    "a charset that is none": lambda: web.Response(
        body=b"{}", headers={"Content-Type": "application/json; charset=hex"}
    ),
    "a charset of another text": lambda: web.Response(
        body=b"\xd8\x00{}", headers={"Content-Type": "application/json; charset=utf-16"}
    ),
    "XML": lambda: web.Response(body=b"<a><b></a>", content_type="application/xml"),
    "compressed by its header alone": lambda: web.Response(
        body=b'{"value": "x"}', content_type="application/json", headers={"Content-Encoding": "gzip"}
    ),
    "nested without end": lambda: web.Response(body=b"[" * 200_000, content_type="application/json"),
    "a number without end": lambda: web.Response(body=b'{"value": ' + b"9" * 10_000 + b"}"),
    "nothing": lambda: web.Response(body=b"", content_type="application/json"),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_cannot_be_decoded_is_judged_by_its_status(
    name: str, service: Service, provider: AzureKeyProvider
) -> None:
    service.vault = [UNREADABLE[name]()]
    assert (await provider.unwrap(BLOCK)).data_key == DATA_KEY
    assert service.vault == []
    if name.startswith("compressed"):
        # The SDK's transport gives up first.
        return
    refusal = UNREADABLE[name]()
    refusal.set_status(404)
    service.vault = [refusal]
    with pytest.raises(ForeignAnswerError, match="answered 404"):
        await provider.unwrap(BLOCK)


@pytest.mark.parametrize("retry_after", ["0", "-5", "nan", "inf", "Wed, 21 Oct 2026 07:28:00 GMT"])
@pytest.mark.parametrize("status", [429, 503])
async def test_a_retry_after_that_is_no_time_to_wait_is_no_leave_to_hammer(
    status: int, retry_after: str, service: Service, provider: AzureKeyProvider
) -> None:
    service.vault = [throttled(**{"Retry-After": retry_after}) if status == 429 else unavailable(retry_after)] * 10_000
    with pytest.raises(UnavailableError):
        await provider.unwrap(BLOCK)
    assert service.asked["vault"] < 50


async def test_a_value_of_no_bytes_is_no_data_key(service: Service, provider: AzureKeyProvider) -> None:
    service.vault = [web.json_response({"kid": f"{service.uri}/keys/prod/{VERSION}", "value": ""}) for _ in range(50)]
    with pytest.raises(UnwrapFailedError):
        await provider.unwrap(BLOCK)


async def test_a_host_that_names_a_foreign_resource_gets_no_token(service: Service) -> None:
    provider = provider_of(service, trusted_suffix=True)
    try:
        with pytest.raises(ConfigurationError, match="somebody else's resource") as caught:
            await provider.unwrap(BLOCK)
    finally:
        await provider.close()
    assert "vault_uri in [security.encryption.azurekv.prod]" in caught.value.hint
    assert service.asked["token"] == 0


async def test_a_vault_that_refuses_every_token_is_asked_twice_and_no_more(
    service: Service, provider: AzureKeyProvider
) -> None:
    refused = {"error": {"code": "Unauthorized", "message": "AKV10032: Invalid issuer."}}
    challenge = {
        "WWW-Authenticate": f'Bearer authorization="https://login.example.org/{TENANT}", resource="{service.resource}"'
    }
    service.vault = [web.json_response(refused, status=401, headers=challenge) for _ in range(50)]
    with pytest.raises(ConfigurationError, match="tenant_id is not the vault's tenant"):
        await provider.unwrap(BLOCK)
    assert service.asked["token"] == 2
    assert service.asked["vault"] <= 4


@pytest.mark.parametrize("tenant", ["contoso.onmicrosoft.com", TENANT.upper(), "00000000-0000-4000-8000-00000000000a"])
async def test_a_token_is_asked_of_the_configured_tenant_whatever_the_challenge_names(
    tenant: str, service: Service
) -> None:
    # The vault's challenge names TENANT; a domain name is that tenant too, and another one is for the vault to refuse.
    provider = provider_of(service, tenant_id=tenant)
    assert (await provider.unwrap(BLOCK)).data_key == DATA_KEY
    assert service.token_paths == [f"/{tenant}/oauth2/v2.0/token"]
    await provider.close()


@pytest.mark.parametrize(
    ("answer", "exit_code", "says"),
    [
        (
            web.json_response(
                {"error": "invalid_client", "error_description": "AADSTS7000112: Application 'x' is disabled."},
                status=401,
            ),
            2,
            "the application of client_id is disabled (AADSTS7000112: Application 'x' is disabled.)",
        ),
        (web.Response(status=404, text="<html>", content_type="text/html"), 2, "answered 404 to the sign-in"),
        (web.Response(status=302, headers={"Location": "https://example.org"}), 2, "answered 302 to the sign-in"),
        (web.Response(status=307, headers={"Location": "/elsewhere"}), 2, "answered 307 to the sign-in"),
        (
            web.json_response({"error": "temporarily_unavailable"}, status=503),
            7,
            "answered 503 (temporarily_unavailable)",
        ),
        (web.Response(status=429, headers={"Retry-After": "0.01"}), 7, "answered 429"),
        (web.Response(text="<html>sign in</html>", content_type="text/html"), 7, "gave no answer of Microsoft Entra"),
        (web.json_response({"access_token": "t", "expires_in": 1, "client_info": "%%%"}), 7, "cannot be read"),
        (web.Response(body=b"\xff{", content_type="application/json"), 7, "gave no answer of Microsoft Entra"),
    ],
)
async def test_a_sign_in_that_fails_for_good_is_told_from_one_that_may_pass(
    answer: web.Response, exit_code: int, says: str, service: Service, provider: AzureKeyProvider
) -> None:
    def again() -> web.Response:
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    service.token = [again() for _ in range(500)]
    with pytest.raises(ReencryptError) as caught:
        await provider.unwrap(BLOCK)
    assert (caught.value.exit_code, says in caught.value.message) == (exit_code, True), caught.value.message
    assert service.asked["elsewhere"] == 0
    if exit_code == UnavailableError.exit_code and "cannot be read" not in says:
        # It is not the vault that fails.
        assert "Microsoft Entra" in caught.value.hint
    assert "c4n4ry" not in caught.value.message + caught.value.hint


async def test_no_answer_of_a_token_endpoint_is_a_bug(service: Service) -> None:
    """Through azure-identity and msal themselves, which read more of an answer than we do."""
    dice = random.Random(16)
    good = {"token_type": "Bearer", "access_token": "t0ken", "expires_in": 3600}
    odd: list[object] = [None, True, -1, 1.5, 10**30, "", "%%%", "eyJ.eyJ.x", "\x00", [], [[]], {}, {"a": {}}, "e30"]
    fields = [*good, "ext_expires_in", "expires_on", "refresh_in", "id_token", "client_info", "scope", "refresh_token"]
    fields += ["error", "error_description", "error_codes", "foci"]
    # Most are nearly right: those get deepest.
    kinds = ["application/json"] * 9 + ["text/html", "text/xml", "x/y; charset=nonsense", "nonsense", ""]
    statuses = [200] * 9 + [201, 204, 302, 400, 401, 404, 429, 500, 503]
    async with open_session() as session:
        for _ in range(400):
            content = good | {dice.choice(fields): dice.choice(odd) for _ in range(dice.randint(0, 2))}
            body = json.dumps(content if dice.random() < 0.9 else dice.choice(odd)).encode()
            body = body if dice.random() < 0.9 else dice.choice([body[: len(body) // 2], b"\xff\xfe" + body])
            headers = {"Content-Type": dice.choice(kinds)} | (
                {"Content-Encoding": "gzip"} if dice.random() < 0.1 else {}
            )
            service.token = [web.Response(status=dice.choice(statuses), body=body, headers=headers)]
            credential = make_credential(settings_of(service), Transport(session))
            with suppress(ReencryptError, TransientError):
                assert (await credential.get_token_info("https://vault.azure.net/.default")).token
            await credential.close()
