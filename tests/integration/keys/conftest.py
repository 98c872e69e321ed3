"""A running emulator for each test, and providers that talk to it through the real Azure SDK, over TLS."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from emulator_clients import wire_to
from keyvault_emulator import Emulator

from reencrypt.keys.azure.provider import AzureKeyProvider
from reencrypt.keys.azure.retry import RetryPolicy
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.secret import Secret

ProviderOf = Callable[..., AzureKeyProvider]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No need to wait for a cloud before a second look."""
    monkeypatch.setattr("reencrypt.keys.azure.provider._SECOND_LOOK_SECONDS", 0.05)


@pytest.fixture(autouse=True)
def _no_such_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names in `.invalid` do not exist, and a resolver should say so at once (RFC 6761, 6.4); some only time out."""
    resolved = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        if str(host).endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolved(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with the keys `prod` and `other` of 2048 bits, and `large` of 3072."""
    state = tmp_path_factory.mktemp("keys") / "state"

    async def prepare() -> None:
        async with Emulator(state=state, keys=("prod", "other")) as emulator, wire_to(emulator) as wire:
            await wire.post("/keys/large/create", {"kty": "RSA", "key_size": 3072})

    asyncio.run(prepare())
    return state


@pytest.fixture
def state(prepared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "state")


@pytest.fixture
async def emulator(state: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    async with Emulator(state=state, keys=("prod", "other")) as emulator:
        monkeypatch.setenv("SSL_CERT_FILE", str(emulator.ca_bundle))
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", emulator.authority)
        for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
            monkeypatch.delenv(name, raising=False)
        yield emulator


def make_settings(emulator: Emulator, key: str = "prod", **changes: object) -> AzureKeyVaultSettings:
    """The section of Grafana's configuration for a key, with `changes`."""
    settings = AzureKeyVaultSettings(
        provider=f"azurekv.{key}",
        section=f"security.encryption.azurekv.{key}",
        tenant_id=emulator.tenant_id,
        client_id=emulator.client_id,
        client_secret=Secret(emulator.client_secret),
        key_name=key,
        vault_uri=emulator.vault_uri,
        loopback=True,
        trusted_suffix=False,
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


def make_provider(emulator: Emulator, key: str = "prod", **changes: object) -> AzureKeyProvider:
    """A provider for it; the caller closes it."""
    retry = RetryPolicy(deadline_seconds=1.0, first_wait_seconds=0.05)
    return AzureKeyProvider(make_settings(emulator, key, **changes), retry=retry)


@pytest.fixture
async def provider_of(emulator: Emulator) -> AsyncIterator[ProviderOf]:
    """Makes providers `azurekv.KEY`, each with a session of its own, and closes them."""
    made: list[AzureKeyProvider] = []

    def make(key: str = "prod", **changes: object) -> AzureKeyProvider:
        made.append(make_provider(emulator, key, **changes))
        return made[-1]

    yield make
    for provider in made:
        await provider.close()
