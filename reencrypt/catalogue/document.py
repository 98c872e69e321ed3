"""Codec of a column that is a JSON document with secrets among its strings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from reencrypt.catalogue.codec import Slot, slot_of
from reencrypt.catalogue.encoding import Encoding
from reencrypt.catalogue.jsonscan import JsonString, locate, parse, render_path, scan_strings
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.reason import Reason
from reencrypt.catalogue.shape import Shape
from reencrypt.crypto.gobase64 import MalformedEncodingError


class PathPattern(Protocol):
    """Decides from the path of a JSON string whether it is a secret."""

    def matches(self, path: tuple[str | int, ...]) -> bool:
        """Whether the string at this path is a secret."""
        ...


@dataclass(frozen=True, slots=True)
class Path:
    """A fixed path; `EACH` stands for any index of an array, `ANY` for any key of an object."""

    parts: tuple[str | type[int] | None, ...]

    def matches(self, path: tuple[str | int, ...]) -> bool:
        """Compare part by part."""
        if len(path) != len(self.parts):
            return False
        return all(
            isinstance(part, int) if want is EACH else isinstance(part, str) if want is ANY else part == want
            for want, part in zip(self.parts, path, strict=True)
        )


EACH = int
ANY = None


@dataclass(frozen=True, slots=True)
class SecretName:
    """Any key, however deep, whose lower-cased name contains one of the words (`sso_setting`)."""

    words: tuple[str, ...]

    def matches(self, path: tuple[str | int, ...]) -> bool:
        """The last part of the path decides, and must be a key."""
        if not path or not isinstance(path[-1], str):
            return False
        name = path[-1].lower()
        return any(word in name for word in self.words)


@dataclass(frozen=True, slots=True)
class JsonRule:
    """Strings at these paths are secrets in this encoding."""

    pattern: PathPattern
    encoding: Encoding
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class JsonStrings:
    """A column that is a JSON document with secrets among its strings; the first rule that matches decides.

    Grafana unmarshals it into `shape`. Where the document has another shape, Grafana reads nothing of the column.
    """

    rules: tuple[JsonRule, ...]
    shape: Shape

    def find(self, cell: bytes) -> list[Slot]:
        """Return its secrets, and a slot that says why for each value of a type that cannot be read.

        A cell that is no document is one malformed slot.
        """
        if not cell:
            return []
        try:
            document = parse(cell)
        except MalformedEncodingError:
            return [self._problem("", 0, len(cell), Reason.MALFORMED_ENCODING)]
        slots = self._slots(scan_strings(cell))
        if misshapen := list(self.shape.mismatches(document, ())):
            slots += [self._problem(render_path(path), *locate(cell, path), reason) for path, reason in misshapen]
            slots.sort(key=lambda slot: slot.start)
        return slots

    def _problem(self, path: str, start: int, end: int, reason: Reason) -> Slot:
        first = self.rules[0]
        return Slot(path, start, end, first.encoding, first.kind, b"", reason)

    def _slots(self, strings: Iterable[JsonString]) -> list[Slot]:
        slots = []
        for string in strings:
            for rule in self.rules:
                if rule.pattern.matches(string.path):
                    path = render_path(string.path)
                    slot = slot_of(path, string.start, string.end, string.text, rule.encoding, rule.kind)
                    if slot:
                        slots.append(slot)
                    break
        return slots
