"""Writes `docs/reference.md`, `docs/reencrypt.1` and `config/reencrypt.toml` from what the program says of itself.

Run it in the checkout after a change: `python -m tests.reference`.
"""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

from reencrypt.cli.help import first_sentence
from reencrypt.cli.main import cli
from reencrypt.cli.stated_option import StatedOption
from reencrypt.cli.tree import all_commands
from reencrypt.operations.left import MEANINGS
from reencrypt.outcomes import ExitCode
from reencrypt.telemetry.families import ANSWERS, LOCKS, PAUSED, THROTTLED, VAULT_REQUESTS, Gauges
from tests import json_fields

ROOT: Final = Path(__file__).parents[1]
#: A settings file does not name another, and the others are for a person at a terminal.
_NOT_IN_FILES: Final = ("--config", "--verbose")

#: How the names of the commands begin that repeat another one in many databases.
FLEET: Final = "fleet "

_HEADER: Final = ("option", "commands", "variable", "default, limits", "meaning")

_REFERENCE: Final = """\
# Reference

Commands, options, exit codes, fields of JSON and metrics. `python -m tests.reference` writes this page from the
program, and a test fails where they differ.

## Commands

{commands}

## Options

The options of every command, the first table, may stand before the command too; the later one wins, and `-v` counts.

Every option but `-v` may also stand in the environment, or in a settings file (`--config FILE`, TOML) under its name
without the dashes: [`config/reencrypt.toml`](../config/reencrypt.toml) is a commented one with every option. Where
neither `--config` nor `REENCRYPT_CONFIG` names one, it is `/etc/reencrypt.toml`, if that exists; `--config /dev/null`
reads none. Others than root and the user of the command must not be able to write `/etc/reencrypt.toml`, else it is
refused (exit 2). `reencrypt config show` and the hint of an error say that it was read. The
command line wins over the environment, that over the file, that over the default. A command ignores options of other
commands in the file, and refuses a name that no command knows. An option that may be repeated is a list in the file,
and several values with blanks between them in the environment. A flag is `true` in both.

A command of `fleet` takes the options of the command that it repeats, and those of its own. The list of members says
`--grafana-config`, `--grafana-home` and `--database`, and there is no `--delete-data-keys`, which names one file.

{options}

## Exit codes

{exit_codes}

Every code but 0 and 2 is that of the work, even where its result could not be written: standard error says so then. A
reader that closes the pipe early, as in `reencrypt plan | head -1`, changes no exit code, and log lines that nobody can
take are left out.

## Fields of JSON

With `--output json` standard output is exactly one object, also when the command fails; messages go to standard error.
Every object has these fields:

{json_always}

After an error an object has `error` instead of the fields of its command: {json_error}. What is not known is null.

Without an error all but `config show` have these too, as the last lines of the text say them. They leave out where the
configuration is:

{json_next}

{json_fields}

### Why a secret is left as it is

The codes of `left_because`, some with the key or provider that they are about:

{left}

### A command of `fleet`

{json_fleet}

`reencrypt report` prints a report instead, in the form that `--format` names ([audit](audit.md)).

## Metrics

With `--metrics-file` or `--pushgateway`; [monitoring](monitoring.md) says when and how they are published, and what
their labels mean. In a fleet each has the label `member` as well.

{metrics}
"""

_SETTINGS: Final = """\
# Settings for `reencrypt --config FILE`, or as /etc/reencrypt.toml: every option of every command, with its default.
#
# The command line wins over the environment (REENCRYPT_…), that over this file. A line that begins with `#` shows an
# option that has no default, with an example; each command takes what it knows and ignores the others' options.
# `python -m tests.reference` writes this file.
"""


@dataclass
class Stated:
    """An option with the commands that take it in these words."""

    option: StatedOption
    commands: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.option.stated.name

    @property
    def default(self) -> object:
        """What the program takes where nothing is said; None where that depends."""
        return False if self.option.is_flag else self.option.default if self.option.show_default else None


def collected(key: Callable[[StatedOption], object]) -> list[Stated]:
    """The options of all commands, in their order; those with one key are one.

    A command of `fleet` is left out where the command that it repeats takes the option too.
    """
    found: dict[object, Stated] = {}
    for name, command in all_commands(cli):
        for option in command.params:
            if isinstance(option, StatedOption):
                stated = found.setdefault(key(option), Stated(option))
                if name.removeprefix(FLEET) not in stated.commands:
                    stated.commands.append(name)
    return list(found.values())


def reference() -> str:
    """The text of `docs/reference.md`."""
    commands = [(f"`{usage(name, command)}`", first_sentence(command)) for name, command in all_commands(cli)]
    options = collected(lambda each: (each.group, each.stated.name, each.help))
    groups = dict.fromkeys(each.option.group for each in options)
    tables = []
    for group in groups:
        rows = [_row(each) for each in options if each.option.group is group]
        title = str(inspect.getdoc(group)).split("\n", 1)[0].removesuffix(".")
        tables.append(f"### {title}\n\n{_table(_HEADER, rows)}")
    return _REFERENCE.format(
        commands=_table(("command", "does"), commands),
        options="\n\n".join(tables),
        json_always=_fields(json_fields.ALWAYS),
        json_next=_fields(json_fields.NEXT),
        json_error=json_fields.ERROR["error"],
        json_fields="\n\n".join(_of_commands()),
        left=_table(
            ("code", "meaning"),
            [(f"`{code}`", meaning.replace("{of}", "…")) for code, meaning in MEANINGS.items()],
        ),
        json_fleet=_fields(json_fields.FLEET),
        metrics=_table(("metric", "type", "labels", "meaning"), list(_metrics())),
        exit_codes=_table(("exit", "meaning", "details"), [_exit_code(code) for code in ExitCode]),
    )


