"""How `--help` looks: the options under headings, the wanted ones first, in eighty columns and without broken words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Final

import click

#: The heading of each group of options, in the order in which help has them. They are names, because a group's module
#: is loaded only by the commands that take it.
HEADINGS: Final[dict[str, str]] = {
    "CompleteOptions": "Question and answer",
    "PlanOptions": "Plan",
    "RekeyOptions": "The next secret_key",
    "RetryOptions": "Retry",
    "PaperOptions": "Report",
    "EvidenceOptions": "Report",
    "QuarantineSelection": "Which entries",
    "DemoOptions": "Demo",
    "EmulatorOptions": "Emulator",
    "FleetOptions": "Members",
    "TargetOptions": "Target",
    "RotationOptions": "Rotation",
    "ScopeOptions": "How much, and when it stops",
    "PaceOptions": "How much, and when it stops",
    "Common": "Every command: where Grafana is, and the form of results",
    "StoreOptions": "Where the secrets are",
    "DeclaredOptions": "Where the secrets are",
    "TrustOptions": "Proof and safety",
    "SafetyOptions": "Proof and safety",
    "LagOptions": "Replicas",
    "ServiceOptions": "Key service",
    "ManagerOptions": "Key service",
    "MetricsOptions": "Metrics",
}
#: Of options that no group states: `--help` and `--version`.
_OTHERS: Final = "Help"
_SPACING: Final = 2
#: The widest first column that leaves room for words.
_WIDEST: Final = 28
_RAW: Final = "\b\n"


class HelpFormatter(click.HelpFormatter):
    """Breaks lines between words alone: an option or an algorithm stays whole."""

    def write_text(self, text: str) -> None:
        """Write paragraphs. One that begins with a backspace stays as it is, as click has it."""
        indent = " " * self.current_indent
        written = [self._paragraph(each, indent) for each in text.split("\n\n") if each.strip()]
        self.write("\n\n".join(written) + "\n")

    def _paragraph(self, text: str, indent: str) -> str:
        if text.startswith(_RAW):
            return textwrap.indent(text.removeprefix(_RAW).rstrip("\n"), indent)
        return "\n".join(_wrapped(text, self.width - len(indent), indent))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = _WIDEST, col_spacing: int = _SPACING) -> None:
        """Write names and what they mean, in two columns."""
        rows, indent = list(rows), " " * self.current_indent
        first = min(max((len(name) for name, _ in rows), default=0), col_max) + col_spacing
        for name, meaning in rows:
            lines = _wrapped(meaning, self.width - first - len(indent), "") or [""]
            begin = f"{name:{first}}" if len(name) <= first - col_spacing else f"{name}\n{indent}{'':{first}}"
            self.write(f"{indent}{begin}{lines[0]}".rstrip() + "\n")
            for line in lines[1:]:
                self.write(f"{indent}{'':{first}}{line}\n")


class HelpContext(click.Context):
    """A context whose help is written like that."""

    formatter_class = HelpFormatter


def write_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write the options of a command under the headings of their groups."""
    under: dict[str, list[tuple[str, str]]] = {heading: [] for heading in (*HEADINGS.values(), _OTHERS)}
    for each in command.get_params(ctx):
        record = None if isinstance(each, click.Argument) else each.get_help_record(ctx)
        if record is not None:
            group = getattr(each, "group", None)
            heading = HEADINGS[group.__name__] if group is not None else _OTHERS
            under[heading].append(_fitting(*record, each.type, formatter.width))
    for heading, records in under.items():
        if records:
            with formatter.section(heading):
                formatter.write_dl(records)


def write_commands(commands: Sequence[tuple[str, click.Command]], formatter: click.HelpFormatter) -> None:
    """Write the commands of a group with their first sentence, all of it."""
    with formatter.section("Commands"):
        formatter.write_dl([(name, first_sentence(each)) for name, each in commands])


def first_sentence(command: click.Command) -> str:
    """What a command does, in its first paragraph."""
    return " ".join(str(command.help).split("\n\n", 1)[0].split())


def _fitting(name: str, meaning: str, kind: click.ParamType[Any], width: int) -> tuple[str, str]:
    """Many choices stand behind the meaning, because no line holds them."""
    if len(name) + _SPACING <= width or not isinstance(kind, click.Choice):
        return name, meaning
    return f"{name.partition(' ')[0]} NAME", f"{meaning} One of: {', '.join(kind.choices)}."


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    lines = textwrap.wrap(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)
    return [f"{indent}{line}" for line in lines]
