"""The pace of requests to a vault: quota, concurrency, refusals; in virtual time, with the documented numbers."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reencrypt.errors import UnavailableError
from reencrypt.keys.azure.limiter import ConcurrencyLimit, Limiter
from reencrypt.keys.azure.quota import MANAGED_HSM, VAULT, Window
from reencrypt.keys.azure.retry import Request, RetryPolicy, ThrottledError, call_with_retries
from tests.support.virtualtime import run_in_virtual_time
from tests.unit.keys.azure.answers import HSM, key_in

LATENCY = 0.02


class Vault:
    """Counts like the service: a window of ten seconds, refusals not counted; notes when it was asked."""

    def __init__(
        self,
        budget: float = VAULT.budget,
        retry_after: float | None = None,
        latency: float = LATENCY,
        cold: float = 0.0,
    ) -> None:
        self.budget = budget
        self.retry_after = retry_after
        self.latency = latency
        #: Seconds that requests take longer before the first answer: they connect and sign in.
        self.cold = cold
        self.accepted: list[tuple[float, float]] = []
        #: Of `accepted`, those of the last ten seconds, and what they weigh.
        self._window: deque[tuple[float, float]] = deque()
        self._weight = 0.0
        self.refused: list[float] = []
        self.under_way = self.most_under_way = 0

    async def answer(self, weight: float) -> float:
        loop = asyncio.get_running_loop()
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            cold = 0.0 if self.accepted else self.cold
            await asyncio.sleep(cold + self.latency * random.uniform(0.5, 1.5))
            now = loop.time()
            while self._window and self._window[0][0] <= now - 10:
                self._weight -= self._window.popleft()[1]
            if self._weight + weight > self.budget:
                self.refused.append(now)
                raise ThrottledError(self.retry_after)
            self.accepted.append((now, weight))
            self._window.append((now, weight))
            self._weight += weight
            return now
        finally:
            self.under_way -= 1


async def ask(vault: Vault, limiter: Limiter, count: int, weight: float = 1.0, **policy: float) -> list[float]:
    """So many requests at once; returns when each was answered."""
    request = Request(weight, "unwrap", "")

    async def one() -> float:
        return await call_with_retries(
            lambda: vault.answer(weight), request, policy=RetryPolicy(**policy), limiter=limiter, waiting=lambda _: None
        )

    return await asyncio.gather(*(one() for _ in range(count)))


@pytest.mark.parametrize(
    ("bits", "hsm", "per_ten_seconds"),
    [(2048, False, 4000), (2048, True, 2000), (3072, False, 1000), (3072, True, 500), (4096, False, 500)],
)
def test_weights_give_the_documented_limits(bits: int, hsm: bool, per_ten_seconds: int) -> None:  # noqa: FBT001
    assert VAULT.budget / VAULT.weight_of(bits, hsm=hsm) == per_ten_seconds


@given(
    share=st.floats(0.05, 1),
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=60),
    weights=st.lists(st.sampled_from([1.0, 2.0, 8.0, 16.0]), min_size=1, max_size=5),
    latencies=st.lists(st.floats(0, 30), min_size=1, max_size=7),
    way=st.floats(0, 1),
)
@settings(max_examples=60)
def test_no_ten_seconds_ever_see_more_than_the_share(
    share: float, gaps: list[float], weights: list[float], latencies: list[float], way: float
) -> None:
    """The vault counts a request when it arrives, anywhere between the time it is sent and its answer."""
    window, now = Window(share), 0.0
    arrived: list[tuple[float, float]] = []
    under_way: list[tuple[float, float]] = []
    for number, gap in enumerate(gaps):
        now += gap
        for _ in range(40):
            weight = weights[number % len(weights)]
            while (wait := answer_all(window, under_way, now, weight)) != 0:
                now = heapq.nsmallest(1, under_way)[0][0] if wait is None else now + wait
            window.take(weight)
            latency = latencies[len(arrived) % len(latencies)]
            heapq.heappush(under_way, (now + latency, weight))
            arrived.append((now + latency * way, weight))
    for start, _ in arrived:
        assert sum(weight for at, weight in arrived if start <= at < start + 10) <= VAULT.budget * share + 1e-6


def answer_all(window: Window, under_way: list[tuple[float, float]], now: float, weight: float) -> float | None:
    """Answer what is due by `now`; returns the window's wait for one more request."""
    while under_way and under_way[0][0] <= now:
        window.answered(*heapq.heappop(under_way))
    wait = window.wait(now, weight)
    # Too small to move the clock forward is no wait.
    return 0.0 if wait is not None and now + wait == now else wait


