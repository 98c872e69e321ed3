"""The emulator's quota and its faults, as a client sees them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

import aiohttp
import pytest
from emulator_clients import Wire, decode

if TYPE_CHECKING:
    from emulator_clients import Clock
    from keyvault_emulator import Emulator

KEY = "/keys/prod/"


async def statuses(wire: Wire, count: int, path: str = KEY) -> Counter[int]:
    return Counter([(await wire.get(path)).status for _ in range(count)])


async def test_the_quota_counts_ten_seconds_and_not_what_it_refuses(
    emulator: Emulator, wire: Wire, clock: Clock
) -> None:
    await wire.sign_in()
    emulator.set_quota(budget=20)
    assert await statuses(wire, 30) == {200: 20, 429: 10}
    clock.now += 9.9
    assert await statuses(wire, 1) == {429: 1}
    clock.now += 0.2
    assert await statuses(wire, 30) == {200: 20, 429: 10}


async def test_the_quota_is_four_thousand_by_default_and_may_be_lifted(emulator: Emulator, wire: Wire) -> None:
    await wire.sign_in()

    async def ask(count: int) -> Counter[int]:
        found: Counter[int] = Counter()
        for start in range(0, count, 100):
            replies = await asyncio.gather(*(wire.get(KEY) for _ in range(start, min(start + 100, count))))
            found.update(reply.status for reply in replies)
        return found

    assert await ask(4005) == {200: 4000, 429: 5}
    emulator.set_quota(budget=None)
    assert await ask(10) == {200: 10}


@pytest.mark.parametrize(("bits", "kty", "weight"), [(3072, "RSA", 4), (2048, "RSA-HSM", 2), (4096, "RSA-HSM", 16)])
async def test_larger_keys_and_those_in_an_hsm_weigh_more(
    emulator: Emulator, wire: Wire, bits: int, kty: str, weight: int
) -> None:
    await wire.sign_in()
    await wire.post("/keys/heavy/create", {"kty": kty, "key_size": bits})
    emulator.set_quota(budget=16)
    allowed = 16 // weight
    # The creation of the key has counted one.
    assert (await statuses(wire, allowed + 1, "/keys/heavy/"))[200] == (16 - 1) // weight


@pytest.mark.parametrize("retry_after", [None, 7])
async def test_a_refusal_is_the_services_with_and_without_retry_after(
    emulator: Emulator, wire: Wire, retry_after: int | None
) -> None:
    await wire.sign_in()
    emulator.set_quota(budget=0, retry_after=retry_after)
    reply = await wire.get(KEY)
    assert (reply.status, reply.code) == (429, "Throttled")
    assert reply.message.endswith("Reason: VaultRequestTypeLimitReached")
    assert reply.headers.get("Retry-After") == (None if retry_after is None else "7")
    assert reply.headers["x-ms-request-id"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_the_next_requests_are_refused_with_a_status(emulator: Emulator, wire: Wire, status: int) -> None:
    await wire.sign_in()
    emulator.add_fault(kind="status", status=status, next=2, retry_after=3)
    replies = [await wire.get(KEY) for _ in range(3)]
    assert [reply.status for reply in replies] == [status, status, 200]
    assert replies[0].headers["Retry-After"] == "3"
    assert [record.status for record in emulator.requests()[-3:]] == [status, status, 200]


async def test_a_share_of_all_is_about_that_share(emulator: Emulator, wire: Wire) -> None:
    await wire.sign_in()
    emulator.add_fault(kind="status", share=0.25)
    assert 20 < (await statuses(wire, 200))[503] < 80
    assert (await wire.request("DELETE", "/_control/faults")).status == 200
    assert await statuses(wire, 20) == {200: 20}


async def test_a_fault_may_befall_some_operations_alone(emulator: Emulator, wire: Wire) -> None:
    await wire.sign_in()
    emulator.add_fault(kind="status", share=1, operations=["decrypt", "token"])
    assert (await wire.get(KEY)).status == 200
    assert (await wire.crypt("/keys/prod/decrypt", b"x")).status == 503
    assert (await wire.token_request()).status == 503


@pytest.mark.parametrize("kind", ["reset", "stall"])
async def test_silence_is_an_end_of_the_connection(emulator: Emulator, wire: Wire, kind: str) -> None:
    await wire.sign_in()
    emulator.add_fault(kind=kind, next=1, seconds=0.1)
    with pytest.raises(aiohttp.ClientError):
        await wire.crypt("/keys/prod/encrypt", b"x")  # aiohttp repeats a GET by itself
    assert (await wire.crypt("/keys/prod/encrypt", b"x")).status == 200
    assert [record.status for record in emulator.requests()[-2:]] == [0, 200]


async def test_latency_comes_before_a_right_answer(emulator: Emulator, wire: Wire) -> None:
    await wire.sign_in()
    emulator.add_fault(kind="latency", next=1, seconds=0.2)
    since = time.monotonic()
    assert (await wire.get(KEY)).status == 200
    assert time.monotonic() - since >= 0.2


async def test_answers_that_are_not_whole(emulator: Emulator, wire: Wire) -> None:
    await wire.sign_in()
    for kind in ("truncated", "empty", "page"):
        emulator.add_fault(kind=kind, next=1, operations=["encrypt"])
    url = f"{emulator.vault_uri}/keys/prod/encrypt?api-version=2025-07-01"
    body = {"alg": "RSA-OAEP-256", "value": "YQ"}
    texts = []
    for _ in range(3):
        async with wire.session.post(url, json=body, headers={"Authorization": f"Bearer {wire.token}"}) as response:
            assert response.status == 200
            texts.append(await response.text())
    assert texts[0].startswith('{"kid"')
    assert not texts[0].endswith("}")
    assert "kid" in texts[1]
    assert "value" not in texts[1]
    assert texts[2].startswith("<html>")


async def test_a_claims_challenge_is_met_by_a_new_token_alone(emulator: Emulator, wire: Wire) -> None:
    await wire.sign_in()
    emulator.demand_claims()
    reply = await wire.get(KEY)
    assert reply.status == 401
    assert 'error="insufficient_claims"' in reply.headers["WWW-Authenticate"]
    await wire.sign_in()
    assert (await wire.get(KEY)).status == 200


async def test_a_rotation_policy_is_what_was_set_and_harmless_before(emulator: Emulator, wire: Wire) -> None:
    await wire.sign_in()
    before = await wire.get("/keys/prod/rotationpolicy")
    assert [each["action"]["type"] for each in before.json["lifetimeActions"]] == ["Notify"]
    rotate = {"trigger": {"timeAfterCreate": "P90D"}, "action": {"type": "Rotate"}}
    await wire.request("PUT", "/keys/prod/rotationpolicy", {"lifetimeActions": [rotate], "attributes": {}})
    assert (await wire.get("/keys/prod/rotationpolicy")).json["lifetimeActions"] == [rotate]
    assert (await wire.request("PUT", "/keys/prod/rotationpolicy", {"lifetimeActions": 1})).status == 400
    emulator.set_permissions(["get"])
    assert (await wire.get("/keys/prod/rotationpolicy")).status == 403


async def test_a_lie_is_the_whole_answer_to_another_request(emulator: Emulator, wire: Wire) -> None:
    await wire.sign_in()
    secret = b"sixteen bytes ok"
    sealed = decode((await wire.crypt("/keys/prod//encrypt", secret)).json["value"])
    right = (await wire.crypt("/keys/prod//decrypt", sealed)).json
    emulator.add_fault(kind="lie", after=1, next=1, operations=["decrypt"])
    assert (await wire.request("GET", "/_control/faults", query="")).json == {"waiting": 1}
    assert (await wire.crypt("/keys/prod//decrypt", sealed)).json == right
    lie = (await wire.crypt("/keys/prod//decrypt", sealed)).json
    assert lie["kid"] == right["kid"]
    assert len(decode(lie["value"])) == 16
    assert decode(lie["value"]) != secret
    assert (await wire.request("GET", "/_control/faults", query="")).json == {"waiting": 0}
    assert (await wire.crypt("/keys/prod//decrypt", sealed)).json == right

    emulator.add_fault(kind="lie", next=1)
    other = (await wire.crypt("/keys/prod//encrypt", secret)).json["value"]
    assert decode((await wire.crypt("/keys/prod//decrypt", decode(other))).json["value"]) != secret
    emulator.add_fault(kind="lie", next=1)
    bundle, true_bundle = (await wire.get(KEY)).json, (await wire.get(KEY)).json
    assert bundle["key"]["kid"] == true_bundle["key"]["kid"]
    assert len(bundle["key"]["n"]) == len(true_bundle["key"]["n"])
    assert bundle["key"]["n"] != true_bundle["key"]["n"]
    emulator.add_fault(kind="lie", next=1)
    assert (await wire.get("/keys/prod/versions")).json["value"] == []


async def test_a_mixed_up_answer_carries_the_other_requests_id(emulator: Emulator, wire: Wire) -> None:
    await wire.sign_in()
    emulator.add_fault(kind="mixed_up", next=1)
    replies = [await wire.request("GET", KEY, headers={"x-ms-client-request-id": "ours"}) for _ in range(2)]
    echoes = [reply.headers["x-ms-client-request-id"] for reply in replies]
    assert echoes[0] != "ours"
    assert echoes[1] == "ours"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "faults", {"kind": "lie", "next": 1, "after": -1}),
        ("POST", "faults", {"kind": "flood", "next": 1}),
        ("POST", "faults", {"kind": "reset"}),
        ("POST", "faults", {"kind": "reset", "next": 1, "share": 0.5}),
        ("POST", "faults", {"kind": "reset", "next": 0}),
        ("POST", "faults", {"kind": "reset", "share": 2}),
        ("POST", "faults", {"kind": "status", "next": 1, "status": 200}),
        ("POST", "faults", {"kind": "stall", "next": 1, "seconds": -1}),
        ("POST", "faults", {"kind": "reset", "next": 1, "operations": "get"}),
        ("POST", "faults", {"kind": "reset", "next": 1, "colour": "red"}),
        ("PUT", "quota", {"budget": -1}),
        ("PUT", "quota", {"retry_after": "soon"}),
    ],
)
async def test_a_fault_that_cannot_be_is_refused_and_set_nowhere(
    emulator: Emulator, wire: Wire, method: str, path: str, body: object
) -> None:
    await wire.sign_in()
    assert (await wire.request(method, f"/_control/{path}", body, query="")).status == 400
    assert await statuses(wire, 5) == {200: 5}
    assert emulator.requests()


async def test_a_gateway_answers_what_a_test_says_and_leaves_the_challenge_alone(
    emulator: Emulator, wire: Wire
) -> None:
    headers = {"Content-Type": "application/json", "Location": "https://elsewhere.example.org/"}
    emulator.add_fault(
        kind="answer", status=404, body='{"error":{"code":"X"}}', headers=headers, share=1, operations=["get"]
    )
    wire.token = ""
    assert (await wire.get(KEY)).status == 401
    await wire.sign_in()
    reply = await wire.get(KEY)
    assert (reply.status, reply.json) == (404, {"error": {"code": "X"}})
    assert reply.headers["Location"] == "https://elsewhere.example.org/"


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 100},
        {"status": "404"},
        {"headers": []},
        {"headers": {"Location": 1}},
        {"headers": {"A b": "c"}},
        {"headers": {"Location": "a\r\nb"}},
        {"body": "\ud800"},
    ],
)
async def test_a_gateways_answer_is_one_that_http_can_send(emulator: Emulator, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"'(status|headers|body)' is"):
        emulator.add_fault(**({"kind": "answer", "share": 1, "status": 404} | wrong))
