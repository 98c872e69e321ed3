"""Makes a command of a function, and its options of the dataclasses in the function's signature.

Every option may also stand in the environment or in a settings file: the command line wins over the environment
(`REENCRYPT_…`), that over the file (`--config`), that over the default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import MISSING, Field, dataclass, fields
from enum import Enum
from functools import cache, cached_property
from pathlib import Path
from types import NoneType, SimpleNamespace
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

import click

from reencrypt.cli.on_finish import FinishCommand
from reencrypt.errors import ConfigurationError
from reencrypt.option import Option, option
from reencrypt.suggestion import did_you_mean, joined


class CommandFailedError(Exception):
    """Carries an error from a command to the place that reports it, with the form of output that was asked for.

    `on_finish` is who else is told.
    """

    def __init__(self, error: BaseException, *, as_json: bool, on_finish: str | None = None) -> None:
        super().__init__()
        self.error = error
        self.as_json = as_json
        self.on_finish: FinishCommand | None = None
        # Where it is what the error is about, nobody can be told.
        with suppress(ValueError):
            self.on_finish = FinishCommand.parse(on_finish) if on_finish is not None else None


@dataclass(frozen=True, slots=True)
class Common:
    """The options of every command: where Grafana's configuration is, and the form of results and log lines."""

    config: Path | None = option("--config", "Settings file (TOML); its keys are option names.", default=None)
    grafana_config: Path | None = option(
        "--grafana-config",
        "Grafana's configuration file. Default: as Grafana finds it.",
        default=None,
        example="/etc/grafana/grafana.ini",
    )
    grafana_home: Path | None = option(
        "--grafana-home", "Grafana's home folder, with conf/defaults.ini.", default=None, example="/usr/share/grafana"
    )
    database: str | None = option(
        "--database URL",
        "Database instead of [database], such as postgresql://HOST/NAME or sqlite:///absolute/path.",
        default=None,
        example="postgresql://grafana@db.example.internal/grafana",
    )
    trust_vault: tuple[str, ...] = option(
        "--trust-vault HOST",
        "Accept a vault at this host, outside Azure's known domains.",
        default=(),
        details="Loopback addresses do not need it.",
        example="vault.example.internal",
    )
    output: Literal["text", "json"] = option("--output", "Result as text, or as one JSON object.", default="text")
    log_format: Literal["console", "json"] = option(
        "--log-format", "Form of the log lines on stderr.", default="console"
    )
    on_finish: FinishCommand | None = option(
        "--on-finish COMMAND",
        "Run this command at the end, with the result as JSON on its standard input.",
        default=None,
        parse=FinishCommand.parse,
        details="After an error and Ctrl-C too. It runs without a shell, without the variables GF_*, AZURE_* and "
        "REENCRYPT_*, and for a minute at most. It never changes the exit code.",
        example="/usr/local/bin/tell-the-team ops",
    )
    verbose: int = option("-v, --verbose", "More log lines; twice for all.", default=0, counts=True)


class Only:
    """Beside a group in a signature: the command takes these fields of it, and may explain them in its own words."""

    def __init__(self, *names: str, meaning: str | None = None) -> None:
        self.names = names
        self.meaning = meaning


@dataclass(frozen=True, slots=True)
class Argument:
    """Beside a text in a signature: a positional argument of the command; beside a tuple any number of them.

    Beside `str | None` it may be left out.
    """

    metavar: str


#: click's parameters for one parameter of a command's function, and how they become its value.
_Parameter: TypeAlias = tuple[Sequence[click.Parameter], Callable[[Mapping[str, Any]], Any]]


#: The types of TOML, in words.
_TOML_WORDS: Final[dict[type, str]] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list of this kind",
    dict: "a table",
}
#: Where the number of an option has no limit of its own: enough for seconds (30 years) and for secrets.
_LARGEST: Final = 1_000_000_000


def _sensible(limits: type[click.IntRange | click.FloatRange]) -> type[click.ParamType[Any]]:
    """The ranges of a type, without the numbers at which every timer fails: no comparison keeps `nan` out."""

    class Sensible(limits):  # type: ignore[valid-type, misc]
        def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
            number = super().convert(value, param, ctx)
            if not number <= _LARGEST:
                self.fail(f"It can be {_LARGEST:,} at most.", param, ctx)
            return number

    return Sensible


