"""When a vault call is tried again: a closed list of reasons, full jitter, one deadline."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from reencrypt.errors import UnavailableError

T = TypeVar("T")


class TransientError(Exception):
    """The service could not answer now; `retry_after` is what it asked for, in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`attempt_seconds` bounds one call, `deadline_seconds` all tries of it together; waits double from the first."""

    attempt_seconds: float = 10.0
    deadline_seconds: float = 30.0
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 16.0


async def call_with_retries(
    call: Callable[[], Awaitable[T]], policy: RetryPolicy, *, what: str, hint: str, waiting: Callable[[str], None]
) -> T:
    """Try until it succeeds, fails for good, or the deadline passes (`UnavailableError`, naming the last reason).

    `waiting` hears why each wait happens.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + policy.deadline_seconds
    tries = 0
    while True:
        try:
            async with asyncio.timeout(min(policy.attempt_seconds, max(0.1, deadline - loop.time()))):
                return await call()
        except TimeoutError:
            reason, retry_after = "no answer in time", None
        except TransientError as error:
            reason, retry_after = str(error), error.retry_after
        # Full jitter: many waiting calls must not come back together.
        ceiling = min(policy.longest_wait_seconds, policy.first_wait_seconds * 2**tries)
        wait = random.uniform(0, ceiling) if retry_after is None else retry_after  # noqa: S311 - spreads load
        tries += 1
        if loop.time() + wait >= deadline:
            raise UnavailableError(f"{what}: {reason} within {policy.deadline_seconds:g} s", hint=hint)
        waiting(f"{what}: {reason}")
        await asyncio.sleep(wait)
