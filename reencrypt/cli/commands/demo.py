"""`reencrypt demo`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from reencrypt.cli import output as out
from reencrypt.cli.commands.emulator import imported
from reencrypt.cli.options import cli_command
from reencrypt.option import option


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The options of `demo`."""

    keep: Path | None = option("--keep DIR", "Keep everything in this new folder.", default=None)
    secrets: int = option(
        "--secrets N", "About how many secrets the database gets.", default=2000, minimum=500, maximum=10_000
    )


@cli_command(
    "demo",
    epilog="""\b
Examples:
  reencrypt demo
  reencrypt demo --keep /tmp/demo        # and continue by hand
""",
)
def command(wanted: DemoOptions) -> int:
    """Show a whole migration on a temporary database: no Azure account, no Grafana.

    Builds a Grafana database on SQLite with one damaged secret among many, starts a local Key Vault, plans, runs, is
    interrupted, resumes and verifies, with the commands that you would type. Takes some seconds. Everything lies
    in a temporary folder that is removed at the end, unless --keep is given.
    """
    from reencrypt.demo.story import tell  # noqa: PLC0415

    imported()

    tell(click.echo, secrets=wanted.secrets, keep=wanted.keep, width=out.width())
    return 0
