"""Effects of a fault on the client: no answer, a refusal, half an answer, or the answer to another request."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from functools import cache
from typing import Any, Final

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from keyvault_emulator.faults import Fault
from keyvault_emulator.quota import throttled
from keyvault_emulator.wire import Answer, RefusalError, decode_base64url, encode_base64url, parse_object

#: Kinds that give the client no answer at all.
SILENT: Final = ("reset", "stall")
#: Kinds that give the client the answer to another request.
LIES: Final = ("lie", "mixed_up")

_POLL_SECONDS: Final = 0.05
_OK: Final = 200
_UNAUTHORIZED: Final = 401
_THROTTLED: Final = 429
_PRODUCING: Final = ("encrypt", "wrapKey")
_PAGE: Final = b"<html><head><title>Please sign in</title></head><body>Guest network</body></html>"


async def keep_silent(fault: Fault, request: web.BaseRequest) -> web.Response:
    """Break the connection; a stall first waits for its time or until the client has gone."""
    waited = 0.0
    while fault.kind == "stall" and waited < fault.seconds:
        if request.transport is None or request.transport.is_closing():
            break
        await asyncio.sleep(_POLL_SECONDS)
        waited += _POLL_SECONDS
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def refusal_of(fault: Fault) -> Answer:
    """Return the refusal of a `status` fault: the service's own for 429, a gateway's for 502 and 504."""
    if fault.status == _THROTTLED:
        return throttled(fault.retry_after).answer()
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    if fault.status in (502, 504):
        return Answer(fault.status, b"<html><body>Bad Gateway</body></html>", "text/html", headers)
    return RefusalError(fault.status, "InternalServerError", "The service cannot answer now.", headers=headers).answer()


def spoilt(fault: Fault, answer: Answer, operation: str) -> Answer:
    """Return a correct answer as the fault changes it; the operation is named by its permission."""
    if fault.kind == "answer" and answer.status != _UNAUTHORIZED:
        headers = {name: value for name, value in fault.headers.items() if name.lower() != "content-type"}
        kind = next((value for name, value in fault.headers.items() if name.lower() == "content-type"), "text/html")
        return Answer(fault.status, fault.body.encode(), kind, headers)
    if fault.kind == "page":
        return Answer(200, _PAGE, "text/html")
    if fault.kind == "truncated":
        return Answer(answer.status, answer.body[: len(answer.body) // 2], answer.content_type, answer.headers)
    if fault.kind == "empty" and (content := _object_in(answer)) is not None:
        content.pop("value", None)
        return Answer.of_json(content, status=answer.status, headers=answer.headers)
    if fault.kind in LIES and answer.status == _OK:
        headers = {"x-ms-client-request-id": str(uuid.uuid4())} if fault.kind == "mixed_up" else {}
        return Answer.of_json(_other(operation, json.loads(answer.body)), headers={**answer.headers, **headers})
    return answer


def of_another_request(operation: str, body: bytes) -> bytes:
    """Return the body of another request to encrypt or wrap; a lie gives its answer instead of the right one."""
    if operation not in _PRODUCING:
        return body
    try:
        content = parse_object(body)
        length = len(decode_base64url(content["value"]))
    except (RefusalError, ValueError, KeyError, TypeError):
        # Refused, whoever's request it is.
        return body
    return json.dumps(content | {"value": encode_base64url(os.urandom(length))}).encode()


def _object_in(answer: Answer) -> dict[str, Any] | None:
    try:
        content = json.loads(answer.body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _other(operation: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a request about something else, in the form of the answer to this one."""
    if operation in ("decrypt", "unwrapKey"):
        return content | {"value": encode_base64url(os.urandom(len(decode_base64url(str(content["value"])))))}
    if operation == "get" and isinstance(content.get("key"), dict):
        return content | {"key": content["key"] | {"n": _other_modulus(len(decode_base64url(content["key"]["n"])) * 8)}}
    if operation == "list" and isinstance(content.get("value"), list):
        return content | {"value": content["value"][1:]}
    return content


@cache
def _other_modulus(bits: int) -> str:
    modulus = generate_private_key(65537, bits).public_key().public_numbers().n
    return encode_base64url(modulus.to_bytes(bits // 8))
