"""`reencrypt plan`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

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
from reencrypt.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reencrypt.databases.footprint import Footprint
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
    ddl: bool = option(
        "--ddl",
        "Print only the SQL that makes the state tables, for an account that may not create them.",
        default=False,
        details="A DBA can run it. With `--output json` the statements are beside the rest.",
    )


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

    return in_each_store(options, partial(plan_stores, ddl=wanted.ddl), exit_code=exit_code, write=False, stops=False)


def _print(report: StoresReport[PlanReport]) -> None:
    first = report.reports[0]
    if first.ddl is not None:
        for statement in first.ddl or ("-- The state tables are there already",):
            out.command_line(f"{statement};" if first.ddl else statement)
        return
    for number, each in enumerate(report.reports):
        if number:
            out.line()
        _print_store(each, several=len(report.reports) > 1)
    out.line()
    if first.plan.schema.is_state_old and any(each.plan.movable and not each.refusals for each in report.reports):
        out.line("A run first creates its state tables. `reencrypt plan --ddl` prints the statements for a DBA.")
    if report.exit_code:
        out.line(f"A run would refuse, with exit code {report.exit_code}: see above what to do.")


def _print_store(report: PlanReport, *, several: bool) -> None:
    from reencrypt.operations.plan import proof_in_words  # noqa: PLC0415

    plan = report.plan
    if several:
        out.line(f"{plan.store.in_words.capitalize()}:")
        if not plan.census.total:
            out.line("  It holds no secrets.")
            for warning in plan.warnings:
                out.line(f"warning: {warning.message}")
            _print_refusals([each for each in report.refusals if not isinstance(each, NoSecretsError)])
            return
    header = ("location", "secrets", "data keys", "provider", "algorithm", "a run would")
    where = f", schema {plan.schema.name}" if plan.schema.name else ""
    out.print_table(f"Secrets in {report.database}{where}", header, _rows(report))
    out.line()
    total = counted(plan.census.total, "secret")
    out.line(f"{total}, {report.to_move:,} of them to move to {plan.target_provider}.")
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
                rows.append((location.name, census.total, 0, "secret_key", "", "not touch it"))
            continue
        rows += [
            (location.name, each.secrets, each.data_keys, each.provider, each.algorithm, each.in_a_run)
            for each in report.fates(location)
        ]
        if census.problems:
            rows.append((location.name, sum(census.problems.values()), 0, "", "", "quarantine it"))
    return rows


def _print_estimate(report: PlanReport) -> None:
    out.line("Two ways lead there:")
    for way in report.estimate:
        rows, calls = counted(way.rows, "row"), counted(way.vault_calls, "vault call")
        out.line(f"  {way.command}: {rows}, {calls}, about {way.seconds:.1f} s")
        out.line(f"    protects from {way.protects}")
        out.line(f"    leaves {way.leaves}")
    if report.space is not None:
        out.line(_space(report.space))


def _space(space: Footprint) -> str:
    from reencrypt.databases.footprint import in_bytes  # noqa: PLC0415

    parts = {"of journal": space.journal, "of rows": space.rows, f"of {space.log_name}": space.log}
    listed = [f"{in_bytes(number)} {what}" for what, number in parts.items() if number]
    room = space.room
    if room.free is None:
        left = f"how much is free is not known: {room.unknown}"
    elif room.free_for_log is None:
        left = f"{in_bytes(room.free)} are free"
    else:
        left = f"{in_bytes(room.free)} are free, and {in_bytes(room.free_for_log)} for the log"
    return f"A run writes about {' and '.join(filter(None, (', '.join(listed[:-1]), listed[-1])))}; {left}."


def _print_problems(report: PlanReport) -> None:
    from reencrypt.operations.left import left_in_words  # noqa: PLC0415
    from reencrypt.state.counts import UNPROVEN_KEY  # noqa: PLC0415

    plan = report.plan
    if declared := report.declared():
        names = ", ".join(f"{name} ({_OF_DECLARED[what]})" for name, what in declared.items())
        out.line(f"Declared locations: {names}.")
    problems: Counter[str] = Counter()
    for census in plan.census.locations.values():
        problems.update(census.problems)
    if problems:
        listed = ", ".join(f"{number:,} ({reason})" for reason, number in problems.most_common())
        out.line(f"What a run would quarantine: {listed}.")
    for name in report.orphaned_keys():
        out.line(f"orphaned: secrets name the data key {name}, which data_keys lacks")
    for name, reason in report.unusable_keys().items():
        out.line(f"unusable data key {name}: {reason}")
    for key, number in report.unproven_keys().items():
        secrets = counted(number, "secret")
        out.line(f"unproven: {secrets} under {key}: {left_in_words(f'{UNPROVEN_KEY} {key}')}")
    for sentence in report.unreadable():
        out.line(f"unreadable: {sentence}")
    if plan.schema.fitted.missing:
        out.line(f"Not in this Grafana: {', '.join(plan.schema.fitted.missing)}.")
    for warning in plan.warnings:
        out.line(f"warning: {warning.message}")


command = WorkCommand(
    "plan",
    prepare,
    _print,
    epilog="""\b
Examples:
  reencrypt plan
  reencrypt plan --to azurekv.prod --output json | jq .secrets
  reencrypt plan --ddl | psql grafana    # as the owner of the tables
""",
)
