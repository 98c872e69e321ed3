"""Lists of members: a TOML file, configuration files of Grafana by a pattern, or lines of JSON."""

from __future__ import annotations

import fnmatch
import glob
import json
import os
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.fleet.member import CONFIG, DATABASE, NAME, OWN_KEYS, Entry
from reencrypt.settings.files import LONGEST_BYTES, read_text, shown_path
from reencrypt.settings.locate import working_folder

_DEFAULTS: Final = "defaults"
_MEMBERS: Final = "member"
_STANDARD_INPUT: Final = "-"
_BEGINNING_BYTES: Final = 4096
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
        place, folder, text = "standard input", working_folder(), _standard_input()
    else:
        path = Path(source)
        place, folder = shown_path(path), path.absolute().parent
        text = read_text(path, "the list of members", "Check the path.")
    entries = []
    # Not by `splitlines`: a text in JSON may have characters that Unicode calls line breaks.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if line.strip():
            entries.append(Entry(f"{place}, line {number}", folder, _object(line, f"{place}, line {number}")))
    return Listing(entries, place=place)


def _object(line: str, where: str) -> dict[str, object]:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(key for key, number in Counter(key for key, _ in pairs).items() if number > 1)
            raise ConfigurationError(f"{where} has {twice} twice", hint="Leave one of them out.")
        return found

    try:
        values = json.loads(line, object_pairs_hook=once)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise ConfigurationError(
            f"{where} is no JSON object", hint=f'A line is {{"{NAME}": "…", "{CONFIG}": "…"}}, with a member\'s keys.'
        )
    return values


def _standard_input() -> str:
    try:
        # Python has none where the descriptor was closed.
        content = sys.stdin.buffer.read(LONGEST_BYTES + 1) if sys.stdin is not None else b""
        if len(content) <= LONGEST_BYTES:
            return content.decode()
        problem = f"is longer than {LONGEST_BYTES:,} bytes"
    except UnicodeDecodeError:
        problem = "is not UTF-8"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    raise ConfigurationError(f"the list of members on standard input {problem}", hint=_HINT)


def _of_files(sources: Sequence[str]) -> Listing:
    """One member for each file of Grafana's configuration."""
    found: dict[Path, str] = {}
    for source in sources:
        for path, name in _matches(source):
            _refuse_list(path)
            found.setdefault(path, name)
    entries = [Entry(shown_path(path), path.parent, {NAME: name, CONFIG: str(path)}) for path, name in found.items()]
    return Listing(entries, place=" ".join(sources))


def _matches(source: str) -> list[tuple[Path, str]]:
    """The files of a source with their names, which depend on no other file: shards are made by them.

    Of a pattern that is what its wildcards stand for, of a file that is named the folder.
    """
    # A link keeps its name.
    path = working_folder() / source
    if os.path.lexists(path) or not glob.has_magic(source):
        return [(path, str(path.parent))]
    base, *parts = path.parts
    if "**" in parts:
        raise ConfigurationError(f"{source}: ** stands for folders at any depth", hint="Give each folder with a *.")
    places: list[tuple[Path, tuple[str, ...]]] = [(Path(base), ())]
    for part in parts:
        if glob.has_magic(part):
            places = [
                (place / name, (*names, name)) for place, names in places for name in _folder(place, part, source)
            ]
        else:
            places = [(place / part, names) for place, names in places if _is_there(place / part, source)]
    if not places:
        raise ConfigurationError(f"no file is found by {source}", hint=_HINT)
    return [(place, "/".join(names)) for place, names in places]


def _folder(place: Path, pattern: str, source: str) -> list[str]:
    """The names in a folder that fit a pattern; one that may not be read is no folder without members."""
    try:
        names = [each.name for each in place.iterdir()]
    except NotADirectoryError:
        return []
    except OSError as error:
        raise _hidden(place, error, source) from None
    hidden = pattern.startswith(".")
    return sorted(each for each in fnmatch.filter(names, pattern) if hidden or not each.startswith("."))


def _is_there(path: Path, source: str) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _hidden(path, error, source) from None
    return True


def _hidden(path: Path, error: OSError, source: str) -> ConfigurationError:
    return ConfigurationError(
        f"{source}: {shown_path(path)} cannot be looked at: {error.strerror}",
        hint="Run as a user that sees every member; one that is left out would be left behind.",
    )


def _refuse_list(path: Path) -> None:
    """Refuse a list of members where a file of Grafana's configuration belongs."""
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING_BYTES).lstrip()
    except OSError:
        return  # its member says what is wrong with it
    if beginning.startswith((b"{", b"[[", b"[defaults]")):
        raise ConfigurationError(
            f"{shown_path(path)} is a list of members, and no configuration of Grafana",
            hint="Name a list in TOML *.toml, and give lines of JSON with --members.",
        )
