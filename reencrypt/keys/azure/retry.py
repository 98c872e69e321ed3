"""Retry of vault calls: a closed list of reasons, full jitter, one deadline."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from reencrypt.keys.azure.limiter import Limiter
from reencrypt.keys.errors import ServiceGoneError

T = TypeVar("T")


class TransientError(Exception):
    """The service could not answer now; it asked for `retry_after`, in seconds.

    `hint` is what to do where that does not pass, if it is not the vault that fails.
    """

    def __init__(self, message: str, retry_after: float | None = None, *, hint: str = "") -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.hint = hint


#: Request timeout, and throttled.
_PASSING: Final = (408, 429)
_SERVER_ERRORS: Final = 500
#: Not implemented, a version of HTTP, and the sign-in of a network: no second request changes that.
_LASTING: Final = (501, 505, 511)


def may_pass(status: int) -> bool:
    """Whether a status of HTTP, of whatever answers, is for the moment: a request may be sent again."""
    return status in _PASSING or (status >= _SERVER_ERRORS and status not in _LASTING)


def delay_asked_for(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `Retry-After`; a date or another value that is no delay is ignored."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None


class ThrottledError(TransientError):
    """The service is throttling requests (429): every call has to wait, not this one alone."""

    def __init__(self, retry_after: float | None = None) -> None:
        asked = f", Retry-After {retry_after:g} s" if retry_after else ""
        super().__init__(f"Key Vault is throttling requests (429{asked})", retry_after)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retry limits: `attempt_seconds` bounds one call, `deadline_seconds` all its tries; waits double from the first.

    The time of a call in this program's own queue does not count.
    """

    attempt_seconds: float = 10.0
    deadline_seconds: float = 30.0
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 16.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request, for the queue and for messages: `weight` in units of the quota, `what` and `hint` for errors.

    `service` is who is asked.
    """

    weight: float
    what: str
    hint: str
    service: str = ""


async def call_with_retries(
    call: Callable[[], Awaitable[T]],
    request: Request,
    *,
    policy: RetryPolicy,
    limiter: Limiter,
    waiting: Callable[[str], None],
    throttled: Callable[[float], None] = lambda _seconds: None,
) -> T:
    """Try until it succeeds, fails for good, or the deadline passes (`ServiceGoneError`, naming the last reason).

    `waiting` is told why each wait happens, `throttled` by how many seconds a refusal holds all requests back longer.
    """
    loop = asyncio.get_running_loop()
    ticket = limiter.ticket()
    pause = limiter.pause_seconds()
    if pause:
        reason = f"{request.what}: Key Vault is throttling requests (429), the next one may go in {pause:.0f} s"
        if pause > policy.deadline_seconds:
            raise ServiceGoneError(
                f"{reason}, after the deadline of {policy.deadline_seconds:g} s",
                hint=request.hint,
                service=request.service,
            )
        waiting(reason)
    await limiter.admit(ticket, request.weight)
    deadline = loop.time() + policy.deadline_seconds
    tries = 0
    while True:
        since, hint = loop.time(), request.hint
        try:
            async with asyncio.timeout(min(policy.attempt_seconds, max(0.1, deadline - since))):
                result = await call()
        except TimeoutError:
            limiter.unanswered(since)
            reason, wait = "no answer in time", 0.0
        except ThrottledError as error:
            reason, wait = str(error), _held_back(limiter, since, error, throttled)
        except TransientError as error:
            reason, wait, hint = str(error), error.retry_after or 0.0, error.hint or request.hint
        except Exception:
            # An error is an answer too.
            limiter.answered(loop.time() - since)
            raise
        else:
            limiter.answered(loop.time() - since)
            return result
        finally:
            limiter.leave(request.weight)
        # Full jitter: many waiting calls must not come back together. The vault's own delay is the minimum.
        ceiling = min(policy.longest_wait_seconds, policy.first_wait_seconds * 2**tries)
        wait = max(wait, random.uniform(0, ceiling))  # noqa: S311 - spreads load
        tries += 1
        if loop.time() + wait >= deadline:
            raise ServiceGoneError(
                f"{request.what}: {reason}; gave up (deadline {policy.deadline_seconds:g} s)",
                hint=hint,
                service=request.service,
            )
        waiting(f"{request.what}: {reason}")
        await asyncio.sleep(wait)
        queued = loop.time()
        await limiter.admit(ticket, request.weight)
        deadline += loop.time() - queued


def _held_back(limiter: Limiter, since: float, error: ThrottledError, throttled: Callable[[float], None]) -> float:
    """Hold all requests back; returns the seconds until the next one may go, and tells how many of them are new."""
    before = limiter.pause_seconds()
    wait = limiter.throttled(since, error.retry_after)
    if wait > before:
        throttled(wait - before)
    return wait
