"""Text for people: paragraphs in the width of a terminal, and numbers with their nouns."""

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
