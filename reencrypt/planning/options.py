"""What the user asks of a run, apart from Grafana's configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import timedelta

from reencrypt.crypto.ciphers import Algorithm
from reencrypt.keys.kind import ServiceOptions
from reencrypt.keys.wrap_format import WrapFormat
from reencrypt.outcomes import Operation
from reencrypt.settings import Settings
from reencrypt.state.lease import DEFAULT_TIMEOUT_SECONDS
from reencrypt.state.quarantine import Selection
from reencrypt.state.tally import DEFAULT_SHARE


def available_threads() -> int:
    """The processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of `plan` and `run`. `to` is the target provider as spelled out, None for Grafana's own choice.

    `algorithm` is None for the configured one; `if_older_than` the age from which on secrets get a fresh data key.
    `accepted` are the implausible secrets in quarantine that the user vouches for.
    """

    operation: Operation = Operation.RUN
    to: str | None = None
    algorithm: Algorithm | None = None
    fresh_data_key: bool = False
    if_older_than: timedelta | None = None
    wrap_format: WrapFormat | None = None
    locations: tuple[str, ...] = ()
    limit: int | None = None
    max_runtime_seconds: float | None = None
    skip_keys: frozenset[str] = frozenset()
    accept_unproven: frozenset[str] = frozenset()
    allow_empty: bool = False
    lease_timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    settle: bool = False
    max_quarantine: float = DEFAULT_SHARE
    accepted: Selection | None = None
    vault: ServiceOptions = field(default_factory=ServiceOptions)

    def applied_to(self, settings: Settings) -> Settings:
        """The configuration with what the user decided against it, for the providers, which wrap data keys."""
        return replace(settings, algorithm=self.algorithm) if self.algorithm else settings