_INTEGERS: Final = _sensible(click.IntRange)
_FLOATS: Final = _sensible(click.FloatRange)


class _Choice(click.Choice[str]):
    """One of some words. Another one that looks like one of them gets a question."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # noqa: ANN401 - as click has it
        message = super().get_invalid_choice_message(value, ctx)
        return joined(message, did_you_mean(str(value), self.choices))


def _is_utf_8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class StatedOption(click.Option):
    """An option of the command line, as a field of a group states it."""

    def __init__(self, group: type, field: Field[Any], hint: Any) -> None:  # noqa: ANN401 - a type, whatever it is
        self.stated: Option = field.metadata["option"]
        self.group, self.field = group, field.name
        self._several = get_origin(hint) if get_origin(hint) in (tuple, frozenset) else None
        # The `T` of `T | None`, `tuple[T, ...]` and `frozenset[T]`.
        self._kind = hint if get_origin(hint) is Literal else next(iter(get_args(hint)), hint)
        attributes: dict[str, Any] = {"required": field.default is MISSING}
        if field.default not in (MISSING, None, False, 0, (), frozenset()):
            attributes |= {"default": field.default, "show_default": True}
        if self.stated.name == "--config":
            attributes |= {"is_eager": True, "callback": _read_settings_file}
        super().__init__(
            self.stated.names,
            help=self.stated.explanation,
            metavar=self.stated.metavar,
            envvar=self.stated.variable,
            type=self._type(),
            is_flag=self._kind is bool or None,  # click lets the value be left out where this is False
            multiple=self._several is not None,
            count=self.stated.counts,
            **attributes,
        )

    def _type(self) -> click.ParamType[Any] | None:
        if self._kind is bool or self.stated.counts:
            return None
        if get_origin(self._kind) is Literal:
            return _Choice(get_args(self._kind))
        if issubclass(self._kind, Enum):
            return _Choice([each.value for each in self._kind])
        if self._kind is Path:
            return click.Path(path_type=Path)
        if self._kind in (int, float):
            limits: Callable[..., click.ParamType[Any]] = _INTEGERS if self._kind is int else _FLOATS
            least = self.stated.minimum if self.stated.above is None else self.stated.above
            return limits(least, self.stated.maximum, min_open=self.stated.above is not None)
        return click.STRING

    def explained(self, meaning: str) -> StatedOption:
        """The same option, with the words of one command."""
        other = copy(self)
        other.help = meaning
        return other

    def before_command(self) -> StatedOption:
        """The same option where it stands before the command, which is the one to read it."""
        other = copy(self)
        other.envvar = other.callback = other.default = None
        other.expose_value = other.is_eager = False
        return other

    def takes(self, value: object) -> bool:
        """Whether a settings file can give the option this value; `true` is no number, and `"5"` is none either."""
        if self._several is not None:
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        if self._kind is bool:
            return isinstance(value, bool)
        if self._kind is int:
            return isinstance(value, int) and not isinstance(value, bool)
        if self._kind is float:
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        return isinstance(value, str)

    @property
    def example(self) -> str:
        """A value as a settings file gives it."""
        if self._several is not None:
            return '["…"]'
        return {bool: "true", int: "100", float: "0.5"}.get(self._kind, '"…"')

    def read(self, given: Any) -> Any:  # noqa: ANN401 - click's value for the field's
        """The value of the field; raises `click.BadParameter`, or what `parse` raises."""
        is_enum = isinstance(self._kind, type) and issubclass(self._kind, Enum)
        parse = self.stated.parse or (self._kind if is_enum else lambda value: value)
        texts = given if self._several else [given]
        if any(isinstance(text, str) and not _is_utf_8(text) for text in texts or ()):
            raise click.BadParameter("it is not text in UTF-8", param=self)
        try:
            if self._several:
                return self._several(map(parse, given))
            return None if given is None else parse(given)
        except ValueError as error:
            raise click.BadParameter(str(error), param=self) from None


@cache
def options_of(group: type) -> tuple[StatedOption, ...]:
    """The options of a group, in its order."""
    hints = get_type_hints(group)
    return tuple(StatedOption(group, each, hints[each.name]) for each in fields(group))


class GroupsCommand(click.Command):
    """Calls a function with the groups of options in its signature, or in that of another function, `stated`."""

    def __init__(
        self, name: str, function: Callable[..., int], epilog: str, stated: Callable[..., object] | None = None
    ) -> None:
        self._function = function
        self._stated = stated or function
        super().__init__(name, callback=self._call, help=self._stated.__doc__, epilog=epilog)
        del self.params

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - see below
        """Make the options when they are asked for: they take milliseconds, and a list of all commands needs none."""
        if name != "params":
            raise AttributeError(name)
        self.params = [each for made, _ in self._parameters.values() for each in made]
        return self.params

    def groups(self) -> dict[str, Any]:
        """The groups of options by the names that the function has for them, as a signature states them."""
        stated = {name: hint for name, hint in self._stated.__annotations__.items() if name != "return"}
        # The result's type is of a module that help does not load.
        signature = SimpleNamespace(__annotations__=stated)
        return get_type_hints(signature, self._stated.__globals__, include_extras=True)

    @cached_property
    def _parameters(self) -> dict[str, _Parameter]:
        return {name: _parameter(name, hint) for name, hint in self.groups().items()}

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The groups with what was given, click's parameters by name; raises what `parse` of an option raises."""
        return {name: read(given) for name, (_, read) in self._parameters.items()}

    def _call(self, **given: Any) -> int:  # noqa: ANN401 - click passes by name
        try:
            return self._function(**self.values(given))
        except (Exception, KeyboardInterrupt) as error:
            if "output" not in given:
                raise
            # Only here is it known in which form this command was asked to answer.
            as_json, on_finish = given["output"] == "json", given.get("on_finish")
            raise CommandFailedError(error, as_json=as_json, on_finish=on_finish) from error


