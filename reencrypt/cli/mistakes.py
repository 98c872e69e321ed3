"""What a usage error says: what is wrong, what may have been meant, and where help is."""

from __future__ import annotations

from typing import Final

import click

from reencrypt.cli.tree import all_commands
from reencrypt.suggestion import did_you_mean, joined

#: Commands that are named as those with an option; where more have it, the one that has not is.
_FEW: Final = 4


def explained(error: click.ClickException) -> tuple[str, str]:
    """The message and the hint for a command line that click does not understand."""
    if not isinstance(error, click.UsageError) or error.ctx is None:
        return error.format_message(), "See `reencrypt --help`."
    see_help = f"See `{error.ctx.command_path} --help`."
    if not isinstance(error, click.NoSuchOption):
        # The library puts each choice on a line of its own, behind a tab.
        return " ".join(error.format_message().split()), see_help
    elsewhere = _elsewhere(error.ctx, error.option_name)
    own = [name for each in error.ctx.command.get_params(error.ctx) for name in each.opts if name.startswith("-")]
    meant = "" if elsewhere else did_you_mean(error.option_name, own)
    return joined(f"No such option '{error.option_name}'.", meant), joined(elsewhere, see_help)


def _elsewhere(ctx: click.Context, option: str) -> str:
    """Say which commands have an option; one that a fleet repeats counts once."""
    commands = all_commands(ctx.find_root().command)
    having = [name for name, each in commands if any(option in one.opts for one in each.params)]
    having = [name for name in having if name.partition(" ")[2] not in having]
    if not having:
        return ""
    if len(having) > _FEW:
        return f"Most commands have it, and {ctx.info_name} has not."
    where = ": give it after the command" if isinstance(ctx.command, click.Group) else ""
    return f"It is an option of {' and '.join(f'`{each}`' for each in having)}{where}."
