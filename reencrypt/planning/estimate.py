"""Estimate of the two ways to a provider, side by side: what each moves, costs, and protects from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from reencrypt.keys.kind import Quota
from reencrypt.keys.provider import LEGACY_PROVIDER
from reencrypt.planning.options import available_threads
from reencrypt.planning.plan import Plan

#: PBKDF2 with 10,000 rounds, one thread.
_SECONDS_PER_DERIVATION: Final = 0.00115
_SECONDS_PER_BATCH: Final = 0.05
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Estimate:
    """One way: the rows it writes, the calls of key services it makes, about how long it takes, what it is good for."""

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
    """`rewrap`, then `run`; `quota_of` tells of a provider what its key service answers, None where it asks none."""
    target = plan.target
    rows = [row for row in plan.ring.rows if row.provider != target.provider]
    # Unwrapped where it is, or to see its version; wrapped with the public key, and unwrapped before it counts.
    asked = [*(row.provider for row in plan.ring.rows), *(target.provider for _ in rows)]
    calls, seconds = _cost(asked, quota_of, plan.options.vault.share)
    legacy = sum(number for key_id, _, number in plan.entries() if key_id is None)
    rewrap = Estimate(
        f"reencrypt rewrap --to {target.provider}",
        len(rows),
        calls,
        seconds + len(rows) / _BATCH * _SECONDS_PER_BATCH,
        "whoever gets the old key from now on, without a copy of the database from before",
        f"{legacy} secrets directly under {LEGACY_PROVIDER}, which need `run` either way" if legacy else "nothing",
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
        "whoever ever had the old key and a copy of the data keys, too: nothing stays under what it knew",
        "nothing",
    )


def _cost(asked: Iterable[str], quota_of: Callable[[str], Quota | None], share: float) -> tuple[int, float]:
    """Calls of key services when each of these providers is asked once, and about how many seconds they take."""
    calls = Counter(quota for provider in asked if (quota := quota_of(provider)) is not None)
    return calls.total(), sum(quota.seconds_for(number, share) for quota, number in calls.items())
