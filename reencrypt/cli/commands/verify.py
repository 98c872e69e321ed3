"""`reencrypt verify`."""

from __future__ import annotations

from typing import Any, Final

import click

from reencrypt.cli import output as out
from reencrypt.cli.awaiting import operate
from reencrypt.cli.listening import listening
from reencrypt.cli.options import Common, option, settings_options, vault_options

_VERDICTS: Final = {
    0: "Verified.",
    2: "Grafana does not read these secrets with this configuration.",
    8: "Some secrets do not read, and no run knows of them.",
}


@click.command(
    "verify",
    epilog="""\b
Example:
  reencrypt verify && echo "Grafana can read every secret"
""",
)
@settings_options
@option("--to", metavar="PROVIDER", help="The provider to count against. Default: Grafana's encryption_provider.")
@option("--allow-empty", is_flag=True, help="A database without any secret is no error.")
@vault_options
def command(
    common: Common,
    **options: Any,  # noqa: ANN401 - handed on by name
) -> int:
    """Read every secret as Grafana would, trusting no bookkeeping of any run.

    Exits 8 when a secret does not decrypt to something plausible, or is encoded as Grafana does not decode it, and is
    not in quarantine; or when a data key that a secret names has two rows. Exits 2 when only a setting keeps Grafana
    from reading: a provider that it cannot load, or envelope encryption that is switched off.
    """
    from reencrypt.cli.loading import load, run_options  # noqa: PLC0415
    from reencrypt.operations.verify.operation import verify  # noqa: PLC0415

    settings = load(common)
    with listening(common) as emit:
        report = operate(settings, run_options(**options), emit, verify, write=False, stops=False)
    if common.output == "json":
        out.print_json("verify", report.exit_code, report.as_json())
        return report.exit_code
    rows = [
        (name, each.total, each.readable, ", ".join(f"{who} {number}" for who, number in each.providers.items()))
        for name, each in report.found.locations.items()
        if each.total
    ]
    out.print_table("Secrets", ("location", "total", "readable", "under"), rows)
    if report.found.accepted:
        out.line(f"{report.found.accepted} of them are not what Grafana stores there, and were accepted as they are.")
    for problem in report.problems:
        known = " (in quarantine)" if problem.known else ""
        out.line(f"unreadable{known}: {problem.place}: {problem.reason} ({problem.detail})")
    if report.found.unnamed:
        out.line(f"unreadable: {report.found.unnamed} more, which are not named")
    for sentence in report.sentences():
        out.line(sentence)
    out.line(_VERDICTS[report.exit_code])
    return report.exit_code
