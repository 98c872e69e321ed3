"""`reencrypt doctor`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from reencrypt.cli import output as out
from reencrypt.cli.options import Common, Only, cli_command
from reencrypt.cli.performing import listening, load, run_to_end
from reencrypt.keys.manager_options import ManagerOptions
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.planning.options import DeclaredOptions, RunOptions, StoreOptions, TargetOptions

if TYPE_CHECKING:
    from reencrypt.events import Emit
    from reencrypt.operations.doctor.report import DoctorReport


@cli_command(
    "doctor",
    epilog="""\b
Examples:
  reencrypt doctor --to azurekv.prod
  reencrypt doctor --grafana-config /etc/grafana/grafana.ini
""",
)
def command(
    common: Common,
    stores: StoreOptions,
    declared: DeclaredOptions,
    target: Annotated[TargetOptions, Only("to")],
    vault: ServiceOptions,
    manager: ManagerOptions,
) -> int:
    """Check every precondition, permission by permission, and say what to do about each failure.

    Uses the vaults' keys for real, with random bytes; changes nothing. Exits with what a run would end with.
    """
    from reencrypt.operations.doctor.operation import doctor  # noqa: PLC0415
    from reencrypt.operations.session import open_shared  # noqa: PLC0415

    settings = load(common)
    options = RunOptions(stores=stores, declared=declared, target=target, vault=vault, manager=manager)

    async def checked(emit: Emit) -> DoctorReport:
        async with open_shared() as shared:
            return await doctor(settings, options, shared, emit=emit)

    with listening(common) as emit:
        report = run_to_end(checked(emit))
    show = partial(_print, everything=common.verbose > 0)
    return out.answer("doctor", common, report.exit_code, report, show)


#: Which database and schema it is, somebody has to look at whatever is fine.
_ALWAYS: Final = ("connection", "schema")


def _print(report: DoctorReport, *, everything: bool) -> None:
    """The checks that somebody has to look at, or all of them; the others by their names."""
    for group, checks in report.groups.items():
        out.line(f"{group}")
        known = [check for check in checks if check.state.value == "ok" and check.name not in _ALWAYS]
        fine = [] if everything else known
        for check in checks:
            if check in fine:
                continue
            out.line(f"  {check.state.value:11} {check.name}: {check.detail}")
            if check.remedy:
                out.line(f"              → {check.remedy}")
        if fine:
            out.line(f"  {'ok':11} {', '.join(check.name for check in fine)}")
    out.line()
    if report.exit_code == 0:
        out.line("Healthy. `reencrypt doctor -v` shows what was found." if not everything else "Healthy.")
    else:
        out.line("Not healthy: see what failed above, and what to do about it.")
