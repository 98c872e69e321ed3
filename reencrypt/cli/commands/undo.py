"""`reencrypt undo`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from reencrypt.cli import output as out
from reencrypt.cli.awaiting import operate
from reencrypt.cli.listening import listening
from reencrypt.cli.options import Common, lease_timeout_option, settings_options, vault_options

if TYPE_CHECKING:
    from reencrypt.operations.undo.operation import UndoReport


@click.command(
    "undo",
    epilog="""\b
Example:
  reencrypt undo 20261125-093000-a1b2       # the run as `reencrypt status` names it
""",
)
@click.argument("run_id", metavar="RUN")
@settings_options
@vault_options
@lease_timeout_option
def command(
    common: Common,
    run_id: str,
    **options: Any,  # noqa: ANN401 - handed on by name
) -> int:
    """Give every column that RUN rewrote its old bytes back, byte for byte.

    Only where it still holds what the run wrote, and where the old bytes decrypt now: to the same plaintext as the
    present ones, or to a plausible one under a key that the old values of the run prove. So it helps where what the run
    wrote cannot be read. Whatever stays is listed with its reason (exit 3). Data keys get their old wrapping back
    where both hold the same data key, or where only the old one's decrypts the secrets under it. The data key that the
    run made is set inactive, never deleted.
    """
    from reencrypt.cli.loading import load, run_options  # noqa: PLC0415
    from reencrypt.operations.undo.operation import undo  # noqa: PLC0415

    settings = load(common)
    with listening(common) as emit:
        report = operate(settings, run_options(**options), emit, partial(undo, run_id=run_id))
    if common.output == "json":
        out.print_json("undo", report.exit_code, report.as_json())
        return report.exit_code
    _print(report)
    return report.exit_code


def _print(report: UndoReport) -> None:
    from reencrypt.operations.undo.journal import REMEDY, Kept  # noqa: PLC0415

    already = report.outcome == "already_undone"
    before = " was undone before, and nothing is written now" if already else ""
    out.line(f"Run {report.run_id}{before}: {report.restored} columns have their old bytes back.")
    if report.data_keys:
        out.line(f"{report.data_keys} data keys have their old wrapping back.")
    for each in report.kept:
        out.line(f"kept: {each.table} {each.row_key} {each.column}: {each.reason.value}")
    for reason, number in sorted(report.kept_because.items()):
        out.line(f"{reason} ({number}): {REMEDY[Kept(reason)]}")
    for found in report.disputed:
        numbers = ", ".join(f"{side} {number}" for side, number in found.numbers.items())
        out.line(f"Data key {found.data_key}: secrets by the wrapping that reads them: {numbers}")
        for one in found.secrets:
            out.line(f"  {one.table} {one.row_key} {one.field}: {one.reads}")
    if report.deactivated:
        out.line(f"Data key {report.deactivated} is inactive now; Grafana makes another when it saves next.")
    if report.stop_reason:
        out.line(f"Stopped: {report.stop_reason}. The same command goes on from here.")
