"""Text for people: paragraphs in the width of a terminal, numbers with their nouns, and what is safe to print."""

from __future__ import annotations

import textwrap
from typing import Final

_INDENT: Final = "  "


def paragraph(text: str, width: int | None) -> str:
    """Break a text between words into lines of at most `width` characters; later lines are indented."""
    if width is None or len(text) <= width:
        return text
    indent = text[: len(text) - len(text.lstrip())]
    return textwrap.fill(
        text.strip(),
        width,
        initial_indent=indent,
        subsequent_indent=indent + _INDENT,
        # A broken id or path cannot be copied.
        break_long_words=False,
        break_on_hyphens=False,
    )


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: 1 row, 2 rows, 1,000 rows."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def printable(text: str) -> str:
    r"""Make a text of others safe to print, in one line: `\x1b` for what is not printable.

    Neither are line breaks, nor what turns the direction of writing, nor half a surrogate pair.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def printable_lines(text: str) -> str:
    """The same for a text that has lines of its own."""
    return "\n".join(printable(each) for each in text.split("\n"))
