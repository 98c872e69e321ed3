"""`reencrypt report`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from reencrypt.cli import output as out
from reencrypt.cli.options import Argument
from reencrypt.cli.work_command import WorkCommand
from reencrypt.keys.manager_options import ManagerOptions
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.planning.options import DeclaredOptions, EvidenceOptions, RunOptions
from reencrypt.reports.options import PaperOptions

if TYPE_CHECKING:
    from reencrypt.events import Emit
    from reencrypt.operations.evidence.gathering import Evidence
    from reencrypt.operations.session import Shared
    from reencrypt.operations.work import Work
    from reencrypt.reports.paper import Paper
    from reencrypt.settings import Settings
    from reencrypt.state.stop import StopRequest


def prepare(
    run_id: Annotated[str | None, Argument("[RUN]", completes="run")],
    paper: PaperOptions,
    evidence: EvidenceOptions,
    declared: DeclaredOptions,
    vault: ServiceOptions,
    manager: ManagerOptions,
) -> Work[Paper]:
    """Write the evidence of RUN for an auditor, by default of the last one: a page, Markdown or data.

    It says who ran what, where and when; every secret's location and key before and after; the ages of the keys; the
    pace and the pauses; the calls to the vault and how to find them in the vault's own log; what is in quarantine and
    who has acknowledged it. For that it reads every secret again, and answers whether the old key can be retired. It
    writes nothing to the database.
    """
    from reencrypt.operations.work import Work  # noqa: PLC0415
    from reencrypt.reports.paper import Desk  # noqa: PLC0415

    desk = Desk.of(paper)
    gathering = _gathering(run_id, evidence, declared, vault, manager)

    async def perform(settings: Settings, shared: Shared, *, emit: Emit, stop: StopRequest) -> Paper:
        found = await gathering.perform(settings, shared, emit=emit, stop=stop)
        return desk.write(found.content)

    return Work(perform, lambda report: report.exit_code, stops=False, declared=declared)


def prepare_for_member(
    evidence: EvidenceOptions, declared: DeclaredOptions, vault: ServiceOptions, manager: ManagerOptions
) -> Work[Evidence]:
    """Gather the evidence of the last run of a member."""
    return _gathering(None, evidence, declared, vault, manager)


def _gathering(
    run_id: str | None,
    evidence: EvidenceOptions,
    declared: DeclaredOptions,
    vault: ServiceOptions,
    manager: ManagerOptions,
) -> Work[Evidence]:
    from functools import partial  # noqa: PLC0415

    from reencrypt.operations.evidence.gathering import evidence_of  # noqa: PLC0415
    from reencrypt.operations.work import in_all_stores  # noqa: PLC0415

    options = RunOptions(declared=declared, vault=vault, manager=manager)
    gather = partial(evidence_of, run_id=run_id, cryptoperiod=evidence.cryptoperiod)
    return in_all_stores(options, gather, write=False, stops=False, every=True)


def show(report: Paper) -> None:
    """Print a report, or where it is."""
    if report.file is None:
        out.document(report.text)
        return
    out.command_line(f"Report: {report.file}")
    out.command_line(f"SHA-256: {report.document['sha256']}")


def _nothing(_report: object) -> None:
    """A member's evidence is part of the fleet's report."""


command = WorkCommand(
    "report",
    prepare,
    show,
    epilog="""\b
Examples:
  reencrypt report --file rotation.html --cryptoperiod 90d
  reencrypt report 20261125-093000-a1b2 --format md --previous rotation.html
""",
)
#: The same without paper, for a fleet, which has one paper for all.
of_member = WorkCommand("report", prepare_for_member, _nothing, epilog="")
