"""Builds settings and options for the operations from what the command line parsed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta

from reencrypt.cli.options import Common
from reencrypt.crypto.ciphers import Algorithm
from reencrypt.errors import ConfigurationError
from reencrypt.keys.kind import DEFAULT_SHARE, ServiceOptions
from reencrypt.keys.wrap_format import WrapFormat
from reencrypt.outcomes import Operation
from reencrypt.planning.options import RunOptions
from reencrypt.settings import Settings, load_settings
from reencrypt.state.lease import DEFAULT_TIMEOUT_SECONDS
from reencrypt.state.quarantine import Selection
from reencrypt.state.tally import DEFAULT_SHARE as MOST_FAILURES


def load(common: Common) -> Settings:
    """Read Grafana's configuration from files and the environment."""
    return load_settings(
        config=common.grafana_config,
        home=common.grafana_home,
        database_url=common.database,
        environ=os.environ,
        trusted_vault_hosts=common.trust_vault,
    )


def run_options(
    *,
    operation: Operation = Operation.RUN,
    to: str | None = None,
    algorithm: str | None = None,
    fresh_data_key: bool = False,
    if_older_than: timedelta | None = None,
    wrap_format: str | None = None,
    skip_keys: Sequence[str] = (),
    accept_unproven: Sequence[str] = (),
    allow_empty: bool = False,
    vault_deadline: float = 30.0,
    vault_share: float = DEFAULT_SHARE,
    key_versions: Sequence[str] = (),
    locations: Sequence[str] = (),
    limit: int | None = None,
    max_runtime: float | None = None,
    lease_timeout: float = DEFAULT_TIMEOUT_SECONDS,
    settle: bool = False,
    max_quarantine: float = MOST_FAILURES,
    accepted: Selection | None = None,
) -> RunOptions:
    """Build the options of an operation; raises `ConfigurationError` for what cannot be meant."""
    if if_older_than is not None and not fresh_data_key:
        raise ConfigurationError(
            "--if-older-than is about data keys that get replaced", hint="give --fresh-data-key with it"
        )
    return RunOptions(
        operation=operation,
        to=to,
        algorithm=Algorithm(algorithm) if algorithm else None,
        fresh_data_key=fresh_data_key,
        if_older_than=if_older_than,
        wrap_format=WrapFormat.parse(wrap_format) if wrap_format else None,
        locations=tuple(locations),
        limit=limit,
        max_runtime_seconds=max_runtime,
        skip_keys=frozenset(skip_keys),
        accept_unproven=frozenset(accept_unproven),
        allow_empty=allow_empty,
        lease_timeout_seconds=lease_timeout,
        settle=settle,
        max_quarantine=max_quarantine,
        accepted=accepted,
        vault=ServiceOptions(vault_deadline, vault_share, tuple(key_versions)),
    )
