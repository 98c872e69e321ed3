"""Memory of documents that were searched or written, so that no pass searches bytes that were searched before.

A document is known by its SHA-256, which takes a twentieth of a search: what has that digest is the same bytes, and the
same bytes hold the same secrets. Half a million places are five megabytes; what does not fit is searched again.
"""

from __future__ import annotations

import hashlib
from typing import Final

from reencrypt.catalogue.document import JsonStrings, Places, Secrets

_SHORTEST: Final = 4096  # bytes of a document that is worth remembering
_MOST_PLACES: Final = 1 << 19
_OVERHEAD: Final = 64  # of a document, in places
_MOST_WRITTEN: Final = 1 << 14


class DocumentMemory:
    """The memory of one session. What does not fit any more is not kept: a pass begins where the one before began."""

    def __init__(self, most_places: int = _MOST_PLACES, most_written: int = _MOST_WRITTEN) -> None:
        self._places: dict[bytes, tuple[JsonStrings, Places]] = {}
        self._written: dict[bytes, tuple[bytes, int]] = {}
        self._room = most_places
        self._most_written = most_written
        self._last: tuple[bytes, bytes] = (b"", b"")

    def search(self, codec: JsonStrings, cell: bytes) -> Secrets | None:
        """Return what `JsonStrings.ordinary` does, and remember it for `recall`."""
        places = self._known(codec, cell)
        if places is None:
            places = codec.places(cell)
            if places is not None and len(cell) >= _SHORTEST and len(places.starts) + _OVERHEAD <= self._room:
                self._room -= len(places.starts) + _OVERHEAD
                self._places[self._name(cell)] = (codec, places)
        return codec.ordinary(cell, places)

    def recall(self, codec: JsonStrings, cell: bytes) -> Secrets | None:
        """Return what `JsonStrings.ordinary` does, for the reader that writes the document anew."""
        places = self._known(codec, cell)
        if places is None:
            places = codec.places(cell)
        elif self._places.pop(self._name(cell), None) is not None:
            self._room += len(places.starts) + _OVERHEAD
        return codec.ordinary(cell, places)

    def note_written(self, cell: bytes, beginning: bytes, number: int) -> None:
        """Remember a document of which all secrets, `number` of them, were just written and begin like that."""
        if len(cell) >= _SHORTEST and len(self._written) < self._most_written:
            self._written[self._name(cell)] = (beginning, number)

    def written(self, cell: bytes, beginning: bytes) -> int | None:
        """Return how many secrets a document has that all begin like that, None where it is not remembered."""
        found = self._written.get(self._name(cell)) if self._written and len(cell) >= _SHORTEST else None
        return found[1] if found is not None and found[0] == beginning else None

    def _known(self, codec: JsonStrings, cell: bytes) -> Places | None:
        found = self._places.get(self._name(cell)) if self._places and len(cell) >= _SHORTEST else None
        return found[1] if found is not None and found[0] is codec else None

    def _name(self, cell: bytes) -> bytes:
        last = self._last  # read once: another thread may put another pair there
        if last[0] is not cell:
            last = self._last = (cell, hashlib.sha256(cell).digest())
        return last[1]
