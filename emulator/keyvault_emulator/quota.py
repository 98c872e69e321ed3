"""The service's limit: requests weighted by key, in a window of ten seconds, answered 429 beyond it.

Numbers are Microsoft's service limits: 4,000 requests in 10 s for RSA 2048 in software; 3072 and 4096 bits weigh 4 and
8 times as much, an HSM key twice. Requests that are refused do not count (guidance on throttling, newest text).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from keyvault_emulator.keyversion import KeyVersion
from keyvault_emulator.wire import RefusalError

BUDGET: Final = 4000
WINDOW_SECONDS: Final = 10.0

_WEIGHTS: Final = {2048: 1, 3072: 4, 4096: 8}
_MESSAGE: Final = (
    "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"
)


class Quota:
    """Counts the vault's requests."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counted: deque[tuple[float, int]] = deque()
        self._used = 0
        #: Units in a window; None for no limit.
        self.budget: int | None = BUDGET
        #: Seconds of the `Retry-After` header of a refusal; None for no header, as in the one recorded real case.
        self.retry_after: int | None = None

    def count(self, version: KeyVersion | None) -> None:
        """Count a request for a key, or for none.

        Raises:
            RefusalError: 429, the window is full.
        """
        now = self._clock()
        while self._counted and self._counted[0][0] + WINDOW_SECONDS <= now:
            self._used -= self._counted.popleft()[1]
        weight = _weight(version)
        if self.budget is not None and self._used + weight > self.budget:
            raise throttled(self.retry_after)
        self._counted.append((now, weight))
        self._used += weight


def throttled(retry_after: float | None) -> RefusalError:
    """Return the 429 of the service, with or without `Retry-After`."""
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return RefusalError(429, "Throttled", _MESSAGE, headers=headers)


def _weight(version: KeyVersion | None) -> int:
    if version is None:
        return 1
    return _WEIGHTS.get(version.private.key_size, 8) * (2 if version.kty.endswith("-HSM") else 1)
