"""Groups of commands: they take the options of every command too, and know what a mistyped command may have meant."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import click

from reencrypt.cli.help import HelpContext, write_commands, write_options
from reencrypt.cli.options import Common
from reencrypt.cli.stated_option import StatedOption, options_of
from reencrypt.cli.tree import Invocation, all_commands
from reencrypt.suggestion import did_you_mean, joined

#: Where a context keeps what stood before the command, by the path of its group.
_GIVEN: Final = f"{__name__}.given:"


class CommonGroup(click.Group):
    """A group that takes the options of every command (`Common`) before the command, too.

    They mean the same there, because the command itself reads them: they are handed to it in front of its own. So the
    later one wins, and -v counts.
    """

    context_class = HelpContext

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, then the options."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        write_commands([(name, each) for name, each in commands if each is not None], formatter)
        write_options(self, ctx, formatter)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Those of the group, and the common ones."""
        return [*_common_options(), *super().get_params(ctx)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember what was given, for `resolve_command`."""
        ctx.meta[_GIVEN + ctx.command_path] = list(args)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and give it the options that stood before it; ask what was meant where there is none."""
        name, *own = args
        command = self.get_command(ctx, name)
        if command is None:
            if ctx.resilient_parsing:
                return None, None, own
            raise click.UsageError(joined(f"No such command '{name}'.", self._meant(ctx, name)), ctx)
        invocation = ctx.find_object(Invocation)
        if invocation is not None:
            invocation.words.append(name)
            invocation.command = command
        given: Sequence[str] = ctx.meta.get(_GIVEN + ctx.command_path, args)
        options = list(given[: len(given) - len(args)])
        if options[-1:] == ["--"]:
            options.pop()
        return name, command, [*options, *own]

    def _meant(self, ctx: click.Context, name: str) -> str:
        """What looks like it here, or is what a command in another group is called."""
        here = did_you_mean(name, self.list_commands(ctx))
        if here:
            return here
        everywhere = [each for each, _ in all_commands(ctx.find_root().command)]
        inner = [each for each in everywhere if each.rpartition(" ")[2] == name]
        return f"Did you mean {' or '.join(f'`{each}`' for each in inner)}?" if inner else ""


@cache
def _common_options() -> tuple[StatedOption, ...]:
    return tuple(each.before_command() for each in options_of(Common))
