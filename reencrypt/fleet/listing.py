"""Lists of members: a TOML file, configuration files of Grafana by a pattern, or lines of JSON."""

from __future__ import annotations

import glob
import json
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.fleet.member import CONFIG, DATABASE, NAME, OWN_KEYS, Entry
from reencrypt.settings.files import LONGEST_BYTES, read_text, shown_path

_DEFAULTS: Final = "defaults"
_MEMBERS: Final = "member"
_STANDARD_INPUT: Final = "-"
_HINT: Final = (
    'A list of members is a TOML file with [[member]] entries, a pattern such as "/srv/*/grafana.ini", or lines of '
    "JSON (--members)."
)


@dataclass(frozen=True, slots=True)
class Listing:
    """The entries of a list, and the defaults that it has for their options."""

    entries: Sequence[Entry]
    defaults: Mapping[str, object] = field(default_factory=dict, repr=False)
    place: str = ""


def read_listing(sources: Sequence[str], lines: str | None) -> Listing:
    """Read a TOML file, what a pattern or a shell's expansion of it finds, or lines of JSON (`-`: standard input).

    Raises `ConfigurationError` with the place of what is wrong, for two lists, and for one without members.
    """
    if bool(sources) == (lines is not None):
        raise ConfigurationError(
            "two lists of members are given" if sources else "no list of members is given", hint=_HINT
        )
    if lines is not None:
        listing = _of_lines(lines)
    elif len(sources) == 1 and sources[0].endswith(".toml"):
        listing = _of_toml(Path(sources[0]))
    else:
        listing = _of_files(sources)
    if not listing.entries:
        raise ConfigurationError(f"{listing.place} has no members", hint=_HINT)
    return listing


def _of_toml(path: Path) -> Listing:
    place = shown_path(path)
    text = read_text(path, "the list of members", "Check the path.").removeprefix("\ufeff")
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        detail = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a number or a nesting without end"
        raise ConfigurationError(f"{place} is not TOML: {detail}", hint=_HINT) from None
    for key in content:
        if key not in (_DEFAULTS, _MEMBERS):
            raise ConfigurationError(f"{place}: {key} is neither [{_DEFAULTS}] nor [[{_MEMBERS}]]", hint=_HINT)
    defaults, members = content.get(_DEFAULTS, {}), content.get(_MEMBERS, [])
    if not isinstance(defaults, dict) or not isinstance(members, list) or not all(isinstance(m, dict) for m in members):
        raise ConfigurationError(f"{place} does not have the form [{_DEFAULTS}] and [[{_MEMBERS}]]", hint=_HINT)
    for key in (NAME, DATABASE):
        if key in defaults:
            raise ConfigurationError(
                f"{place}, [{_DEFAULTS}]: no two members have the same {key}", hint=f"Give it in each [[{_MEMBERS}]]."
            )
    folder = path.absolute().parent
    # An entry's own values win, also over the paths among the defaults.
    entries = [
        Entry(f"{place}, member {number}", folder, {**_own(defaults), **each}) for number, each in enumerate(members, 1)
    ]
    return Listing(entries, {key: value for key, value in defaults.items() if key not in OWN_KEYS}, place)


def _own(defaults: Mapping[str, object]) -> dict[str, object]:
    """What the defaults say of a Grafana itself, such as where all have their home."""
    return {key: defaults[key] for key in OWN_KEYS if key in defaults}


def _of_lines(source: str) -> Listing:
    if source == _STANDARD_INPUT:
        place, text = "standard input", _standard_input()
    else:
        place, text = shown_path(Path(source)), read_text(Path(source), "the list of members", "Check the path.")
    entries = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if not line.strip():
            continue
        where = f"{place}, line {number}"
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            raise ConfigurationError(
                f"{where} is no JSON object",
                hint=f'A line is {{"{NAME}": "…", "{CONFIG}": "…"}}, as in a [[{_MEMBERS}]].',
            )
        entries.append(Entry(where, Path.cwd(), values))
    return Listing(entries, place=place)


def _standard_input() -> str:
    content = sys.stdin.buffer.read(LONGEST_BYTES + 1)
    try:
        if len(content) <= LONGEST_BYTES:
            return content.decode()
        problem = f"is longer than {LONGEST_BYTES:,} bytes"
    except UnicodeDecodeError:
        problem = "is not UTF-8"
    raise ConfigurationError(f"the list of members on standard input {problem}", hint=_HINT)


def _of_files(sources: Sequence[str]) -> Listing:
    """One member for each file, named by what tells its path from the others'."""
    place = " ".join(sources)
    found: list[str] = []
    for source in sources:
        # Not by `pathlib`: a pattern may be absolute.
        matches = sorted(glob.glob(source)) if glob.has_magic(source) else [source]  # noqa: PTH207
        if not matches:
            raise ConfigurationError(f"no file is found by {source}", hint=_HINT)
        found += matches
    paths = [Path(os.path.abspath(each)) for each in dict.fromkeys(found)]  # noqa: PTH100 - a link keeps its name
    return Listing(
        [
            Entry(shown_path(path), Path.cwd(), {NAME: name, CONFIG: str(path)})
            for path, name in zip(paths, _names(paths), strict=True)
        ],
        place=place,
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """The parts of each path that not all have at its beginning or its end; of a single one its folder."""
    if len(paths) == 1:
        return [paths[0].parent.name or str(paths[0])]
    parts = [each.parts for each in paths]
    begin = _alike(parts)
    end = _alike([each[begin:][::-1] for each in parts])
    names = ["/".join(each[begin : len(each) - end]) for each in parts]
    return [name or path.parent.name for name, path in zip(names, paths, strict=True)]


def _alike(sequences: Sequence[Sequence[str]]) -> int:
    """How many items all sequences begin with."""
    number = 0
    for items in zip(*sequences, strict=False):
        if len(set(items)) > 1:
            break
        number += 1
    return number
