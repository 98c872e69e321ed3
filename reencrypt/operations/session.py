"""Opens and closes the session of an operation, and takes the lease as the user's options say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.databases.connect import open_database, open_replication
from reencrypt.databases.protocol import Database
from reencrypt.errors import ConfigurationError
from reencrypt.events import Emit, Waiting, to_all
from reencrypt.keys.kind import ProviderContext, Services
from reencrypt.keys.providers import Providers
from reencrypt.keys.request_ids import RequestIds
from reencrypt.keys.ring import KeyRing
from reencrypt.operations.choice import chosen_stores, declared_locations, of_all_stores, options_of
from reencrypt.planning.options import RunOptions, StoreOptions, available_threads
from reencrypt.planning.schema import Schema, inspect
from reencrypt.planning.session import Session
from reencrypt.settings import Settings
from reencrypt.state.audit import Trail
from reencrypt.state.brake import Brake, LagWatch
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.lease import DeadHolder, Lease, held_lease
from reencrypt.state.runs import new_run_id
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
    store: StoreName, settings: Settings, cache: DerivedKeyCache, options: RunOptions, context: ProviderContext
) -> Providers:
    """The key-encryption keys of a store, as an async context manager."""
    if store is StoreName.MANAGER:
        return Providers.manager(settings, cache, context, options.manager.vaults)
    return Providers.classic(options.applied_to(settings), cache, context)


@asynccontextmanager
async def open_session(
    settings: Settings, options: RunOptions, shared: Shared, *, emit: Emit, stop: StopRequest, write: bool
) -> AsyncIterator[Session]:
    """Open a session of the classic store alone, see `open_stores`."""
    options = replace(options, stores=StoreOptions("classic"), implied=frozenset({"stores"}))
    async with open_stores(settings, options, shared, emit=emit, stop=stop, write=write) as (session,):
        yield session


@asynccontextmanager
async def open_stores(
    settings: Settings,
    options: RunOptions,
    shared: Shared,
    *,
    emit: Emit,
    stop: StopRequest,
    write: bool,
    every: bool = False,
) -> AsyncIterator[list[Session]]:
    """Open a session for each store that the options ask for and this database has, and close them with the block.

    With `every` also for those that they do not ask for: what concerns one store may depend on another.
    The sessions share the database. Raises `ConfigurationError` for a database that is not Grafana's, or that this
    account cannot see completely, for a store that is asked for by name and kept elsewhere, and where the lag of a
    replica is to be heeded that nobody can tell; `StoppedEarlyError` where a stop is requested before it is open.
    """
    cache = DerivedKeyCache()
    chosen = chosen_stores(settings, options, emit)
    # Before the database: what the options say wrongly must not wait for a server that does not answer.
    file = declared_locations(settings, options)
    of_store = {name: options_of(name, chosen, settings, options) for name in chosen}
    if every:
        of_store = of_all_stores(of_store, settings, options)
    trails = {name: Trail() for name in of_store}
    hearing = {name: to_all([emit, trail.listen]) for name, trail in trails.items()}
    contexts = {
        name: ProviderContext(each.vault, hearing[name], shared.services, requests=RequestIds(new_run_id()))
        for name, each in of_store.items()
    }
    watch = _lag_watch(settings, options)
    opening = {name: open_providers(name, settings, cache, each, contexts[name]) for name, each in of_store.items()}
    # A file that somebody holds, or a server that does not answer, keeps it waiting: a signal must not be in vain then.
    database = await stop.interruptible(
        open_database(settings.database, write=write, waiting=lambda reason: emit(Waiting(reason)))
    )
    try:
        async with database.together():
            schema = await stop.interruptible(inspect(database, stores=tuple(opening), file=file))
        if len(chosen) > 1 and not schema.of(StoreName.MANAGER).has_store:
            # A Grafana before 12 has no such store, and that is no news, unless the target is meant for it.
            opening.pop(StoreName.MANAGER, None)
            if (target := of_store[StoreName.MANAGER].target.to) is not None:
                raise ConfigurationError(
                    f"--to {target} is for {StoreName.MANAGER.in_words}, which {database.name} does not have",
                    hint="Name a provider of the classic store, or leave --to out: then encryption_provider is the "
                    "target.",
                )
        if watch is not None:
            await watch.start()
        async with AsyncExitStack() as stack:
            sessions = []
            for name, providers in opening.items():
                opened, seen = await stack.enter_async_context(providers), schema.of(name)
                ring = _ring(database, opened, seen)
                sessions.append(
                    Session(
                        name,
                        database,
                        seen,
                        opened,
                        ring,
                        cache,
                        shared.pool,
                        settings,
                        of_store[name],
                        hearing[name],
                        contexts[name].requests,
                        trails[name],
                        stop,
                        Brake(watch, stop, hearing[name]),
                    )
                )
            yield sessions
    finally:
        await database.close()
        if watch is not None:
            await watch.replication.close()


def _lag_watch(settings: Settings, options: RunOptions) -> LagWatch | None:
    if options.lag.max_lag is None:
        return None
    return LagWatch(open_replication(settings.database, options.lag.replicas), options.lag.max_lag)


async def renewed(session: Session) -> Session:
    """Copy the session for another part of an operation: with the present schema, and no data key unwrapped."""
    file = session.schema.declared.file
    schema = (await inspect(session.database, stores=(session.store,), file=file)).of(session.store)
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
