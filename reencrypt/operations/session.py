"""Opens and closes the session of an operation, and takes the lease as the user's options say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace

from reencrypt.catalogue.stores import StoreName
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.events import Emit, Waiting, Warned
from reencrypt.keys.kind import ProviderContext, Services
from reencrypt.keys.providers import Providers
from reencrypt.keys.ring import KeyRing
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.planning.options import RunOptions, available_threads
from reencrypt.planning.schema import Schema, inspect
from reencrypt.planning.session import Session
from reencrypt.settings import Settings
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.lease import DeadHolder, Lease, held_lease
from reencrypt.state.stop import StopRequest


@dataclass(frozen=True, slots=True)
class Shared:
    """What sessions share, because one process may have many of them.

    `pool` is for work that needs a processor, `services` holds the limiters and connections of key services.
    """

    pool: ThreadPoolExecutor
    services: Services = field(default_factory=Services)


@asynccontextmanager
async def open_shared() -> AsyncIterator[Shared]:
    """Open the shared part for a command, and close it when the block ends."""
    shared = Shared(ThreadPoolExecutor(available_threads(), thread_name_prefix="reencrypt"))
    try:
        yield shared
    finally:
        shared.pool.shutdown(wait=False, cancel_futures=True)
        await shared.services.close()


def open_providers(
    settings: Settings, cache: DerivedKeyCache, vault: ServiceOptions, services: Services, emit: Emit
) -> Providers:
    """The key-encryption keys of a configuration, as an async context manager; waits and warnings become events."""
    return Providers.classic(
        settings,
        cache,
        ProviderContext(
            vault,
            waiting=lambda reason: emit(Waiting(reason)),
            warn=lambda message: emit(Warned(message)),
            services=services,
        ),
    )


@asynccontextmanager
async def open_session(
    settings: Settings, options: RunOptions, shared: Shared, *, emit: Emit, stop: StopRequest, write: bool
) -> AsyncIterator[Session]:
    """Open everything that an operation works with, and close it when the block ends.

    Raises `ConfigurationError` for a database that is not Grafana's, or that this account cannot see completely.
    """
    cache = DerivedKeyCache()
    # Before the database: what the options say wrongly must not wait for a server that does not answer.
    opening = open_providers(options.applied_to(settings), cache, options.vault, shared.services, emit)
    database = await open_database(settings.database, write=write, waiting=lambda reason: emit(Waiting(reason)))
    try:
        schema = await inspect(database)
        async with opening as providers:
            ring = _ring(database, providers, schema)
            yield Session(
                StoreName.CLASSIC,
                database,
                schema,
                providers,
                ring,
                cache,
                shared.pool,
                settings,
                options,
                emit,
                stop,
            )
    finally:
        await database.close()


async def renewed(session: Session) -> Session:
    """Copy the session for another part of an operation: with the present schema, and no data key unwrapped."""
    schema = (await inspect(session.database)).of(session.store)
    return replace(session, schema=schema, ring=_ring(session.database, session.providers, schema))


def _ring(database: Database, providers: Providers, schema: Schema) -> KeyRing:
    return KeyRing(providers.get, lambda: read_data_keys(database, schema.key_table))


def leased(session: Session, *, known_dead: DeadHolder | None = None) -> AbstractAsyncContextManager[Lease]:
    """The lease of the session's database; waiting for it emits an event."""
    return held_lease(
        session.database,
        timeout_seconds=session.options.safety.lease_timeout,
        waiting=lambda reason: session.emit(Waiting(reason)),
        stop=session.stop,
        known_dead=known_dead,
    )
