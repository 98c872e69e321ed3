"""Whatever a client sends, it gets an answer that was meant: never the 500 of a handler that failed."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import pytest
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from cryptography.hazmat.primitives.asymmetric import rsa
from emulator_clients import encode, wire_to
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyvault_emulator import Emulator, lifecycle
from keyvault_emulator.faults import KINDS

EXAMPLES = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
VERSION = "0123456789abcdef0123456789abcdef"
PREMADE = rsa.generate_private_key(65537, 2048)
#: What a fuzzer would not guess, and a client would send.
VALUES = st.sampled_from(
    [
        *(
            "RSA",
            "EC",
            "oct",
            "RSA-OAEP-256",
            "RSA1_5",
            "RS256",
            "PS512",
            "encrypt",
            "sign",
            "api://AzureADTokenExchange",
        ),
        *("client_credentials", "https://vault.azure.net", "https://vault.azure.net/.default", encode(bytes(32))),
        *(2048, 65537, 0, -1, 1e308, float("nan"), 10**400, True, None),
    ]
)
NAMES = st.sampled_from(
    [
        *("kty", "key_size", "key_ops", "attributes", "enabled", "exp", "nbf", "tags", "alg", "value", "digest", "key"),
        *("n", "e", "d", "p", "q", "dp", "dq", "qi", "Hsm", "lifetimeActions", "release_policy", "form", "versions"),
        *("grant_type", "client_id", "client_secret", "scope", "resource", "client_assertion"),
    ]
)
JSON = st.recursive(
    VALUES | st.text() | st.integers() | st.binary(max_size=300).map(encode),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=12,
)
SEGMENTS = [
    *("", "keys", "deletedkeys", "secrets", "rng", "prod", "next", "absent", VERSION, "versions", "create", "rotate"),
    *("rotationpolicy", "backup", "restore", "recover", "encrypt", "decrypt", "wrapkey", "unwrapKey", "sign", "verify"),
    *("release", "attestation", "common", "TENANT", "oauth2", "v2.0", "token", ".well-known", "openid-configuration"),
    *("discovery", "instance", "authorize", "msi", "%2e%2e", "%00", "%ff"),
]
KNOWN_PATHS = [
    *("/keys", "/keys/prod", f"/keys/prod/{VERSION}", "/keys/prod//decrypt", "/keys/prod/create", "/keys/prod/verify"),
    *("/keys/restore", "/keys/fresh", "/keys/fresh/create", "/deletedkeys/prod", "/deletedkeys/prod/recover"),
    *("/keys/prod/rotationpolicy", "/keys/prod/versions", "/keys/prod/sign", "/keys/prod/encrypt", "/keys/prod/rotate"),
    *("/TENANT/oauth2/v2.0/token", "/TENANT/oauth2/token", "/common/discovery/instance", "/msi/token"),
    *("/TENANT/v2.0/.well-known/openid-configuration", "/TENANT/discovery/v2.0/keys"),
]
PATHS = st.sampled_from(KNOWN_PATHS) | st.lists(
    st.sampled_from(SEGMENTS) | st.binary(max_size=6).map(quote_from_bytes), max_size=5
).map(lambda parts: "/" + "/".join(parts))
QUERIES = st.dictionaries(
    st.sampled_from(["api-version", "maxresults", "$skiptoken", "authorization_endpoint", "client_id", "resource"])
    | st.text(max_size=4),
    st.sampled_from(["7.4", "1.1", "5", "https://localhost/a/b", encode(b'{"NextMarker":1}'), encode(b"[[]]")])
    | st.text(max_size=8),
    max_size=3,
).map(lambda fields: urlencode(fields, errors="surrogatepass"))
#: A version is asked of most requests, or they would all end at the first check.
QUESTIONS = st.just("api-version=7.4") | QUERIES | QUERIES.map(lambda query: f"api-version=7.4&{query}")
TEXTS = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=20)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("Host", "Content-Type", "x-ms-client-request-id", "client-request-id", "X-IDENTITY-HEADER", "Accept"),
            *("Expect", "Content-Encoding", "Cookie", "If-Match", "Range"),
        ]
    ),
    st.sampled_from(["application/json", "application/x-www-form-urlencoded", "localhost", "[::1]:1", "a:99999999"])
    | TEXTS,
    max_size=3,
)
BODIES = (
    st.just(b"")
    | JSON.map(lambda content: json.dumps(content).encode("utf-8", "surrogatepass"))
    | st.dictionaries(NAMES, JSON, max_size=8).map(lambda content: json.dumps(content).encode())
    | st.dictionaries(NAMES, VALUES | TEXTS, max_size=8).map(lambda fields: urlencode(fields).encode())
    | st.binary(max_size=64)
)
SWITCHES: dict[str, list[Any]] = {
    "allow": [[]], "model": ["policy", "rbac"], "budget": [None], "retry_after": [1], "known": [None],
    "bad_padding": ["random"], "kind": list(KINDS), "next": [1], "share": [0.5], "operations": [["get"]],
    "status": [503, 404], "seconds": [0], "after": [0], "body": ["{}"], "headers": [{}, {"Retry-After": "1"}],
}  # fmt: skip
AUTHORIZATIONS = st.sampled_from(["token", "token", "token", "", "Bearer a.b.c", "Basic x"])
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]) | st.text(
    st.sampled_from("ABCZ-_!"), min_size=1, max_size=8
)


@dataclass
class Target:
    """A running emulator, to which bytes are sent as they are."""

    emulator: Emulator
    token: str
    #: Of a listener without TLS, which would be most of the time that this takes.
    port: int
    failures: list[str]

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """One request on a connection of its own: what is wrong with one must not spoil the next."""
        lines = {"Host": "localhost", "Connection": "close", "Content-Length": str(len(body)), **headers}
        head = [f"{method} {target.replace('TENANT', self.emulator.tenant_id)} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in lines.items()]
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall("\r\n".join([*head, "", ""]).encode("latin-1") + body)
            response = HTTPResponse(connection, method=method)
            response.begin()
            return response.status, response.read()


@contextmanager
def running(state: Path) -> Iterator[Target]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start(stack: AsyncExitStack) -> tuple[Emulator, str, int]:
        emulator = await stack.enter_async_context(Emulator(state=state, keys=("prod", "next")))
        emulator.set_quota(None)
        runner = web.ServerRunner(web.Server(emulator._running.gateway.handle))  # noqa: SLF001 - not a public one
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with wire_to(emulator) as wire:
            return emulator, wire.token, runner.addresses[0][1]

    def wait(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    stack = AsyncExitStack()
    emulator, token, port = wait(start(stack))
    failures: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.addFilter(lambda record: not _is_no_http(record))
    handler.emit = lambda record: failures.append(logging.Formatter().format(record))  # type: ignore[method-assign]
    logging.getLogger("aiohttp").addHandler(handler)
    try:
        yield Target(emulator, token, port, failures)
    finally:
        logging.getLogger("aiohttp").removeHandler(handler)
        wait(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _is_no_http(record: logging.LogRecord) -> bool:
    """Whether the server tells of bytes that are no request of HTTP, which never reach the emulator."""
    return record.exc_info is not None and isinstance(record.exc_info[1], HttpProcessingError)


@pytest.fixture(scope="module")
def target(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with running(shutil.copytree(prepared, tmp_path_factory.mktemp("fuzz") / "state")) as target:
        yield target


@pytest.fixture(autouse=True)
def premade(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "generate", lambda bits: PREMADE if bits else None)


def answered(target: Target, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
    try:
        status, said = target.send(method, path, headers, body)
    except HTTPException:
        # A method of one's own choice may make what is no HTTP, and gets no HTTP.
        status, said = 400, b""
    assert not target.failures, target.failures.pop()
    assert status < 500 or status == 501, (status, said)
    return status


def bring_back(target: Target) -> None:
    """Have the key again, which the last request may have deleted or purged: most of what follows is about it."""
    for path in ("/deletedkeys/prod/recover", "/keys/prod/create"):
        signed = {"Authorization": f"Bearer {target.token}"}
        answered(target, "POST", f"{path}?api-version=7.4", signed, b'{"kty": "RSA"}')


@EXAMPLES
@given(
    METHODS,
    PATHS,
    QUESTIONS,
    HEADERS,
    BODIES,
    AUTHORIZATIONS,
)
def test_no_request_is_answered_by_a_failure(
    target: Target, method: str, path: str, query: str, headers: dict[str, str], body: bytes, authorization: str
) -> None:
    if authorization:
        signed = f"Bearer {target.token}" if authorization == "token" else authorization
        headers = {**headers, "Authorization": signed}
    answered(target, method, f"{path}?{query}", headers, body)
    if method == "DELETE":
        bring_back(target)


@EXAMPLES
@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE"]),
    st.sampled_from(["requests", "permissions", "quota", "rsa1_5", "api-versions", "disabled", "faults", "nonsense"]),
    st.fixed_dictionaries(
        {},
        optional={
            name: JSON | st.lists(st.sampled_from(["get", "encrypt", "7.4"]), max_size=2) | st.sampled_from(likely)
            for name, likely in SWITCHES.items()
        },
    ),
)
def test_no_switch_is_answered_by_a_failure(target: Target, method: str, path: str, content: dict[str, Any]) -> None:
    try:
        assert answered(target, method, f"/_control/{path}", {}, json.dumps(content).encode()) in (200, 400, 404)
    finally:
        target.emulator.set_permissions()
        target.emulator.set_quota(None)
        target.emulator.set_api_versions()
        answered(target, "DELETE", "/_control/faults", {}, b"")


@EXAMPLES
@given(
    st.sampled_from([kind for kind in KINDS if kind not in ("reset", "stall", "status")]),
    st.sampled_from(["GET", "POST", "DELETE"]),
    PATHS,
    BODIES,
)
def test_no_fault_fails_in_itself(target: Target, kind: str, method: str, path: str, body: bytes) -> None:
    target.emulator.set_permissions()
    target.emulator.add_fault(kind=kind, next=1, **({"status": 404} if kind == "answer" else {}))
    answered(target, method, f"{path}?api-version=7.4", {"Authorization": f"Bearer {target.token}"}, body)
    if method == "DELETE":
        bring_back(target)
