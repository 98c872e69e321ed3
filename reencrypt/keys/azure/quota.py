"""Key Vault's documented quota: requests weighted by key, counted over ten seconds, per vault.

Source: Microsoft's service limits. RSA 2048 in software may be asked for 4,000 times in 10 s; an HSM key costs twice,
one of 3072 bits four times and one of 4096 bits eight times as much, and all keys of a vault draw on one budget.
Reading a key costs what using it does.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from reencrypt.keys.service_options import DEFAULT_SHARE

WINDOW_SECONDS: Final = 10.0
BUDGET: Final = 4000.0

_BY_BITS: Final = {2048: 1.0, 3072: 4.0, 4096: 8.0}
_HSM_FACTOR: Final = 2.0
#: Answers travel at different speeds, so what left 10 s after one another may arrive closer together.
_GUARD_SECONDS: Final = 0.2

_CUT: Final = 0.7
_SMALLEST: Final = 1 / 8
_RECOVERY_SECONDS: Final = 200.0


def weight_of(bits: int, *, hsm: bool) -> float:
    """What one request costs of the budget, for an RSA key of so many bits."""
    return _BY_BITS.get(bits, max(_BY_BITS.values())) * (_HSM_FACTOR if hsm else 1.0)


class Window:
    """Never more than a share of the budget in any ten seconds; time is the caller's, in seconds.

    A sliding window rather than a bucket: a thousand keys need not be spread over five seconds when the vault counts
    ten, and no ten seconds ever see more than the share, where a full bucket and its refill would add up.
    """

    def __init__(self, share: float = DEFAULT_SHARE) -> None:
        self._budget = BUDGET * share
        self._taken: deque[tuple[float, float]] = deque()
        self._used = 0.0
        # Others draw on the vault too. When it says that this was too much, we take less for a while.
        self._factor = 1.0
        self._cut_at = float("-inf")

    def budget(self, now: float) -> float:
        """What may be used in a window at this time."""
        recovered = max(0.0, now - self._cut_at) / _RECOVERY_SECONDS
        return self._budget * min(1.0, self._factor + recovered)

    def wait(self, now: float, weight: float) -> float:
        """Seconds until a request of this weight may go; 0 when at once. The heaviest may go when nothing else is."""
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
        """Use a third less, for some minutes: the vault has refused a request that it should have taken.

        Once in a window, because until that has passed the vault still counts what was before the cut.
        """
        if now - self._cut_at >= WINDOW_SECONDS:
            self._factor = max(_SMALLEST, self.budget(now) / self._budget * _CUT)
            self._cut_at = now
