"""Codecs: find the secrets in a column's bytes and replace them byte for byte.

A codec is data: it says where in the column secrets are and how they are encoded. `find` returns slots; `splice`
replaces the text of some of them and keeps every other byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from reencrypt.catalogue.encoding import Encoding, Writing
from reencrypt.catalogue.jsonscan import JsonString, locate, parse, render_path, scan_strings
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.reason import Reason
from reencrypt.catalogue.shape import Shape
from reencrypt.crypto.gobase64 import MalformedEncodingError

_QUANTUM: Final = 3  # bytes that are four characters of base64


class Slot(NamedTuple):
    """One secret in a column: where its text is (`start` to `end`), its ciphertext or why there is none.

    `path` continues the column's name to the place inside a JSON document, empty where the column is the secret.
    `strict` tells whether Grafana's own decoder accepts the text. `form_unproven`: what the bytes are was read off
    themselves, because Grafana's code for the place is not public, so only a tag or the plaintext can prove it.
    `whole_quanta`: the text does not show whether base64 is padded there.
    """

    path: str
    start: int
    end: int
    encoding: Writing
    kind: Kind
    ciphertext: bytes
    problem: Reason | None = None
    strict: bool = True
    form_unproven: bool = False
    whole_quanta: bool = False

    def admits(self, ciphertext: bytes) -> bool:
        """Whether the new ciphertext can be written there: where padding is not known, only without any."""
        return not self.whole_quanta or len(ciphertext) % _QUANTUM == 0


class Codec(Protocol):
    """Protocol of a codec."""

    def find(self, cell: bytes) -> list[Slot]:
        """Return the secrets of the cell in order of position; no content of the cell makes it raise."""
        ...


def splice(cell: bytes, replacements: Sequence[tuple[Slot, bytes]]) -> bytes:
    """Return the cell with the text of each slot (in order of position) replaced by the encoded new ciphertext."""
    if len(replacements) == 1:
        slot, ciphertext = replacements[0]
        return cell[: slot.start] + slot.encoding.encode(ciphertext) + cell[slot.end :]
    parts: list[bytes] = []
    end = 0
    for slot, ciphertext in replacements:
        parts += (cell[end : slot.start], slot.encoding.encode(ciphertext))
        end = slot.end
    parts.append(cell[end:])
    return b"".join(parts)


def _slot(path: str, start: int, end: int, text: bytes, encoding: Encoding, kind: Kind) -> Slot | None:
    try:
        ciphertext = encoding.decode(text)
    except MalformedEncodingError:
        return Slot(path, start, end, encoding, kind, b"", Reason.MALFORMED_ENCODING)
    if ciphertext is None:
        return None
    return Slot(path, start, end, encoding, kind, ciphertext, None, encoding.is_strict(text))


@dataclass(frozen=True, slots=True)
class WholeColumn:
    """A column that is one secret; NULL is none, and most encodings take the empty string for none."""

    encoding: Encoding
    kind: Kind = Kind.TEXT

    def find(self, cell: bytes) -> list[Slot]:
        """Return the one secret, if the cell holds one."""
        slot = _slot("", 0, len(cell), cell, self.encoding, self.kind)
        return [slot] if slot else []


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
                    slot = _slot(path, string.start, string.end, string.text, rule.encoding, rule.kind)
                    if slot:
                        slots.append(slot)
                    break
        return slots
