"""Gateway of all requests: from aiohttp to the vault, the token endpoint or the control endpoint, and back."""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from aiohttp import web

from keyvault_emulator.control import PREFIX
from keyvault_emulator.entra import MACHINE_PATH, Endpoint, find_entra_route
from keyvault_emulator.fault_effects import LIES, SILENT, keep_silent, of_another_request, refusal_of, spoilt
from keyvault_emulator.lookup import Trace
from keyvault_emulator.permissions import permission_of
from keyvault_emulator.requestlog import RequestRecord
from keyvault_emulator.routes import find_route, is_vault_path
from keyvault_emulator.wire import NOT_FOUND, Answer, Call, RefusalError, service_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyvault_emulator.control import Control
    from keyvault_emulator.entra import Entra
    from keyvault_emulator.faults import Fault, Faults
    from keyvault_emulator.requestlog import RequestLog
    from keyvault_emulator.tokens import Tokens
    from keyvault_emulator.vault import Vault

#: A `Host` header that may become part of a key id.
_HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?")


class Gateway:
    """Routes requests to the vault, the token endpoint or the control endpoint, and logs them."""

    def __init__(
        self,
        *,
        uri: str,
        tokens: Tokens,
        entra: Entra,
        vault: Vault,
        control: Control,
        faults: Faults,
        log: RequestLog,
        clock: Callable[[], float],
    ) -> None:
        self._uri = uri
        self._tokens = tokens
        self._entra = entra
        self._vault = vault
        self._control = control
        self._faults = faults
        self._log = log
        self._clock = clock

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the answer to one request, logged unless it is one to `/_control/`."""
        call = _call_of(request, self._uri)
        if call.path.startswith(PREFIX):
            return _response(self._control.answer(call, await request.read()), {})
        fault = self._faults.draw(_operation_of(call))
        if fault is not None and fault.kind in SILENT:
            self._log.add(_record(call, 0, "", self._clock(), operation=_operation_of(call)))
            return await keep_silent(fault, request)
        if fault is not None and fault.kind == "latency":
            await asyncio.sleep(fault.seconds)
        request_id = str(uuid.uuid4())
        trace = Trace()
        headers = {}
        if is_vault_path(call.path):
            headers = service_headers(call, request_id)
        elif find_entra_route(call.path) is not None:
            headers = {"x-ms-request-id": request_id}
        answer = await self._answer(call, request, fault, trace)
        self._log.add(self._record(call, answer.status, request_id, trace))
        return _response(answer, headers)

    async def _answer(self, call: Call, request: web.BaseRequest, fault: Fault | None, trace: Trace) -> Answer:
        """Return the answer, changed by a fault where one hits."""
        operation = _operation_of(call)
        if fault is not None and fault.kind == "status":
            return refusal_of(fault)
        if is_vault_path(call.path):
            body = await request.read()
            if fault is not None and fault.kind in LIES:
                body = of_another_request(operation, body)
            answer = await self._ask_vault(call, body, trace)
        elif (route := find_entra_route(call.path)) is not None:
            answer = self._entra.answer(call, route, await _form(request))
        elif call.path == MACHINE_PATH:
            answer = self._entra.answer_machine(call)
        else:
            answer = NOT_FOUND
        return answer if fault is None else spoilt(fault, answer, operation)

    def _record(self, call: Call, status: int, request_id: str, trace: Trace) -> RequestRecord:
        if is_vault_path(call.path):
            return _vault_record(call, status, request_id, self._clock(), trace)
        return _record(call, status, request_id, self._clock(), operation=_operation_of(call))

    async def _ask_vault(self, call: Call, body: bytes, trace: Trace) -> Answer:
        try:
            # Before path and body are checked: the first request of every SDK client is empty.
            self._tokens.check(call.headers.get("Authorization", ""))
            route = find_route(call.method, call.path)
            if route is None:
                return NOT_FOUND
            return await self._vault.perform(call, route, body, trace)
        except RefusalError as refusal:
            return refusal.answer()


def _call_of(request: web.BaseRequest, uri: str) -> Call:
    # The port is part of `Host`, and key ids are built as the client named the vault.
    host = request.headers.get("Host", "")
    return Call(
        method=request.method,
        path=request.raw_path.partition("?")[0],
        query=request.query,
        headers=request.headers,
        base=f"https://{host}" if _HOST.fullmatch(host) else uri,
        peer=request.remote or "127.0.0.1",
        connection=_port_of(request),
    )


def _port_of(request: web.BaseRequest) -> int:
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return int(peer[1]) if peer else 0


async def _form(request: web.BaseRequest) -> dict[str, str]:
    body = await request.read()
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _operation_of(call: Call) -> str:
    """The permission that an operation needs, `token` for a sign-in, `discovery` for what goes before it."""
    if is_vault_path(call.path):
        route = find_route(call.method, call.path)
        return permission_of(route.operation) if route is not None and route.operation is not None else ""
    entra = find_entra_route(call.path)
    if call.path == MACHINE_PATH or (entra is not None and entra.endpoint is Endpoint.TOKEN):
        return "token"
    return "discovery" if entra is not None else ""


def _record(call: Call, status: int, request_id: str, now: float, *, operation: str = "") -> RequestRecord:
    return RequestRecord(now, call.method, call.path, operation, "", "", "", status, request_id, call.connection)


def _vault_record(call: Call, status: int, request_id: str, now: float, trace: Trace) -> RequestRecord:
    route = find_route(call.method, call.path)
    if route is None or route.operation is None:
        return _record(call, status, request_id, now)
    return RequestRecord(
        time=now,
        method=call.method,
        path=call.path,
        operation=permission_of(route.operation),
        key=route.key,
        version=trace.version or route.version,
        alg=trace.alg,
        status=status,
        request_id=request_id,
        connection=call.connection,
        client_request_id=call.headers.get("x-ms-client-request-id", ""),
    )


def _response(answer: Answer, headers: dict[str, str]) -> web.Response:
    return web.Response(
        status=answer.status,
        body=answer.body,
        headers={
            "Server": "keyvault-emulator",
            **headers,
            **answer.headers,
            "Content-Type": answer.content_type,
        },
    )
