"""`reencrypt rewrap`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from reencrypt.cli import output as out
from reencrypt.cli.options import Only
from reencrypt.cli.work_command import WorkCommand
from reencrypt.databases.lag_options import LagOptions
from reencrypt.keys.manager_options import ManagerOptions
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.outcomes import Operation
from reencrypt.planning.options import (
    DeclaredOptions,
    RunOptions,
    SafetyOptions,
    StoreOptions,
    TargetOptions,
    TrustOptions,
)
from reencrypt.wording import counted

if TYPE_CHECKING:
    from reencrypt.operations.rewrap.operation import RewrapReport
    from reencrypt.operations.stores import StoresReport
    from reencrypt.operations.work import Work


def prepare(
    stores: StoreOptions,
    declared: DeclaredOptions,
    target: TargetOptions,
    trust: TrustOptions,
    vault: ServiceOptions,
    manager: ManagerOptions,
    safety: Annotated[SafetyOptions, Only("lease_timeout")],
    lag: LagOptions,
) -> Work[StoresReport[RewrapReport]]:
    """Wrap only the data keys, with the target's newest key version; no secret changes.

    It takes seconds. Anybody who once had the old key-encryption key and a copy of the database still knows the data
    keys: after a leak use `run --fresh-data-key`. Legacy secrets have no data key; they need `run`.
    """
    from reencrypt.operations.rewrap.operation import rewrap_stores  # noqa: PLC0415
    from reencrypt.operations.work import in_each_store  # noqa: PLC0415

    options = RunOptions(
        Operation.REWRAP,
        stores=stores,
        declared=declared,
        target=target,
        trust=trust,
        vault=vault,
        manager=manager,
        safety=safety,
        lag=lag,
    )
    return in_each_store(options, rewrap_stores)


def _print(report: StoresReport[RewrapReport]) -> None:
    for each in report.reports:
        if len(report.reports) > 1:
            out.line(f"{each.store.in_words.capitalize()}:")
        _print_store(each)


def _print_store(report: RewrapReport) -> None:
    where = f"{report.target_provider}, version {report.version}" if report.version else report.target_provider
    if report.run_id:
        out.line(f"Run {report.run_id}: {counted(report.rewrapped, 'data key')} wrapped again with {where}.")
    out.line(f"Data keys that were there already: {report.already_current}.")
    for key_id, reason in report.left.items():
        out.line(f"left as is: {key_id}: {reason}")
    if report.stop_reason:
        saved = "Progress is saved" if report.run_id else "This command has changed nothing"
        out.line(f"Stopped: {report.stop_reason}. {saved}.")


command = WorkCommand(
    "rewrap",
    prepare,
    _print,
    epilog="""\b
Examples:
  reencrypt rewrap                       # after the vault's key was rotated
  reencrypt rewrap --to azurekv.other
""",
)
