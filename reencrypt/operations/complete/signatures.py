"""Recognise Grafana's ciphertext by its first bytes, in every encoding in which Grafana or a plugin may store it.

Two beginnings are searched for: `#` base64(data key id) `#` of an envelope, and `*` base64(algorithm) `*` of a
value directly under `secret_key`. A legacy value of an old release has neither, so no search can tell it from noise.
A data key is named in a third way too, as a member `dataKeyId` of a JSON object, as in the secrets manager's snapshots.

A cell is unpacked step by step: base64 of both alphabets, hexadecimal, JSON escapes, UTF-16 and gzip, at most
`DEEPEST` layers one inside the other and `MOST_BYTES` in all. What goes beyond is reported. JSON inside of JSON is
one layer, however deep: query languages double backslashes too, so their number tells nothing.
"""

from __future__ import annotations

import binascii
import bisect
import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from reencrypt.crypto import gobase64
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.envelope import algorithm_prefix
from reencrypt.operations.complete.gzip_members import GZIP, Takes, from_gzip

DEEPEST: Final = 3
MOST_BYTES: Final = 64 * 1024 * 1024

#: Stands for `secret_key`, the key of a legacy value, which names none.
LEGACY: Final = None

#: The ids of the data keys, by their text between two `#`.
Marks = Mapping[bytes, str]

_SHORTEST_VALUE: Final = 36  # an algorithm, a salt and an IV
_MARK: Final = rb"#([A-Za-z0-9+/]{2,200})"
# The mark at the end of one id may begin the next, so the match leaves it.
_KEY_ID: Final = re.compile(_MARK + rb"(?=#)")
_KEY_ID_BEFORE: Final = re.compile(_MARK + rb"#\Z")
_LONGEST_HEADER: Final = 202
_MEMBER: Final = b"dataKeyId"
# JSON inside of JSON has backslashes before the quotes.
_NAMED_BY_MEMBER: Final = re.compile(rb'"%s\\*"\s*:\s*\\*"([^"\\]{1,200})\\*"' % _MEMBER)
_ALGORITHM_START: Final = b"*YWVzLW"
_NAME: Final = re.compile(r"[A-Za-z0-9_.:/@-]{2,100}")
_PREFIXES: Final = tuple(map(algorithm_prefix, Algorithm))

# The same as text. A data key's id is at least as long as an algorithm, so no envelope is shorter. A SHA-256 is.
_SHORTEST_BASE64: Final = 48
_SHORTEST_HEX: Final = 72

_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]+")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]+")
_PRINTABLE: Final = re.compile(rb"[ -~]+")


def _table(alphabet: re.Pattern[bytes]) -> bytes:
    """Translates an alphabet to `1`, zero to itself, and all else to `0`."""
    return bytes(0x31 if alphabet.match(bytes((byte,))) else 0x30 if byte else 0 for byte in range(256))


_BASE64_TABLE: Final = _table(_BASE64)
_HEX_TABLE: Final = _table(_HEX)
_PRINTABLE_TABLE: Final = _table(_PRINTABLE)
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_LINE_BREAKS: Final = (b"\r\n", b"\n", b"\\r\\n", b"\\n")  # as they are, and as JSON escapes them
_QUANTUM: Final = 4

# Escapes of what a ciphertext's text may consist of, NUL in UTF-16, beside other text. Go escapes "<", ">" and "&" too,
# which are none.
_ESCAPED: Final = re.compile(
    rb"\\(?:u00(?:00|2[3aAbBdDfF]|3[0-9dD]|[4-7][0-9a-fA-F])(?:(?=[ -~]{8})|(?<=[ -~]{14}))"
    rb"|/(?:(?=[ -~]{8})|(?<=[ -~]{10})))"
)
_UNICODE: Final = re.compile(rb"\\u00([0-9A-Fa-f]{2})")
_ESCAPES: Final = ((b"\\/", b"/"), (b'\\"', b'"'), (b"\\n", b"\n"), (b"\\r", b"\r"))

_UTF16: Final = b"1\0" * 8  # of printable characters, translated by their table

# Everything that makes bytes worth a look in one pattern: for few bytes one pass costs less than several.
_ANYTHING: Final = re.compile(
    b"|".join(
        (
            _MARK + rb"#",
            re.escape(_ALGORITHM_START),
            _MEMBER,
            rb"[A-Za-z0-9+/_-]{48}",
            re.escape(GZIP),
            _ESCAPED.pattern,
            rb"(?:[ -~]\x00){8}",
        )
    )
)
_FEW: Final = 1024


