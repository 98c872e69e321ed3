"""The options about replicas. Loaded for every `--help`, so it imports nothing that talks to a server."""

from __future__ import annotations

from dataclasses import dataclass

from reencrypt.errors import ConfigurationError
from reencrypt.option import option


@dataclass(frozen=True, slots=True)
class LagOptions:
    """Whose lag a command that writes waits for, and how much of it is too much."""

    max_lag: float | None = option(
        "--max-lag SECONDS",
        "Pause while a replica of the database lags more than this behind.",
        default=None,
        above=0,
        details="It continues by itself. A lag that nobody can tell is refused at the start (exit 2), and pauses work "
        "later. See docs/databases.md.",
        example=5,
    )
    replicas: tuple[str, ...] = option(
        "--replica HOST[:PORT]",
        "With --max-lag: ask this replica, with the account of the database. Default: all that PostgreSQL streams to.",
        default=(),
        details="MySQL and MariaDB need it: their primary does not know the lag.",
        example="db-2.example.internal",
    )

    def __post_init__(self) -> None:
        if self.replicas and self.max_lag is None:
            raise ConfigurationError(
                "--replica names whose lag to wait for", hint="Give --max-lag with it: how much of it is too much."
            )
