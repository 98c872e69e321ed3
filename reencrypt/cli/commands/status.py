"""`reencrypt status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reencrypt.cli import output as out
from reencrypt.cli.work_command import WorkCommand
from reencrypt.planning.options import StoreOptions

if TYPE_CHECKING:
    from reencrypt.operations.status import StatusReport
    from reencrypt.operations.work import Work


#: What was typed, where a run is only a part of it.
_COMMANDS: Final = {"envelop": "rekey-secret-key, first step", "rekey": "rekey-secret-key"}


def prepare(stores: StoreOptions) -> Work[StatusReport]:
    """Show the runs of this database, their progress, and the next command to type."""
    from reencrypt.operations.status import status_of  # noqa: PLC0415

    return status_of(stores.names)


def _print(report: StatusReport) -> None:
    from reencrypt.state.counts import Counts  # noqa: PLC0415

    totals = [(each, Counts.sum(each.counts.values())) for each in report.runs]
    several = any(each.run.store != "classic" for each in report.runs)
    optional = {
        "data keys": [each.data_keys for each, _ in totals],
        "in quarantine": [total.quarantined for _, total in totals],
        "left as is": [total.left for _, total in totals],
    }
    shown = {name: numbers for name, numbers in optional.items() if any(numbers)}
    rows = [
        (
            f"{each.run.id}{f' ({each.run.store})' if several else ''}, last change {each.changed} UTC",
            _COMMANDS.get(each.run.operation, each.run.operation),
            (each.run.outcome if each.run.state == "finished" else each.run.state).replace("_", " "),
            each.run.target_provider,
            total.total,
            total.re_encrypted,
            *(numbers[index] for numbers in shown.values()),
        )
        for index, (each, total) in enumerate(totals)
    ]
    if rows:
        header = ("run", "operation", "state", "target", "looked at", "re-encrypted", *shown)
        out.print_table("Runs, the oldest first", header, rows)
    else:
        out.line("There has been no run in this database.")
    if report.holder:
        out.line(f"At work: {report.holder} holds the lease.")
    out.line()


command = WorkCommand(
    "status",
    prepare,
    _print,
    epilog="""\b
Examples:
  reencrypt status
  reencrypt status --output json | jq '.runs[-1].secrets'
""",
)
