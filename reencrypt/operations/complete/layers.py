"""Undoes one layer of the encodings in which a ciphertext may be stored: base64, hexadecimal, JSON escapes, UTF-16.

What a layer is made of stands here too, for the quick look whether there is one.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator
from typing import Final

from reencrypt.operations.complete.gzip_members import Takes

# The same as text. A data key's id is at least as long as an algorithm, so no envelope is shorter. A SHA-256 is.
SHORTEST_BASE64: Final = 48
SHORTEST_HEX: Final = 72

BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]+")
LONG_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{%d}" % SHORTEST_BASE64)
# Lines of base64 as they are, and as JSON escapes them.
WRITTEN_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_\\\r\n-]+")
HEX: Final = re.compile(rb"[0-9A-Fa-f]+")
_PRINTABLE: Final = re.compile(rb"[ -~]+")


def _table(alphabet: re.Pattern[bytes]) -> bytes:
    """Translates an alphabet to `1`, zero to itself, and all else to `0`."""
    return bytes(0x31 if alphabet.match(bytes((byte,))) else 0x30 if byte else 0 for byte in range(256))


_BASE64_TABLE: Final = _table(BASE64)
WRITTEN_TABLE: Final = _table(WRITTEN_BASE64)
_HEX_TABLE: Final = _table(HEX)
PRINTABLE_TABLE: Final = _table(_PRINTABLE)
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_LINE_BREAKS: Final = (b"\r\n", b"\n", b"\\r\\n", b"\\n")  # as they are, and as JSON escapes them
_QUANTUM: Final = 4

# Escapes of what a ciphertext's text may consist of, NUL in UTF-16, beside other text. Go escapes "<", ">" and "&" too,
# which are none.
_BY_NUMBER: Final = rb"\\u00(?:00|2[3aAbBdDfF]|3[0-9dD]|[4-7][0-9a-fA-F])(?:(?=[ -~]{8})|(?<=[ -~]{14}))"
NUMBERED: Final = re.compile(_BY_NUMBER)
ESCAPED: Final = re.compile(_BY_NUMBER + rb"|\\/(?:(?=[ -~]{8})|(?<=[ -~]{10}))")
# Queries are full of escaped slashes, in the paths of their regular expressions. One matters only in a long text of
# base64, in a mark and in the name of a data key.
SLASH: Final = b"\\/"
_UNICODE: Final = re.compile(rb"\\u00([0-9A-Fa-f]{2})")
_ESCAPES: Final = ((b"\\/", b"/"), (b'\\"', b'"'), (b"\\n", b"\n"), (b"\\r", b"\r"))

UTF16: Final = b"1\0" * 8  # of printable characters, translated by their table


def runs(
    data: bytes, alphabet: re.Pattern[bytes], text: bytes, shortest: int, start: int = 0
) -> Iterator[tuple[int, int]]:
    """Where an alphabet's characters stand together, at least so many; `text` is the data translated by its table.

    `bytes.find` goes 20 times as fast as `re`.
    """
    while (start := text.find(b"1" * shortest, start)) >= 0:
        match = alphabet.match(data, start)
        assert match is not None  # noqa: S101 - the table says so
        yield start, match.end()
        start = match.end()


def from_base64(data: bytes, takes: Takes, is_new: Callable[[bytes], bool]) -> Iterator[bytes]:
    """Decode each base64 text, of either alphabet, with or without padding or line breaks; or hexadecimal text.

    Characters of the same alphabet, such as a path, may precede it, so it may begin at any of four characters.
    """
    done = 0
    for start, end in runs(data, BASE64, data.translate(_BASE64_TABLE), SHORTEST_BASE64):
        if start < done:
            continue  # a line of the text before
        text, done = _lines(data, start, end)
        if not is_new(text):
            continue
        if not HEX.fullmatch(text):
            if not takes(len(text) * 3 // _QUANTUM):
                return
            for skipped in range(_QUANTUM):
                # A single character more than whole quanta holds no byte.
                last = len(text) - ((len(text) - skipped) % _QUANTUM == 1)
                yield binascii.a2b_base64(text[skipped:last] + b"=" * (-(last - skipped) % _QUANTUM))
        # Hexadecimal digits are of base64's alphabet.
        yield from _from_hex(text, takes)


def _lines(data: bytes, start: int, end: int) -> tuple[bytes, int]:
    """A text in the standard alphabet with the lines that follow it, and where they end."""
    parts = [data[start:end]]
    while line := next_line(data, end):
        parts.append(line[0])
        end = line.end()
    return b"".join(parts).translate(_TO_STANDARD), end


def next_line(data: bytes, end: int) -> re.Match[bytes] | None:
    """The text behind a line break."""
    breaks = next((each for each in _LINE_BREAKS if data.startswith(each, end)), None)
    return BASE64.match(data, end + len(breaks)) if breaks else None


def _from_hex(text: bytes, takes: Takes) -> Iterator[bytes]:
    """Decode each hexadecimal part of a run, which may begin at any of two digits."""
    for start, end in runs(text, HEX, text.translate(_HEX_TABLE), SHORTEST_HEX):
        if not takes((end - start) // 2):
            return
        for skipped in range(2):
            whole = (end - start - skipped) // 2 * 2
            yield binascii.unhexlify(text[start + skipped : start + skipped + whole])


def from_escapes(data: bytes, takes: Takes) -> Iterator[bytes]:
    """Undo JSON's escapes repeatedly, while there are any that a ciphertext's text may need."""
    escaped = data
    while ESCAPED.search(data):
        if not takes(len(data)):
            break
        data = _unescaped(data)
    if data is not escaped:
        yield data


def _unescaped(data: bytes) -> bytes:
    data = data.replace(b"\\\\", b"\x02")
    for escaped, plain in _ESCAPES:
        data = data.replace(escaped, plain)
    data = _UNICODE.sub(lambda match: binascii.unhexlify(match[1]), data)
    return data.replace(b"\x02", b"\\")


def from_utf16(data: bytes, takes: Takes) -> Iterator[bytes]:
    """The odd and the even bytes of text in UTF-16: in either byte order one of them is the text."""
    if b"\0" in data and data.translate(PRINTABLE_TABLE).find(UTF16) >= 0 and takes(len(data)):
        yield data[::2]
        yield data[1::2]
