"""Environment variables as Grafana sees them, after its Docker image has read the `GF_…__FILE` ones.

Nothing is read before it is needed, so the secret file of another setting may be missing or forbidden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from reencrypt.errors import ConfigurationError

_FILE_SUFFIX: Final = "__FILE"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that is set and not empty, and the name of its origin."""

    text: str = field(repr=False)
    origin: str


@dataclass(frozen=True, slots=True)
class Environment:
    """Looks variables up; `read` returns a file's text or raises `ConfigurationError`."""

    variables: Mapping[str, str] = field(repr=False)
    read: Callable[[str, str], str]

    def is_set(self, name: str) -> bool:
        """Whether the variable or its file is named, without reading anything."""
        return bool(self.variables.get(name) or self.variables.get(name + _FILE_SUFFIX))

    def lookup(self, name: str) -> Variable | None:
        """Return the variable, or None where it is unset or empty, which is the same to Grafana.

        `GF_X__FILE` stands for the content of the file it names, without trailing line breaks (the image's start
        script uses the shell's `$(cat …)`). Raises `ConfigurationError` if `GF_X` is set too, as the image does.
        """
        text = self.variables.get(name, "")
        file_name = name + _FILE_SUFFIX
        path = self.variables.get(file_name, "") if name.startswith("GF_") else ""
        if text and path:
            raise ConfigurationError(
                f"both {name} and {file_name} are set", hint="Grafana's image refuses to start like this. Unset one."
            )
        if path:
            content = self.read(path, f"{file_name} names the file").replace("\0", "").rstrip("\n")
            return Variable(content, f"{file_name} ({path})") if content else None
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ConfigurationError(f"{name} is not valid UTF-8", hint="Set it to text in UTF-8.") from None
        return Variable(text, name) if text else None


def variable_name(section: str, key: str) -> str:
    """Return the name of the variable that overrides `key` in `[section]`: only in the section does `-` become `_`."""
    return f"GF_{section.replace('.', '_').replace('-', '_')}_{key.replace('.', '_')}".upper()
