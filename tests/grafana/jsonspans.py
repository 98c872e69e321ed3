"""Where each string stands in a JSON text: a small parser that keeps positions, for the judge and for byte fidelity."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_SCALAR: Final = re.compile(r"true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")


class JsonError(ValueError):
    """The text is not JSON."""


@dataclass(slots=True)
class Node:
    """One value; for a string, `start` and `end` enclose what is between the quotes."""

    start: int
    end: int = 0
    string: str | None = None
    members: dict[str, Node] | None = None  # of an object; of a name that occurs twice the last counts, as in Go
    items: list[Node] = field(default_factory=list)  # of an array
    is_null: bool = False

    def get(self, name: str) -> Node | None:
        """The member `name` of an object, or None."""
        return self.members.get(name) if self.members is not None else None


def member(path: str, name: str) -> str:
    """The path of a member: `path.name`, or `path["na.me"]` where the name would be ambiguous."""
    return f"{path}.{name}" if _PLAIN_NAME.fullmatch(name) else f"{path}[{json.dumps(name)}]"


def parse(text: str) -> Node:
    """Return the tree of a whole JSON text."""
    node, position = _value(text, _skip(text, 0))
    if _skip(text, position) != len(text):
        raise JsonError("something follows the value")
    return node


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _value(text: str, start: int) -> tuple[Node, int]:
    opening = text[start : start + 1]
    if opening == "{":
        return _object(text, start)
    if opening == "[":
        return _array(text, start)
    if opening == '"':
        string, end = _string(text, start)
        return Node(start + 1, end - 1, string=string), end
    match = _SCALAR.match(text, start)
    if match is None:
        raise JsonError(f"no value at {start}")
    return Node(start, match.end(), is_null=match.group() == "null"), match.end()


def _string(text: str, start: int) -> tuple[str, int]:
    match = _STRING.match(text, start)
    if match is None:
        raise JsonError(f"no string at {start}")
    value: str = json.loads(match.group())
    return value, match.end()


def _object(text: str, start: int) -> tuple[Node, int]:
    members: dict[str, Node] = {}
    position = _skip(text, start + 1)
    while text[position : position + 1] != "}":
        if members:
            position = _skip(text, _expect(text, position, ","))
        name, position = _string(text, position)
        position = _skip(text, _expect(text, _skip(text, position), ":"))
        members[name], position = _value(text, position)
        position = _skip(text, position)
    return Node(start, position + 1, members=members), position + 1


def _array(text: str, start: int) -> tuple[Node, int]:
    items: list[Node] = []
    position = _skip(text, start + 1)
    while text[position : position + 1] != "]":
        if items:
            position = _skip(text, _expect(text, position, ","))
        node, position = _value(text, position)
        items.append(node)
        position = _skip(text, position)
    return Node(start, position + 1, items=items), position + 1


def _expect(text: str, position: int, wanted: str) -> int:
    if text[position : position + 1] != wanted:
        raise JsonError(f"no {wanted!r} at {position}")
    return position + 1
