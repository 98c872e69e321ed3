"""The command group, loaded lazily, and the single place where errors become exit codes."""

from __future__ import annotations

import importlib
import os
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import click

from reencrypt.cli import output
from reencrypt.cli.groups import CommonGroup
from reencrypt.cli.hints import followable
from reencrypt.cli.mistakes import explained
from reencrypt.cli.options import CommandFailedError
from reencrypt.cli.output import ReportedError
from reencrypt.cli.settings_file import in_force
from reencrypt.cli.streams import OutputLostError
from reencrypt.cli.tree import Invocation
from reencrypt.cli.version import print_version
from reencrypt.errors import ReencryptError
from reencrypt.outcomes import ExitCode
from reencrypt.suggestion import joined

#: Command name → module under `reencrypt.cli.commands`, whose attribute `command` it is.
COMMANDS: Final = {
    "doctor": "doctor",
    "plan": "plan",
    "run": "run",
    "rewrap": "rewrap",
    "rollback": "rollback",
    "rekey-secret-key": "rekey",
    "status": "status",
    "verify": "verify",
    "quarantine": "quarantine",
    "undo": "undo",
    "complete": "complete",
    "report": "report",
    "fleet": "fleet",
    "config": "config",
    "completion": "completion",
    "demo": "demo",
    "emulator": "emulator",
}

_EXAMPLE: Final = """\b
Example:
  reencrypt plan --grafana-config /etc/grafana/grafana.ini
"""


class _LazyGroup(CommonGroup):
    """Imports a command's module when it is asked for; the modules import their operations even later."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"reencrypt.cli.commands.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command


def _exit_codes() -> str:
    lines = (textwrap.wrap(f"{code:3}  {code.meaning}", 74, subsequent_indent="     ") for code in ExitCode)
    return "\n".join(each for wrapped in lines for each in wrapped)


@click.group(
    cls=_LazyGroup,
    name="reencrypt",
    epilog=f"\b\nExit codes:\n{_exit_codes()}\n\n{_EXAMPLE}",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=print_version,
    help="Print the versions of this program, Python and the libraries.",
)
def cli() -> None:
    """Encrypt Grafana's secrets with a key in Azure Key Vault, while Grafana runs.

    The options below belong to every command but demo and emulator. They may stand before or after the command, and the
    later one wins; `reencrypt COMMAND --help` shows the others.
    """


def run_command_line(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; every error is reported here, once."""
    json_wanted = _wants_json(arguments)
    asked = Invocation()
    try:
        result = cli.main(list(arguments), prog_name="reencrypt", standalone_mode=False, obj=asked)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - so that a bug too has its exit code
        cause: BaseException = error
        on_finish = None
        if isinstance(error, CommandFailedError):
            cause, json_wanted, on_finish = error.error, error.as_json, error.on_finish
        if isinstance(cause, OutputLostError):
            return _without_output(cause)
        reported = _reported(cause)
        reported = replace(reported, hint=followable(reported.hint, asked.command))
        if reported.exit_code == ExitCode.USAGE and asked.settings_file is not None:
            reported = replace(reported, hint=joined(reported.hint, in_force(asked.settings_file)))
        try:
            output.print_error(asked.name, reported, as_json=json_wanted, on_finish=on_finish)
        except OutputLostError as lost:
            return _without_output(lost.after(reported.exit_code))
        return reported.exit_code
    return result if isinstance(result, int) else 0


def _without_output(lost: OutputLostError) -> int:
    """Say that the result is lost, and return the exit code: that of the work, but never 0 for a result that is lost.

    A reader that has gone away, such as `head -1`, has had what it wanted.
    """
    if lost.is_reader_gone:
        return lost.exit_code
    meaning = next(code.meaning for code in ExitCode if code == lost.exit_code)
    hint = (
        f"The work itself came to its end, with exit code {lost.exit_code} ({meaning}), and `reencrypt status` shows "
        "the runs. Make room, or give another place for the output."
    )
    message = f"the result cannot be written to standard output: {lost.reason.strerror}"
    output.print_error("", ReportedError("output", ExitCode.USAGE, message, hint), as_json=False)
    return lost.exit_code or ExitCode.USAGE


def _reported(error: BaseException) -> ReportedError:
    if isinstance(error, ReencryptError):
        return ReportedError(error.code, error.exit_code, error.message, error.hint)
    if isinstance(error, click.ClickException):
        return ReportedError("usage", ExitCode.USAGE, *explained(error))
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        return ReportedError("stopped", ExitCode.STOPPED, "interrupted", "")
    import traceback  # noqa: PLC0415 - help does not need it

    # Types and places, without the exception's own text, which could quote a secret.
    places = "".join(traceback.format_tb(error.__traceback__))
    return ReportedError(
        "bug", ExitCode.BUG, f"a bug in reencrypt: {type(error).__name__}", "Please report the lines above.", places
    )


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line that could not even be parsed asks for JSON; the last word counts."""
    wanted = os.environ.get("REENCRYPT_OUTPUT", "")
    for index, argument in enumerate(arguments):
        if argument == "--output":
            wanted = "".join(arguments[index + 1 : index + 2])
        elif argument.startswith("--output="):
            wanted = argument.removeprefix("--output=")
    return wanted == "json"
