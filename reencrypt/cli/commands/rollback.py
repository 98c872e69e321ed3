"""`reencrypt rollback`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from reencrypt.cli.commands.run import running, show
from reencrypt.cli.options import Only
from reencrypt.cli.work_command import WorkCommand
from reencrypt.databases.lag_options import LagOptions
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.outcomes import Operation
from reencrypt.planning.options import (
    DeclaredOptions,
    PaceOptions,
    RunOptions,
    SafetyOptions,
    ScopeOptions,
    StoreOptions,
    TargetOptions,
    TrustOptions,
)

if TYPE_CHECKING:
    from reencrypt.operations.report import RunReport
    from reencrypt.operations.stores import StoresReport
    from reencrypt.operations.work import Work


def prepare(
    declared: DeclaredOptions,
    target: Annotated[TargetOptions, Only("algorithm")],
    trust: TrustOptions,
    vault: ServiceOptions,
    scope: Annotated[ScopeOptions, Only("limit", "max_runtime")],
    safety: SafetyOptions,
    pace: PaceOptions,
    lag: LagOptions,
) -> Work[StoresReport[RunReport]]:
    """Bring every secret back directly under `secret_key`, as Grafana wrote it before it had data keys.

    For Grafana 9 and later; older ones do not read the result. `secret_key` has to be proven, and no data key is
    deleted, because a running Grafana may still write under one.
    """
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
        pace=pace,
        lag=lag,
    )
    return running(options)


command = WorkCommand(
    "rollback",
    prepare,
    show,
    epilog="""\b
Examples:
  reencrypt rollback --limit 5    # a pilot
  GF_SECURITY_SECRET_KEY=… reencrypt rollback
""",
)
