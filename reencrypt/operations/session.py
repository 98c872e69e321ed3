"""Opens what an operation works with: the database, the key-encryption keys, derived keys, and threads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.errors import first_error
from reencrypt.events import Emit, Waiting, Warned
from reencrypt.keys.providers import Providers
from reencrypt.keys.vault_policy import VaultPolicy
from reencrypt.planning.options import RunOptions, available_threads
from reencrypt.settings import Settings
from reencrypt.state.lease import Lease, Standstill, held_lease
from reencrypt.state.stop import StopRequest


def open_providers(settings: Settings, cache: DerivedKeyCache, policy: VaultPolicy, emit: Emit) -> Providers:
    """The key-encryption keys of a configuration, as an async context manager; waits and warnings become events."""
    return Providers(
        settings,
        cache,
        policy=policy,
        waiting=lambda reason: emit(Waiting(reason)),
        warn=lambda message: emit(Warned(message)),
    )


@dataclass(frozen=True, slots=True)
class Resources:
    """What an operation works with: the database, the key-encryption keys, derived keys, and threads for deriving."""

    database: Database
    providers: Providers
    cache: DerivedKeyCache
    pool: ThreadPoolExecutor


@asynccontextmanager
async def opened(settings: Settings, options: RunOptions, emit: Emit, *, write: bool) -> AsyncIterator[Resources]:
    """Open everything, and close it when the block ends.

    Of the errors of a task group inside, the one that says it all is raised.
    """
    database = await open_database(settings.database, write=write)
    pool = ThreadPoolExecutor(available_threads(), thread_name_prefix="reencrypt")
    cache = DerivedKeyCache()
    try:
        async with open_providers(options.applied_to(settings), cache, options.vault, emit) as providers:
            yield Resources(database, providers, cache, pool)
    except BaseExceptionGroup as group:
        raise first_error(group) from group
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        await database.close()


def leased(
    database: Database, options: RunOptions, emit: Emit, stop: StopRequest, *, known_dead: Standstill | None = None
) -> AbstractAsyncContextManager[Lease]:
    """The lease, as the user's options say; whom it waits for becomes an event."""
    return held_lease(
        database,
        timeout_seconds=options.lease_timeout_seconds,
        waiting=lambda reason: emit(Waiting(reason)),
        stop=stop,
        known_dead=known_dead,
    )
