"""`reencrypt rewrap`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reencrypt.cli import output as out
from reencrypt.cli.awaiting import operate
from reencrypt.cli.listening import listening
from reencrypt.cli.options import (
    Common,
    lease_timeout_option,
    settings_options,
    target_options,
    vault_options,
)

if TYPE_CHECKING:
    from reencrypt.operations.rewrap.operation import RewrapReport


@click.command(
    "rewrap",
    epilog="""\b
Examples:
  reencrypt rewrap                       # after the vault's key was rotated
  reencrypt rewrap --to azurekv.other
""",
)
@settings_options
@target_options
@vault_options
@lease_timeout_option
def command(
    common: Common,
    **options: Any,  # noqa: ANN401 - handed on by name
) -> int:
    """Wrap the data keys alone under the target's newest key version; not one secret changes.

    A matter of seconds. Whoever once had the old key-encryption key and a copy of the database still knows the data
    keys: after a leak use `run --fresh-data-key`. Legacy secrets have no data key; they need `run`.
    """
    from reencrypt.cli.loading import load, run_options  # noqa: PLC0415
    from reencrypt.operations.rewrap.operation import rewrap  # noqa: PLC0415
    from reencrypt.outcomes import Operation  # noqa: PLC0415

    settings = load(common)
    with listening(common) as emit:
        report = operate(settings, run_options(**options, operation=Operation.REWRAP), emit, rewrap)
    if common.output == "json":
        out.print_json("rewrap", report.exit_code, report.as_json())
    else:
        _print(report)
    return report.exit_code


def _print(report: RewrapReport) -> None:
    where = f"{report.target_provider}, version {report.version}" if report.version else report.target_provider
    if report.run_id:
        out.line(f"Run {report.run_id}: {report.rewrapped} data keys wrapped anew under {where}.")
    out.line(f"{report.already_current} data keys were there already.")
    for key_id, reason in report.left.items():
        out.line(f"left: {key_id}: {reason}")
    if report.stop_reason:
        out.line(f"Stopped: {report.stop_reason}. Progress is saved; `{report.resume or 'reencrypt rewrap'}` goes on.")
