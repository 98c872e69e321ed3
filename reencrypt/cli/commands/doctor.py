"""`reencrypt doctor`."""

from __future__ import annotations

from typing import Any

import click

from reencrypt.cli import output as out
from reencrypt.cli.awaiting import run_to_end
from reencrypt.cli.listening import listening
from reencrypt.cli.options import Common, option, settings_options, vault_options


@click.command(
    "doctor",
    epilog="""\b
Example:
  reencrypt doctor --grafana-config /etc/grafana/grafana.ini
""",
)
@settings_options
@option("--to", metavar="PROVIDER", help="Target provider. Default: Grafana's encryption_provider.")
@vault_options
def command(
    common: Common,
    **options: Any,  # noqa: ANN401 - handed on by name
) -> int:
    """Check every precondition, permission by permission, and say what to do about each failure.

    Uses the vaults' keys for real, with random bytes; changes nothing. Exits with what a run would end with.
    """
    from reencrypt.cli.loading import load, run_options  # noqa: PLC0415
    from reencrypt.operations.doctor import doctor  # noqa: PLC0415
    from reencrypt.operations.session import open_shared  # noqa: PLC0415

    settings = load(common)
    with listening(common) as emit, open_shared() as shared:
        report = run_to_end(doctor(settings, run_options(**options), shared, emit=emit))
    if common.output == "json":
        out.print_json("doctor", report.exit_code, report.as_json())
        return report.exit_code
    for group, checks in report.groups.items():
        out.line(f"{group}")
        for check in checks:
            out.line(f"  {check.state.value:8} {check.name}: {check.detail}")
            if check.remedy:
                out.line(f"           → {check.remedy}")
    out.line("Healthy." if report.exit_code == 0 else "Not healthy: see what failed above.")
    return report.exit_code
