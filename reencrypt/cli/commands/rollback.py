"""`reencrypt rollback`."""

from __future__ import annotations

from typing import Annotated

from reencrypt.cli.options import Common, Only, cli_command
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.outcomes import Operation
from reencrypt.planning.options import (
    DeclaredOptions,
    RunOptions,
    SafetyOptions,
    ScopeOptions,
    StoreOptions,
    TargetOptions,
    TrustOptions,
)


@cli_command(
    "rollback",
    epilog="""\b
Example:
  GF_SECURITY_SECRET_KEY=… reencrypt rollback
""",
)
def command(
    common: Common,
    declared: DeclaredOptions,
    target: Annotated[TargetOptions, Only("algorithm")],
    trust: TrustOptions,
    vault: ServiceOptions,
    scope: Annotated[ScopeOptions, Only("max_runtime")],
    safety: SafetyOptions,
) -> int:
    """Bring every secret back directly under `secret_key`, as Grafana wrote it before it had data keys.

    For Grafana 9 and later; older ones do not read the result. `secret_key` has to be proven, and no data key is
    deleted, because a running Grafana may still write under one.
    """
    from reencrypt.cli.commands.run import run_and_report  # noqa: PLC0415

    # The secrets manager has no values without a data key.
    options = RunOptions(
        Operation.ROLLBACK,
        stores=StoreOptions("classic"),
        declared=declared,
        target=target,
        trust=trust,
        vault=vault,
        scope=scope,
        safety=safety,
    )
    return run_and_report("rollback", common, options)
