"""`run` inside the test's process, with hooks between the steps of the real pipeline on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.sqlite import SqliteDatabase
from reencrypt.events import Event
from reencrypt.operations import run as operation
from reencrypt.operations.options import RunOptions
from reencrypt.operations.report import RunReport
from reencrypt.settings import DatabaseSettings, load_settings
from reencrypt.worker.stop import StopRequest

Hook = Callable[[str, Sequence[Row]], None]


class HookedDatabase(SqliteDatabase):
    """The real database, which lets somebody else act, in a thread, between the read of a page and its write."""

    hook: Hook | None = None
    #: The census reads too; only what is read after the run has begun is raced.
    armed: bool = False

    async def read_page(self, location: Location, after: Key | None, *, rows: int, size: int) -> list[Row]:
        page = await super().read_page(location, after, rows=rows, size=size)
        if self.armed and self.hook:
            await asyncio.to_thread(self.hook, location.name, page)
        return page

    async def read_rows(self, location: Location, keys: Sequence[Key]) -> list[Row]:
        page = await super().read_rows(location, keys)
        if self.armed and self.hook:
            await asyncio.to_thread(self.hook, location.name, page)
        return page

    async def create_state(self) -> None:
        await super().create_state()
        self.armed = True


async def run_in_process(
    database: Path,
    secret_key: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    hook: Hook | None = None,
    listen: Callable[[Event], None] = lambda _event: None,
    options: RunOptions | None = None,
    stop: StopRequest | None = None,
) -> RunReport:
    """Move everything under `secretKey.v1`, which needs no vault."""

    async def open_hooked(settings: DatabaseSettings, *, write: bool) -> SqliteDatabase:
        assert settings.path is not None
        opened = await HookedDatabase.open(settings.path, write=write)
        assert isinstance(opened, HookedDatabase)
        opened.hook = hook
        return opened

    monkeypatch.setattr(operation, "open_database", open_hooked)
    settings = load_settings(
        config=None, home=None, database_url=f"sqlite:///{database}", environ={"GF_SECURITY_SECRET_KEY": secret_key}
    )
    # A long timeout keeps heartbeats out of the way of listeners, which write while the event loop stands still.
    options = options or RunOptions(to="secretKey.v1")
    return await operation.run(settings, options, emit=listen, stop=stop or StopRequest())