def test_the_whole_share_is_used_and_nothing_is_refused() -> None:
    vault = Vault()

    async def main() -> float:
        answered = await ask(vault, Limiter(Window(0.5)), 12_000)
        return max(answered)

    seconds = run_in_virtual_time(main())
    assert vault.refused == []
    # 2,000 in ten seconds: the last of 12,000 not before the sixth window, and not much later.
    assert 12_000 / (seconds * 200) >= 0.95
    assert max(sum(1 for at, _ in vault.accepted if start <= at < start + 10) for start in range(60)) <= 2010


def test_the_whole_quota_may_be_used_without_refusals() -> None:
    vault = Vault()
    seconds = run_in_virtual_time(ask(vault, Limiter(Window(1.0)), 12_000))
    assert len(vault.refused) < 0.01 * 12_000
    assert 12_000 / (max(seconds) * 400) >= 0.95


@pytest.mark.parametrize("cold", [0.3, 3.0])
def test_requests_that_arrive_late_do_not_bunch_with_later_ones_beyond_the_share(cold: float) -> None:
    vault = Vault(budget=VAULT.budget * 0.05, cold=cold)
    run_in_virtual_time(ask(vault, Limiter(Window(0.05)), 800))
    assert vault.refused == []


def test_two_keys_of_one_vault_draw_on_one_budget() -> None:
    vault = Vault()

    async def main() -> None:
        limiter = Limiter(Window(0.5))
        await asyncio.gather(ask(vault, limiter, 1500, 1.0), ask(vault, limiter, 300, 8.0))

    run_in_virtual_time(main())
    assert vault.refused == []


@pytest.mark.parametrize("retry_after", [None, 3.0])
def test_a_vault_that_others_use_too_is_asked_less(retry_after: float | None) -> None:
    # Others take three quarters: our half is more than is left.
    vault = Vault(budget=VAULT.budget / 4, retry_after=retry_after)

    async def main() -> float:
        return max(await ask(vault, Limiter(Window(0.5)), 8000))

    seconds = run_in_virtual_time(main())
    assert len(vault.accepted) == 8000
    assert len(vault.refused) < 0.05 * 8000
    assert 8000 / (seconds * 100) > 0.7


def test_nobody_asks_before_the_vault_wants_to_be_asked() -> None:
    vault = Vault(budget=40, retry_after=7.0)

    async def main() -> None:
        await ask(vault, Limiter(Window(0.5)), 100, deadline_seconds=300)

    run_in_virtual_time(main())
    first = vault.refused[0]
    asked = sorted(at for at, _ in vault.accepted if at > first) + vault.refused
    # What was under way when the refusal came is answered; what comes after has waited.
    assert not [at for at in asked if first + LATENCY * 2 < at < first + 7]


def test_a_vault_that_refuses_everything_is_given_up_at_the_deadline() -> None:
    vault = Vault(budget=0)

    async def main() -> float:
        loop = asyncio.get_running_loop()
        with pytest.raises(UnavailableError, match="429"):
            await ask(vault, Limiter(Window(0.5)), 1)
        return loop.time()

    assert run_in_virtual_time(main()) <= 30.1
    assert 4 <= len(vault.refused) <= 8


def test_a_request_that_comes_while_the_vault_is_throttling_says_so_and_waits_or_gives_up() -> None:
    waits: list[str] = []

    async def ask_during_a_pause() -> float:
        limiter = Limiter(Window(0.5))
        limiter.throttled(0, 12)
        request = Request(1, "decrypt with key k", "try later")

        async def call() -> float:
            return asyncio.get_running_loop().time()

        with pytest.raises(UnavailableError, match=r"may go in 12 s, after the deadline of 5 s"):
            await call_with_retries(
                call, request, policy=RetryPolicy(deadline_seconds=5), limiter=limiter, waiting=waits.append
            )
        assert waits == []
        return await call_with_retries(call, request, policy=RetryPolicy(), limiter=limiter, waiting=waits.append)

    assert run_in_virtual_time(ask_during_a_pause()) == pytest.approx(12)
    assert waits == ["decrypt with key k: Key Vault is throttling requests (429), the next one may go in 12 s"]


