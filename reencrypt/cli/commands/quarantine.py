"""`reencrypt quarantine`: list, retry, acknowledge."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reencrypt.catalogue.reason import REMEDY, Reason
from reencrypt.cli import output as out
from reencrypt.cli.awaiting import run_to_end
from reencrypt.cli.listening import listening
from reencrypt.cli.options import (
    Common,
    option,
    run_options_shared,
    settings_options,
    target_options,
    vault_options,
)

if TYPE_CHECKING:
    from reencrypt.operations.quarantine import QuarantineReport

F = TypeVar("F", bound=Callable[..., Any])


@click.group(
    "quarantine",
    epilog="""\b
Example:
  reencrypt quarantine list
""",
)
def command() -> None:
    """Show, try again or give up the secrets that could not be re-encrypted."""


def _place(function: F) -> F:
    for decorate in reversed(
        (
            option("--location", metavar="NAME", help="Only entries of this location."),
            option("--key", "row_key", metavar="KEY", help="Only this row; its key as `quarantine list` shows it."),
            option("--field", metavar="FIELD", help="Only this field of the row."),
        )
    ):
        function = decorate(function)
    return function


def _selection(function: F) -> F:
    reasons = click.Choice([each.value for each in Reason])
    return _place(option("--reason", type=reasons, help="Only entries with this reason.")(function))


@command.command(
    "list",
    epilog="""\b
Example:
  reencrypt quarantine list --reason unknown_data_key
""",
)
@settings_options
@_selection
def list_(
    common: Common,
    **selection: Any,  # noqa: ANN401 - handed on by name
) -> int:
    """Print where each secret is, why it could not be re-encrypted, and what to do."""
    from reencrypt.cli.loading import load  # noqa: PLC0415
    from reencrypt.operations.quarantine import list_quarantine  # noqa: PLC0415
    from reencrypt.state.quarantine import Selection  # noqa: PLC0415

    return _print(common, "quarantine list", run_to_end(list_quarantine(load(common), Selection(**selection))))


@command.command(
    "acknowledge",
    epilog="""\b
Example:
  reencrypt quarantine acknowledge --location user_auth --key 17
""",
)
@settings_options
@_selection
@option("--all", "everything", is_flag=True, help="Every entry.")
def acknowledge(
    common: Common,
    **selection: Any,  # noqa: ANN401 - handed on by name
) -> int:
    """Give secrets up knowingly: their bytes stay, reports name them, and they no longer keep a run from exit 0.

    That lasts until the secret changes.
    """
    from reencrypt.cli.loading import load  # noqa: PLC0415
    from reencrypt.operations.quarantine import acknowledge_quarantine  # noqa: PLC0415
    from reencrypt.state.quarantine import Selection  # noqa: PLC0415

    with listening(common) as emit:
        report = run_to_end(acknowledge_quarantine(load(common), Selection(**selection), emit=emit))
    return _print(common, "quarantine acknowledge", report)


@command.command(
    "retry",
    epilog="""\b
Example:
  reencrypt quarantine retry --accept-implausible
""",
)
@settings_options
@target_options
@vault_options
@run_options_shared
@option(
    "--accept-implausible",
    is_flag=True,
    help="Move what is in quarantine as implausible, if its key is proven by other secrets; with --location, --key or "
    "--field only that.",
)
@_place
def retry(
    common: Common,
    accept_implausible: bool,  # noqa: FBT001 - click hands it on by name
    location: str | None,
    row_key: str | None,
    field: str | None,
    **options: Any,  # noqa: ANN401 - the run's options, handed on by name
) -> int:
    """Try the secrets in quarantine again: a run, which looks over everything else too."""
    from reencrypt.cli.commands.run import run_and_report  # noqa: PLC0415
    from reencrypt.errors import ConfigurationError  # noqa: PLC0415
    from reencrypt.state.quarantine import Selection  # noqa: PLC0415

    chosen = Selection(location, row_key, field)
    if not (accept_implausible or chosen.is_empty):
        raise ConfigurationError(
            "retry looks over everything; --location, --key and --field choose what is accepted",
            hint="add --accept-implausible, or leave them out",
        )
    return run_and_report("quarantine retry", common, {**options, "accepted": chosen if accept_implausible else None})


def _print(common: Common, name: str, report: QuarantineReport) -> int:
    if common.output == "json":
        out.print_json(name, 0, report.as_json())
        return 0
    if not report.entries:
        out.line("Nothing is in quarantine." if name.endswith("list") else "Nothing was acknowledged.")
        return 0
    header = ("location", "key", "field", "reason", "state", "detail")
    rows = [(each.location, each.row_key, each.field, each.reason, each.state, each.detail) for each in report.entries]
    out.print_table("Quarantine", header, rows)
    for reason in sorted({each.reason for each in report.entries}):
        out.line(f"{reason}: {REMEDY[Reason(reason)]}")
    return 0
