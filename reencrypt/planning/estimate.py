"""The two roads to a provider, side by side: what each moves, costs, and protects from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from reencrypt.keys.azure.quota import BUDGET, WINDOW_SECONDS
from reencrypt.keys.provider import LEGACY_PROVIDER
from reencrypt.planning.options import available_threads
from reencrypt.planning.plan import Plan

#: PBKDF2 with 10,000 rounds, one thread.
_SECONDS_PER_DERIVATION: Final = 0.00115
_SECONDS_PER_BATCH: Final = 0.05
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Road:
    """One way: how many rows it writes, how often it asks a vault, about how long it takes, what it is good for."""

    command: str
    rows: int
    vault_calls: int
    seconds: float
    protects: str
    leaves: str

    def as_json(self) -> dict[str, Any]:
        """For `--output json`."""
        return {**asdict(self), "seconds": round(self.seconds, 1)}


def roads(plan: Plan) -> tuple[Road, Road]:
    """`rewrap`, then `run`."""
    target = plan.target
    rows = [row for row in plan.ring.rows if row.provider != target.provider]
    in_vaults = sum(row.provider.startswith("azurekv.") for row in plan.ring.rows)
    # Unwrapped where it is, or to see its version; wrapped with the public key, and unwrapped before it counts.
    calls = in_vaults + (len(rows) if target.provider.startswith("azurekv.") else 0)
    legacy = sum(number for key_id, _, number in plan.entries() if key_id is None)
    rewrap = Road(
        f"reencrypt rewrap --to {target.provider}",
        len(rows),
        calls,
        _vault_seconds(plan, calls) + len(rows) / _BATCH * _SECONDS_PER_BATCH,
        "whoever gets the old key from now on, without a copy of the database from before",
        f"{legacy} secrets directly under {LEGACY_PROVIDER}, which need `run` either way" if legacy else "nothing",
    )
    unwraps = vault_unwraps(plan)
    moving = plan.movable
    return rewrap, Road(
        " ".join(
            [
                f"reencrypt run --to {target.provider}",
                *(["--fresh-data-key"] if target.fresh else []),
                *([f"--algorithm {target.algorithm}"] if plan.options.algorithm else []),
            ]
        ),
        moving,
        unwraps,
        _vault_seconds(plan, unwraps) + moving * _SECONDS_PER_DERIVATION / available_threads(),
        "whoever ever had the old key and a copy of the data keys, too: nothing stays under what it knew",
        "nothing",
    )


def vault_unwraps(plan: Plan) -> int:
    """Data keys that a run asks a vault to unwrap."""
    rows = [plan.ring.row(key_id) for key_id in plan.moving_key_ids()]
    return sum(row is not None and row.provider.startswith("azurekv.") for row in rows)


def _vault_seconds(plan: Plan, calls: int) -> float:
    """A window's worth goes at once, the rest at the pace of the quota."""
    budget = BUDGET * plan.options.vault.share
    return max(0.0, calls - budget) / budget * WINDOW_SECONDS
