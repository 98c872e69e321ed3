"""When a vault call is tried again, and when that ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from reencrypt.errors import ConfigurationError, UnavailableError
from reencrypt.keys.azure.limiter import Limiter
from reencrypt.keys.azure.quota import Window
from reencrypt.keys.azure.retry import Request, RetryPolicy, ThrottledError, TransientError, call_with_retries

QUICK = RetryPolicy(attempt_seconds=5, deadline_seconds=5, first_wait_seconds=0.001, longest_wait_seconds=0.002)


@dataclass
class Service:
    """Fails as it is told, then answers; remembers how often it was asked and why somebody waited."""

    failures: list[Exception]
    calls: int = 0
    reasons: list[str] = field(default_factory=list)

    async def answer(self) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"

    async def ask(self, policy: RetryPolicy = QUICK) -> str:
        return await call_with_retries(
            self.answer,
            Request(1, "decrypt with key k", "try later"),
            policy=policy,
            limiter=Limiter(Window()),
            waiting=self.reasons.append,
        )


async def test_transient_failures_are_tried_again_and_each_wait_says_why() -> None:
    service = Service([TransientError("the vault answered 503"), TransientError("no connection", 0.001)])
    assert await service.ask() == "answer"
    assert service.calls == 3
    assert service.reasons == ["decrypt with key k: the vault answered 503", "decrypt with key k: no connection"]


async def test_what_is_wrong_for_good_is_not_tried_again() -> None:
    service = Service([ConfigurationError("wrong")])
    with pytest.raises(ConfigurationError):
        await service.ask()
    assert service.calls == 1


async def test_the_deadline_ends_it_with_the_last_reason() -> None:
    service = Service([TransientError(f"the vault answered 50{number % 4}") for number in range(10_000)])
    with pytest.raises(UnavailableError) as caught:
        await service.ask(RetryPolicy(5, 0.05, 0.001, 0.002))
    assert caught.value.message.startswith("decrypt with key k: the vault answered 50")
    assert caught.value.message.endswith("; gave up (deadline 0.05 s)")
    assert caught.value.hint == "try later"
    assert caught.value.exit_code == 7


async def test_a_retry_after_beyond_the_deadline_is_not_waited_for() -> None:
    service = Service([ThrottledError(3600.0)])
    async with asyncio.timeout(1):
        with pytest.raises(
            UnavailableError, match=r"Key Vault is throttling requests \(429, Retry-After 3600 s\); gave up"
        ):
            await service.ask()
    assert service.calls == 1


async def test_an_answer_that_does_not_come_is_given_up_at_the_deadline() -> None:
    never = asyncio.Event()

    async def hang() -> bool:
        return await never.wait()

    with pytest.raises(UnavailableError, match=r"no answer in time; gave up \(deadline 0\.1 s\)"):
        await call_with_retries(
            hang,
            Request(1, "get", ""),
            policy=RetryPolicy(attempt_seconds=0.02, deadline_seconds=0.1),
            limiter=Limiter(Window()),
            waiting=lambda _: None,
        )


async def test_a_cancellation_is_not_taken_for_a_failure() -> None:
    asked = asyncio.Event()

    async def hang() -> bool:
        asked.set()
        return await asyncio.Event().wait()

    limiter = Limiter(Window())
    request = Request(1, "get", "")
    task = asyncio.create_task(call_with_retries(hang, request, policy=QUICK, limiter=limiter, waiting=lambda _: None))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
