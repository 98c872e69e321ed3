"""Codec of a column that is a JSON document with secrets among its strings."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import NoneType
from typing import Final, NamedTuple, Protocol, TypeAlias

from reencrypt.catalogue.codec import Slot, slot_of
from reencrypt.catalogue.encoding import Encoding, decode_strictly
from reencrypt.catalogue.jsonscan import JsonString, locate, parse, render_path, scan_strings
from reencrypt.catalogue.outline import holds_mark, outline
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.reason import Reason
from reencrypt.catalogue.shape import Shape
from reencrypt.crypto.gobase64 import MalformedEncodingError

#: The beginning and the end of a text.
_Span: TypeAlias = tuple[int, int]
#: The way to a value: its own part, and the way to what holds it; nothing for the whole document.
_Way: TypeAlias = "tuple[()] | tuple[str | int, _Way]"


class PathPattern(Protocol):
    """Decides from the path of a JSON string whether it is a secret."""

    def matches(self, path: tuple[str | int, ...]) -> bool:
        """Whether the string at this path is a secret."""
        ...


class Reached(NamedTuple):
    """The values at a path, in order; and for each part of it the steps from each value before it to those behind."""

    values: list[object]
    steps: Sequence[Sequence[Iterable[str | int]]]

    def ways(self) -> list[_Way]:
        """The way to each value."""
        ways: list[_Way] = [()]
        for steps in self.steps:
            ways = [(part, way) for way, parts in zip(ways, steps, strict=True) for part in parts]
        return ways


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

    def reach(self, document: object) -> Reached | None:
        """Return the values at the path; None where a value on the way there is of another type."""
        values: list[object] = [document]
        steps: list[list[Iterable[str | int]]] = []
        for part in self.parts:
            container = list if part is EACH else dict
            if not set(map(type, values)) <= {container, NoneType}:
                return None
            if part is EACH:
                lists = [each if isinstance(each, list) else [] for each in values]
                steps.append([range(len(each)) for each in lists])
                values = [value for each in lists for value in each]
                continue
            objects = [each if isinstance(each, dict) else {} for each in values]
            if part is ANY:
                steps.append(list(objects))
                values = [value for each in objects for value in each.values()]
            else:
                steps.append([(str(part),) if part in each else () for each in objects])
                values = [each[part] for each in objects if part in each]
        return Reached(values, steps)


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


class Places(NamedTuple):
    """Where texts of a document lie, in order: the beginning and end of each, and the number of its rule."""

    starts: array[int]
    ends: array[int]
    rules: bytes


class Secrets(NamedTuple):
    """The secrets of a document in which none is out of the ordinary, in order; each list has one entry for each."""

    starts: Sequence[int]
    texts: list[bytes]
    ciphertexts: list[bytes]
    rules: list[JsonRule]

    def without(self, numbers: Collection[int]) -> Secrets:
        """Return all but some."""
        kept = [number for number in range(len(self.texts)) if number not in numbers]
        return Secrets(
            [self.starts[each] for each in kept],
            [self.texts[each] for each in kept],
            [self.ciphertexts[each] for each in kept],
            [self.rules[each] for each in kept],
        )

    def replaced(self, cell: bytes, ciphertexts: Iterable[bytes]) -> bytes:
        """Return the document with a new ciphertext in the place of each."""
        parts: list[bytes] = []
        end = 0
        for start, text, rule, ciphertext in zip(self.starts, self.texts, self.rules, ciphertexts, strict=True):
            parts += (cell[end:start], rule.encoding.encode(ciphertext))
            end = start + len(text)
        parts.append(cell[end:])
        return b"".join(parts)


_NOWHERE: Final = Places(array("I"), array("I"), b"")


@dataclass(frozen=True, slots=True)
class JsonStrings:
    """A column that is a JSON document with secrets among its strings; the first rule that matches decides.

    Grafana unmarshals it into `shape`. Where the document has another shape, Grafana reads nothing of the column.
    """

    rules: tuple[JsonRule, ...]
    shape: Shape

    @property
    def is_searchable(self) -> bool:
        """Whether its secrets are at known paths, so that a search can find them."""
        return all(isinstance(rule.pattern, Path) for rule in self.rules)

    def find(self, cell: bytes) -> list[Slot]:
        """Return its secrets, and a slot that says why for each value of a type that cannot be read.

        A cell that is no document is one malformed slot.
        """
        if not cell:
            return []
        slots = self.search(cell)
        return self.scan(cell) if slots is None else slots

    def search(self, cell: bytes) -> list[Slot] | None:
        """Return what `find` does, without a look at every token; None where something is out of the ordinary.

        That is all but a document of the right shape whose secrets are long, well-formed and spelt without escapes.
        """
        found = self._search(cell)
        if found is None:
            return None
        slots: dict[int, Slot | None] = {}
        for rule, reached, spans in found:
            for span, way in zip(spans, reached.ways(), strict=True):
                if span is not None and span[0] not in slots:
                    start, end = span
                    path = render_path(_path(way))
                    slots[start] = slot_of(path, start, end, cell[start:end], rule.encoding, rule.kind)
        return [slot for _, slot in sorted(slots.items()) if slot is not None]

    def places(self, cell: bytes) -> Places | None:
        """Return where the texts lie that may be secrets, found by a search; None where only a scan can tell."""
        if not cell:
            return _NOWHERE
        found = self._search(cell)
        if found is None:
            return None
        places: dict[int, tuple[int, int]] = {}
        for number, (_, _, spans) in enumerate(found):
            for span in spans:
                if span is not None:
                    places.setdefault(span[0], (span[1], number))
        starts = sorted(places)
        return Places(
            array("I", starts),
            array("I", (places[each][0] for each in starts)),
            bytes(places[each][1] for each in starts),
        )

    def ordinary(self, cell: bytes, places: Places | None) -> Secrets | None:
        """Return the secrets at these places; None where one is malformed or spelt in another way than Grafana's."""
        if places is None:
            return None
        texts = [cell[start:end] for start, end in zip(places.starts, places.ends, strict=True)]
        ciphertexts: list[bytes] = []
        plain: set[int] = set()
        for number, group in groupby(places.rules):
            begin = len(ciphertexts)
            decoded = decode_strictly(self.rules[number].encoding, texts[begin : begin + len(list(group))])
            if decoded is None:
                return None
            plain.update(begin + index for index, value in enumerate(decoded) if value is None)
            ciphertexts += [value or b"" for value in decoded]
        secrets = Secrets(places.starts, texts, ciphertexts, [self.rules[number] for number in places.rules])
        return secrets.without(plain) if plain else secrets

    def _search(self, cell: bytes) -> list[tuple[JsonRule, Reached, list[_Span | None]]] | None:
        """Return by rule the values at its path, and the spans of those that are long texts."""
        found = outline(cell) if self.is_searchable else None
        if found is None:
            return None
        by_rule = []
        for rule in self.rules:
            # The types on the way to a secret are all that a shape asks for.
            reached = rule.pattern.reach(found.document) if isinstance(rule.pattern, Path) else None
            if reached is None:
                return None
            spans = [found.span(value) for value in reached.values]
            for value, span in zip(reached.values, spans, strict=True):
                if span is None and value is not None and not _is_plain(value, rule.encoding):
                    return None
            by_rule.append((rule, reached, spans))
        return by_rule

    def scan(self, cell: bytes) -> list[Slot]:
        """Return what `find` does, with a look at every token; whatever the cell holds."""
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


def _path(way: _Way) -> tuple[str | int, ...]:
    parts: list[str | int] = []
    while way:
        part, way = way
        parts.append(part)
    return tuple(reversed(parts))


def _is_plain(value: object, encoding: Encoding) -> bool:
    """Whether a value of an outline is a text that is certainly no secret in this encoding."""
    if not isinstance(value, str) or holds_mark(value):
        return False
    try:
        return encoding.decode(value.encode(errors="surrogatepass")) is None
    except MalformedEncodingError:
        return False
