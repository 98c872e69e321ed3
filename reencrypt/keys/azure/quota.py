"""What a vault bears: requests weighted by key, counted over ten seconds, for all keys of a vault together.

Source for vaults: Microsoft's service limits. RSA 2048 in software allows 4,000 requests in 10 s; an HSM key costs
twice, one of 3072 bits four times and one of 4096 bits eight times as much. To read a key costs as much as to use it.

A managed HSM has no quota: it slows down until nobody else gets an answer. Source: Microsoft's scaling guidance, which
measured 1,100 unwraps a second for 2048 bits, 360 for 3072 and 160 for 4096, with one key on one partition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reencrypt.keys.service_options import DEFAULT_SHARE

WINDOW_SECONDS: Final = 10.0

_CUT: Final = 0.7
_SMALLEST: Final = 1 / 8
_RECOVERY_SECONDS: Final = 200.0


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a kind of vault bears: `budget` in requests of the cheapest key in a window, and what others cost."""

    budget: float
    by_bits: Mapping[int, float]
    hsm_factor: float

    def weight_of(self, bits: int, *, hsm: bool) -> float:
        """Return the cost of one request with an RSA key of this size in bits."""
        return self.by_bits.get(bits, max(self.by_bits.values())) * (self.hsm_factor if hsm else 1.0)

    def per_second(self, weight: float) -> float:
        """Return the requests of this weight in a second."""
        return self.budget / WINDOW_SECONDS / weight


VAULT: Final = Capacity(4000.0, {2048: 1.0, 3072: 4.0, 4096: 8.0}, 2.0)
#: All of its keys are in the HSM.
MANAGED_HSM: Final = Capacity(11_000.0, {2048: 1.0, 3072: 1100 / 360, 4096: 1100 / 160}, 1.0)


class Window:
    """Sliding window: at most a share of the budget in any ten seconds; time is the caller's, in seconds.

    It is not a bucket: a thousand keys need not be spread over five seconds when the vault counts ten, and no ten
    seconds exceed the share, where a full bucket and its refill would add up.

    The vault counts a request when it arrives, which is not known here: the first ones connect and sign in, later ones
    overtake them. So a request counts from when it is sent until ten seconds after its answer.
    """

    def __init__(self, share: float = DEFAULT_SHARE, capacity: Capacity = VAULT) -> None:
        self._budget = capacity.budget * share
        self._under_way = 0
        self._answered: deque[tuple[float, float]] = deque()
        self._used = 0.0
        # Others use the vault too. After a refusal the share is lower for a while.
        self._factor = 1.0
        self._cut_at = float("-inf")

    def budget(self, now: float) -> float:
        """Return the budget of a window at this time."""
        recovered = max(0.0, now - self._cut_at) / _RECOVERY_SECONDS
        return self._budget * min(1.0, self._factor + recovered)

    def wait(self, now: float, weight: float) -> float | None:
        """Return the seconds until a request of this weight may go, 0 for now, None for not before the next answer.

        In an empty window any request may go.
        """
        while self._answered and self._answered[0][0] + WINDOW_SECONDS <= now:
            self._used -= self._answered.popleft()[1]
        excess = self._used + weight - self.budget(now)
        if excess <= 0 or not (self._answered or self._under_way):
            return 0.0
        for answered_at, answered in self._answered:
            excess -= answered
            if excess <= 0:
                return answered_at + WINDOW_SECONDS - now
        return None if self._under_way else self._answered[-1][0] + WINDOW_SECONDS - now

    def take(self, weight: float) -> None:
        """Count a request that is sent now; `answered` must follow."""
        self._under_way += 1
        self._used += weight

    def answered(self, now: float, weight: float) -> None:
        """Note that the vault has counted the request: it was answered, or is not waited for any more."""
        self._under_way -= 1
        self._answered.append((now, weight))

    def cut(self, now: float) -> None:
        """Use a third less for some minutes: the vault has refused a request within the budget.

        At most once in a window, because the vault still counts the requests from before the cut.
        """
        if now - self._cut_at >= WINDOW_SECONDS:
            self._factor = max(_SMALLEST, self.budget(now) / self._budget * _CUT)
            self._cut_at = now
