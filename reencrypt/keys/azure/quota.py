"""Key Vault's documented quota: requests weighted by key, counted over ten seconds, per vault.

Source: Microsoft's service limits. RSA 2048 in software allows 4,000 requests in 10 s; an HSM key costs twice,
one of 3072 bits four times and one of 4096 bits eight times as much, and all keys of a vault draw on one budget.
To read a key costs as much as to use it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from reencrypt.keys.service_options import DEFAULT_SHARE

WINDOW_SECONDS: Final = 10.0
BUDGET: Final = 4000.0

_BY_BITS: Final = {2048: 1.0, 3072: 4.0, 4096: 8.0}
_HSM_FACTOR: Final = 2.0
#: Latency varies, so requests that leave 10 s apart may arrive closer together.
_GUARD_SECONDS: Final = 0.2

_CUT: Final = 0.7
_SMALLEST: Final = 1 / 8
_RECOVERY_SECONDS: Final = 200.0


def weight_of(bits: int, *, hsm: bool) -> float:
    """Return the cost of one request with an RSA key of this size in bits."""
    return _BY_BITS.get(bits, max(_BY_BITS.values())) * (_HSM_FACTOR if hsm else 1.0)


class Window:
    """Sliding window: at most a share of the budget in any ten seconds; time is the caller's, in seconds.

    It is not a bucket: a thousand keys need not be spread over five seconds when the vault counts ten, and no ten
    seconds exceed the share, where a full bucket and its refill would add up.
    """

    def __init__(self, share: float = DEFAULT_SHARE) -> None:
        self._budget = BUDGET * share
        self._taken: deque[tuple[float, float]] = deque()
        self._used = 0.0
        # Others use the vault too. After a refusal the share is lower for a while.
        self._factor = 1.0
        self._cut_at = float("-inf")

    def budget(self, now: float) -> float:
        """Return the budget of a window at this time."""
        recovered = max(0.0, now - self._cut_at) / _RECOVERY_SECONDS
        return self._budget * min(1.0, self._factor + recovered)

    def wait(self, now: float, weight: float) -> float:
        """Return the seconds until a request of this weight may go, 0 for now; in an empty window any may."""
        length = WINDOW_SECONDS + _GUARD_SECONDS
        while self._taken and self._taken[0][0] + length <= now:
            self._used -= self._taken.popleft()[1]
        excess = self._used + weight - self.budget(now)
        if excess <= 0 or not self._taken:
            return 0.0
        for taken_at, taken in self._taken:
            excess -= taken
            if excess <= 0:
                return taken_at + length - now
        return self._taken[-1][0] + length - now

    def take(self, now: float, weight: float) -> None:
        """Count a request that goes now."""
        self._taken.append((now, weight))
        self._used += weight

    def cut(self, now: float) -> None:
        """Use a third less for some minutes: the vault has refused a request within the budget.

        At most once in a window, because the vault still counts the requests from before the cut.
        """
        if now - self._cut_at >= WINDOW_SECONDS:
            self._factor = max(_SMALLEST, self.budget(now) / self._budget * _CUT)
            self._cut_at = now
