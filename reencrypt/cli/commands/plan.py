"""`reencrypt plan`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.cli import output as out
from reencrypt.cli.work_command import WorkCommand
from reencrypt.errors import NoSecretsError, ReencryptError
from reencrypt.keys.manager_options import ManagerOptions
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.option import option
from reencrypt.planning.options import (
    DeclaredOptions,
    RotationOptions,
    RunOptions,
    StoreOptions,
    TargetOptions,
    TrustOptions,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reencrypt.operations.plan import PlanReport
    from reencrypt.operations.stores import StoresReport
    from reencrypt.operations.work import Work


_OF_DECLARED: Final = {
    "saved": "saved by an earlier run",
    "new": "a run would save it",
    "changed": "a run would save the change",
    "forgotten": "a run would forget it",
}


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """The options of `plan` alone."""

    check: bool = option("--check", "Exit with the code that `run` would start with.", default=False)


def prepare(
    stores: StoreOptions,
    declared: DeclaredOptions,
    target: TargetOptions,
    trust: TrustOptions,
    rotation: RotationOptions,
    vault: ServiceOptions,
    manager: ManagerOptions,
    wanted: PlanOptions,
) -> Work[StoresReport[PlanReport]]:
    """Show what is there, and what a run would do, refuse and cost. Changes nothing.

    Counts every secret by location, key, provider and algorithm, judges the keys, and finds the target data key. Exits
    0 whatever it finds, unless --check is given.
    """
    from reencrypt.operations.plan import plan_stores  # noqa: PLC0415
    from reencrypt.operations.work import in_each_store  # noqa: PLC0415

    options = RunOptions(
        stores=stores, declared=declared, target=target, trust=trust, rotation=rotation, vault=vault, manager=manager
    )

    def exit_code(report: StoresReport[PlanReport]) -> int:
        return report.exit_code if wanted.check else 0

    return in_each_store(options, plan_stores, exit_code=exit_code, write=False, stops=False)


def _print(report: StoresReport[PlanReport]) -> None:
    for number, each in enumerate(report.reports):
        if number:
            out.line()
        _print_store(each, several=len(report.reports) > 1)
    first, plans = report.reports[0], [each.plan for each in report.reports]
    if first.plan.schema.is_state_old and any(plan.movable and not plan.refusals for plan in plans):
        out.line("A run first creates its state tables. For a role that may not, hand a DBA these statements:")
        for statement in first.state_statements:
            out.line(f"{statement};")


def _print_store(report: PlanReport, *, several: bool) -> None:
    from reencrypt.operations.plan import proof_in_words  # noqa: PLC0415

    plan = report.plan
    if several:
        out.line(f"{plan.store.in_words.capitalize()}:")
        if not plan.census.total:
            out.line("  It holds no secrets.")
            for warning in plan.warnings:
                out.line(f"warning: {warning}")
            _print_refusals([each for each in report.refusals if not isinstance(each, NoSecretsError)])
            return
    header = ("location", "secrets", "data key", "provider", "algorithm", "a run would")
    where = f", schema {plan.schema.name}" if plan.schema.name else ""
    out.print_table(f"Secrets in {report.database}{where}", header, _rows(report))
    out.line()
    out.line(f"{plan.census.total} secrets, {plan.movable} of them to move to {plan.target_provider}.")
    if plan.movable and not report.refusals:
        proof = f"; {proof_in_words(plan.proof)}" if plan.store is StoreName.CLASSIC else ""
        out.line(f"They would be written under {report.target()}{proof}.")
        _print_estimate(report)
    _print_problems(report)
    _print_refusals(report.refusals)


def _print_refusals(refusals: Sequence[ReencryptError]) -> None:
    for refusal in refusals:
        out.line(f"A run would refuse (exit {refusal.exit_code}): {refusal.message}")
        if refusal.hint:
            out.line(f"  hint: {refusal.hint}")


def _rows(report: PlanReport) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for location in report.plan.locations:
        census = report.plan.census.locations[location.name]
        if not location.reencrypted:
            if census.total:
                rows.append((location.name, census.total, "", "secret_key", "", "not applicable"))
            continue
        rows += [
            (
                location.name,
                line.secrets,
                line.key_id or "(legacy)",
                line.provider,
                line.algorithm,
                _fate(report, location, line),
            )
            for line in report.key_lines(location)
        ]
        rows += [
            (location.name, number, "", "", "", f"quarantine it ({reason})")
            for reason, number in census.problems.items()
        ]
    return rows


def _print_estimate(report: PlanReport) -> None:
    out.line("Two ways lead there:")
    for way in report.estimate:
        out.line(f"  {way.command}: {way.rows} rows, {way.vault_calls} vault calls, about {way.seconds:.1f} s")
        out.line(f"    protects from {way.protects}")
        out.line(f"    leaves {way.leaves}")


def _print_problems(report: PlanReport) -> None:
    plan = report.plan
    if declared := report.declared():
        names = ", ".join(f"{name} ({_OF_DECLARED[what]})" for name, what in declared.items())
        out.line(f"Declared locations: {names}.")
    for name in report.orphaned_keys():
        out.line(f"orphaned: secrets name the data key {name}, which data_keys lacks")
    for name, reason in report.unusable_keys().items():
        out.line(f"unusable data key {name}: {reason}")
    for location in plan.locations:
        for place in plan.census.locations[location.name].named:
            out.line(f"unreadable: {place}")
    if plan.schema.fitted.missing:
        out.line(f"Not in this Grafana: {', '.join(plan.schema.fitted.missing)}.")
    for warning in plan.warnings:
        out.line(f"warning: {warning}")


def _fate(report: PlanReport, location: Any, line: Any) -> str:  # noqa: ANN401 - a Location and a KeyLine, whose modules are not loaded here
    if line.current:
        return "find it current"
    if line.provider == "missing":
        return "quarantine it"
    if report.plan.stays_because(location, line.key_id):
        return "leave it"
    return "refuse" if report.refusals else "move it"


command = WorkCommand(
    "plan",
    prepare,
    _print,
    epilog="""\b
Example:
  reencrypt plan --to azurekv.prod --output json | jq .secrets
""",
)
