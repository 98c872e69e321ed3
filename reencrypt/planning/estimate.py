"""Estimates of the two ways to a provider: what each moves, costs, and protects from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from reencrypt.keys.kind import Quota
from reencrypt.keys.provider import LEGACY_PROVIDER
from reencrypt.planning.command_lines import words_of
from reencrypt.planning.options import available_threads
from reencrypt.planning.plan import Plan
from reencrypt.state.counts import Counts
from reencrypt.wording import counted

#: PBKDF2 with 10,000 rounds, one thread.
_SECONDS_PER_DERIVATION: Final = 0.00115
_SECONDS_PER_BATCH: Final = 0.05
_BATCH: Final = 100
#: Calls before the first data key: one for the public key, one that tries it.
_BEGINNING: Final = 2
#: Unwraps of a new wrapping: as it is made, and as it is stored.
_CHECKS: Final = 2


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
    target, counts = plan.target, Counts.sum(plan.counts().values())
    rows = [row for row in plan.ring.rows if row.provider != target.provider]
    # One unwrap of each data key, also to see its version. Wrapping uses the public key; one unwrap checks the result,
    # and one what was stored.
    asked = [*(row.provider for row in plan.ring.rows), *[target.provider] * _CHECKS * len(rows)]
    asked += [*{row.provider for row in rows}, *[target.provider] * (_BEGINNING if rows else 1)]
    calls, seconds = _cost(asked, quota_of, plan.options.vault.share)
    legacy = sum(number for key_id, _, number in plan.entries() if key_id is None)
    rewrap = Estimate(
        _command(plan, "rewrap"),
        len(rows),
        calls,
        seconds + len(rows) / _BATCH * _SECONDS_PER_BATCH,
        "anybody who gets the old key from now on, without an earlier copy of the database",
        _left_by_rewrap(legacy, counts.not_applicable),
    )
    moving, staying = _moving(plan), sum(counts.left_because.values())
    staying += plan.movable - moving
    needed = [row for key_id in plan.moving_key_ids() if (row := plan.ring.row(key_id)) is not None]
    # A data key that its own secrets do not prove needs a second answer.
    doubtful = [row for row in needed if not plan.proof.is_shown_by_secrets(row.id)]
    asked = [*(row.provider for row in (*needed, *doubtful)), *{row.provider for row in needed}]
    if plan.movable:
        # The target's own data key is tried before a run sees that it leaves everything. Where something has moved, it
        # is unwrapped again at the end.
        asked += [target.provider] * (_BEGINNING + (_CHECKS if moving else 1))
    calls, seconds = _cost(asked, quota_of, plan.options.vault.share)
    return rewrap, Estimate(
        _command(plan, "run"),
        moving,
        calls,
        seconds + moving * _SECONDS_PER_DERIVATION / available_threads(),
        "anybody who ever had the old key and a copy of the data keys, too: "
        f"no secret {'that it moves ' if staying + counts.not_applicable else ''}stays under a known data key",
        _left_by_run(counts, staying),
    )


def _moving(plan: Plan) -> int:
    """The secrets that a run moves, as far as is known before it."""
    return sum(
        number
        for location in plan.locations
        if location.reencrypted
        for (key_id, algorithm), number in plan.census.locations[location.name].by_key.items()
        if plan.moves(location, key_id, algorithm) and not plan.is_unproven(key_id, algorithm)
    )


def _command(plan: Plan, name: str) -> str:
    """The command of a way, with what the user has said of the target."""
    target = plan.options.target
    options: dict[str, object] = {"--to": plan.target.provider}
    if target.wrap_format is not None:
        options["--wrap-format"] = target.wrap_format
    if name == "run" and plan.target.fresh:
        options["--fresh-data-key"] = True
    if name == "run" and target.algorithm:
        options["--algorithm"] = plan.target.algorithm
    return " ".join([f"reencrypt {name}", *words_of(options)])


def _left_by_rewrap(legacy: int, not_applicable: int) -> str:
    if not legacy + not_applicable:
        return "nothing"
    left = f"{counted(legacy + not_applicable, 'secret')} directly under {LEGACY_PROVIDER}"
    return f"{left}: `run` moves {legacy:,} of them" if not_applicable else f"{left}: that takes `run` either way"


def _left_by_run(counts: Counts, stay: int) -> str:
    """What a run does not move, as far as is known before it."""
    parts = {
        f"{counted(counts.not_applicable, 'secret')} that Grafana reads with {LEGACY_PROVIDER} alone": (
            counts.not_applicable
        ),
        f"{counted(counts.quarantined, 'secret')} that cannot be read": counts.quarantined,
        f"{counted(stay, 'secret')} where {'it is' if stay == 1 else 'they are'}": stay,
    }
    return ", ".join(text for text, number in parts.items() if number) or "nothing"


def _cost(asked: Iterable[str], quota_of: Callable[[str], Quota | None], share: float) -> tuple[int, float]:
    """Calls of key services for one request to each of these providers, and about how many seconds they take."""
    calls = Counter(quota for provider in asked if (quota := quota_of(provider)) is not None)
    return calls.total(), sum(quota.seconds_for(number, share) for quota, number in calls.items())
