"""Codec of a column whose format is not public: each value is taken apart only in the one form that it can have.

It is written back in that form. Whether it has been read rightly, its tag or its plaintext has to prove.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reencrypt.catalogue.codec import Slot
from reencrypt.catalogue.encoding import PADDED, RAW, UNPADDED, looks_encrypted
from reencrypt.catalogue.plaintext import Kind, is_plausible
from reencrypt.catalogue.reason import Reason
from reencrypt.crypto import gobase64
from reencrypt.crypto.gobase64 import MalformedEncodingError

_MARKS: Final = (b"#", b"*")  # of a data key's id, and of an algorithm's name


@dataclass(frozen=True, slots=True)
class AsFound:
    """A column that is one secret: a ciphertext as it is, or in base64 that is padded or not; empty is none."""

    kind: Kind = Kind.TEXT

    def find(self, cell: bytes) -> list[Slot]:
        """Return the one secret; one that is not understood where the cell has no such form, or more than one."""
        if not cell:
            return []
        readings = [*_raw(cell), *_base64(cell)]
        if len(readings) != 1:
            return [Slot("", 0, len(cell), RAW, self.kind, b"", Reason.NOT_UNDERSTOOD)]
        slot = readings[0]
        return [slot._replace(kind=self.kind, form_unproven=True)]


def _raw(cell: bytes) -> Iterator[Slot]:
    # A text of several lines is no bare ciphertext, though only its line breaks are no printable characters.
    if looks_encrypted(cell) and (cell[:1] in _MARKS or not is_plausible(cell, Kind.TEXT)):
        yield Slot("", 0, len(cell), RAW, Kind.TEXT, cell)


def _base64(cell: bytes) -> Iterator[Slot]:
    if b"\n" in cell or b"\r" in cell:
        return  # lines of a length that the new text would not have
    try:
        ciphertext = gobase64.decode(cell)
    except MalformedEncodingError:
        return
    if looks_encrypted(ciphertext):
        padded = cell.endswith(b"=")
        unknown = not padded and gobase64.is_strict(cell, padded=True)
        yield Slot(*("", 0, len(cell), PADDED if padded else UNPADDED, Kind.TEXT, ciphertext), whole_quanta=unknown)
