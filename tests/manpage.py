"""The text of `docs/reencrypt.1`, the manual page, from what the program says of itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator

import click

import reencrypt
from reencrypt.cli.help import first_sentence
from reencrypt.cli.main import cli
from reencrypt.cli.tree import all_commands
from reencrypt.outcomes import ExitCode
from tests.reference import Stated, collected, limits, names, sentences, shown, usage, written

_FILES = {
    "/etc/reencrypt.toml": "Settings, where neither --config nor REENCRYPT_CONFIG names a file. --config /dev/null "
    "reads none. It is refused where others than root and the user of the command can write it.",
    "/etc/grafana/grafana.ini": "Grafana's own configuration, which is read as Grafana reads it.",
}
_ORIGIN = (
    "Every option but -v may also stand in the environment, or in a settings file in TOML under its name without the "
    "dashes. The command line wins over the environment, that over the file, that over the default. The options of "
    "every command may stand before the command too; the later one wins, and -v counts."
)


def man_page() -> str:
    """The page in roff, with the macros of man(7)."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield r".\" `python -m tests.reference` writes this page from the program."
    yield f'.TH REENCRYPT 1 "" "reencrypt {reencrypt.__version__}" "User Commands"'
    yield ".ad l"  # names and paths are long, so that lines cannot be filled evenly
    yield ".nh"
    yield ".SH NAME"
    summary = str(cli.help).split("\n", maxsplit=1)[0].removesuffix(".")
    yield f"reencrypt \\- {_text(summary[0].lower() + summary[1:])}"
    yield ".SH SYNOPSIS"
    yield ".B reencrypt"
    yield _text("[OPTION]... COMMAND [OPTION]... [ARGUMENT]...")
    yield ".SH DESCRIPTION"
    yield from _paragraphs(_ORIGIN)
    yield ".SH COMMANDS"
    for name, command in all_commands(cli):
        yield from _item(usage(name, command), [first_sentence(command)])
    options = collected(lambda each: (each.group, each.stated.name, each.help))
    for group in dict.fromkeys(each.option.group for each in options):
        title = str(inspect.getdoc(group)).split("\n", 1)[0].removesuffix(".")
        yield f'.SH "{_text(title.upper())}"'
        for each in options:
            if each.option.group is group:
                yield from _option(each)
    yield ".SH EXIT STATUS"
    for code in ExitCode:
        yield from _item(str(int(code)), [code.meaning])
    yield ".SH FILES"
    for path, meaning in _FILES.items():
        yield from _item(path, [meaning])
    yield ".SH EXAMPLES"
    yield from _examples(all_commands(cli))


def _option(each: Stated) -> Iterator[str]:
    stated = each.option.stated
    default = "" if each.default in (None, False) else f"Default: {shown(each.default)}."
    facts = [*sentences(each.option), default, *(f"Limit: {limit}." for limit in limits(each.option))]
    facts.append(f"Variable: {stated.variable}." if stated.variable else "")
    yield from _item(written(each.option), [" ".join(filter(None, facts)), f"Commands: {names(each.commands)}."])


def _examples(commands: Iterable[tuple[str, click.Command]]) -> Iterator[str]:
    for _, command in commands:
        lines = str(command.epilog).split("\n")
        yield ".PP"
        yield ".nf"
        yield from (_text(line.removeprefix("  ")) for line in lines if line.startswith("  "))
        yield ".fi"


def _item(name: str, paragraphs: Iterable[str]) -> Iterator[str]:
    yield ".TP"
    yield f'.B "{_text(name)}"'
    for number, each in enumerate(paragraphs):
        if number:
            yield ".br"
        yield _text(each)


def _paragraphs(text: str) -> Iterator[str]:
    yield ".PP"
    yield _text(text)


def _text(text: str) -> str:
    """As roff shows it as it is: no escape, no macro at the beginning, and hyphens that can be copied."""
    plain = text.replace("\\", r"\e").replace("-", r"\-").replace("`", "").replace('"', r"\(dq").replace("…", "...")
    plain = plain.replace("'", r"\(aq")
    plain = re.sub(r"([|/]+)", r"\1\\:", plain)  # where a line may be broken, without a hyphen
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain
