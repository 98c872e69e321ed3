"""Makes a command of a function, and its options of the dataclasses in the function's signature.

Every option may also stand in the environment or in a settings file: the command line wins over the environment
(`REENCRYPT_…`), that over the file (`--config`), that over the default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import NoneType, SimpleNamespace
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import click

from reencrypt.cli.candidates import candidates
from reencrypt.cli.help import HelpContext, write_options
from reencrypt.cli.on_finish import FinishCommand
from reencrypt.cli.settings_file import read_settings_file
from reencrypt.cli.stated_option import Choice, StatedOption, options_of
from reencrypt.option import option


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

    config: Path | None = option(
        "--config",
        "Settings file (TOML); its keys are option names. Default: /etc/reencrypt.toml, if it exists.",
        default=None,
        early=read_settings_file,
        details="`--config /dev/null` reads none. The file in /etc is refused where others than root and this user can "
        "write it.",
    )
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
    quiet: bool = option(
        "-q, --quiet",
        "Errors only on stderr: no progress, no log lines, no warnings. -v wins.",
        default=False,
        details="The result stays on stdout.",
    )

    @property
    def is_silent(self) -> bool:
        """Whether nothing but errors is wanted beside the result. Who adds -v to a command wants to see more."""
        return self.quiet and not self.verbose


class Only:
    """Beside a group in a signature: the command takes these fields of it, and may explain them in its own words."""

    def __init__(self, *names: str, meaning: str | None = None) -> None:
        self.names = names
        self.meaning = meaning


@dataclass(frozen=True, slots=True)
class Argument:
    """Beside a text in a signature: a positional argument of the command; beside a tuple any number of them.

    Beside `str | None` it may be left out. `completes` is what a shell completes it with, as of an option.
    """

    metavar: str
    choices: tuple[str, ...] = ()
    completes: str = ""


#: click's parameters for one parameter of a command's function, and how they become its value.
_Parameter: TypeAlias = tuple[Sequence[click.Parameter], Callable[[Mapping[str, Any]], Any]]


class GroupsCommand(click.Command):
    """Calls a function with the groups of options in its signature, or in that of another function, `stated`."""

    context_class = HelpContext

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

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them under headings."""
        write_options(self, ctx, formatter)

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


def _candidates(kind: str, ctx: click.Context, _argument: click.Parameter, incomplete: str) -> list[str]:
    return candidates(kind, ctx, incomplete)


def _parameter(name: str, hint: Any) -> _Parameter:  # noqa: ANN401 - a type, whatever it is
    group, *beside = get_args(hint) or (hint,)
    (how,) = beside or (None,)
    if isinstance(how, Argument):
        several = get_origin(group) is tuple
        argument = click.Argument(
            [name],
            metavar=how.metavar,
            type=Choice(how.choices) if how.choices else None,
            shell_complete=partial(_candidates, how.completes) if how.completes else None,
            nargs=-1 if several else 1,
            required=not several and NoneType not in get_args(group),
        )
        return [argument], lambda given: given[name]
    options: Sequence[StatedOption] = options_of(group)
    if isinstance(how, Only):
        by_field = {each.field: each for each in options}
        options = [by_field[each].explained(how.meaning) if how.meaning else by_field[each] for each in how.names]
    return options, lambda given: group(**{each.field: each.read(given[str(each.name)]) for each in options})
