"""Base64 as Go decodes it: strict about padding, silent about line ends and left-over bits."""

from __future__ import annotations

import base64
import re
from typing import Final

_RAW: Final = re.compile(rb"[A-Za-z0-9+/]*")


class Base64Error(ValueError):
    """Go would refuse this text; `code` is `padding` where another padding would be right, else `base64`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def decode_std(text: bytes) -> bytes:
    """Decode as `base64.StdEncoding`: padding is demanded."""
    compact = _without_line_ends(text)
    body = compact.rstrip(b"=")
    data = _decode_body(body)
    if len(compact) - len(body) != -len(body) % 4:
        raise Base64Error("padding")
    return data


def decode_raw_std(text: bytes) -> bytes:
    """Decode as `base64.RawStdEncoding`: padding is forbidden."""
    compact = _without_line_ends(text)
    body = compact.rstrip(b"=")
    data = _decode_body(body)
    if len(body) != len(compact):
        raise Base64Error("padding")
    return data


def _without_line_ends(text: bytes) -> bytes:
    return text.replace(b"\r", b"").replace(b"\n", b"")


def _decode_body(body: bytes) -> bytes:
    if not _RAW.fullmatch(body) or len(body) % 4 == 1:
        raise Base64Error("base64")
    return base64.b64decode(body + b"=" * (-len(body) % 4))
