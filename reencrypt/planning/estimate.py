"""Estimates of the two ways to a provider: what each moves, costs, and protects from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from reencrypt.keys.kind import Quota
from reencrypt.keys.provider import LEGACY_PROVIDER
from reencrypt.planning.options import available_threads
from reencrypt.planning.plan import Plan
from reencrypt.wording import counted

#: PBKDF2 with 10,000 rounds, one thread.
_SECONDS_PER_DERIVATION: Final = 0.00115
_SECONDS_PER_BATCH: Final = 0.05
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Estimate:
    """One way: the rows it writes, its calls of key services, about how long it takes, and what it protects from."""

    command: str
    rows: int
    vault_calls: int
    seconds: float
    protects: str
    leaves: str

    def as_json(self) -> dict[str, Any]:
        """For `--output json`."""
        return {**asdict(self), "seconds": round(self.seconds, 1)}


def estimate(plan: Plan, quota_of: Callable[[str], Quota | None]) -> tuple[Estimate, Estimate]:
    """Estimate `rewrap`, then `run`. `quota_of` gives the quota of a provider's key service, None where it has none."""
    target = plan.target
    rows = [row for row in plan.ring.rows if row.provider != target.provider]
    # One unwrap of each data key, also to see its version. Wrapping uses the public key; one unwrap checks the result.
    asked = [*(row.provider for row in plan.ring.rows), *(target.provider for _ in rows)]
    calls, seconds = _cost(asked, quota_of, plan.options.vault.share)
    legacy = sum(number for key_id, _, number in plan.entries() if key_id is None)
    rewrap = Estimate(
        f"reencrypt rewrap --to {target.provider}",
        len(rows),
        calls,
        seconds + len(rows) / _BATCH * _SECONDS_PER_BATCH,
        "anybody who gets the old key from now on, without an earlier copy of the database",
        f"{counted(legacy, 'secret')} directly under {LEGACY_PROVIDER}: that takes `run` either way"
        if legacy
        else "nothing",
    )
    needed = [plan.ring.row(key_id) for key_id in plan.moving_key_ids()]
    asked = [row.provider for row in needed if row is not None]
    calls, seconds = _cost(asked, quota_of, plan.options.vault.share)
    moving = plan.movable
    return rewrap, Estimate(
        " ".join(
            [
                f"reencrypt run --to {target.provider}",
                *(["--fresh-data-key"] if target.fresh else []),
                *([f"--algorithm {target.algorithm}"] if plan.options.target.algorithm else []),
            ]
        ),
        moving,
        calls,
        seconds + moving * _SECONDS_PER_DERIVATION / available_threads(),
        "anybody who ever had the old key and a copy of the data keys, too: no secret stays under a known data key",
        "nothing",
    )


def _cost(asked: Iterable[str], quota_of: Callable[[str], Quota | None], share: float) -> tuple[int, float]:
    """Calls of key services for one request to each of these providers, and about how many seconds they take."""
    calls = Counter(quota for provider in asked if (quota := quota_of(provider)) is not None)
    return calls.total(), sum(quota.seconds_for(number, share) for quota, number in calls.items())
