"""`reencrypt run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reencrypt.cli import output as out
from reencrypt.cli.work_command import WorkCommand
from reencrypt.keys.manager_options import ManagerOptions
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.planning.options import (
    DeclaredOptions,
    RotationOptions,
    RunOptions,
    SafetyOptions,
    ScopeOptions,
    StoreOptions,
    TargetOptions,
    TrustOptions,
)

if TYPE_CHECKING:
    from reencrypt.operations.report import RunReport
    from reencrypt.operations.stores import StoresReport
    from reencrypt.operations.work import Work


def prepare(
    stores: StoreOptions,
    declared: DeclaredOptions,
    target: TargetOptions,
    trust: TrustOptions,
    vault: ServiceOptions,
    manager: ManagerOptions,
    rotation: RotationOptions,
    scope: ScopeOptions,
    safety: SafetyOptions,
) -> Work[StoresReport[RunReport]]:
    """Re-encrypt every secret under the target provider; resume an interrupted run.

    Nothing is written before the keys are proven. Each page of rows commits together with its checkpoint, so the
    command may be stopped or killed at any moment and started again. Grafana may run meanwhile.
    """
    options = RunOptions(
        stores=stores,
        declared=declared,
        target=target,
        trust=trust,
        vault=vault,
        manager=manager,
        rotation=rotation,
        scope=scope,
        safety=safety,
    )
    return running(options)


def running(options: RunOptions) -> Work[StoresReport[RunReport]]:
    """The work of a run of any kind."""
    from reencrypt.operations.migrate.run import run_stores  # noqa: PLC0415
    from reencrypt.operations.work import in_each_store  # noqa: PLC0415

    return in_each_store(options, run_stores)


def show(report: StoresReport[RunReport]) -> None:
    """Print the reports of a run, as text."""
    for number, each in enumerate(report.reports):
        if number:
            out.line()
        _print_store(each, several=len(report.reports) > 1)


def _print_store(report: RunReport, *, several: bool) -> None:
    if several:
        out.line(f"{report.store.in_words.capitalize()}:")
        if not report.run_id and not report.total.total:
            out.line("  It holds no secrets.")
            return
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
            given_up = f", but for {total.quarantined} acknowledged in quarantine" if total.quarantined else ""
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
                f"`{report.resume or f'reencrypt {report.operation}'}` resumes from here."
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


command = WorkCommand(
    "run",
    prepare,
    show,
    epilog="""\b
Examples:
  reencrypt run
  reencrypt run --location data_source --limit 5                 # a pilot: that much, then stop
  reencrypt run --fresh-data-key --if-older-than 90d --settle    # for a schedule
""",
)
