"""Grafana's layers of configuration, and the effective value of a key.

Order: defaults, custom file, `GF_…` variables, expansion of `${…}`, interpolation of `%(key)s`. A value is resolved
only when it is needed, so that a setting without use here cannot be an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.settings.environment import Environment, variable_name
from reencrypt.settings.expand import expand, has_expression, unknown_expanders
from reencrypt.settings.ini import DEFAULT_SECTION, GO_SPACE

_REFERENCE: Final = re.compile(r"%\(([^)]+)\)s")
#: go-ini gives up after so many replacements in one value.
_DEEPEST: Final = 99
#: Two keys that name each other twice double at every step; Grafana would run out of memory.
_LONGEST: Final = 1 << 20

DEFAULT_ORIGIN: Final = "default"


@dataclass(frozen=True, slots=True, repr=False)
class Value:
    """A value and its origin. Its text may be a secret, so it is not in the `repr`."""

    text: str
    origin: str
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The origin, with the sources of its expressions."""
        return f"{self.origin} ({', '.join(self.notes)})" if self.notes else self.origin

    def unread(self, default: str) -> Value:
        """Return the default that Grafana takes, because it cannot read this value."""
        return Value(default, f"default (Grafana cannot read what {self.source} has)")

    def __repr__(self) -> str:
        return f"Value(origin={self.source!r})"


