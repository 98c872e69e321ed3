"""Options that several commands share. Each may also stand in the environment or in a settings file.

The command line wins over the environment (`REENCRYPT_…`), that over the file (`--config`), that over the default.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def option(*names: str, **attributes: Any) -> Callable[[F], F]:  # noqa: ANN401 - click's own attributes
    """A click option that also reads `REENCRYPT_NAME` from the environment, `NAME` being its long name."""
    long = next(name for name in names if name.startswith("--"))
    variable = "REENCRYPT_" + long.split("/")[0].removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, **attributes)


def _read_settings_file(ctx: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    """Take the defaults of this command from a TOML file; its keys are option names without the dashes."""
    if path is None:
        return
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path} is not TOML: {error}") from None
    known = {name.lstrip("-"): parameter.name for parameter in ctx.command.params for name in parameter.opts}
    elsewhere = _option_names()
    for name, value in values.items():
        if name in known:
            ctx.default_map = {**(ctx.default_map or {}), str(known[name]): value}
        elif name not in elsewhere:
            raise click.BadParameter(f"{path}: no command has an option {name!r}")


def _option_names() -> set[str]:
    from reencrypt.cli.main import COMMANDS, cli  # noqa: PLC0415 - commands import this module

    context = click.Context(cli)
    commands = [cli.get_command(context, name) for name in COMMANDS]
    return {
        name.lstrip("-")
        for command in commands
        if command is not None
        for each in (command, *(command.commands.values() if isinstance(command, click.Group) else ()))
        for parameter in each.params
        for name in parameter.opts
    }


_FILE = click.Path(path_type=Path)


class CommandFailedError(Exception):
    """Carries an error from a command to the place that reports it, with the form of output that was asked for."""

    def __init__(self, error: Exception, *, as_json: bool) -> None:
        super().__init__()
        self.error = error
        self.as_json = as_json


@dataclass(frozen=True, slots=True)
class Common:
    """What every command that reads a database is told: where Grafana's configuration is, how to talk."""

    grafana_config: Path | None
    grafana_home: Path | None
    database: str | None
    trust_vault: tuple[str, ...]
    output: str
    log_format: str
    verbose: int


def settings_options(command: Callable[..., int]) -> Callable[..., int]:
    """Where Grafana's configuration is, and how results and talk look; the command gets them as one `Common`."""

    @functools.wraps(command)
    def function(**parameters: Any) -> int:  # noqa: ANN401 - click passes by name
        common = Common(**{each.name: parameters.pop(each.name) for each in fields(Common)})
        try:
            return command(common, **parameters)
        except Exception as error:
            # Only here is it known in which form this command was asked to answer.
            raise CommandFailedError(error, as_json=common.output == "json") from error

    for decorate in reversed(
        (
            option(
                "--config",
                type=_FILE,
                is_eager=True,
                expose_value=False,
                callback=_read_settings_file,
                help="Settings file (TOML); its keys are option names.",
            ),
            option("--grafana-config", type=_FILE, help="Grafana's configuration file. Default: as Grafana finds it."),
            option("--grafana-home", type=_FILE, help="Grafana's home folder, with conf/defaults.ini."),
            option(
                "--database",
                metavar="URL",
                help="Database instead of [database]: sqlite:///absolute/path, postgresql://… or mysql://…",
            ),
            option(
                "--trust-vault",
                metavar="HOST",
                multiple=True,
                help="Accept a vault at this host, outside Azure's known domains.",
            ),
            option(
                "--output",
                type=click.Choice(["text", "json"]),
                default="text",
                show_default=True,
                help="Result as text, or as one JSON object.",
            ),
            option(
                "--log-format",
                type=click.Choice(["console", "json"]),
                default="console",
                show_default=True,
                help="Form of the log lines on stderr.",
            ),
            click.option("-v", "--verbose", count=True, help="More log lines; twice for all."),
        )
    ):
        function = decorate(function)
    return function


class Age(click.ParamType[timedelta]):
    """A whole number of days, hours, minutes or seconds, such as `90d`."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:  # noqa: ANN401
        """Read it."""
        found = re.fullmatch(r"([0-9]{1,6})([dhms])", str(value))
        if not found:
            self.fail(f"{value!r} is not a number of days, hours, minutes or seconds, such as 90d", param, ctx)
        unit = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}[found[2]]
        return timedelta(**{unit: int(found[1])})


def rotation_options(function: F) -> F:
    """Whether secrets get a data key that nothing was ever under, and when."""
    for decorate in reversed(
        (
            option(
                "--fresh-data-key",
                is_flag=True,
                help="Rotate: make a new data key, set all others inactive, move every secret under it.",
            ),
            option(
                "--if-older-than",
                type=Age(),
                metavar="AGE",
                help="With --fresh-data-key: only if a data key in use is older, e.g. 90d; else nothing is to do.",
            ),
        )
    ):
        function = decorate(function)
    return function


def target_options(function: F) -> F:
    """Where secrets go, in which form, and which keys to believe."""
    for decorate in reversed(
        (
            option("--to", metavar="PROVIDER", help="Target provider. Default: Grafana's encryption_provider."),
            wrap_format_option,
        )
    ):
        function = decorate(function)
    return belief_options(function)


wrap_format_option = option(
    "--wrap-format",
    metavar="FRAMING/ALGORITHM",
    help="How to wrap a new data key, e.g. raw/RSA-OAEP-256. Default: learned from Grafana's keys.",
)


def belief_options(function: F) -> F:
    """In which form secrets are written, and which keys to believe."""
    for decorate in reversed(
        (
            option(
                "--algorithm",
                type=click.Choice(["aes-cfb", "aes-gcm"]),
                help="How to encrypt. Default: [security.encryption] algorithm.",
            ),
            option(
                "--skip-key",
                "skip_keys",
                metavar="KEY",
                multiple=True,
                help="Leave what is under this data key or provider.",
            ),
            option(
                "--accept-unproven",
                metavar="KEY",
                multiple=True,
                help="Believe this data key, or all under this provider, without proof.",
            ),
            option("--allow-empty", is_flag=True, help="A database without any secret is no error."),
        )
    ):
        function = decorate(function)
    return function


def vault_options(function: F) -> F:
    """How vaults are asked."""
    for decorate in reversed(
        (
            option(
                "--vault-deadline",
                type=click.FloatRange(min=1),
                default=30.0,
                show_default=True,
                metavar="SECONDS",
                help="How long one vault call may take with all its tries.",
            ),
            option(
                "--vault-share",
                type=click.FloatRange(min=0, min_open=True, max=1),
                default=0.5,
                show_default=True,
                metavar="SHARE",
                help="How much of a vault's quota to use; the rest is left to Grafana and others.",
            ),
            option(
                "--key-version",
                "key_versions",
                metavar="VERSION",
                multiple=True,
                help="Try this version of a vault's key too, where the permission list is missing.",
            ),
        )
    ):
        function = decorate(function)
    return function


#: For every command that takes the lease for longer than a moment.
lease_timeout_option = option(
    "--lease-timeout",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="A run whose heartbeat stands still this long is dead.",
)


def run_options_shared(function: F) -> F:
    """What every command that rewrites secrets is told about safety."""
    for decorate in reversed(
        (
            option(
                "--max-quarantine",
                type=click.FloatRange(min=0, max=1),
                default=0.2,
                show_default=True,
                metavar="SHARE",
                help="Stop (exit 6) when more than this share of the secrets under one key fail, from 20 on.",
            ),
            lease_timeout_option,
        )
    ):
        function = decorate(function)
    return function
