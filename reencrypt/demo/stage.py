"""The stage that the demonstration is told on: headings, prose, and the output of commands, in the terminal's width."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reencrypt.wording import paragraph

#: Of prose that does not go to a terminal.
_WIDTH: Final = 100
_INDENT: Final = "    "

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """Lines go to `announce`, which is a terminal if it has a `width`."""

    announce: Announce
    width: int | None

    def heading(self, title: str, text: str) -> None:
        """Begin a part."""
        self.line()
        self.line(title)
        self.line("-" * len(title))
        if text:
            self.paragraph(text)

    def paragraph(self, text: str) -> None:
        """Prose."""
        self.line(textwrap.fill(text, self.width or _WIDTH))

    def item(self, text: str) -> None:
        """One of a list."""
        self.line(textwrap.fill(text, self.width or _WIDTH, initial_indent="* ", subsequent_indent="  "))

    def output(self, text: str) -> None:
        """What a command printed."""
        for line in textwrap.indent(text.rstrip(), _INDENT).splitlines():
            self.line(paragraph(line, self.width))

    def line(self, text: str = "") -> None:
        """A line as it is."""
        self.announce(text)