@dataclass(slots=True)
class Layers:
    """The merged files: `start`, `set_default` and `lay` in this order, after that the other methods read."""

    environment: Environment
    host_name: str
    _sections: dict[str, dict[str, Value]] = field(init=False, default_factory=lambda: {DEFAULT_SECTION: {}})

    def start(self, sections: Mapping[str, Mapping[str, str]]) -> None:
        """Lay the defaults first; here empty values count too, because a variable may fill them."""
        for section, keys in sections.items():
            self._sections.setdefault(section, {}).update(
                {key: Value(text, DEFAULT_ORIGIN) for key, text in keys.items()}
            )

    def lay(self, sections: Mapping[str, Mapping[str, str]], origin: str) -> None:
        """Lay the values of the custom file on top; empty ones change nothing, as in Grafana.

        A key that its section does not have yet, but a section above it does (`a` is above `a.b`), is set there:
        Grafana looks the key up by go-ini's inheritance before it writes.
        """
        for section, keys in sections.items():
            for key, text in keys.items():
                if text:
                    self._sections.setdefault(section, {})
                    self._sections[self._owner(section, key) or section][key] = Value(text, origin)

    def set_default(self, section: str, key: str, text: str, origin: str) -> None:
        """Do what Grafana does for `cfg:default.section.key=text`: only a key that the defaults have can be set."""
        if self.has(section, key):
            self._sections[section][key] = Value(text, origin)

    def sections(self) -> Iterator[str]:
        """Iterate over the names of all sections that hold something."""
        return iter(tuple(self._sections))

    def has(self, section: str, key: str) -> bool:
        """Whether the section itself has the key, not one above it."""
        return key in self._sections.get(section, {})

    def get(self, section: str, key: str, default: str = "", *, needed: bool = False) -> Value:
        """Return what Grafana reads from a plain section: `default` where the key is missing or empty.

        Raises `ConfigurationError` where the value cannot be resolved, naming section and key. Where it is `needed`,
        that includes an expression with nothing behind it: Grafana's own environment has something there, as a rule.
        """
        owner = self._owner(section, key)
        value = self._interpolated(owner, key, self._expanded(owner, key)) if owner is not None else None
        if needed:
            _refuse_nothing(section, key, value)
        if value is None or not value.text:
            return Value(default, value.source if value is not None and not default else DEFAULT_ORIGIN)
        return value

    def get_own(self, section: str, key: str, *, needed: bool = False) -> Value:
        """Return what Grafana reads by go-ini's `KeysHash`: a key of the section itself, with `%(key)s` left as it is.

        Variables and expressions count as in `get`, and it raises as that does.
        """
        value = self._expanded(section, key) if self.has(section, key) else None
        if needed:
            _refuse_nothing(section, key, value)
        return value or Value("", DEFAULT_ORIGIN)

    def get_overridable(self, section: str, key: str, default: str = "", *, needed: bool = False) -> Value:
        """Return what Grafana reads from `[security]` and `[security.encryption]`.

        There a variable counts even if no file has the key. Grafana reads it after expansion, so an expression in it
        would stay literal; it is refused instead.
        """
        variable = self.environment.lookup(variable_name(section, key))
        if variable is None:
            return self.get(section, key, default, needed=needed)
        if has_expression(variable.text):
            raise ConfigurationError(
                f"[{section}] {key}: Grafana does not expand the expression in {variable.origin}",
                hint="Set the variable to the value itself, or write the expression into Grafana's configuration file.",
            )
        owner = self._owner(section, key) or section
        return self._interpolated(owner, key, Value(variable.text, variable.origin))

    def ignored_variable(self, section: str, key: str) -> str:
        """Return the name of a variable that is set for a key which no file has, so that Grafana ignores it."""
        name = variable_name(section, key)
        return name if self.environment.is_set(name) and not self.has(section, key) else ""

    def _owner(self, section: str, key: str) -> str | None:
        """Return the section that has the key: this one or the nearest above, as go-ini's `GetKey` finds it."""
        while True:
            if key in self._sections.get(section, {}):
                return section
            if "." not in section:
                return None
            section = section.rpartition(".")[0] or DEFAULT_SECTION

    def _expanded(self, section: str, key: str) -> Value:
        """Return the value after variables and expansion, which `%(key)s` elsewhere stands for."""
        value = self._sections[section][key]
        variable = self.environment.lookup(variable_name(section, key))
        if variable is not None:
            value = Value(variable.text, variable.origin)
        expansion = expand(
            value.text, variable=self._variable, read=lambda path: self._file(path, f"[{section}] {key} names the file")
        )
        for expander in unknown_expanders(value.text) or unknown_expanders(expansion.text):
            raise ConfigurationError(
                f"[{section}] {key} in {value.origin} uses {expander}{{…}}, which reencrypt cannot resolve",
                hint="Only ${VAR}, $__env{VAR} and $__file{path} can be. Give the value by "
                f"{variable_name(section, key)} in the environment of this command.",
            )
        return replace(value, text=expansion.text, notes=expansion.notes)

    def _interpolated(self, section: str, key: str, value: Value) -> Value:
        text, notes = value.text, value.notes
        for _ in range(_DEEPEST):
            reference = _REFERENCE.search(text)
            if reference is None:
                break
            name = reference[1]
            owner = self._owner(section, name)
            if owner is None or (owner, name) == (section, key):
                owner = DEFAULT_SECTION
            if name not in self._sections[owner]:
                break
            other = self._expanded(owner, name)
            text = text.replace(reference[0], other.text)
            notes = (*notes, *(note for note in (reference[0], *other.notes) if note not in notes))
            if len(text) > _LONGEST:
                raise ConfigurationError(
                    f"[{section}] {key} in {value.origin} grows without end through {reference[0]}",
                    hint="Remove the references of keys to each other.",
                )
        return replace(value, text=text, notes=notes)

    def _variable(self, name: str) -> str:
        variable = self.environment.lookup(name)
        if variable is not None:
            return variable.text
        return self.host_name if name == "HOSTNAME" else ""

    def _file(self, path: str, purpose: str) -> str:
        return self.environment.read(path, purpose).strip(GO_SPACE)


def _refuse_nothing(section: str, key: str, value: Value | None) -> None:
    if value is not None and value.notes and not value.text:
        raise ConfigurationError(
            f"[{section}] {key} in {value.origin} comes to nothing: {', '.join(value.notes)}",
            hint="Give this command the variable or the file that Grafana has.",
        )
