"""A running emulator for each test, on a copy of one prepared folder: making RSA keys is what costs time."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest
from emulator_clients import Clock, Wire, key_client_for, wire_to
from keyvault_emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from azure.keyvault.keys.aio import KeyClient

KEYS = ("prod", "next")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("emulator") / "state"

    async def prepare() -> None:
        async with Emulator(state=state, keys=KEYS):
            pass

    asyncio.run(prepare())
    return state


@pytest.fixture
def state(prepared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "state")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def emulator(state: Path, clock: Clock) -> AsyncIterator[Emulator]:
    async with Emulator(state=state, keys=KEYS, clock=clock) as emulator:
        yield emulator


@pytest.fixture
async def wire(emulator: Emulator) -> AsyncIterator[Wire]:
    async with wire_to(emulator) as wire:
        yield wire


@pytest.fixture
async def keys(emulator: Emulator) -> AsyncIterator[KeyClient]:
    async with key_client_for(emulator) as client:
        yield client
