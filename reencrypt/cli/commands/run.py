"""`reencrypt run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reencrypt.cli import output as out
from reencrypt.cli.awaiting import operate
from reencrypt.cli.listening import listening
from reencrypt.cli.options import (
    Common,
    option,
    rotation_options,
    run_options_shared,
    settings_options,
    target_options,
    vault_options,
)

if TYPE_CHECKING:
    from reencrypt.operations.report import RunReport


@click.command(
    "run",
    epilog="""\b
Examples:
  reencrypt run
  reencrypt run --location data_source --limit 5                 # a pilot: that much, then stop
  reencrypt run --fresh-data-key --if-older-than 90d --settle    # for a schedule
""",
)
@settings_options
@target_options
@vault_options
@rotation_options
@option("--location", "locations", metavar="NAME", multiple=True, help="Only this location; then stop (exit 4).")
@option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop after about N secrets (exit 4).")
@option("--max-runtime", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after this long (exit 4).")
@option(
    "--settle", is_flag=True, help="Wait for Grafana's cache of data keys (data_keys_cache_ttl), then sweep once more."
)
@run_options_shared
def command(
    common: Common,
    **options: Any,  # noqa: ANN401 - the run's options, handed on by name
) -> int:
    """Re-encrypt every secret under the target provider; resume an interrupted run.

    Nothing is written before the keys are proven. Each page of rows commits together with its checkpoint, so the
    command may be stopped or killed at any moment and started again. Grafana may run meanwhile.
    """
    return run_and_report("run", common, options)


def run_and_report(name: str, common: Common, options: dict[str, Any]) -> int:
    """Run, print what came of it under the command's name, and return the exit code."""
    from reencrypt.cli.loading import load, run_options  # noqa: PLC0415
    from reencrypt.operations.migrate.run import run  # noqa: PLC0415

    settings = load(common)
    with listening(common) as emit:
        report = operate(settings, run_options(**options), emit, run)
    if common.output == "json":
        out.print_json(name, report.exit_code, report.as_json())
    else:
        print_report(report)
    return report.exit_code


def print_report(report: RunReport) -> None:
    """Print what a run did, as text."""
    rows = [(name, *counts.as_numbers().values()) for name, counts in report.counts.items() if counts.total]
    rows.append(("all", *report.total.as_numbers().values()))
    header = ("location", "total", "re-encrypted", "already current", "quarantined", "left", "not applicable")
    name = f"Run {report.run_id}" if report.run_id else "Secrets"
    out.print_table(f"{name}, target {report.target_provider}", header, rows)
    out.line()
    out.line(_in_words(report))
    for entry in report.quarantine:
        word = "acknowledged" if entry.state == "acknowledged" else "quarantined"
        out.line(f"{word}: {entry.location} {entry.row_key} {entry.field}: {entry.reason} ({entry.detail})")
    for reason, number in report.total.left_because.items():
        out.line(f"left: {number} ({reason})")
    for location, coverage in report.incomplete.items():
        out.line(f"incomplete: {location}: {coverage}, in two passes")


def _in_words(report: RunReport) -> str:
    total = report.total
    match report.outcome:
        case "done":
            given_up = f", but for {total.quarantined} that were given up knowingly" if total.quarantined else ""
            return (
                f"Done in {report.seconds:.1f} s: every applicable secret is under {report.target_provider}{given_up}."
            )
        case "nothing_to_do" if report.due is not None:
            return f"Nothing to do: the next rotation is due on {report.due:%Y-%m-%d %H:%M} UTC."
        case "nothing_to_do":
            return f"Nothing to do: every applicable secret is under {report.target_provider} already."
        case "stopped":
            return (
                f"Stopped: {report.stop_reason}. Progress is saved; "
                f"`{report.resume or f'reencrypt {report.operation}'}` goes on from here."
            )
        case _ if report.incomplete:
            return (
                f"Partly done: the database leaves rows of {', '.join(report.incomplete)} out of its answers. Look for "
                "the cause (a proxy, a limit on the rows of a result, a damaged index), then run again."
            )
        case _:
            return (
                f"Partly done: {total.quarantined} quarantined and {total.left} left of {total.total}; "
                "everything else is under the target."
            )
