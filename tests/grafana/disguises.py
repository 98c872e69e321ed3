"""How Grafana or a plugin may store a ciphertext where no catalogue knows it, and what only looks like one."""

from __future__ import annotations

import base64
import gzip
import json
import textwrap
from collections.abc import Callable
from typing import Final

Disguise = Callable[[bytes], bytes]


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data)


def _quoted(text: bytes) -> bytes:
    """A JSON string, as most encoders write it."""
    return json.dumps(text.decode("latin-1")).encode()


def _escaped(data: bytes) -> bytes:
    """A JSON string whose encoder escapes all that is no letter."""
    return (
        b'"%s"'
        % "".join(
            chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"\\u{byte:04x}" for byte in data
        ).encode()
    )


def _all_escaped(data: bytes) -> bytes:
    """A JSON string whose encoder escapes every character."""
    return b'"%s"' % "".join(f"\\u{byte:04x}" for byte in data).encode()


def _lines(data: bytes, line_break: bytes = b"\n") -> bytes:
    return line_break.join(line.encode() for line in textwrap.wrap(data.decode(), 76))


#: Those that are text.
TEXTS: Final[dict[str, Disguise]] = {
    "raw in text": lambda data: data.decode("latin-1").replace("\0", " ").encode(),
    "base64": _b64,
    "base64 without padding": lambda data: _b64(data).rstrip(b"="),
    "base64url": base64.urlsafe_b64encode,
    "base64url without padding": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "base64 in lines": lambda data: _lines(_b64(b"#" * 70 + data)),
    "base64 in lines of JSON": lambda data: b'{"pem": "%s"}' % _lines(_b64(b"-" * 71 + data), b"\\r\\n"),
    "base64 behind a path": lambda data: b"/plugins/I1ab/Iyyyyyyyy/" + _b64(data),
    "base64 behind a prefix": lambda data: b"crypto_" + _b64(data),
    "hexadecimal": lambda data: data.hex().encode(),
    "hexadecimal in capitals": lambda data: data.hex().upper().encode(),
    "hexadecimal of PostgreSQL": lambda data: b"\\x" + data.hex().encode(),
    "hexadecimal in lines": lambda data: _lines(data.hex().encode(), b"\r\n"),
    "JSON": lambda data: b'{"password": %s}' % _quoted(data).replace(b"#", b"\\u0023").replace(b"*", b"\\u002A"),
    "JSON with every escape": lambda data: b'{"password": %s}' % _escaped(data),
    "JSON in JSON": lambda data: _quoted(b'{"password": %s}' % _escaped(data)),
    "UTF-16 in JSON": lambda data: _quoted(_b64(data).decode().encode("utf-16-le")),
    "UTF-16, high byte first, in JSON in JSON": lambda data: _quoted(
        b'{"password": %s}' % _quoted(_b64(data).decode().encode("utf-16-be"))
    ),
    "base64 in JSON of PHP": lambda data: b'{"password": "%s"}' % _b64(data).replace(b"/", b"\\/"),
    "base64 in JSON of .NET": lambda data: b'{"password": "%s"}' % _b64(data).replace(b"+", b"\\u002B"),
    "base64 of JSON": lambda data: _b64(b'{"user": "a", "password": "%s"}' % _b64(data)),
    "base64url of JSON": lambda data: base64.urlsafe_b64encode(b'{"user": "ab", "password": "%s"}' % _b64(data)),
    "base64 of JSON of hexadecimal": lambda data: _b64(b'{"user": "abc", "key": "%s"}' % data.hex().encode()),
    "base64 of a container": lambda data: _b64(b"\x0a\x07\x12" + bytes(range(200)) + data),
    "base64 of gzip": lambda data: _b64(gzip.compress(b'{"password": "%s"}' % _b64(data))),
    "base64 of UTF-16": lambda data: _b64(_b64(data).decode().encode("utf-16-le")),
    "base64 three times": lambda data: _b64(_b64(_b64(data))),
}
#: Those that are bytes.
BYTES: Final[dict[str, Disguise]] = {
    "raw": lambda data: data,
    "raw behind other bytes": lambda data: b"\x08\x96\x01\x12#*" + data + b"\0",
    "UTF-16, low byte first": lambda data: data.decode("latin-1").encode("utf-16-le"),
    "UTF-16, high byte first": lambda data: b"\xfe\xff" + _b64(data).decode().encode("utf-16-be"),
    "JSON with every character an escape, in UTF-16": lambda data: (
        (b'{"k": %s}' % _all_escaped(_b64(data))).decode().encode("utf-16-le")
    ),
    "gzip": gzip.compress,
    "gzip of JSON": lambda data: b"\0\1" + gzip.compress(b'{"password": "%s"}' % _b64(data)) + b"\0",
    "second member of gzip": lambda data: gzip.compress(b"first") + gzip.compress(data),
    "gzip of UTF-16 of base64": lambda data: gzip.compress(_b64(data).decode().encode("utf-16-le")),
}

