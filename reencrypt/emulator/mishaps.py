"""How a fault looks to the client: no answer, a refusal, or an answer that is not whole."""

from __future__ import annotations

import asyncio
import json
from typing import Final

from aiohttp import web

from reencrypt.emulator.faults import Fault
from reencrypt.emulator.quota import throttled
from reencrypt.emulator.wire import Answer, RefusalError

#: Kinds after which the client hears nothing at all.
SILENT: Final = ("reset", "stall")

_POLL_SECONDS: Final = 0.05
_THROTTLED: Final = 429
_PAGE: Final = b"<html><head><title>Please sign in</title></head><body>Guest network</body></html>"


async def keep_silent(fault: Fault, request: web.BaseRequest) -> web.Response:
    """Break the connection, for a stall only after its time or when the client has gone."""
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
    """Return the refusal of a `status` fault: the service's own for 429, that of something in front for 502 and 504."""
    if fault.status == _THROTTLED:
        return throttled(fault.retry_after).answer()
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    if fault.status in (502, 504):
        return Answer(fault.status, b"<html><body>Bad Gateway</body></html>", "text/html", headers)
    return RefusalError(fault.status, "InternalServerError", "The service cannot answer now.", headers=headers).answer()


def spoilt(fault: Fault, answer: Answer) -> Answer:
    """Return what a fault leaves of a right answer."""
    if fault.kind == "page":
        return Answer(200, _PAGE, "text/html")
    if fault.kind == "truncated":
        return Answer(answer.status, answer.body[: len(answer.body) // 2], answer.content_type, answer.headers)
    if fault.kind == "empty":
        content = json.loads(answer.body)
        content.pop("value", None)
        return Answer.of_json(content, status=answer.status, headers=answer.headers)
    return answer
