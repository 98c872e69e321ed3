"""Codec of a ciphertext in a JSON object: one member holds the id of its data key, another the payload in base64.

Both members change together, in one splice that keeps the bytes between them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from reencrypt.catalogue.codec import Slot
from reencrypt.catalogue.encoding import PADDED
from reencrypt.catalogue.jsonscan import JsonValue, parse, render_path, scan_values
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.reason import Reason
from reencrypt.catalogue.shape import Bytes, Shape, Text
from reencrypt.crypto import gobase64, managed
from reencrypt.crypto.gobase64 import MalformedEncodingError


@dataclass(frozen=True, slots=True)
class _BothMembers:
    """Writes the two strings in the order in which they stand, with what stands `between` them."""

    between: bytes
    id_first: bool

    @property
    def plain_allowed(self) -> bool:
        """See `Writing`."""
        return False

    def encode(self, ciphertext: bytes) -> bytes:
        """See `Writing`."""
        uid, payload = managed.split_key_id(ciphertext)
        texts = (json.dumps(uid.decode())[1:-1].encode(), gobase64.encode(payload, padded=True))
        return self.between.join(texts if self.id_first else reversed(texts))


@dataclass(frozen=True, slots=True)
class SealedObject:
    """An object at a `path` of a document whose members `key_id` and `data` are one secret.

    Its ciphertext is that of `managed.parse`. An object in which both are missing, null or empty is none. A document
    without such an object, or that is none, is for the codec of the classic store, which reads the same column.
    """

    path: tuple[str, ...]
    key_id: str
    data: str
    kind: Kind

    def find(self, cell: bytes) -> list[Slot]:
        """Return the secret, or a slot that says why it cannot be read; see `Codec`."""
        try:
            document = parse(cell)
        except MalformedEncodingError:
            return []
        places = self._places(cell)
        objects = [each for each in places[self.path] if cell[each.start : each.end] == b"{"]
        if not objects:
            return []
        if any(len(each) > 1 for each in places.values()):
            # Go merges members of one name, other readers take the last: what counts here is not certain.
            return [self._problem(self.path, objects[-1], Reason.NOT_UNDERSTOOD)]
        for name in self.path:
            document = document.get(name) if isinstance(document, dict) else None
        members = document if isinstance(document, dict) else {}
        slot = self._slot(cell, members, places, objects[0])
        return [slot] if slot else []

    def _places(self, cell: bytes) -> dict[tuple[str | int, ...], list[JsonValue]]:
        """Return where the values on the way to the object, and its two members, lie."""
        way = [self.path[: length + 1] for length in range(len(self.path))]
        found: dict[tuple[str | int, ...], list[JsonValue]] = {
            each: [] for each in (*way, (*self.path, self.key_id), (*self.path, self.data))
        }
        for value in scan_values(cell):
            if value.path in found:
                found[value.path].append(value)
        return found

    def _slot(
        self,
        cell: bytes,
        members: dict[str, object],
        places: dict[tuple[str | int, ...], list[JsonValue]],
        whole: JsonValue,
    ) -> Slot | None:
        shapes: dict[str, Shape] = {self.key_id: Text(), self.data: Bytes()}
        for name, shape in shapes.items():
            path = (*self.path, name)
            for wrong in shape.mismatches(members.get(name), path):
                return self._problem(path, places[path][0], wrong.reason)
        key_id, data = members.get(self.key_id), members.get(self.data)
        if not key_id and not data:
            return None
        if not (key_id and data and isinstance(key_id, str) and isinstance(data, str)):
            # Grafana refuses the one without the other: "unable to decrypt empty data key id", "… empty payload".
            return self._problem(self.path, whole, Reason.MALFORMED_ENVELOPE)
        text = data.encode(errors="surrogatepass")
        try:
            payload = gobase64.decode(text)
        except MalformedEncodingError:
            path = (*self.path, self.data)
            return self._problem(path, places[path][0], Reason.MALFORMED_ENCODING)
        strings = [*places[*self.path, self.key_id], *places[*self.path, self.data]]
        first, second = sorted(strings, key=lambda each: each.start)
        writing = _BothMembers(cell[first.end - 1 : second.start + 1], id_first=first is strings[0])
        ciphertext = managed.join_key_id(key_id.encode(errors="surrogatepass"), payload)
        return Slot(
            *(render_path(self.path), first.start + 1, second.end - 1, writing, self.kind, ciphertext),
            strict=gobase64.is_strict(text, padded=True),
        )

    def _problem(self, path: tuple[str, ...], place: JsonValue, reason: Reason) -> Slot:
        return Slot(render_path(path), place.start, place.end, PADDED, self.kind, b"", reason)
