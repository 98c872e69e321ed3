"""`reencrypt status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reencrypt.cli import output as out
from reencrypt.cli.work_command import WorkCommand
from reencrypt.planning.options import StoreOptions

if TYPE_CHECKING:
    from reencrypt.operations.status import StatusReport
    from reencrypt.operations.work import Work


def prepare(stores: StoreOptions) -> Work[StatusReport]:
    """Show the runs of this database, their progress, and the next command to type."""
    from reencrypt.operations.status import status_of  # noqa: PLC0415

    return status_of(stores.names)


def _print(report: StatusReport) -> None:
    from reencrypt.state.counts import Counts  # noqa: PLC0415

    rows = []
    several = any(each.run.store != "classic" for each in report.runs)
    wrapped = any(each.data_keys for each in report.runs)
    for each in report.runs:
        total = Counts.sum(each.counts.values())
        run = each.run
        rows.append(
            (
                run.id,
                *([run.store] if several else []),
                run.outcome or run.state,
                run.target_provider,
                total.total,
                total.re_encrypted,
                total.quarantined,
                total.left,
                *([each.data_keys] if wrapped else []),
                run.updated,
            )
        )
    header = ["run", *(["store"] if several else []), "state", "target", "looked at", "re-encrypted", "quarantined"]
    header += ["left", *(["data keys"] if wrapped else []), "last change (UTC)"]
    out.print_table("Runs", header, rows)
    if report.holder:
        out.line(f"Lease: {report.holder}")
    for command in report.next_commands:
        out.line(f"Next: {command}")


command = WorkCommand(
    "status",
    prepare,
    _print,
    epilog="""\b
Example:
  reencrypt status --output json | jq '.runs[-1].secrets'
""",
)