@dataclass(slots=True)
class Sighting:
    """The finds of a cell: ids of data keys (`LEGACY` for a value under `secret_key`), and why a part was not seen."""

    key_ids: set[str | None] = field(default_factory=set)
    beyond: str = ""


def marks_of(key_ids: Iterable[str]) -> Marks:
    """The marks to look for, for these data keys."""
    return {gobase64.encode(key_id.encode(), padded=False): key_id for key_id in key_ids}


def suspects(cells: Sequence[bytes], marks: Marks) -> list[int]:
    """Find the indexes of the cells that deserve a closer look, by a few quick passes over all of them together.

    It may name too many, never too few: every cell that `examine` would report anything about is a suspect.
    """
    page = b"\x01".join(cells)  # a byte that no encoding contains
    if len(page) < _SHORTEST_VALUE:
        return []
    ends: list[int] = []
    found: set[int] = set()
    for first in _detectors(page, marks):
        position = first(0)
        while position >= 0:
            ends = ends or list(itertools.accumulate(len(cell) + 1 for cell in cells))
            index = bisect.bisect_right(ends, position)
            found.add(index)
            position = first(ends[index])
    return sorted(found)


def _detectors(data: bytes, marks: Marks) -> Iterator[Callable[[int], int]]:
    """Quick passes, each of which finds the next suspicious place from a position on, or -1."""
    text = data.translate(_BASE64_TABLE)
    yield lambda start: next((place for place, _ in _named_keys(data, marks, start)), -1)
    yield lambda start: data.find(_ALGORITHM_START, start)
    yield lambda start: data.find(_MEMBER, start)
    yield lambda start: _first_base64(data, text, start)
    yield lambda start: match.start() if (match := _ESCAPED.search(data, start)) else -1
    # Searching a single byte, which no text has, is ten times as fast.
    if GZIP[:1] in data:
        yield lambda start: data.find(GZIP, start)
    if b"\0" in data:
        printable = data.translate(_PRINTABLE_TABLE)
        yield lambda start: printable.find(_UTF16, start)


def _first_base64(data: bytes, text: bytes, start: int) -> int:
    """Find the first base64 or long hexadecimal text; the many hashes cost no more than this."""
    while (start := text.find(b"1" * _SHORTEST_BASE64, start)) >= 0:
        match = _HEX.match(data, start)
        if match is None:
            return start
        end = match.end()
        if end - start >= _SHORTEST_HEX or text[end : end + 1] == b"1" or _next_line(data, end):
            return start
        start = end
    return start


def _holds_nothing(data: bytes, marks: Marks) -> bool:
    """Whether there is nothing in the bytes, neither a signature nor a layer."""
    if len(data) < _FEW:
        return _ANYTHING.search(data) is None
    return all(first(0) < 0 for first in _detectors(data, marks))


def examine(cell: bytes, marks: Marks) -> Sighting:
    """Look for both signatures in a cell's bytes and in what they unpack to. `marks` are the known data keys.

    An id that no data key has counts only with an algorithm behind it: text between two `#` is common.
    """
    sighting = Sighting()
    _Unpacking(marks, sighting).look(cell, 0)
    return sighting


class _Unpacking:
    """The search of one cell: the finds so far, and how much may still be unpacked."""

    def __init__(self, marks: Marks, sighting: Sighting) -> None:
        self._marks = marks
        self._sighting = sighting
        self._left = MOST_BYTES
        self._decoded: dict[bytes, int] = {}

    def look(self, data: bytes, depth: int) -> None:
        """Search the bytes, then each layer below them; one at a time, so that memory stays bounded."""
        if _holds_nothing(data, self._marks):
            return
        self._sighting.key_ids.update(_signatures(data, self._marks))
        for unpacked in self._layers(data, depth):
            if depth == DEEPEST:
                self._sighting.beyond = f"more than {DEEPEST} layers of encoding"
                return
            self.look(unpacked, depth + 1)
            if self._left < 0:
                return

    def _takes(self, size: int) -> bool:
        """Whether that many more bytes may be unpacked."""
        self._left -= size
        if self._left < 0:
            self._sighting.beyond = f"more than {MOST_BYTES // 1024**2} MiB unpacked"
        return self._left >= 0

    def _is_new(self, text: bytes, depth: int, *, carried: bool) -> bool:
        """Whether this base64 text was not decoded yet, at this depth or above it; recorded if it is `carried` on.

        Undoing escapes carries the rest of a cell along, whose texts are no layer deeper.
        """
        if not (carried or self._decoded):
            return True
        digest = hashlib.sha256(text).digest()
        if self._decoded.get(digest, DEEPEST + 1) <= depth:
            return False
        if carried:
            self._decoded[digest] = depth
        return True

    def _layers(self, data: bytes, depth: int) -> Iterator[bytes]:
        is_new = partial(self._is_new, depth=depth, carried=_ESCAPED.search(data) is not None)
        from_base64 = partial(_from_base64, is_new=is_new)
        for unpack in (from_base64, _from_escapes, _from_utf16, from_gzip):
            yield from unpack(data, self._takes)
            if self._left < 0:
                return


