"""`run` inside the test's process, with hooks between the steps of the real pipeline on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import pytest

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.databases.waits import Waiting
from reencrypt.databases.waits import ignore as silent
from reencrypt.events import Event, ignore
from reencrypt.operations import session
from reencrypt.operations.complete.operation import complete as complete_stores
from reencrypt.operations.complete.report import CompleteReport
from reencrypt.operations.migrate import run as operation
from reencrypt.operations.report import RunReport
from reencrypt.operations.verify.operation import VerifyReport, verify_stores
from reencrypt.planning.options import CompleteOptions, RunOptions, StoreOptions, TargetOptions
from reencrypt.planning.session import Session
from reencrypt.settings import DatabaseSettings, Settings, load_settings
from reencrypt.state.stop import StopRequest

T = TypeVar("T")
StoreChoice = Literal["classic", "manager"]
Hook = Callable[[str, Sequence[Row]], None]


class HookedDatabase:
    """The real database, which lets somebody else act, in a thread, between the read of a page and its write."""

    def __init__(self, real: Database, hook: Hook | None) -> None:
        self._real = real
        self._hook = hook
        # The census reads too; only what is read after the run has begun is raced.
        self._armed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def _raced(self, location: Location, page: list[Row]) -> list[Row]:
        if self._armed and self._hook:
            await asyncio.to_thread(self._hook, location.name, page)
        return page

    async def read_page(
        self, location: Location, after: Key | None, *, rows: int, size: int, until: Key | None = None
    ) -> list[Row]:
        page = await self._real.read_page(location, after, rows=rows, size=size, until=until)
        return await self._raced(location, page)

    async def read_rows(self, location: Location, keys: Sequence[Key]) -> list[Row]:
        return await self._raced(location, await self._real.read_rows(location, keys))

    async def create_state(self) -> None:
        await self._real.create_state()
        self._armed = True


async def run_in_process(
    url: str,
    secret_key: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    hook: Hook | None = None,
    listen: Callable[[Event], None] = lambda _event: None,
    options: RunOptions | None = None,
    stop: StopRequest | None = None,
    environ: Mapping[str, str] | None = None,
    store: StoreChoice = "classic",
    config: Path | None = None,
) -> RunReport:
    """Move everything of a store under `secretKey.v1`, which needs no vault, or as the options say."""

    async def open_hooked(settings: DatabaseSettings, *, write: bool, waiting: Waiting = silent) -> Database:
        return cast("Database", HookedDatabase(await open_database(settings, write=write, waiting=waiting), hook))

    monkeypatch.setattr(session, "open_database", open_hooked)
    settings = load_settings(
        config=config,
        home=None,
        database_url=url,
        environ={"GF_SECURITY_SECRET_KEY": secret_key, **(environ or {})},
    )
    # A long timeout keeps heartbeats out of the way of listeners, which write while the event loop stands still.
    options = options or RunOptions(target=TargetOptions(to="secretKey.v1"))
    return await in_session(operation.run, settings, options, emit=listen, stop=stop, store=store)


async def in_stores(
    work: Callable[[list[Session]], Awaitable[T]],
    settings: Settings,
    options: RunOptions,
    *,
    emit: Callable[[Event], None] = ignore,
    stop: StopRequest | None = None,
) -> T:
    """Any operation in sessions of its own, one for each store that the options ask for."""
    async with (
        session.open_shared() as shared,
        session.open_stores(settings, options, shared, emit=emit, stop=stop or StopRequest(), write=True) as opened,
    ):
        return await work(opened)


async def in_session(
    work: Callable[[Session], Awaitable[T]],
    settings: Settings,
    options: RunOptions,
    *,
    emit: Callable[[Event], None] = ignore,
    stop: StopRequest | None = None,
    store: StoreChoice = "classic",
) -> T:
    """Any operation in a session of one store."""
    options = replace(options, stores=StoreOptions(store))
    stop = stop or StopRequest()
    async with (
        session.open_shared() as shared,
        session.open_stores(settings, options, shared, emit=emit, stop=stop, write=True) as (opened,),
    ):
        return await work(opened)


async def verify(opened: Session) -> VerifyReport:
    """`verify` of one store."""
    (report,) = await verify_stores([opened])
    return report


async def complete(opened: Session, wanted: CompleteOptions) -> CompleteReport:
    """`complete` where there is one store."""
    return await complete_stores([opened], wanted)
