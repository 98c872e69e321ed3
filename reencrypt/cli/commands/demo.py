"""`reencrypt demo`."""

from __future__ import annotations

from pathlib import Path

import click

from reencrypt.cli.commands.emulator import imported
from reencrypt.cli.options import option


@click.command(
    "demo",
    epilog="""\b
Examples:
  reencrypt demo
  reencrypt demo --keep /tmp/demo        # and go on by hand
""",
)
@option("--keep", type=click.Path(path_type=Path), metavar="DIR", help="Keep everything in this new folder.")
@option(
    "--secrets",
    type=click.IntRange(500, 10_000),
    default=2000,
    show_default=True,
    metavar="N",
    help="About how many secrets the database gets.",
)
def command(keep: Path | None, secrets: int) -> int:
    """Show the whole story on a throw-away database: no Azure account, no Grafana.

    Builds a Grafana database on SQLite with one damaged secret among many, starts a local Key Vault, plans, runs, is
    interrupted, resumes and verifies, with the very commands that you would type. Takes some seconds. Everything lies
    in a temporary folder that is removed at the end, unless --keep is given.
    """
    from reencrypt.demo.story import tell  # noqa: PLC0415

    imported()

    tell(click.echo, secrets=secrets, keep=keep)
    return 0
