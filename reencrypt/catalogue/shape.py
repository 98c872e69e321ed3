"""The types that Grafana unmarshals its JSON documents into, as far as they decide whether it can read the secrets.

Go's `encoding/json` fails for the whole document where one value has another type than its field, and skips unknown
members; `null` fits every type and leaves it empty. Sources: `pkg/util/xorm/session_convert.go` (a column
that is a map is unmarshalled with its row, and its error is that of the query), and those beside each location.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

JsonPath = tuple[str | int, ...]


class Shape(Protocol):
    """Protocol of a shape: what a value has to be."""

    def mismatches(self, value: object, path: JsonPath) -> Iterator[JsonPath]:
        """Yield the path of each value, from `path` on, that is of another type."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string, or bytes that Go reads from a string."""

    def mismatches(self, value: object, path: JsonPath) -> Iterator[JsonPath]:
        """See `Shape`."""
        if not (value is None or isinstance(value, str)):
            yield path


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object whose values all have one shape."""

    values: Shape

    def mismatches(self, value: object, path: JsonPath) -> Iterator[JsonPath]:
        """See `Shape`."""
        if isinstance(value, dict):
            for name, each in value.items():
                yield from self.values.mismatches(each, (*path, name))
        elif value is not None:
            yield path


@dataclass(frozen=True, slots=True)
class ListOf:
    """An array whose elements all have one shape."""

    elements: Shape

    def mismatches(self, value: object, path: JsonPath) -> Iterator[JsonPath]:
        """See `Shape`."""
        if isinstance(value, list):
            for index, each in enumerate(value):
                yield from self.elements.mismatches(each, (*path, index))
        elif value is not None:
            yield path


@dataclass(frozen=True, slots=True)
class Struct:
    """An object in which some members have a shape, and others may be anything."""

    members: Mapping[str, Shape]

    def mismatches(self, value: object, path: JsonPath) -> Iterator[JsonPath]:
        """See `Shape`."""
        if isinstance(value, dict):
            for name, shape in self.members.items():
                yield from shape.mismatches(value.get(name), (*path, name))
        elif value is not None:
            yield path


@dataclass(frozen=True, slots=True)
class SecretMembers:
    """An object in which every member with a secret's name has to be a string, and `null` is not one.

    Objects in an array at the path `also` are checked in the same way.
    """

    words: Sequence[str]
    also: tuple[str, ...] = ()

    def mismatches(self, value: object, path: JsonPath) -> Iterator[JsonPath]:
        """See `Shape`."""
        if not isinstance(value, dict):
            if value is not None:
                yield path
            return
        for name, each in value.items():
            if not isinstance(each, str) and any(word in name.lower() for word in self.words):
                yield (*path, name)
        inner: object = value
        for name in self.also:
            inner = inner.get(name) if isinstance(inner, dict) else None
        for index, each in enumerate(inner if isinstance(inner, list) else ()):
            if isinstance(each, dict):
                yield from SecretMembers(self.words).mismatches(each, (*path, *self.also, index))


@dataclass(frozen=True, slots=True)
class Anything:
    """A document of any types."""

    def mismatches(self, value: object, path: JsonPath) -> Iterator[JsonPath]:
        """See `Shape`."""
        del value, path
        return iter(())
