"""Hundreds of data keys at once against the emulator's quota and faults, over the real SDK: none fails."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from emulator_clients import wire_to
from keyvault_emulator import Emulator

from reencrypt.events import Event, Warned
from reencrypt.keys.azure.provider import AzureKeyProvider
from reencrypt.keys.azure.retry import RetryPolicy
from reencrypt.keys.kind import ProviderContext
from reencrypt.keys.service_options import ServiceOptions
from tests.integration.keys.conftest import make_settings
from tests.integration.keys.test_azure import only_version, pem, private_key, rotate, wrap

COUNT = 300


@pytest.fixture
async def provider(emulator: Emulator) -> AsyncIterator[AzureKeyProvider]:
    retry = RetryPolicy(attempt_seconds=1.0, deadline_seconds=20.0, first_wait_seconds=0.05)
    provider = AzureKeyProvider(make_settings(emulator), ProviderContext(ServiceOptions(share=1.0)), retry=retry)
    yield provider
    await provider.close()


async def unwrap_all(provider: AzureKeyProvider, state: Path, count: int = COUNT) -> None:
    """Unwrap so many different data keys at once; each gets its own."""
    data_keys = [os.urandom(16) for _ in range(count)]
    private = pem(state)
    unwrapped = await asyncio.gather(*(provider.unwrap(wrap(private, data_key)) for data_key in data_keys))
    assert [each.data_key for each in unwrapped] == data_keys


def tokens(emulator: Emulator) -> int:
    return sum(record.operation == "token" for record in emulator.requests())


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 429, "share": 0.01},
        {"kind": "status", "status": 429, "share": 0.01, "retry_after": 1},
        {"kind": "status", "status": 500, "share": 0.2},
        {"kind": "status", "status": 502, "share": 0.2},
        {"kind": "status", "status": 503, "share": 0.2, "retry_after": 1},
        {"kind": "status", "status": 504, "share": 0.2},
        {"kind": "reset", "share": 0.2},
        {"kind": "truncated", "share": 0.2},
        {"kind": "empty", "share": 0.2},
        {"kind": "page", "share": 0.2},
        {"kind": "stall", "next": 5, "seconds": 30},
        {"kind": "latency", "share": 1, "seconds": 0.3},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}-{fault.get('retry_after', '')}",
)
async def test_no_data_key_fails_under_a_fault(
    fault: dict[str, object], state: Path, emulator: Emulator, provider: AzureKeyProvider
) -> None:
    emulator.add_fault(**fault)
    await unwrap_all(provider, state)


async def test_a_full_window_is_waited_for(state: Path, emulator: Emulator, provider: AzureKeyProvider) -> None:
    # Somebody else's requests fill it: our own count does not know.
    emulator.set_quota(budget=100)
    await unwrap_all(provider, state, 120)
    refused = sum(record.status == 429 for record in emulator.requests())
    # What was under way when it filled up, and probes.
    assert 0 < refused < 100


@pytest.mark.parametrize("event", ["expire", "claims"])
async def test_a_token_that_ends_in_mid_run_costs_one_new_one(
    event: str, state: Path, emulator: Emulator, provider: AzureKeyProvider
) -> None:
    await unwrap_all(provider, state, 20)
    before = tokens(emulator)
    emulator.expire_tokens() if event == "expire" else emulator.demand_claims()
    await unwrap_all(provider, state, 100)
    assert tokens(emulator) == before + 1
    emulator.expire_tokens()
    await unwrap_all(provider, state, 100)
    assert tokens(emulator) == before + 2


async def test_the_first_of_many_goes_alone(state: Path, emulator: Emulator, provider: AzureKeyProvider) -> None:
    await unwrap_all(provider, state, 50)
    challenges = sum(record.status == 401 for record in emulator.requests())
    gets = sum(record.operation == "get" and record.status == 200 for record in emulator.requests())
    assert (tokens(emulator), challenges, gets) == (1, 1, 1)


@pytest.mark.parametrize("listed", [True, False])
async def test_a_version_that_may_not_be_listed_may_be_named(
    listed: bool,  # noqa: FBT001
    state: Path,
    emulator: Emulator,
) -> None:
    old = only_version(state)
    private = pem(state)
    async with wire_to(emulator) as wire:
        await rotate(wire)
    emulator.set_permissions(["get", "decrypt", *(["list"] if listed else [])])
    options = ServiceOptions(deadline_seconds=2.0, key_versions=("0" * 32, old))
    provider = AzureKeyProvider(make_settings(emulator), ProviderContext(options))
    unwrapped = await provider.unwrap(wrap(private, b"0123456789abcdef"))
    assert unwrapped.data_key == b"0123456789abcdef"
    await provider.close()


async def test_a_version_that_has_expired_is_warned_of_once(state: Path, emulator: Emulator) -> None:
    events: list[Event] = []
    provider = AzureKeyProvider(make_settings(emulator), ProviderContext(emit=events.append))
    async with wire_to(emulator) as wire:
        await wire.patch("/keys/prod/", {"attributes": {"exp": 1_700_000_000}})
    await unwrap_all(provider, state, 5)
    await provider.close()
    (warning,) = [each.message for each in events if isinstance(each, Warned)]
    assert "has expired" in warning
    assert "key prod" in warning


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "empty", "next": 1, "operations": ["list"]},
        {"kind": "status", "status": 503, "next": 2, "operations": ["list"]},
        {"kind": "page", "next": 1, "operations": ["list"]},
    ],
)
async def test_one_bad_list_condemns_no_data_key_of_an_older_version(
    fault: dict[str, object], state: Path, emulator: Emulator, provider: AzureKeyProvider
) -> None:
    private = pem(state)
    async with wire_to(emulator) as wire:
        await rotate(wire)
    emulator.add_fault(**fault)
    assert (await provider.unwrap(wrap(private, b"0123456789abcdef"))).data_key == b"0123456789abcdef"


async def test_a_permission_that_comes_a_moment_later_condemns_no_data_key(
    state: Path, emulator: Emulator, provider: AzureKeyProvider
) -> None:
    private = pem(state)
    async with wire_to(emulator) as wire:
        await rotate(wire)
    emulator.set_permissions(["get", "decrypt"])
    unwrapping = asyncio.create_task(provider.unwrap(wrap(private, b"0123456789abcdef")))
    while not any(record.operation == "list" for record in emulator.requests()):  # noqa: ASYNC110 - a log has no event
        await asyncio.sleep(0)
    emulator.set_permissions()
    assert (await unwrapping).data_key == b"0123456789abcdef"


async def test_a_version_that_was_made_and_left_behind_meanwhile_is_found(
    state: Path, emulator: Emulator, provider: AzureKeyProvider
) -> None:
    private = pem(state)
    async with wire_to(emulator) as wire:
        second = await rotate(wire)
        await unwrap_one(provider, private)  # the list is read: two versions
        third = await rotate(wire)
        newer = private_key(state, "prod", third)
        await rotate(wire)
        assert second != third
        await unwrap_one(provider, newer)


async def unwrap_one(provider: AzureKeyProvider, private: RSAPrivateKey) -> None:
    assert (await provider.unwrap(wrap(private, b"0123456789abcdef"))).data_key == b"0123456789abcdef"


async def test_a_token_endpoint_that_is_down_is_not_asked_by_everybody(
    state: Path, emulator: Emulator, provider: AzureKeyProvider
) -> None:
    await unwrap_all(provider, state, 5)
    before = tokens(emulator)
    emulator.expire_tokens()
    emulator.add_fault(kind="status", status=503, next=3, operations=["token"])
    await unwrap_all(provider, state, 100)
    assert tokens(emulator) <= before + 5