def cli_command(
    name: str, epilog: str, parent: click.Group | None = None
) -> Callable[[Callable[..., int]], click.Command]:
    """Make a command of a function: its parameters are groups of options, each whole or `Only` in part."""

    def make(function: Callable[..., int]) -> click.Command:
        command = GroupsCommand(name, function, epilog)
        if parent is not None:
            parent.add_command(command)
        return command

    return make


def _parameter(name: str, hint: Any) -> _Parameter:  # noqa: ANN401 - a type, whatever it is
    group, *beside = get_args(hint) or (hint,)
    (how,) = beside or (None,)
    if isinstance(how, Argument):
        several = get_origin(group) is tuple
        argument = click.Argument(
            [name],
            metavar=how.metavar,
            nargs=-1 if several else 1,
            required=not several and NoneType not in get_args(group),
        )
        return [argument], lambda given: given[name]
    options: Sequence[StatedOption] = options_of(group)
    if isinstance(how, Only):
        by_field = {each.field: each for each in options}
        options = [by_field[each].explained(how.meaning) if how.meaning else by_field[each] for each in how.names]
    return options, lambda given: group(**{each.field: each.read(given[str(each.name)]) for each in options})


def _read_settings_file(ctx: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """Take the defaults of this command from a TOML file; its keys are option names without the dashes."""
    if path is None:
        return None
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
    commands = (each for _, each in all_commands(ctx.find_root().command))
    elsewhere = {name.lstrip("-") for each in commands for one in each.params for name in one.opts}
    found: dict[str, object] = {}
    for name, value in values.items():
        parameter = known.get(name)
        if parameter is None and name not in elsewhere:
            raise ConfigurationError(
                f"{place}: no command has an option {name!r}", hint="`reencrypt COMMAND --help` shows the options."
            )
        if isinstance(parameter, StatedOption):
            if not parameter.takes(value):
                raise ConfigurationError(
                    f"{place}: {name} cannot be {_TOML_WORDS.get(type(value), 'a date or time')}",
                    hint=f"Write {name} = {parameter.example}.",
                )
            found[str(parameter.name)] = value
    return found


def all_commands(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that is no group, with its full name."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for each in list(command.commands) or command.list_commands(context):
        inner = command.get_command(context, each)
        if inner is not None:
            yield from all_commands(inner, f"{name} {each}".strip())
