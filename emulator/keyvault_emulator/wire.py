"""Answers on the wire: error envelopes, headers of the service, base64url. Knows no keys and no rules."""

from __future__ import annotations

import base64
import binascii
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION: Final = "westeurope"
SERVICE_VERSION: Final = "1.9.2784.1"

#: The answer of IIS, in front of the service, to a path without a route (VirtusLab/crypt #10).
NOT_FOUND_PAGE: Final = """\
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"/>
<title>404 - File or directory not found.</title>
</head>
<body>
<h1>Server Error</h1>
<h2>404 - File or directory not found.</h2>
<h3>The resource you are looking for might have been removed, had its name changed, or is temporarily unavailable.</h3>
</body>
</html>
"""

_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the parts that the rules of the service need."""

    method: str
    #: Undecoded, without the query: `//` means something here.
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    #: `https://HOST[:PORT]` as the client wrote it; key ids are built on it.
    base: str
    #: Address of the client.
    peer: str
    #: Port of the client: requests of one connection have the same.
    connection: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: `body` is sent as it is, `headers` come on top of those every response has."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of_json(content: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        """Return `content` as compact JSON."""
        return Answer(status, json.dumps(content, separators=(",", ":")).encode(), headers=headers or {})


NOT_FOUND: Final = Answer(404, NOT_FOUND_PAGE.encode(), content_type="text/html")


class RefusalError(Exception):
    """The service refuses a request on purpose; becomes an error envelope on the wire."""

    def __init__(
        self, status: int, code: str, message: str, *, inner: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.inner = inner
        self.headers = headers or {}

    def answer(self) -> Answer:
        """Return the envelope `{"error": {"code", "message", "innererror"?}}`."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.inner:
            error["innererror"] = {"code": self.inner}
        return Answer.of_json({"error": error}, status=self.status, headers=self.headers)


def not_emulated(what: str, why: str) -> RefusalError:
    """Return the 501 for what the service has and the emulator has not; the service itself never sends one."""
    return RefusalError(501, "NotImplemented", f"{what} is not implemented by the Key Vault emulator: {why}.")


def bad_parameter(message: str) -> RefusalError:
    """Return the 400 for a request that cannot be understood, or a ciphertext that cannot be decrypted."""
    return RefusalError(400, "BadParameter", message)


def forbidden(message: str, inner: str) -> RefusalError:
    """Return the 403 whose reason is `inner`."""
    return RefusalError(403, "Forbidden", message, inner=inner)


def service_headers(call: Call, request_id: str) -> dict[str, str]:
    """Return the headers that the service puts on every answer, errors included."""
    echo = call.headers.get("x-ms-client-request-id", "")
    return {
        "Cache-Control": "no-cache",
        "Pragma": "no-cache",
        "Expires": "-1",
        "Strict-Transport-Security": "max-age=31536000;includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        "x-ms-keyvault-region": REGION,
        "x-ms-client-request-id": echo if echo and echo.isascii() else str(uuid.uuid4()),
        "x-ms-request-id": request_id,
        "x-ms-keyvault-service-version": SERVICE_VERSION,
        "x-ms-keyvault-network-info": f"conn_type=Ipv4;addr={call.peer};act_addr_fam=InterNetwork;",
    }


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`; an empty body is an empty object.

    Raises:
        RefusalError: 400, the body is not a JSON object.
    """
    if not body:
        return {}
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bad_parameter("The request body is not valid JSON.\r\n") from error
    if not isinstance(content, dict):
        raise bad_parameter("The request body is not a JSON object.\r\n")
    return content


def encode_base64url(data: bytes) -> str:
    """Return `data` in the URL alphabet without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64url(text: str) -> bytes:
    """Return the bytes of unpadded base64url `text`; the standard alphabet and padding are refused.

    Raises:
        ValueError: `text` is empty or not base64url.
    """
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
