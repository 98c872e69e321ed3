"""`reencrypt rollback`."""

from __future__ import annotations

from typing import Any

import click

from reencrypt.cli.options import (
    Common,
    belief_options,
    option,
    run_options_shared,
    settings_options,
    vault_options,
)


@click.command(
    "rollback",
    epilog="""\b
Example:
  GF_SECURITY_SECRET_KEY=… reencrypt rollback
""",
)
@settings_options
@belief_options
@vault_options
@option("--max-runtime", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after this long (exit 4).")
@run_options_shared
def command(
    common: Common,
    **options: Any,  # noqa: ANN401 - the run's options, handed on by name
) -> int:
    """Bring every secret back directly under `secret_key`, as Grafana wrote it before it had data keys.

    For Grafana 9 and later; older ones do not read the result. `secret_key` has to be proven, and no data key is
    deleted, because a running Grafana may still write under one.
    """
    from reencrypt.cli.commands.run import run_and_report  # noqa: PLC0415
    from reencrypt.outcomes import Operation  # noqa: PLC0415

    return run_and_report("rollback", common, {**options, "operation": Operation.ROLLBACK})
