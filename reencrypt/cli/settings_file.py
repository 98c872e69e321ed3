"""Settings files: the defaults of options, from a file in TOML that is named, or from the one of this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import click

from reencrypt.cli.tree import Invocation, all_commands
from reencrypt.errors import ConfigurationError

#: What is read where neither `--config` nor `REENCRYPT_CONFIG` names a file.
SYSTEM_FILE: Final = Path("/etc/reencrypt.toml")
#: What is read in its place where nothing is to be read.
NO_FILE: Final = os.devnull
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

#: The types of TOML, in words.
_TOML_WORDS: Final[dict[type, str]] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list of this kind",
    dict: "a table",
}


@runtime_checkable
class Settable(Protocol):
    """An option that a settings file can give."""

    @property
    def example(self) -> str:
        """A value as a settings file gives it."""
        ...

    def takes(self, value: object) -> bool:
        """Whether a settings file can give the option this value."""
        ...


def read_settings_file(ctx: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """Take the defaults of this command from a TOML file; its keys are option names without the dashes.

    Where none is named, that is the file of this machine, if there is one.
    """
    if path is None:
        path = _of_this_machine()
        if path is None:
            return None
        invocation = ctx.find_object(Invocation)
        if invocation is not None:
            invocation.settings_file = path
    import tomllib  # noqa: PLC0415 - help does not need it

    from reencrypt.settings.files import read_text  # noqa: PLC0415

    hint = "--config names a settings file in TOML, and `reencrypt COMMAND --help` shows the names of its keys."
    text = read_text(path, "the settings file", hint).removeprefix("\ufeff")
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        detail = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a number or a nesting without end"
        raise ConfigurationError(f"the settings file {path} is not TOML: {detail}", hint=hint) from None
    # What is there is nearer to the command than a file of settings for all of them.
    ctx.default_map = {**defaults_from(ctx, values, f"the settings file {path}"), **(ctx.default_map or {})}
    return path


def defaults_from(ctx: click.Context, values: Mapping[str, object], place: str) -> dict[str, object]:
    """The defaults of a command's parameters that a file gives with the names of options, without dashes.

    What only other commands have is left out. Raises `ConfigurationError` with the place for what no command has, and
    for a value of the wrong type.
    """
    known = {name.lstrip("-"): parameter for parameter in ctx.command.params for name in parameter.opts}
    # The options of all commands take longer than most work, and most files name those of every command.
    elsewhere = _all_names(ctx) if values.keys() - known.keys() else frozenset()
    found: dict[str, object] = {}
    for name, value in values.items():
        parameter: object = known.get(name)
        if parameter is None and name not in elsewhere:
            raise ConfigurationError(
                f"{place}: no command has an option {name!r}", hint="`reencrypt COMMAND --help` shows the options."
            )
        if isinstance(parameter, Settable):
            if not parameter.takes(value):
                raise ConfigurationError(
                    f"{place}: {name} cannot be {_TOML_WORDS.get(type(value), 'a date or time')}",
                    hint=f"Write {name} = {parameter.example}.",
                )
            found[str(known[name].name)] = value
    return found


def _all_names(ctx: click.Context) -> frozenset[str]:
    commands = (each for _, each in all_commands(ctx.find_root().command))
    return frozenset(name.lstrip("-") for each in commands for one in each.params for name in one.opts)


def in_force(path: Path) -> str:
    """Say that a file was read that nobody has named."""
    return f"The settings of {path} apply; `--config {NO_FILE}` leaves them out."


def _of_this_machine() -> Path | None:
    """The settings file of this machine, if there is one.

    Nobody has named it, and it says where secrets go and which program is told: so only root, this user, and a group
    of root's may be able to write it. Raises `ConfigurationError` for any other, and for one that cannot be read.
    """
    path = SYSTEM_FILE
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}", f"chmod a+r {path}") from None
    if found.st_uid not in (0, os.geteuid()):
        raise _unusable(
            path, f"belongs to user {found.st_uid}, who is neither root nor this user", f"chown root {path}"
        )
    writers = _OTHERS_WRITE if found.st_gid else stat.S_IWOTH
    if found.st_mode & writers:
        raise _unusable(path, "can be written by others than root and this user", f"chmod go-w {path}")
    if not os.access(path, os.R_OK):
        raise _unusable(path, "may not be read by this user", f"chmod a+r {path}")
    return path


def _unusable(path: Path, problem: str, remedy: str) -> ConfigurationError:
    hint = f"Run `{remedy}`, or name another file with --config; `--config {NO_FILE}` is none."
    return ConfigurationError(f"the settings file {path} {problem}", hint=hint)
