"""The types that Grafana unmarshals its JSON documents into, as far as they decide whether it can read the secrets.

Go's `encoding/json` fails for the whole document where one value has another type than its field, and skips unknown
members; `null` fits every type and leaves it empty. Sources: `pkg/util/xorm/session_convert.go` (a column
that is a map is unmarshalled with its row, and its error is that of the query), and those beside each location.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from reencrypt.catalogue.reason import Reason

JsonPath = tuple[str | int, ...]
_BYTES: Final = range(256)


class Mismatch(NamedTuple):
    """A value of another type than its shape: Grafana fails to read it, or would, and nothing here knows how."""

    path: JsonPath
    reason: Reason = Reason.MALFORMED_ENCODING


class Shape(Protocol):
    """Protocol of a shape: what a value has to be."""

    def mismatches(self, value: object, path: JsonPath) -> Iterator[Mismatch]:
        """Yield each value, from `path` on, that is of another type."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A `string`."""

    def mismatches(self, value: object, path: JsonPath) -> Iterator[Mismatch]:
        """See `Shape`."""
        if not (value is None or isinstance(value, str)):
            yield Mismatch(path)


@dataclass(frozen=True, slots=True)
class Bytes:
    """A `[]byte`: base64 in a string. Go also reads an array of numbers, which it never writes and no codec knows."""

    def mismatches(self, value: object, path: JsonPath) -> Iterator[Mismatch]:
        """See `Shape`."""
        if isinstance(value, list) and all(each is None or (type(each) is int and each in _BYTES) for each in value):
            yield Mismatch(path, Reason.NOT_UNDERSTOOD)
        else:
            yield from Text().mismatches(value, path)


@dataclass(frozen=True, slots=True)
class BytesOrObject:
    """A `[]byte` in some releases and an object, which another codec reads, in others."""

    def mismatches(self, value: object, path: JsonPath) -> Iterator[Mismatch]:
        """See `Shape`."""
        if not isinstance(value, dict):
            yield from Bytes().mismatches(value, path)


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object whose values all have one shape."""

    values: Shape

    def mismatches(self, value: object, path: JsonPath) -> Iterator[Mismatch]:
        """See `Shape`."""
        if isinstance(value, dict):
            for name, each in value.items():
                yield from self.values.mismatches(each, (*path, name))
        elif value is not None:
            yield Mismatch(path)


@dataclass(frozen=True, slots=True)
class ListOf:
    """An array whose elements all have one shape."""

    elements: Shape

    def mismatches(self, value: object, path: JsonPath) -> Iterator[Mismatch]:
        """See `Shape`."""
        if isinstance(value, list):
            for index, each in enumerate(value):
                yield from self.elements.mismatches(each, (*path, index))
        elif value is not None:
            yield Mismatch(path)


@dataclass(frozen=True, slots=True)
class Struct:
    """An object in which some members have a shape, and others may be anything."""

    members: Mapping[str, Shape]

    def mismatches(self, value: object, path: JsonPath) -> Iterator[Mismatch]:
        """See `Shape`."""
        if isinstance(value, dict):
            for name, shape in self.members.items():
                yield from shape.mismatches(value.get(name), (*path, name))
        elif value is not None:
            yield Mismatch(path)


@dataclass(frozen=True, slots=True)
class SecretMembers:
    """An object in which every member with a secret's name has to be a string, and `null` is not one.

    Objects in an array at the path `also` are checked in the same way. Elsewhere Grafana may or may not look into an
    array or object with such a name, so one that holds other text than secrets is not understood.
    """

    words: Sequence[str]
    also: tuple[str, ...] = ()

    def mismatches(self, value: object, path: JsonPath) -> Iterator[Mismatch]:
        """See `Shape`."""
        if not isinstance(value, dict):
            if value is not None:
                yield Mismatch(path)
            return
        # Not by recursion: a document may be nested deeper than this program may call.
        rest: list[tuple[object, JsonPath]] = [(value, ())]
        while rest:
            each, here = rest.pop()
            checked = here == () or (here[:-1] == self.also and isinstance(here[-1], int))
            for name, inner in _members(each):
                if not (isinstance(name, str) and self._is_secret(name)):
                    rest.append((inner, (*here, name)))
                elif checked:
                    if not isinstance(inner, str):
                        yield Mismatch((*path, *here, name))
                elif isinstance(inner, dict | list) and self._holds_text(inner):
                    yield Mismatch((*path, *here, name), Reason.NOT_UNDERSTOOD)

    def _is_secret(self, name: str) -> bool:
        return any(word in name.lower() for word in self.words)

    def _holds_text(self, value: object) -> bool:
        """Whether there is text in an array or object that is not the value of a member with a secret's name."""
        rest = [value]
        while rest:
            for name, inner in _members(rest.pop()):
                if isinstance(inner, str) and inner and not (isinstance(name, str) and self._is_secret(name)):
                    return True
                rest.append(inner)
        return False


@dataclass(frozen=True, slots=True)
class AtPaths:
    """A document with strings at some paths (see `reencrypt.catalogue.document.Path`), and anything elsewhere.

    What reads such a document is not known, so a value of another type is not understood. A missing one and `null` hold
    no secret.
    """

    paths: Sequence[Sequence[str | type[int] | None]]

    def mismatches(self, value: object, path: JsonPath) -> Iterator[Mismatch]:
        """See `Shape`."""
        found: dict[JsonPath, None] = {}
        for each in self.paths:
            self._walk(value, path, each, found)
        for where in found:
            yield Mismatch(where, Reason.NOT_UNDERSTOOD)

    def _walk(
        self, value: object, here: JsonPath, rest: Sequence[str | type[int] | None], found: dict[JsonPath, None]
    ) -> None:
        if value is None:
            return
        if not rest:
            if not isinstance(value, str):
                found[here] = None
            return
        first, *others = rest
        if not isinstance(value, list if first is int else dict):
            found[here] = None
            return
        for name, inner in _members(value):
            if first in (None, int, name):
                self._walk(inner, (*here, name), others, found)


def _members(value: object) -> Iterable[tuple[str | int, object]]:
    """The members of an object, or the elements of an array with their index; none of another value."""
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()