#: What no search looks into, which it has to say: too deep, or too large.
TOO_DEEP: Final[dict[str, Disguise]] = {
    "base64 four times": lambda data: _b64(_b64(_b64(_b64(data)))),
    "JSON, every character an escape, of base64 three times": lambda data: _all_escaped(_b64(_b64(_b64(data)))),
    "JSON of base64 three times": lambda data: _b64(_b64(_b64(b'{"password": %s}' % _escaped(data)))),
}

# A regular expression in a query, whose backslashes PromQL or LogQL doubles and JSON doubles again.
_REGEX_BESIDE_PATH: Final = rb'{"u":"/public/dashboards/%s","expr":"{app=\"x\"} |~ \"\\\\/login/callback\""}' % (
    b"a" * 48
)
_REGEX_BESIDE_TEXT: Final = (
    rb'{"panels":[{"targets":[{"expr":"rate(http_requests_total{path=~\"\\\\/api\\\\/v1\\\\/users\"}[5m])"}],'
    b'"description":"instance_job_route_method_status_code_http_requests_rate5m_by_cluster_and_namespace"}]}'
)


def _nested(text: bytes, times: int) -> bytes:
    """JSON inside of JSON, as in the snapshot of a dashboard that an app keeps."""
    for _ in range(times):
        text = b'{"title": "rates_by_cluster/eu-west-1", "model": %s}' % _quoted(text)
    return text


#: Text that looks like a ciphertext and is none.
NEAR_MISSES: Final = (
    b"# Heading\n\n## Another #\n\n#tag#tag# #YWJj# text #1#2#3#",
    b"colours #73BF69#890F02 and **bold** *YWVzLWNmYg* *emphasis*",
    b"*YWVzLWNmYg*",
    b"KllXVnpMV05tWWcq",
    b"I1lXSmpaR1Z0WjJocGFtdHNNVEkj",
    b'{"img": "data:image/png;base64,' + _b64(bytes(range(256)) * 9) + b'"}',
    b"5f2b1c9e-8a4d-4f3e-9b2a-1c0d9e8f7a6b/5f2b1c9e-8a4d-4f3e-9b2a-1c0d9e8f7a6b",
    b"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    b"ee26b0dd4af7e749aa1a8ee3c10ae9923f618980772e473f8819a5d4940e0db27ac185f8a0e1d5f84f88bc887fd67b143732c304cc5fa9ad8e",
    b"/apis/dashboard.grafana.app/v1beta1/namespaces/default/dashboards/abcdefghijklmnopqrstuvwxyz0123456789",
    b'{"expr": "a \\u003e b", "url": "https:\\/\\/example.org\\/", "color": "\\u0023fff", "star": "\\u002a\\u002A"}',
    b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.SflKxwRJSMeKKF2QT4",
    _b64(b'{"note": "# a heading #", "more": "*YWVzLW*"}' * 3),
    _REGEX_BESIDE_PATH,
    _REGEX_BESIDE_TEXT,
    *(_nested(text, times) for text in (_REGEX_BESIDE_PATH, _REGEX_BESIDE_TEXT) for times in (1, 2, 4)),
    _b64(_REGEX_BESIDE_TEXT),
    _b64(_b64(_REGEX_BESIDE_TEXT)),
)
