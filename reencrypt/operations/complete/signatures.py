"""Recognise Grafana's ciphertext by its first bytes, in every encoding in which Grafana or a plugin may store it.

Two beginnings are searched for: `#` base64(data key id) `#` of an envelope, and `*` base64(algorithm) `*` of a
value directly under `secret_key`. A legacy value of an old release has neither, so no search can tell it from noise.
A data key is named in a third way too, as a member `dataKeyId` of a JSON object, as in the secrets manager's snapshots.

A cell is unpacked step by step: base64 of both alphabets, hexadecimal, JSON escapes, UTF-16 and gzip, at most
`DEEPEST` layers one inside the other and `MOST_BYTES` in all. What goes beyond is reported. JSON inside of JSON is
one layer, however deep: query languages double backslashes too, so their number tells nothing.
"""

from __future__ import annotations

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
from reencrypt.operations.complete.gzip_members import GZIP, from_gzip
from reencrypt.operations.complete.layers import (
    BASE64,
    ESCAPED,
    HEX,
    LONG_BASE64,
    NUMBERED,
    PRINTABLE_TABLE,
    SHORTEST_BASE64,
    SHORTEST_HEX,
    SLASH,
    UTF16,
    WRITTEN_BASE64,
    WRITTEN_TABLE,
    from_base64,
    from_escapes,
    from_utf16,
    next_line,
    runs,
)

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
# The same, or one with escaped slashes.
_WRITTEN_MARK: Final = re.compile(rb"#([A-Za-z0-9+/\\]{2,800}+)(?=#)")
_KEY_ID_BEFORE: Final = re.compile(_MARK + rb"#\Z")
_LONGEST_HEADER: Final = 202
_MEMBER: Final = b"dataKeyId"
# JSON inside of JSON has backslashes before the quotes.
_NAMED_BY_MEMBER: Final = re.compile(rb'"%s\\*"\s*:\s*\\*"([^"\\]{1,200})\\*"' % _MEMBER)
_ALGORITHM_START: Final = b"*YWVzLW"
_NAME: Final = re.compile(r"[A-Za-z0-9_.:/@-]{2,100}")
_PREFIXES: Final = tuple(map(algorithm_prefix, Algorithm))

# Everything that makes bytes worth a look in one pattern: for few bytes one pass costs less than several.
_ANYTHING: Final = re.compile(
    b"|".join(
        (
            _MARK + rb"#",
            re.escape(_ALGORITHM_START),
            _MEMBER,
            rb"[A-Za-z0-9+/_-]{48}",
            re.escape(GZIP),
            ESCAPED.pattern,
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
    text = data.translate(WRITTEN_TABLE)
    yield lambda start: _first_mark(data, marks, start)
    yield lambda start: data.find(_ALGORITHM_START, start)
    yield lambda start: data.find(_MEMBER, start)
    yield lambda start: _first_text(data, text, start)
    yield lambda start: match.start() if (match := NUMBERED.search(data, start)) else -1
    # Searching a single byte, which no text has, is ten times as fast.
    if GZIP[:1] in data:
        yield lambda start: data.find(GZIP, start)
    if b"\0" in data:
        printable = data.translate(PRINTABLE_TABLE)
        yield lambda start: printable.find(UTF16, start)


def _first_mark(data: bytes, marks: Marks, start: int) -> int:
    """Find the first mark of a data key, or a text between two `#` that has escapes and may be one."""
    for match in _WRITTEN_MARK.finditer(data, start):
        if SLASH in match[1] or _named_by(data, match, marks) is not None:
            return match.start()
    return -1


def _first_text(data: bytes, text: bytes, start: int) -> int:
    """Find the first text of base64 or long hexadecimal text, or what may be one without its escapes."""
    for begin, end in runs(data, WRITTEN_BASE64, text, SHORTEST_BASE64, start):
        if data.find(SLASH, begin, end) >= 0:
            return begin
        if (place := _first_base64(data, begin, end)) >= 0:
            return place
    return -1


def _first_base64(data: bytes, start: int, end: int) -> int:
    """Find the first base64 or long hexadecimal text; the many hashes cost little more than this."""
    while (match := LONG_BASE64.search(data, start, end)) is not None:
        start = match.start()
        digits = HEX.match(data, start)
        if digits is None:
            return start
        stop = digits.end()
        if stop - start >= SHORTEST_HEX or BASE64.match(data, stop) or next_line(data, stop):
            return start
        start = stop
    return -1


def _needs_unescaping(data: bytes) -> bool:
    """Whether there are escapes in what may be a signature, or a layer, without them."""
    if NUMBERED.search(data) is not None:
        return True
    if SLASH not in data:
        return False
    if _MEMBER in data or any(SLASH in match[1] for match in _WRITTEN_MARK.finditer(data)):
        return True
    texts = runs(data, WRITTEN_BASE64, data.translate(WRITTEN_TABLE), SHORTEST_BASE64)
    return any(data.find(SLASH, start, end) >= 0 for start, end in texts)


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
        escaped = _needs_unescaping(data)
        decoded = partial(from_base64, is_new=partial(self._is_new, depth=depth, carried=escaped))
        for unpack in (decoded, *((from_escapes,) if escaped else ()), from_utf16, from_gzip):
            yield from unpack(data, self._takes)
            if self._left < 0:
                return


def _signatures(data: bytes, marks: Marks) -> Iterator[str | None]:
    """The keys of the values whose beginnings stand in the bytes as they are."""
    for mark in _KEY_ID.finditer(data):
        if (key_id := _named_by(data, mark, marks)) is not None:
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


def _named_by(data: bytes, mark: re.Match[bytes], marks: Marks) -> str | None:
    """The id of the data key whose mark this is: one that is known, or has an algorithm behind it."""
    key_id = marks.get(mark[1])
    if key_id is None and data.startswith(_PREFIXES, mark.end() + 1):
        return _name(mark[1])
    return key_id


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
