"""The outline of a JSON document: the document without its long plain strings, which are found by a search.

A document of a megabyte with 2,000 secrets is mostly base64. A search takes that out, one mark for each string, and the
standard parser reads the rest; a mark in a value then tells where its string lies. This is quicker than a scan of every
token (`reencrypt.catalogue.jsonscan`), which still decides wherever an outline leaves anything open.

A search can be trusted because of what it looks for: a quote, letters of base64 only, a quote. Between tokens of JSON
there is no such run, so it is a string, or the end of one that has an escaped quote. Either way a mark in its
place changes nothing about the tokens around it, and the outline is JSON exactly where the document is.
"""

from __future__ import annotations

import json
import re
import secrets
from itertools import accumulate
from typing import Final, NamedTuple

#: Ciphertext is longer: 24 bytes of salt and nonce are 32 characters. Not the name of a member, which has to be read.
# Spelt out: the expression engine has a table of such a set of characters, and a slower way for a class such as \w.
_LONG: Final = re.compile(rb'"([A-Za-z0-9_+/=-]{32,}+)"(?![ \t\r\n]*:)')
#: No document holds it, because nobody can foresee it.
_MARK: Final = secrets.token_hex(8)
_MARK_LENGTH: Final = len(_MARK)


class Outline(NamedTuple):
    """A parsed document with marks in the place of its long plain strings, those strings, and where each begins."""

    document: object
    texts: list[bytes]
    starts: list[int]

    def span(self, value: object) -> tuple[int, int] | None:
        """Return where the long string lies in whose place a value stands, None for any other value."""
        if not (isinstance(value, str) and value.startswith(_MARK)):
            return None
        number = int(value[_MARK_LENGTH:])
        return self.starts[number], self.starts[number] + len(self.texts[number])


def outline(document: bytes) -> Outline | None:
    """Return the outline of a document; None where the bytes are no document, or an object repeats a name."""
    pieces = _LONG.split(document)
    texts = pieces[1::2]
    # A piece is preceded by all pieces before it, and by the two quotes of each string among them and its own first.
    ends = list(accumulate(map(len, pieces)))
    starts = [end + 2 * number + 1 for number, end in enumerate(ends[:-1:2])]
    mark = _MARK.encode()
    pieces[1::2] = [b'"%s%d"' % (mark, number) for number in range(len(texts))]
    try:
        return Outline(_decode(b"".join(pieces).decode()), texts, starts)
    except (ValueError, RecursionError):
        return None


def holds_mark(text: str) -> bool:
    """Whether a text of an outline is not that of the document: an end of it behind an escaped quote was taken out."""
    return _MARK in text


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        # A parser keeps only the last of them.
        raise ValueError
    return members


_decode: Final = json.JSONDecoder(object_pairs_hook=_members).decode
