"""`reencrypt undo`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from reencrypt.cli import output as out
from reencrypt.cli.options import Argument, Only
from reencrypt.cli.work_command import WorkCommand
from reencrypt.databases.lag_options import LagOptions
from reencrypt.keys.manager_options import ManagerOptions
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.planning.options import DeclaredOptions, RunOptions, SafetyOptions

if TYPE_CHECKING:
    from reencrypt.operations.undo.operation import UndoReport
    from reencrypt.operations.work import Work


def prepare(
    declared: DeclaredOptions,
    run_id: Annotated[str, Argument("RUN", completes="run")],
    vault: ServiceOptions,
    manager: ManagerOptions,
    safety: Annotated[SafetyOptions, Only("lease_timeout")],
    lag: LagOptions,
) -> Work[UndoReport]:
    """Restore the old bytes of every column that RUN rewrote.

    Only where it still holds what the run wrote, and where the old bytes decrypt now: to the same plaintext as the
    present ones, or to a plausible one under a key that the old values of the run prove. So it helps where what the run
    wrote cannot be read. Columns that stay are listed with their reason (exit 3). Data keys get their old wrapping back
    where both hold the same data key, or where only the old one's decrypts the secrets under it. The data keys that
    the run made are set inactive, never deleted. A run is undone in its own store; runs of the other one do not matter.
    """
    from reencrypt.operations.undo.operation import undo_in_stores  # noqa: PLC0415
    from reencrypt.operations.work import in_all_stores  # noqa: PLC0415

    options = RunOptions(declared=declared, vault=vault, manager=manager, safety=safety, lag=lag)
    return in_all_stores(options, partial(undo_in_stores, run_id=run_id))


def _print(report: UndoReport) -> None:
    from reencrypt.operations.names import name_of, with_name  # noqa: PLC0415
    from reencrypt.operations.undo.journal import REMEDY, UndoSkipReason  # noqa: PLC0415

    already = report.outcome == "already_undone"
    before = " was undone before, and nothing is written now" if already else ""
    where = "" if report.store == "classic" else f" in {report.store.in_words}"
    out.line(f"Run {report.run_id}{where}{before}: columns with their old bytes back: {report.restored}.")
    if report.data_keys:
        out.line(f"Data keys with their old wrapping back: {report.data_keys}.")
    for each in report.kept:
        where = with_name((each.table, each.row_key, each.column), name_of(each.place, report.names))
        out.line(f"kept: {where}: {each.reason.value}")
    for reason, number in sorted(report.kept_because.items()):
        out.line(f"{reason} ({number}): {REMEDY[UndoSkipReason(reason)]}")
    for found in report.disputed:
        numbers = ", ".join(f"{side} {number}" for side, number in found.numbers.items())
        out.line(f"Data key {found.data_key}: secrets by the wrapping that reads them: {numbers}")
        for one in found.secrets:
            where = with_name((one.table, one.row_key, one.field), name_of(one.place, report.names))
            out.line(f"  {where}: {one.reads}")
    for key_id in report.deactivated:
        out.line(f"Data key {key_id} is inactive now; Grafana makes another when it saves next.")
    if report.stop_reason:
        out.line(f"Stopped: {report.stop_reason}. Progress is saved.")


command = WorkCommand(
    "undo",
    prepare,
    _print,
    epilog="""\b
Examples:
  reencrypt status                            # names the runs
  reencrypt undo 20261125-093000-a1b2
""",
)
