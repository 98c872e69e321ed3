"""`reencrypt fleet`: the same work in many Grafanas under one vault."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import click

from reencrypt.cli.commands import complete, plan, report, rewrap, run, status, verify
from reencrypt.cli.fleet_command import FleetCommand, Presentation
from reencrypt.cli.groups import CommonGroup
from reencrypt.reports.options import PaperOptions

if TYPE_CHECKING:
    from reencrypt.fleet.results import FleetReport
    from reencrypt.reports.paper import Paper

#: Command and what it does in a fleet, with an example.
_COMMANDS: Final = (
    (run.command, "Re-encrypt the secrets of every member; resume what was interrupted.", "fleet.toml"),
    (
        rewrap.command,
        "Wrap the data keys of every member with the target's newest key version.",
        "'/srv/*/grafana.ini'",
    ),
    (plan.command, "Show what a run would do in every member. Changes nothing.", "fleet.toml --output json"),
    (verify.command, "Read every secret of every member as its Grafana would.", "fleet.toml --shard 0/3"),
    (complete.command, "Answer for every member whether its old key can be retired.", "fleet.toml --settle"),
    (status.command, "Show the runs of every member, and the next command to type.", "fleet.toml --output json"),
)

_RULES: Final = """\b

FLEET is a TOML file with [[member]] entries, or files of Grafana's configuration: "/srv/*/grafana.ini". One member's
failure stops no other. The exit code is that of the member that needs a person most: 1, 6, 8, 2, 9, 3, 7, 5, 4, 0.
"""


@click.group(
    "fleet",
    cls=CommonGroup,
    epilog="""\b
Example:
  reencrypt fleet run fleet.toml --canary staging
""",
)
def command() -> None:
    """Do the same in many Grafanas: one process, one share of each vault's quota, one report."""


def _on_paper(options: PaperOptions) -> Callable[[FleetReport], Paper]:
    """One report of all members; what is wrong with its file is said before anything is read."""
    from reencrypt.reports.fleet import fleet_evidence  # noqa: PLC0415
    from reencrypt.reports.paper import Desk  # noqa: PLC0415

    desk = Desk.of(options)
    return lambda found: desk.write(fleet_evidence(found))


for _single, _meaning, _example in _COMMANDS:
    command.add_command(
        FleetCommand(
            _single, f"{_meaning}\n\n{_RULES}", epilog=f"\b\nExample:\n  reencrypt fleet {_single.name} {_example}\n"
        )
    )

command.add_command(
    FleetCommand(
        report.of_member,
        f"Write the evidence of every member's last run for an auditor, on one page.\n\n{_RULES}",
        epilog="\b\nExample:\n  reencrypt fleet report fleet.toml --file fleet.html --cryptoperiod 90d\n",
        presentation=Presentation(PaperOptions, _on_paper, report.show),
    )
)
