"""The metrics by name, help and labels, and their numbers. `docs/reference.md` is made from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

#: Upper bounds of the buckets for the time that row locks are held, in seconds; pages aim at 50 ms.
LOCK_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
#: The same for an answer of a key service.
ANSWER_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
RESULTS: Final = ("re_encrypted", "already_current", "quarantined", "left", "not_applicable")

Labels = tuple[str, ...]


@dataclass(slots=True)
class Family:
    """One metric; `values` by the values of its labels. A `local` one is not taken over from an earlier process."""

    name: str
    meaning: str
    labels: Labels = ()
    local: bool = False
    values: dict[Labels, float] = field(default_factory=dict)


@dataclass(slots=True)
class Histogram:
    """Counts of observations up to each bound, and their sum."""

    bounds: Sequence[float]
    counts: list[int]
    total: float = 0.0

    @classmethod
    def empty(cls, bounds: Sequence[float]) -> Histogram:
        """Without an observation."""
        return cls(bounds, [0] * (len(bounds) + 1))

    def observe(self, value: float) -> None:
        """Count one."""
        index = next((number for number, bound in enumerate(self.bounds) if value <= bound), len(self.bounds))
        self.counts[index] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus wants them."""
        names = [*map(str, self.bounds), "+Inf"]
        return [(name, float(sum(self.counts[: index + 1]))) for index, name in enumerate(names)]


#: What each command counts from zero: counters, whose names get `_total` when they are published, and histograms.
VAULT_REQUESTS: Final = Family(
    "reencrypt_vault_requests", "Requests to a key service; code: the HTTP status, or no_answer.", ("operation", "code")
)
THROTTLED: Final = Family("reencrypt_throttled_seconds", "How long key services held requests back (429).")
PAUSED: Final = Family("reencrypt_replica_pause_seconds", "How long writing paused for replicas (--max-lag).")
LOCKS: Final = Family("reencrypt_lock_seconds", "How long pages held their row locks.")
ANSWERS: Final = Family("reencrypt_vault_request_seconds", "Time of requests to a key service.", ("operation",))


def _gauge(name: str, meaning: str, *labels: str, local: bool = False) -> Callable[[], Family]:
    return lambda: Family(f"reencrypt_{name}", meaning, labels, local)


@dataclass(slots=True)
class Gauges:
    """The gauges. Their field names are shorter than their names in Prometheus, and the meanings are the help there."""

    build: Family = field(
        default_factory=_gauge("build_info", "Version of reencrypt and of Python.", "version", "python", local=True)
    )
    running: Family = field(
        default_factory=_gauge("command_running", "1 while the command is at work.", "command", local=True)
    )
    last_run: Family = field(
        default_factory=_gauge("last_run_timestamp_seconds", "When the command last ended, however.", "command")
    )
    last_success: Family = field(
        default_factory=_gauge("last_success_timestamp_seconds", "When it last ended with exit code 0.", "command")
    )
    exit_code: Family = field(
        default_factory=_gauge("last_run_exit_code", "Exit code of the last time, see reencrypt --help.", "command")
    )
    duration: Family = field(default_factory=_gauge("last_run_duration_seconds", "How long it took.", "command"))
    target: Family = field(
        default_factory=_gauge("target_info", "The provider that Grafana is configured to use.", "store", "provider")
    )
    counted: Family = field(
        default_factory=_gauge("inventory_timestamp_seconds", "When secrets and data keys were last counted.")
    )
    secrets: Family = field(
        default_factory=_gauge(
            "secrets",
            "Secrets by state: current, old, key_missing, not_understood, acknowledged or not_applicable.",
            "store",
            "location",
            "provider",
            "state",
        )
    )
    quarantined: Family = field(
        default_factory=_gauge(
            "quarantined_secrets", "Secrets in quarantine: open or acknowledged.", "location", "state"
        )
    )
    data_keys: Family = field(
        default_factory=_gauge(
            "data_keys", "Data keys; in_use: secrets are under them.", "store", "provider", "active", "in_use"
        )
    )
    oldest: Family = field(
        default_factory=_gauge(
            "oldest_data_key_created_timestamp_seconds",
            "When the oldest data key in use was made; 0 where one has no date.",
            "store",
            "provider",
        )
    )
    newest: Family = field(
        default_factory=_gauge(
            "newest_data_key_created_timestamp_seconds", "When the newest data key was made.", "store", "provider"
        )
    )
    pass_secrets: Family = field(
        default_factory=_gauge(
            "pass_secrets", "Secrets of the present or last pass, by what became of them.", "location", "result"
        )
    )

    def all(self) -> list[Family]:
        """In the order in which they are published."""
        return [getattr(self, name) for name in self.__slots__]

    def counted_together(self) -> list[Family]:
        """What an inventory replaces."""
        return [
            self.counted,
            self.target,
            self.secrets,
            self.quarantined,
            self.data_keys,
            self.oldest,
            self.newest,
        ]