def settings_file() -> str:
    """The text of `config/reencrypt.toml`."""
    parts = [_SETTINGS]
    readers = [
        name
        for name, command in all_commands(cli)
        if any(_is_config(each) for each in command.params) and not name.startswith(FLEET)
    ]
    for each in collected(lambda option: option.stated.name):
        commands = [name for name in each.commands if name in readers or name.startswith(FLEET)]
        if not commands or each.name in _NOT_IN_FILES:
            continue
        taken = "all commands" if commands == readers else ", ".join(commands)
        lines = textwrap.wrap(f"{each.option.help} ({taken})", 116, break_on_hyphens=False)
        comment = "\n".join(f"# {line}" for line in lines)
        key = each.name.removeprefix("--")
        value = each.default
        if value is None:
            example = each.option.stated.example
            key, value = f"#{key}", [example] if each.option.multiple else example
        parts.append(f"{comment}\n{key} = {json.dumps(value)}\n")
    return "\n".join(parts)


def _is_config(option: click.Parameter) -> bool:
    return "--config" in option.opts


def _fields(fields: Mapping[str, str]) -> str:
    return _table(("field", "meaning"), [(f"`{name}`", meaning) for name, meaning in fields.items()])


def _of_commands() -> Iterator[str]:
    """A table for each object; commands that print the same share it."""
    for fields in {id(each): each for each in json_fields.FIELDS.values()}.values():
        names = [f"`{name}`" for name, each in json_fields.FIELDS.items() if each == fields]
        yield f"### {', '.join(names)}\n\n{_fields(fields)}"


def _metrics() -> Iterator[tuple[str, str, str, str]]:
    families = [(each, "gauge", "") for each in Gauges().all()]
    families += [(each, "counter", "_total") for each in (VAULT_REQUESTS, THROTTLED, PAUSED)]
    families += [(each, "histogram", "") for each in (LOCKS, ANSWERS)]
    for family, kind, suffix in families:
        yield f"`{family.name}{suffix}`", kind, ", ".join(f"`{each}`" for each in family.labels), family.meaning


def _exit_code(code: ExitCode) -> tuple[str, str, str]:
    return str(int(code)), code.meaning, code.details


def usage(name: str, command: click.Command) -> str:
    arguments = [str(each.metavar) for each in command.params if isinstance(each, click.Argument)]
    return " ".join(["reencrypt", name, *arguments])


def _row(each: Stated) -> tuple[str, ...]:
    option, stated = each.option, each.option.stated
    default = "" if each.default in (None, False) else f"`{shown(each.default)}`"
    return (
        f"`{written(option)}`",
        names(each.commands),
        f"`{stated.variable}`" if stated.variable else "",
        ", ".join(filter(None, (default, *limits(option)))),
        " ".join(sentences(option)),
    )


def written(option: StatedOption) -> str:
    metavar = "" if option.is_flag or option.count else option.make_metavar(click.Context(cli))
    if isinstance(option.type, click.Choice):
        metavar = metavar.strip("[]")
    return f"{', '.join(option.stated.names)} {metavar}".strip()


def shown(default: object) -> str:
    if isinstance(default, Sequence) and not isinstance(default, str):
        return " ".join(map(str, default))
    return f"{default:g}" if isinstance(default, float) else str(default)


def names(commands: list[str]) -> str:
    missing = [name for name, _ in all_commands(cli) if name not in commands and not name.startswith(FLEET)]
    return f"all but {', '.join(missing)}" if len(missing) < len(commands) / 2 else ", ".join(commands)


def limits(option: StatedOption) -> Iterator[str]:
    stated = option.stated
    for words, limit in (("at least", stated.minimum), ("above", stated.above), ("at most", stated.maximum)):
        if limit is not None:
            yield f"{words} {limit:g}"


def sentences(option: StatedOption) -> Iterator[str]:
    text = str(option.help)
    yield text
    if option.required:
        yield "Required."
    if option.stated.details:
        yield option.stated.details
    if option.multiple and "repeated" not in text:
        yield "May be repeated."
    example = str(option.stated.example)
    if example and example not in text + option.stated.details and not isinstance(option.type, click.Choice):
        yield f"For example `{example}`."


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def manual() -> str:
    """The text of `docs/reencrypt.1`."""
    from tests.manpage import man_page  # noqa: PLC0415 - it is made of this module

    return man_page()


FILES: Final = {
    ROOT / "docs/reference.md": reference,
    ROOT / "config/reencrypt.toml": settings_file,
    ROOT / "docs/reencrypt.1": manual,
}


if __name__ == "__main__":
    for path, text in FILES.items():
        path.write_text(text())
