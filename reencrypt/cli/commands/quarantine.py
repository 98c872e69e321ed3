"""`reencrypt quarantine`: list, retry, acknowledge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import click

from reencrypt.catalogue.reason import Reason, remedy_of
from reencrypt.cli import output as out
from reencrypt.cli.commands.run import running, show
from reencrypt.cli.groups import CommonGroup
from reencrypt.cli.options import Common, Only, cli_command
from reencrypt.cli.performing import listening, load, run_to_end
from reencrypt.cli.work_command import WorkCommand
from reencrypt.databases.lag_options import LagOptions
from reencrypt.errors import ConfigurationError
from reencrypt.keys.manager_options import ManagerOptions
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.option import option
from reencrypt.planning.options import (
    DeclaredOptions,
    PaceOptions,
    QuarantineSelection,
    RunOptions,
    SafetyOptions,
    StoreOptions,
    TargetOptions,
    TrustOptions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reencrypt.operations.quarantine import QuarantineReport
    from reencrypt.operations.report import RunReport
    from reencrypt.operations.stores import StoresReport
    from reencrypt.operations.work import Work


_MOST_REMEDIES: Final = 10  # for one reason; beyond that the table says which secrets it is about


@click.group(
    "quarantine",
    cls=CommonGroup,
    epilog="""\b
Example:
  reencrypt quarantine list
""",
)
def command() -> None:
    """Show, retry or give up the secrets that could not be re-encrypted."""


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """The options of `quarantine retry` alone."""

    accept_implausible: bool = option(
        "--accept-implausible",
        "Move what is in quarantine as implausible, if its key is proven by other secrets; with --location, --key "
        "or --field only that.",
        default=False,
        details="It is remembered as accepted.",
    )


@cli_command(
    "list",
    epilog="""\b
Example:
  reencrypt quarantine list --reason unknown_data_key
""",
    parent=command,
)
def list_(
    common: Common,
    stores: StoreOptions,
    selection: Annotated[QuarantineSelection, Only("location", "row_key", "field", "reason")],
) -> int:
    """Print where each secret is, why it could not be re-encrypted, and what to do."""
    from reencrypt.operations.quarantine import list_quarantine  # noqa: PLC0415

    settings = load(common)
    with listening(common) as emit:
        report = run_to_end(list_quarantine(settings, stores, selection, emit=emit))
    return out.answer("quarantine list", common, 0, report, partial(_print, nothing="Nothing is in quarantine."))


@cli_command(
    "acknowledge",
    epilog="""\b
Example:
  reencrypt quarantine acknowledge --location user_auth --key 17
""",
    parent=command,
)
def acknowledge(common: Common, stores: StoreOptions, selection: QuarantineSelection) -> int:
    """Give secrets up knowingly: their bytes stay, reports name them, and they no longer keep a run from exit 0.

    That lasts until the secret changes.
    """
    from reencrypt.operations.quarantine import acknowledge_quarantine  # noqa: PLC0415

    settings = load(common)
    with listening(common) as emit:
        report = run_to_end(acknowledge_quarantine(settings, stores, selection, emit=emit))
    show = partial(_print, nothing="Nothing was acknowledged.")
    return out.answer("quarantine acknowledge", common, 0, report, show)


def _prepare_retry(
    stores: StoreOptions,
    declared: DeclaredOptions,
    target: TargetOptions,
    trust: TrustOptions,
    vault: ServiceOptions,
    manager: ManagerOptions,
    safety: SafetyOptions,
    pace: PaceOptions,
    lag: LagOptions,
    wanted: RetryOptions,
    chosen: Annotated[QuarantineSelection, Only("location", "row_key", "field")],
) -> Work[StoresReport[RunReport]]:
    """Retry the secrets in quarantine: a run, which looks over everything else too."""
    if not (wanted.accept_implausible or chosen.is_empty):
        raise ConfigurationError(
            "retry looks over everything; --location, --key and --field choose what is accepted",
            hint="Add --accept-implausible, or leave them out.",
        )
    accepted = chosen if wanted.accept_implausible else None
    options = RunOptions(
        stores=stores,
        declared=declared,
        target=target,
        trust=trust,
        vault=vault,
        manager=manager,
        safety=safety,
        pace=pace,
        lag=lag,
        accepted=accepted,
    )
    return running(options)


command.add_command(
    WorkCommand(
        "retry",
        _prepare_retry,
        show,
        epilog="""\b
Example:
  reencrypt quarantine retry --accept-implausible
""",
        title="quarantine retry",
    )
)


def _print(report: QuarantineReport, nothing: str) -> None:
    if not report.entries:
        out.line(nothing)
        return
    header = ("store", "location", "key", "field", "what it is", "reason", "state", "detail")
    rows = [
        (
            report.stores.get(each.location, "unknown"),
            each.location,
            each.row_key,
            each.field,
            named.name if (named := report.names.get(each.place)) else "",
            each.reason,
            each.state,
            each.detail,
        )
        for each in report.entries
    ]
    out.print_table("Quarantine", header, rows)
    for line in _remedies(report):
        out.line(line)


def _remedies(report: QuarantineReport) -> Iterator[str]:
    """What to do about each reason; where that differs from secret to secret and they are few, about each of them."""
    from reencrypt.operations.report import remedy_for  # noqa: PLC0415

    by_reason: dict[str, set[str]] = {}
    for each in report.entries:
        by_reason.setdefault(each.reason, set()).add(remedy_for(each, report.names))
    for reason, remedies in sorted(by_reason.items()):
        few = remedies if len(remedies) <= _MOST_REMEDIES else {remedy_of(Reason(reason))}
        yield from (f"{reason}: {remedy}" for remedy in sorted(few))
