"""The ini dialect of Grafana (Go's `gopkg.in/ini.v1` with its default options), as a pure function on text.

It knows no keys of Grafana, no variables and no files. Checked against go-ini 1.67: Grafana does the odd things here
too (a comment sign anywhere in an unquoted value, `[a] ; b]` naming a section `a] ; b`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from reencrypt.errors import ConfigurationError

DEFAULT_SECTION: Final = "DEFAULT"

#: White space of Go's `unicode.IsSpace`; Python's `str.strip()` would also strip U+001C to U+001F.
GO_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

_TRIPLE: Final = '"""'
_DELIMITERS: Final = "=:"
_COMMENTS: Final = "#;"
#: A key counts as triple-quoted only if its line has room for both quotes and more.
_TRIPLE_QUOTED_KEY: Final = 6


@dataclass(frozen=True, slots=True)
class IniValue:
    """One value as written, without quotes, and the line (from 1) of its key."""

    text: str = field(repr=False)
    line: int


Sections: TypeAlias = Mapping[str, Mapping[str, IniValue]]


def parse_ini(text: str, source: str) -> Sections:
    """Parse `text` into section → key → value; `source` names it in errors.

    Sections and keys are case-sensitive; a section that is written twice is one, and the last of two equal keys wins.
    Keys before the first header belong to `DEFAULT`.

    Raises `ConfigurationError` with the line's number, never with its content, which may be a secret.
    """
    return _Parser(text, source).parse()


class _Lines:
    """Lines with their line break, one at a time; like Go's reader it ends once the last one is read."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self.number = 0

    @property
    def ended(self) -> bool:
        return self.number >= len(self._lines)

    def take(self) -> str:
        if self.ended:
            return ""
        line = self._lines[self.number]
        self.number += 1
        return line if self.ended else line + "\n"


class _Parser:
    def __init__(self, text: str, source: str) -> None:
        self._lines = _Lines(text.removeprefix("\ufeff"))
        self._source = source
        self._unnamed = 0

    def parse(self) -> Sections:
        sections: dict[str, dict[str, IniValue]] = {DEFAULT_SECTION: {}}
        section = sections[DEFAULT_SECTION]
        while not self._lines.ended:
            line = self._lines.take().lstrip(GO_SPACE)
            if not line or line[0] in _COMMENTS:
                continue
            if line[0] == "[":
                section = sections.setdefault(self._section_name(line), {})
                self._unnamed = 0
                continue
            number = self._lines.number
            key, offset = self._key(line)
            section[key] = IniValue(self._value(line[offset:], number), number)
        return sections

    def _section_name(self, line: str) -> str:
        end = line.rfind("]")
        if end == -1:
            raise self._error("the section header has no closing ]")
        if end == 1:
            raise self._error("the section header is empty")
        return line[1:end]

    def _key(self, line: str) -> tuple[str, int]:
        """Return the key's name and where the value begins."""
        quote = _key_quote(line)
        end = line.find(quote, len(quote)) if quote else 0
        if end == -1:
            raise self._error("a quoted key has no closing quote")
        # go-ini skips the length of the opening quote, even where the closing quote is shorter.
        delimiter = _find_any(line, _DELIMITERS, end + len(quote))
        if delimiter == -1:
            raise self._error("there is no = between key and value")
        name = line[len(quote) : end if quote else delimiter].strip(GO_SPACE)
        if not name:
            raise self._error("there is no key before the =")
        if name == "-":
            self._unnamed += 1
            name = f"#{self._unnamed}"
        return name, delimiter + 1

    def _value(self, rest: str, number: int) -> str:
        line = rest.lstrip(GO_SPACE)
        if not line:
            return ""
        quote = _value_quote(line)
        if quote:
            end = line.rfind(quote, len(quote))
            return line[len(quote) : end] if end != -1 else self._further_lines(line[len(quote) :], quote, number)
        line = line.rstrip(GO_SPACE)
        if line.endswith("\\"):
            return self._continued(line[:-1])
        comment = _find_any(line, _COMMENTS, 0)
        if comment != -1:
            line = line[:comment].rstrip(GO_SPACE)
        return line[1:-1] if _is_quoted(line) else line

    def _further_lines(self, first: str, quote: str, number: int) -> str:
        """Read up to the line with the closing quote: the last such quote in it."""
        parts = [first]
        while not self._lines.ended:
            line = self._lines.take()
            end = line.rfind(quote)
            if end != -1:
                return "".join([*parts, line[:end]])
            parts.append(line)
        raise self._error(f"the value that begins here has no closing {quote}", number)

    def _continued(self, value: str) -> str:
        r"""Join the lines after a trailing `\`; comments and quotes mean nothing in them."""
        while line := self._lines.take().strip(GO_SPACE):
            value += line
            if not value.endswith("\\"):
                break
            value = value[:-1]
        return value

    def _error(self, problem: str, number: int | None = None) -> ConfigurationError:
        return ConfigurationError(
            f"{self._source}, line {number or self._lines.number}: {problem}",
            hint='Grafana cannot read this file either. A value with #, ; or a line break needs """triple quotes""".',
        )


def _key_quote(line: str) -> str:
    if line.startswith(_TRIPLE) and len(line) > _TRIPLE_QUOTED_KEY:
        return _TRIPLE
    return line[0] if line[0] in '"`' else ""


def _value_quote(line: str) -> str:
    if line.startswith(_TRIPLE) and len(line) > len(_TRIPLE):
        return _TRIPLE
    return "`" if line[0] == "`" else ""


def _is_quoted(text: str) -> bool:
    """Whether `text` is in one pair of single or double quotes, with none of them inside."""
    return any(
        len(text) > 1 and text[0] == quote and text.find(quote, 1) == len(text) - 1  # the next one is the last
        for quote in "'\""
    )


def _find_any(text: str, characters: str, start: int) -> int:
    found = [index for character in characters if (index := text.find(character, start)) != -1]
    return min(found, default=-1)
