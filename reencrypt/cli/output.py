"""Output: results on stdout, errors on stderr; text for people or one JSON object for programs.

What a text has of the database or of a server is escaped where it is printed, on a terminal and in a pipe alike: a
terminal does what control characters say.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TextIO, TypeVar

import click

from reencrypt.cli.layout import table
from reencrypt.cli.on_finish import FinishCommand
from reencrypt.cli.options import Common
from reencrypt.cli.streams import OutputLostError
from reencrypt.next_steps import NextStep, steps_as_json
from reencrypt.wording import paragraph, printable, printable_lines

_R = TypeVar("_R", bound="Report")

SCHEMA_VERSION: Final = 2


def print_json(command: str, exit_code: int, content: Mapping[str, Any]) -> None:
    """Print exactly one object."""
    _print_result(_result(command, exit_code, content))


def _result(command: str, exit_code: int, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, "command": command, "exit_code": exit_code, **content}


def _print_result(result: Mapping[str, Any]) -> None:
    import json  # noqa: PLC0415 - help does not need it

    click.echo(json.dumps(result, indent=2))


class Report(Protocol):
    """The result of an operation."""

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """What to type next, in this order."""
        ...

    def as_json(self) -> Mapping[str, Any]:
        """For `--output json`."""
        ...


def answer(command: str, common: Common, exit_code: int, report: _R, show: Callable[[_R], None]) -> int:
    """Print a report in the form that was asked for, and return the exit code.

    As text that is `show`, and what to type next behind it.

    The command of `--on-finish` is told it too. Raises `OutputLostError` with the exit code where standard output does
    not take it.
    """
    wanted = common.output == "json" or common.on_finish is not None
    result = _result(command, exit_code, {**report.as_json(), **steps_as_json(report.next_steps)}) if wanted else {}
    try:
        if common.output == "json":
            _print_result(result)
        else:
            show(report)
            for step in report.next_steps:
                print_next(step)
    except OutputLostError as lost:
        _tell(common.on_finish, result)
        raise lost.after(exit_code) from lost.reason
    # Not where `show` fails in another way: that is told as an error.
    _tell(common.on_finish, result)
    return exit_code


def _tell(on_finish: FinishCommand | None, result: Mapping[str, Any]) -> None:
    if on_finish is None:
        return
    trouble = on_finish.tell(result, os.environ)
    if trouble:
        talk(f"warning: the command of --on-finish, {on_finish.words[0]}, {trouble}")


@dataclass(frozen=True, slots=True)
class ReportedError:
    """An error as it is reported; `above` is printed before it on stderr."""

    code: str
    exit_code: int
    message: str
    hint: str
    above: str = ""


def print_error(
    command: str, reported: ReportedError, *, as_json: bool, on_finish: FinishCommand | None = None
) -> None:
    """Report an error: `error:` and `hint:` lines on stderr, and the object on stdout where JSON was asked for.

    The command of `--on-finish` is told it too.
    """
    if reported.above:
        click.echo(reported.above, err=True)
    talk(f"error: {reported.message}")
    if reported.hint:
        talk(f"hint: {reported.hint}")
    error = {"code": reported.code, "message": reported.message, "hint": reported.hint}
    result = _result(command, reported.exit_code, {"outcome": reported.code, "error": error})
    try:
        if as_json:
            _print_result(result)
    finally:
        _tell(on_finish, result)


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table under its title; numbers stand right."""
    line(title)
    cells = [[cell if isinstance(cell, int) else printable(str(cell)) for cell in row] for row in rows]
    for text in table([printable(each) for each in header], cells, width()):
        click.echo(text)


def width() -> int | None:
    """The columns of the terminal that standard output is, None for a file or a pipe."""
    return _columns(sys.stdout)


def _columns(stream: TextIO) -> int | None:
    if not stream.isatty():
        return None
    import shutil  # noqa: PLC0415 - with all that it compresses and unpacks

    return shutil.get_terminal_size().columns


def line(text: str = "") -> None:
    """Print a sentence of the result, on a terminal broken between words."""
    click.echo(paragraph(printable_lines(text), width()))


def talk(text: str) -> None:
    """Print a sentence that is no result on standard error, on a terminal broken between words."""
    click.echo(paragraph(printable_lines(text), _columns(sys.stderr)), err=True)


def print_next(step: NextStep) -> None:
    """Print what to type next, as it is, on a line of its own, and why: the last line of a result."""
    columns = width()
    text, why = printable(step.command), printable(step.why)
    comment = f"  # {why}" if why else ""
    if columns is not None and len(f"Next: {text}{comment}") > columns:
        line(f"Next ({why}):" if why else "Next:")
        click.echo(f"  {text}")
    else:
        click.echo(f"Next: {text}{comment}")


def command_line(text: str) -> None:
    """Print what somebody may copy, its lines as they are."""
    click.echo(printable_lines(text))


def document(text: str) -> None:
    """Print a document that ends with a line break: byte for byte for a program, which may check its hash."""
    # With color=True click takes nothing out.
    click.echo(text if width() is None else printable_lines(text), nl=False, color=True)
