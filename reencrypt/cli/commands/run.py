"""`reencrypt run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reencrypt.cli import output as out
from reencrypt.cli.work_command import WorkCommand
from reencrypt.databases.lag_options import LagOptions
from reencrypt.keys.manager_options import ManagerOptions
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.planning.options import (
    DeclaredOptions,
    PaceOptions,
    RotationOptions,
    RunOptions,
    SafetyOptions,
    ScopeOptions,
    StoreOptions,
    TargetOptions,
    TrustOptions,
)
from reencrypt.wording import counted

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
    pace: PaceOptions,
    lag: LagOptions,
) -> Work[StoresReport[RunReport]]:
    """Re-encrypt every secret with the target provider; resume an interrupted run.

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
        pace=pace,
        lag=lag,
    )
    return running(options)


def running(options: RunOptions) -> Work[StoresReport[RunReport]]:
    """The work of a run of any kind."""
    from reencrypt.operations.migrate.run import run_stores  # noqa: PLC0415
    from reencrypt.operations.work import in_each_store  # noqa: PLC0415

    return in_each_store(options, run_stores)


def show(report: StoresReport[RunReport]) -> None:
    """Print the reports of a run, as text: the outcome of each store and the next command come last."""
    for number, each in enumerate(report.reports):
        if number:
            out.line()
        _print_store(each, several=len(report.reports) > 1)
    out.line()
    for each in report.reports:
        where = f"{each.store.in_words.capitalize()}: " if len(report.reports) > 1 else ""
        out.line(where + _in_words(each))
        if each.may_remain:
            out.line(f"{each.may_remain[0].upper()}{each.may_remain[1:]}.")


#: So many secrets in quarantine are named; more would push the figures off the screen.
_NAMED: Final = 20
#: The columns of a run's table; those that are all zero are left out, but for the first two.
_COLUMNS: Final = {
    "total": "total",
    "re_encrypted": "re-encrypted",
    "already_current": "already current",
    "quarantined": "in quarantine",
    "left": "left as is",
    "not_applicable": "not applicable",
}


def _print_store(report: RunReport, *, several: bool) -> None:
    from reencrypt.operations.left import left_in_words  # noqa: PLC0415
    from reencrypt.operations.names import in_words  # noqa: PLC0415

    if several:
        out.line(f"{report.store.in_words.capitalize()}:")
        if not report.run_id and not report.total.total:
            out.line("  It holds no secrets.")
            return
    if not report.run_id and not report.total.total:
        # Stopped before anything was counted.
        return
    total = report.total.as_numbers()
    shown = [name for name in _COLUMNS if total[name] or name in ("total", "re_encrypted")]
    found = {name: counts.as_numbers() for name, counts in report.counts.items() if counts.total} | {"all": total}
    rows = [(name, *(numbers[column] for column in shown)) for name, numbers in found.items()]
    name = f"Run {report.run_id}" if report.run_id else "Secrets"
    header = ("location", *(_COLUMNS[column] for column in shown))
    out.print_table(f"{name}, target {report.target_provider}", header, rows)
    for entry in report.quarantine[:_NAMED]:
        word = "acknowledged" if entry.state == "acknowledged" else "quarantined"
        out.line(f"{word}: {in_words(entry.place, report.names)}: {entry.reason} ({entry.detail})")
    if len(report.quarantine) > _NAMED:
        more = len(report.quarantine) - _NAMED
        out.line(f"{more:,} more are in quarantine: `reencrypt quarantine list` names all of them")
    for reason, number in report.total.left_because.items():
        meaning = left_in_words(reason)
        out.line(f"left as is: {number} ({reason})" + (f": {meaning}" if meaning else ""))
    for location, coverage in report.incomplete.items():
        out.line(f"incomplete: {location}: {coverage}, in two passes")


def _in_words(report: RunReport) -> str:
    total = report.total
    match report.outcome:
        case "done":
            given_up = f", except {total.quarantined} acknowledged in quarantine" if total.quarantined else ""
            return (
                f"Done in {report.seconds:.1f} s: every applicable secret is under {report.target_provider}{given_up}."
            )
        case "nothing_to_do" if report.due is not None:
            return f"Nothing to do: the next rotation is due on {report.due:%Y-%m-%d %H:%M} UTC."
        case "nothing_to_do":
            given_up = f", except {total.quarantined} acknowledged in quarantine" if total.quarantined else ""
            return f"Nothing to do: every applicable secret is under {report.target_provider} already{given_up}."
        case "stopped":
            done = "Progress is saved" if report.run_id else "This command has changed nothing"
            return f"Stopped: {report.stop_reason}. {done}."
        case _ if report.incomplete:
            return (
                f"Partly done: the database leaves rows of {', '.join(report.incomplete)} out of its answers. Look for "
                "the cause (a proxy, a limit on the rows of a result, a damaged index), then run again."
            )
        case _:
            parts = {
                "in quarantine": total.quarantined,
                "left as is": total.left,
                "that Grafana reads with secret_key alone": total.not_applicable,
            }
            others = [f"{number:,} {what}" for what, number in parts.items() if number]
            there = total.re_encrypted + total.already_current
            return (
                f"Partly done: {there:,} of {counted(total.total, 'secret')} are under {report.target_provider}, "
                f"{', '.join(others)}."
            )


command = WorkCommand(
    "run",
    prepare,
    show,
    epilog="""\b
Examples:
  reencrypt run
  reencrypt run --limit 5    # a pilot: that much, then stop
  reencrypt run --fresh-data-key --if-older-than 90d --settle    # scheduled
""",
)
