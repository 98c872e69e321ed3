"""How a row of a location is called in Grafana's user interface: the columns to read, and the words.

What a row says is somebody else's text: it is escaped and bounded before it becomes part of a name. Only columns and
members of documents that are listed here are read, and none of them holds a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Final

from reencrypt.catalogue.document import EACH
from reencrypt.catalogue.reason import SAVE_AGAIN
from reencrypt.wording import printable

#: The most characters that a name shows of one value, escapes included.
MOST_SHOWN: Final = 100
_INDEX: Final = re.compile(r"\[(\d+)\]")
_QUOTING: Final = {'"': '\\"', "\\": "\\\\"}


@dataclass(frozen=True, slots=True)
class Link:
    """A row of another table that the words need: that whose `key` columns hold the values of `by`.

    `columns` are the values that it gives, by the name that the words have for them. `numbered`: the key is a number.
    """

    table: str
    key: tuple[str, ...]
    by: tuple[str, ...]
    columns: Mapping[str, str]
    numbered: bool = True


@dataclass(frozen=True, slots=True)
class Document:
    """Members of the JSON document in a column that name what holds a secret in it.

    They are for secrets whose field begins with `start`; the indexes in the field stand for `EACH` in the `paths`.
    """

    column: str
    start: str
    paths: Mapping[str, tuple[str | type[int], ...]]
    words: tuple[str, ...]

    def values(self, document: object, field: str) -> Iterator[tuple[str, str]]:
        """Yield the values of the parsed document for the secret in a field; those that are no text are left out."""
        for name, path in self.paths.items():
            indexes = map(int, _INDEX.findall(field))
            here: object = document
            for part in path:
                step = next(indexes, None) if part is EACH else part
                if isinstance(here, dict) and isinstance(step, str):
                    here = here.get(step)
                elif isinstance(here, list) and isinstance(step, int) and step < len(here):
                    here = here[step]
                else:
                    here = None
            if isinstance(here, str):
                yield name, here


@dataclass(frozen=True, slots=True)
class Naming:
    """The name of a location's rows.

    `words` are templates in order of preference: the first of which all values are known is taken. Values are those of
    the row's key and `columns`, of `links` and `documents`, and `of_organisation`, which always has one. `by_kind` are
    the words for values of the column `kind`. `again` says what an operator does where Grafana has to write the secret
    anew; in it `name` is the name.
    """

    words: tuple[str, ...]
    columns: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    documents: tuple[Document, ...] = ()
    kind: str | None = None
    by_kind: Mapping[str, Naming] = field(default_factory=dict)
    again: tuple[str, ...] = (SAVE_AGAIN,)

    def document_of(self, secret: str) -> Document | None:
        """Return the document that names the secret in a field, if any does."""
        return next((each for each in self.documents if secret.startswith(each.start)), None)


@dataclass(frozen=True, slots=True)
class Named:
    """The name of a row, and what to do where Grafana has to write its secret anew, as part of a sentence."""

    name: str
    again: str


def named(naming: Naming, values: Mapping[str, str], document: Document | None = None) -> Named | None:
    """Put a name together; `values` are texts as they were read. None where too little is known."""
    of_kind = naming.by_kind.get(values.get(naming.kind, ""), naming) if naming.kind else naming
    known = {name: shown(text) for name, text in values.items()}
    known["of_organisation"] = _of_organisation(known)
    words = (*(document.words if document else ()), *of_kind.words)
    name = _filled(words, known)
    if name is None:
        return None
    return Named(name, _filled(of_kind.again, {**known, "name": name}) or SAVE_AGAIN)


def _of_organisation(known: Mapping[str, str]) -> str:
    if "organisation" in known:
        return f' of organisation "{known["organisation"]}"'
    number = known.get("org_id", "")
    # Other numbers than those of organisations stand for all of them.
    return f" of organisation {number}" if number.isdigit() and number != "0" else ""


def _filled(templates: tuple[str, ...], known: Mapping[str, str]) -> str | None:
    for template in templates:
        wanted = {name for _, name, _, _ in Formatter().parse(template) if name}
        if wanted <= known.keys():
            return template.format_map(known)
    return None


def shown(text: str) -> str:
    r"""Make a text of the database safe to show: `\x1b` for what is not printable, quotes escaped, the rest cut off."""
    found: list[str] = []
    room = MOST_SHOWN
    for character in text:
        part = _QUOTING.get(character) or printable(character)
        room -= len(part)
        if room < 0:
            return "".join(found) + "…"
        found.append(part)
    return "".join(found)
