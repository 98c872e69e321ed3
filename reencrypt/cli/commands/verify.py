"""`reencrypt verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from reencrypt.cli import output as out
from reencrypt.cli.options import Only
from reencrypt.cli.work_command import WorkCommand
from reencrypt.keys.manager_options import ManagerOptions
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.planning.options import DeclaredOptions, RunOptions, StoreOptions, TargetOptions, TrustOptions

if TYPE_CHECKING:
    from reencrypt.operations.stores import StoresReport
    from reencrypt.operations.verify.operation import VerifyReport
    from reencrypt.operations.work import Work

_VERDICTS: Final = {
    0: "Verified.",
    2: "Grafana does not read these secrets with this configuration.",
    3: "What can be read is verified. Some secrets are not covered, and whether Grafana reads them is not known.",
    8: "Some secrets do not read, and are not in quarantine.",
}


def prepare(
    stores: StoreOptions,
    declared: DeclaredOptions,
    target: Annotated[
        TargetOptions, Only("to", meaning="The provider to count against. Default: Grafana's encryption_provider.")
    ],
    trust: Annotated[TrustOptions, Only("allow_empty")],
    vault: ServiceOptions,
    manager: ManagerOptions,
) -> Work[StoresReport[VerifyReport]]:
    """Read every secret as Grafana would, without trust in any record of a run.

    Exits 8 when a secret does not decrypt to something plausible, or is encoded as Grafana does not decode it, and is
    not in quarantine; or when a data key that a secret names has two rows. Exits 2 when only a setting keeps Grafana
    from reading: a wrong secret_key, a provider that it cannot load or that names another key, or envelope encryption
    that is switched off. Exits 3 when all that can be read here is sound, and Grafana Enterprise wraps the data keys of
    others in a way that is not public.
    """
    from reencrypt.operations.verify.operation import verify_stores  # noqa: PLC0415
    from reencrypt.operations.work import in_each_store  # noqa: PLC0415

    options = RunOptions(stores=stores, declared=declared, target=target, trust=trust, vault=vault, manager=manager)
    return in_each_store(options, verify_stores, write=False, stops=False)


def _print(report: StoresReport[VerifyReport]) -> None:
    for each in report.reports:
        if len(report.reports) > 1:
            out.line(f"{each.store.in_words.capitalize()}:")
        _print_store(each, several=len(report.reports) > 1)
    out.line()
    out.line(_VERDICTS[report.exit_code])


def _print_store(report: VerifyReport, *, several: bool) -> None:
    rows = [
        (name, each.total, each.readable, ", ".join(f"{who} {number}" for who, number in each.providers.items()))
        for name, each in report.found.locations.items()
        if each.total
    ]
    if several and not rows:
        out.line("  It holds no secrets.")
    else:
        out.print_table("Secrets", ("location", "total", "readable", "under"), rows)
    if report.found.accepted:
        out.line(f"{report.found.accepted} of them are implausible, and were accepted as they are.")
    for problem in report.problems:
        known = " (in quarantine)" if problem.known else ""
        out.line(f"unreadable{known}: {problem.place}: {problem.reason} ({problem.detail})")
    if report.found.unnamed:
        out.line(f"unreadable: {report.found.unnamed} more, which are not named")
    for sentence in report.sentences():
        out.line(sentence)


command = WorkCommand(
    "verify",
    prepare,
    _print,
    epilog="""\b
Examples:
  reencrypt verify --store classic
  reencrypt verify && echo "Grafana can read every secret"
""",
)