def test_a_request_that_waits_for_its_turn_does_not_use_up_its_deadline() -> None:
    vault = Vault(latency=0.001)
    answered = run_in_virtual_time(ask(vault, Limiter(Window(0.5)), 12_000, deadline_seconds=5))
    assert max(answered) > 50


def test_a_request_that_is_repeated_stands_before_those_that_came_later() -> None:
    order: list[int] = []

    async def main() -> None:
        limiter = Limiter(Window(8 / VAULT.budget))
        first = limiter.ticket()
        await limiter.admit(first, 8)

        async def wait(ticket: int) -> None:
            await limiter.admit(ticket, 8)
            order.append(ticket)
            limiter.leave(8)

        later = [asyncio.create_task(wait(limiter.ticket())) for _ in range(3)]
        await asyncio.sleep(0)
        again = asyncio.create_task(wait(first))
        await asyncio.sleep(0)
        limiter.leave(8)
        await asyncio.gather(again, *later)

    run_in_virtual_time(main())
    assert order == [1, 2, 3, 4]


def test_a_cancelled_request_gives_its_place_to_the_next() -> None:
    async def main() -> None:
        limiter = Limiter(None)
        running = [limiter.ticket() for _ in range(8)]
        for ticket in running:
            await limiter.admit(ticket, 1)
        tasks = [asyncio.create_task(limiter.admit(limiter.ticket(), 1)) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)
        limiter.leave(1)
        tasks[1].cancel()  # admitted a moment ago, and not yet aware of it
        await asyncio.wait_for(tasks[2], 1)
        assert tasks[0].cancelled()

    run_in_virtual_time(main())


def grow(concurrency: ConcurrencyLimit, answers: int, latency: Callable[[int], float]) -> int:
    for _ in range(answers):
        concurrency.answered(latency(concurrency.limit), concurrency.limit - 1)
    return concurrency.limit


def test_concurrency_grows_while_answers_are_quick_and_is_bounded() -> None:
    concurrency = ConcurrencyLimit()
    assert grow(concurrency, 5, lambda _: 0.02) > 8
    assert grow(concurrency, 10_000, lambda _: 0.02) == 128


def test_concurrency_stops_growing_where_more_requests_only_wait_for_each_other() -> None:
    # A service of 16 hands: beyond them every answer takes longer.
    assert grow(ConcurrencyLimit(), 5000, lambda limit: 0.05 * max(1.0, limit / 16)) < 60


def test_concurrency_that_is_not_used_does_not_grow() -> None:
    concurrency = ConcurrencyLimit()
    for _ in range(100):
        concurrency.answered(0.02, 0)
    assert concurrency.limit == 8


def test_concurrency_halves_once_for_one_event_and_never_below_one() -> None:
    concurrency = ConcurrencyLimit()
    grow(concurrency, 10_000, lambda _: 0.02)
    assert [concurrency.congested(10, 10.1 + number / 100) for number in range(50)] == [True] + [False] * 49
    assert concurrency.limit == 64
    for number in range(20):
        concurrency.congested(20.0 + number, 20.5 + number)
    assert concurrency.limit == 1


def test_without_a_quota_only_concurrency_bounds() -> None:
    vault = Vault(budget=float("inf"))
    seconds = run_in_virtual_time(ask(vault, Limiter(None), 10_000))
    assert 16 < vault.most_under_way <= 128
    assert max(seconds) < 10


@pytest.mark.parametrize(("bits", "per_second"), [(2048, 1100), (3072, 360), (4096, 160)])
def test_a_managed_hsm_is_left_as_much_room_as_a_vault(bits: int, per_second: int) -> None:
    """It has no quota: without a window of our own a run would slow down Grafana's requests."""
    weight = MANAGED_HSM.weight_of(bits, hsm=True)
    assert MANAGED_HSM.per_second(weight) == pytest.approx(per_second)
    window, went = Window(0.5, MANAGED_HSM), 0
    while window.wait(0.0, weight) == 0:
        window.take(weight)
        went += 1
    assert went == pytest.approx(per_second * 10 * 0.5, abs=1)


def test_a_managed_hsm_is_told_by_its_domain() -> None:
    assert key_in(HSM).capacity is MANAGED_HSM
    assert key_in().capacity is VAULT