def _signatures(data: bytes, marks: Marks) -> Iterator[str | None]:
    """The keys of the values whose beginnings stand in the bytes as they are."""
    for _, key_id in _named_keys(data, marks, 0):
        yield key_id
    for match in _NAMED_BY_MEMBER.finditer(data):
        named = marks.get(gobase64.encode(match[1], padded=False))
        if named is not None:
            yield named
    position = data.find(_ALGORITHM_START)
    while position >= 0:
        if (
            data.startswith(_PREFIXES, position)
            and len(data) - position >= _SHORTEST_VALUE
            and not _is_envelope(data, position)
        ):
            yield LEGACY
        position = data.find(_ALGORITHM_START, position + 1)


def _named_keys(data: bytes, marks: Marks, start: int) -> Iterator[tuple[int, str]]:
    """Each mark of a data key from a position on, and its id."""
    for match in _KEY_ID.finditer(data, start):
        key_id = marks.get(match[1])
        if key_id is None and data.startswith(_PREFIXES, match.end() + 1):
            key_id = _name(match[1])
        if key_id is not None:
            yield match.start(), key_id


def _name(encoded: bytes) -> str | None:
    """The id of a data key that this text may be."""
    try:
        name = gobase64.decode(encoded).decode()
    except ValueError:
        return None
    return name if _NAME.fullmatch(name) else None


def _is_envelope(data: bytes, algorithm: int) -> bool:
    """Whether a data key's id stands before the algorithm at this position."""
    if data[algorithm - 1 : algorithm] != b"#":
        return False
    match = _KEY_ID_BEFORE.search(data[max(0, algorithm - _LONGEST_HEADER) : algorithm])
    return match is not None and _name(match[1]) is not None


def _runs(data: bytes, alphabet: re.Pattern[bytes], table: bytes, shortest: int) -> Iterator[tuple[int, int]]:
    """Where an alphabet's characters stand together, at least so many. `bytes.find` goes 20 times as fast as `re`."""
    text = data.translate(table)
    start = text.find(b"1" * shortest)
    while start >= 0:
        match = alphabet.match(data, start)
        assert match is not None  # noqa: S101 - the table says so
        yield start, match.end()
        start = text.find(b"1" * shortest, match.end())


def _from_base64(data: bytes, takes: Takes, is_new: Callable[[bytes], bool]) -> Iterator[bytes]:
    """Decode each base64 text, of either alphabet, with or without padding or line breaks; or hexadecimal text.

    Characters of the same alphabet, such as a path, may precede it, so it may begin at any of four characters.
    """
    done = 0
    for start, end in _runs(data, _BASE64, _BASE64_TABLE, _SHORTEST_BASE64):
        if start < done:
            continue  # a line of the text before
        text, done = _lines(data, start, end)
        if not is_new(text):
            continue
        if not _HEX.fullmatch(text):
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
    while line := _next_line(data, end):
        parts.append(line[0])
        end = line.end()
    return b"".join(parts).translate(_TO_STANDARD), end


def _next_line(data: bytes, end: int) -> re.Match[bytes] | None:
    """The text behind a line break."""
    breaks = next((each for each in _LINE_BREAKS if data.startswith(each, end)), None)
    return _BASE64.match(data, end + len(breaks)) if breaks else None


def _from_hex(text: bytes, takes: Takes) -> Iterator[bytes]:
    """Decode each hexadecimal part of a run, which may begin at any of two digits."""
    for start, end in _runs(text, _HEX, _HEX_TABLE, _SHORTEST_HEX):
        if not takes((end - start) // 2):
            return
        for skipped in range(2):
            whole = (end - start - skipped) // 2 * 2
            yield binascii.unhexlify(text[start + skipped : start + skipped + whole])


def _from_escapes(data: bytes, takes: Takes) -> Iterator[bytes]:
    """Undo JSON's escapes repeatedly, while there are any that a ciphertext's text may need."""
    escaped = data
    while _ESCAPED.search(data):
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


def _from_utf16(data: bytes, takes: Takes) -> Iterator[bytes]:
    """The odd and the even bytes of text in UTF-16: in either byte order one of them is the text."""
    if b"\0" in data and data.translate(_PRINTABLE_TABLE).find(_UTF16) >= 0 and takes(len(data)):
        yield data[::2]
        yield data[1::2]
