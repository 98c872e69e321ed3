"""Find the strings of a JSON document with their paths and byte spans, so that all other bytes can stay.

Grafana's own tool decodes documents into structs and writes them anew, which drops fields it does not know. Splicing
new strings into the old bytes keeps key order, white space, number forms and unknown fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from reencrypt.crypto.gobase64 import MalformedEncodingError

_PLAIN_NAME: Final = re.compile(r"[\w-]+", re.ASCII)
# A string, a bracket or a comma; numbers, literals and colons carry no structure. The pattern takes a string's text up
# to the next escape in one step, not one step for each character.
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]')
# The same, and the numbers and literals between them.
_VALUE: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


_SHORT: Final = 64  # bytes of a name that is worth remembering
_QUOTE, _COMMA, _BRACE, _BRACKET = b'",{['


class JsonString(NamedTuple):
    """One string value: its path from the root, and where its content lies (`start` to `end`, without the quotes)."""

    path: tuple[str | int, ...]
    start: int
    end: int
    text: bytes


class JsonValue(NamedTuple):
    """One value: its path from the root, and where it lies; of an array or object only its opening bracket."""

    path: tuple[str | int, ...]
    start: int
    end: int


def parse(document: bytes) -> object:
    """Return the parsed document; raises `MalformedEncodingError` where the bytes are not JSON in UTF-8."""
    try:
        return json.loads(document.decode())
    except (ValueError, RecursionError):
        raise MalformedEncodingError("not a JSON document") from None


def scan_strings(document: bytes) -> Iterator[JsonString]:
    """Yield every string value of a document that `parse` has accepted, in order."""
    path: list[str | int] = []
    in_object: list[bool] = []
    expects_key = False
    for match in _TOKEN.finditer(document):
        start, end = match.span()
        mark = document[start]
        if mark == _QUOTE:
            if expects_key:
                token = document[start:end]
                path[-1] = _name(token) if len(token) < _SHORT else _unquote(token)
                expects_key = False
            else:
                text = document[start + 1 : end - 1]
                if b"\\" in text:
                    text = _unquote(document[start:end]).encode(errors="surrogatepass")
                yield JsonString(tuple(path), start + 1, end - 1, text)
        elif mark == _COMMA:
            if in_object[-1]:
                expects_key = True
            else:
                path[-1] = int(path[-1]) + 1
        elif mark == _BRACE:
            in_object.append(True)
            path.append("")
            expects_key = True
        elif mark == _BRACKET:
            in_object.append(False)
            path.append(0)
        else:  # "}" or "]"
            in_object.pop()
            path.pop()
            expects_key = False


def scan_unparsed(document: bytes) -> Iterator[JsonString]:
    """Do the same for bytes that may be no document at all, or the beginning of one.

    Raises `MalformedEncodingError` where they stop being JSON.
    """
    try:
        yield from scan_strings(document)
    except (IndexError, ValueError):
        raise MalformedEncodingError("not a JSON document") from None


def scan_values(document: bytes) -> Iterator[JsonValue]:
    """Yield every value of a document that `parse` has accepted, in order."""
    here: list[str | int] = []
    in_object: list[bool] = []
    expects_key = False
    for match in _VALUE.finditer(document):
        token = match[0]
        mark = token[:1]
        if mark == b":":
            continue
        if mark == b",":
            if in_object[-1]:
                expects_key = True
            else:
                here[-1] = int(here[-1]) + 1
        elif mark in b"}]":
            in_object.pop()
            here.pop()
            expects_key = False
        elif expects_key:
            here[-1] = _unquote(token)
            expects_key = False
        else:
            yield JsonValue(tuple(here), *match.span())
            if mark in b"{[":
                in_object.append(mark == b"{")
                here.append("" if mark == b"{" else 0)
                expects_key = mark == b"{"


def locate(document: bytes, path: tuple[str | int, ...]) -> tuple[int, int]:
    """Return where the value at a path begins in a document that `parse` has accepted; an array or object: its bracket.

    Of several members with one name it is the last, as JSON readers take it.
    """
    found = (0, len(document))
    for value in scan_values(document):
        if value.path == path:
            found = (value.start, value.end)
    return found


@lru_cache(maxsize=1024)
def _name(token: bytes) -> str:
    """The name of a member; a document repeats a few of them."""
    return _unquote(token)


def _unquote(token: bytes) -> str:
    if b"\\" not in token:
        return token[1:-1].decode()
    text = json.loads(token)
    if not isinstance(text, str):  # pragma: no cover - a quoted token is a string
        raise TypeError(token)
    return text


def render_path(path: tuple[str | int, ...]) -> str:
    """Write a path for people: `receivers[0].secureSettings.url`, names with special characters as `["a.b"]`."""
    rendered = ""
    for part in path:
        if isinstance(part, int):
            rendered += f"[{part}]"
        elif _PLAIN_NAME.fullmatch(part):
            rendered += f".{part}"
        else:
            rendered += f"[{json.dumps(part)}]"
    return rendered
