"""Whether Grafana's configuration can hold a value: as a line of an ini file, and as a variable.

A value that Grafana reads differently, or that is invisible on a screen, cannot be a `secret_key`: secrets under it
would be lost with the program that knows it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.settings.environment import Environment, variable_name
from reencrypt.settings.ini import parse_ini
from reencrypt.settings.layers import Layers

#: Characters that are letters, marks or symbols to Unicode and show nothing (its Default_Ignorable_Code_Point, and the
#: empty pattern of Braille); all other invisible ones are not printable to Python.
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_NAMED: Final = (
    ("\r", "has a carriage return (CR), as in a file with Windows line ends"),
    ("\n", "has more than one line"),
    ("\0", "has a NUL"),
    ("\ufeff", "has a byte order mark (BOM), as some editors put before the text"),
)
#: Text that an ini file or an expander may cut off, unquote or replace.
_READ_OTHERWISE: Final = ("$__", "${", "%(", "#", ";", "`", '"', "'", "\\")
_OTHERWISE: Final = "which Grafana's configuration may read otherwise"


def problem_of(section: str, key: str, text: str) -> str:
    """Say why Grafana would not read exactly this text from `[section] key` or its variable; empty where it would.

    The answer completes "the value …". It shows at most one character of the text, one that is not allowed.
    """
    return _odd_character(text) or _odd_form(text) or _not_read_back(section, key, text)


def _odd_character(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is not text in UTF-8"
    for character, words in _NAMED:
        if character in text:
            return words
    for character in text:
        if not character.isprintable() or _BLANK.match(character):
            name = unicodedata.name(character, "a control character")
            return f"has an invisible character (U+{ord(character):04X}, {name})"
    return ""


def _odd_form(text: str) -> str:
    if text != text.strip():
        return f"has blanks around it, {_OTHERWISE}"
    found = next((part for part in _READ_OTHERWISE if part in text), None)
    return f"has {found} in it, {_OTHERWISE}" if found else ""


def _not_read_back(section: str, key: str, text: str) -> str:
    """Write the value and read it back with the real reader, which finds what the checks above miss."""
    line = f"[{section}]\n{key} = {text}\n"
    variable = variable_name(section, key)
    for where, file, variables in (
        ("an ini file", line, {}),
        (variable, f"[{section}]\n{key} = x\n", {variable: text}),
    ):
        try:
            read = _read(section, key, file, variables)
        except ConfigurationError:
            read = None
        if read != text:
            return f"is not what Grafana would read from {where}"
    return ""


def _read(section: str, key: str, file: str, variables: dict[str, str]) -> str:
    layers = Layers(Environment(variables, _no_file), "")
    sections = parse_ini(file, "an ini file")
    layers.lay({name: {each: value.text for each, value in keys.items()} for name, keys in sections.items()}, "a file")
    return layers.get(section, key).text


def _no_file(_path: str, purpose: str) -> str:
    raise ConfigurationError(f"{purpose}, and none is read here", hint="Give the value itself.")
