"""How near to the vault's limit the client works, what it costs, and that no fault makes a data key fail."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from reencrypt.errors import ReencryptError
from reencrypt.keys.azure.limiter import Limiter
from reencrypt.keys.azure.provider import AzureKeyProvider
from reencrypt.keys.azure.quota import VAULT, WINDOW_SECONDS
from reencrypt.keys.azure.retry import RetryPolicy
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.errors import UnwrapFailedError
from reencrypt.keys.kind import ProviderContext
from reencrypt.keys.service_options import DEFAULT_SHARE, ServiceOptions
from reencrypt.secret import Secret
from tests.bench.responder import VALUE
from tests.bench.result import Result, publish
from tests.support.vault import Vault

KEYS = 5000
KEYS_UNDER_FAULT = 1000
CALLS = 3000
ROUNDS = 5
CONCURRENCY = 64

FAULTS: dict[str, dict[str, object]] = {
    "429": {"kind": "status", "status": 429, "share": 0.01},
    "429 with Retry-After": {"kind": "status", "status": 429, "share": 0.01, "retry_after": 1},
    "500": {"kind": "status", "status": 500, "share": 0.1},
    "502": {"kind": "status", "status": 502, "share": 0.1},
    "503 with Retry-After": {"kind": "status", "status": 503, "share": 0.1, "retry_after": 1},
    "504": {"kind": "status", "status": 504, "share": 0.1},
    "reset": {"kind": "reset", "share": 0.1},
    "stall": {"kind": "stall", "share": 0.01, "seconds": 30},
    "truncated": {"kind": "truncated", "share": 0.1},
    "no value": {"kind": "empty", "share": 0.1},
    "a page": {"kind": "page", "share": 0.1},
    "latency": {"kind": "latency", "share": 0.5, "seconds": 0.2},
}


def settings(uri: str, *, tenant: str, client: str, secret: str) -> AzureKeyVaultSettings:
    """A key `prod` in a local vault."""
    return AzureKeyVaultSettings(
        provider="azurekv.prod",
        section="security.encryption.azurekv.prod",
        tenant_id=tenant,
        client_id=client,
        client_secret=Secret(secret),
        key_name="prod",
        vault_uri=uri,
        loopback=True,
        trusted_suffix=False,
    )


async def unwrap_all(provider: AzureKeyProvider, wrapped: list[bytes], data_keys: list[bytes]) -> tuple[float, int]:
    """Unwrap everything at once; returns the seconds and how many did not give their data key."""

    async def one(block: bytes, data_key: bytes) -> bool:
        try:
            return (await provider.unwrap(block)).data_key == data_key
        except (UnwrapFailedError, ReencryptError):
            return False

    since = time.monotonic()
    right = await asyncio.gather(*map(one, wrapped, data_keys))
    return time.monotonic() - since, right.count(False)


async def against_emulator(vault: Vault) -> list[Result]:
    """The quota, then every fault."""
    data_keys = [os.urandom(16) for _ in range(KEYS)]
    wrapped = [vault.wrap("prod", data_key) for data_key in data_keys]
    key = settings(vault.uri, tenant=vault.tenant_id, client=vault.client_id, secret=vault.client_secret)
    provider = AzureKeyProvider(key)
    seconds, failures = await unwrap_all(provider, wrapped, data_keys)
    await provider.close()
    log = vault.control("GET", "requests")
    refused = sum(record["status"] == 429 for record in log)
    per_second = KEYS / seconds
    quota = VAULT.budget / WINDOW_SECONDS
    results = [
        Result("unwraps per second", per_second, 0.95 * DEFAULT_SHARE * quota, "higher"),
        Result("… as a share of the quota", per_second / quota, 0.95 * DEFAULT_SHARE, "higher"),
        Result("… as a share of what is allowed", per_second / quota / DEFAULT_SHARE, 0.95, "higher"),
        Result("answered 429, share of requests", refused / len(log), 0.01, "lower"),
        Result("failures", failures, 0, "lower"),
    ]
    for name, fault in FAULTS.items():
        vault.control("POST", "faults", fault)
        retry = RetryPolicy(attempt_seconds=2.0)
        provider = AzureKeyProvider(key, ProviderContext(ServiceOptions(share=1.0)), retry=retry)
        _, failures = await unwrap_all(provider, wrapped[:KEYS_UNDER_FAULT], data_keys)
        await provider.close()
        vault.control("DELETE", "faults")
        results.append(Result(f"failures under fault: {name}", failures, 0, "lower"))
    return results


async def cpu_of(work: Callable[[], Awaitable[object]], count: int) -> float:
    """CPU of this process per call, in microseconds, at a fixed concurrency."""
    slots = asyncio.Semaphore(CONCURRENCY)

    async def one() -> None:
        async with slots:
            await work()

    since = time.process_time()
    await asyncio.gather(*(one() for _ in range(count)))
    return (time.process_time() - since) / count * 1e6


async def against_responder(uri: str) -> list[Result]:
    """Our client and bare aiohttp in turn, on the same answers."""
    key = settings(uri, tenant="11111111-2222-4333-8444-555555555555", client="c", secret="s")
    provider = AzureKeyProvider(key, limiter=Limiter(None))
    block = os.urandom(256)
    body = {"alg": "RSA-OAEP-256", "value": "A" * 342}
    url = f"{uri}/keys/prod//decrypt?api-version=2025-07-01"
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(), limit=0)
    headers = {"Authorization": "Bearer " + "t" * 1500}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def bare() -> None:
            async with session.post(url, json=body) as response:
                answer = await response.json()
            assert answer["value"] == VALUE

        async def ours() -> None:
            await provider.unwrap(block)

        for warm_up in (bare, ours):
            await cpu_of(warm_up, 500)
        pairs = [(await cpu_of(bare, CALLS), await cpu_of(ours, CALLS)) for _ in range(ROUNDS)]
    await provider.close()
    ratio = statistics.median(mine / plain for plain, mine in pairs)
    plain, mine = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"CPU per call: aiohttp {plain:.0f} µs, ours {mine:.0f} µs", file=sys.stderr)  # noqa: T201
    return [Result("CPU per call, times bare aiohttp", ratio, 3.8, "lower")]


def main() -> int:
    """Measure everything."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _responder(folder / "responder") as ready:
            _trust(ready["ca"], ready["uri"])
            results += asyncio.run(against_responder(ready["uri"]))
        vault = Vault.start(folder / "vault", "prod")
        _trust(vault.environment["SSL_CERT_FILE"], vault.environment["AZURE_AUTHORITY_HOST"])
        try:
            results += asyncio.run(against_emulator(vault))
        finally:
            vault.stop()
    return publish("vault", results)


def _trust(bundle: str, authority: str) -> None:
    os.environ["SSL_CERT_FILE"] = bundle
    os.environ["AZURE_AUTHORITY_HOST"] = authority


class _responder:  # noqa: N801 - used as a function
    """The responder as a process; it ends with its standard input."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.responder", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready: dict[str, Any] = json.loads(self._process.stdout.readline())
        return ready

    def __exit__(self, *_exception: object) -> None:
        self._process.communicate()
