"""The environment file of a member: what a Grafana finds in its environment, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.settings.files import read_text, shown_path

_PREFIX: Final = "GF_"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTES: Final = ("'", '"')


def read_variables(path: Path, owner: str) -> Mapping[str, str]:
    """Read lines `GF_NAME=value`; empty lines and those that begin with `#` are none.

    A value in quotes is what is between them, as systemd reads it; nothing else is taken apart. Raises
    `ConfigurationError` with the line for a name that is not Grafana's, or anything else; no message has a value.
    """
    hint = "A line of an environment file is GF_SECTION_KEY=value."
    found: dict[str, str] = {}
    text = read_text(path, f"the environment file of {owner},", "Check the path.")
    # Not by `splitlines`: a value may have characters that Unicode calls line breaks.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"{shown_path(path)}, line {number}"
        name, equals, value = line.strip().partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise ConfigurationError(f"{where} is no line of an environment file", hint=hint)
        if not name.startswith(_PREFIX):
            raise ConfigurationError(
                f"{where}: {name} is not a variable of Grafana's",
                hint="Here is only what begins with GF_. Give options of reencrypt in the list of members, and the "
                "variables of Azure, proxies and certificates to the process: they are the same for all members.",
            )
        if name in found:
            raise ConfigurationError(f"{where}: {name} is there a second time", hint="Leave one of them out.")
        found[name] = _unquoted(value, where)
    return found


def _unquoted(value: str, where: str) -> str:
    for quote in _QUOTES:
        if value.startswith(quote):
            if len(value) < 2 or not value.endswith(quote):  # noqa: PLR2004 - a quote on each side
                raise ConfigurationError(
                    f"{where}: a value that begins with {quote} ends without it",
                    hint="Put the whole value between quotes, or none of it.",
                )
            return value[1:-1]
    return value
