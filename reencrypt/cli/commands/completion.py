"""`reencrypt completion`."""

from __future__ import annotations

from typing import Annotated, Final

import click

from reencrypt.cli.options import Argument, cli_command

_SHELLS: Final = ("bash", "zsh", "fish")


@cli_command(
    "completion",
    epilog="""\b
Examples:
  reencrypt completion bash > /etc/bash_completion.d/reencrypt
  reencrypt completion zsh > "${fpath[1]}/_reencrypt"
  reencrypt completion fish > ~/.config/fish/completions/reencrypt.fish
""",
)
def command(shell: Annotated[str, Argument("SHELL", choices=_SHELLS)]) -> int:
    """Print the script that completes commands, options and their values in bash, zsh or fish.

    Locations come from the catalogue, providers from Grafana's configuration, and runs from its database, which is
    only read, for a second at most. Options on the line, the environment and the settings file say where these are.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only this needs it

    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"click knows no shell {shell}")
    click.echo(made(click.get_current_context().find_root().command, {}, "reencrypt", "_REENCRYPT_COMPLETE").source())
    return 0
