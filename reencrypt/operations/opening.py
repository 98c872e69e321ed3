"""Opens what an operation works with, Grafana's database first, and finds out which Grafana wrote it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from reencrypt.catalogue.location import Fitted, fit
from reencrypt.catalogue.locations import LOCATIONS
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.databases.protocol import Database
from reencrypt.databases.state_version import read_state_version
from reencrypt.databases.statements import ACCEPTED_TABLE, OUR_TABLES, STATE_TABLES, STATE_VERSION
from reencrypt.errors import ConfigurationError, first_error
from reencrypt.events import Emit, Waiting, Warned
from reencrypt.keys.providers import Providers
from reencrypt.keys.vault_policy import VaultPolicy
from reencrypt.operations.options import RunOptions, available_threads
from reencrypt.operations.visibility import ambiguous_keys, obstacles
from reencrypt.settings import DatabaseSettings, Settings
from reencrypt.state.accepted import NOTHING, Accepted, read_accepted
from reencrypt.state.data_keys import KeyTable, read_own
from reencrypt.state.lease import Lease, Standstill, held_lease
from reencrypt.state.stop import StopRequest


@dataclass(frozen=True, slots=True)
class Schema:
    """What this database has: its locations, the shape of `data_keys`, and whether our state tables exist.

    Two of these outlast the others: the data keys that we made, and what the user has accepted. `name` is that of the
    schema all of it is in, empty where the engine has none.
    """

    name: str
    fitted: Fitted
    key_table: KeyTable
    has_state: bool
    has_own_keys: bool
    has_accepted: bool
    state_version: int
    missing_tables: tuple[str, ...]

    @property
    def is_state_old(self) -> bool:
        """Whether the next run has to bring the state tables to their present version, or to create them."""
        return self.state_version < STATE_VERSION


async def open_database(settings: DatabaseSettings, *, write: bool) -> Database:
    """Connect as Grafana's configuration says; raises `ConfigurationError` where that cannot work.

    An engine's driver is imported only where that engine is.
    """
    if settings.type == "postgres":
        from reencrypt.databases.postgres import PostgresDatabase  # noqa: PLC0415

        return await PostgresDatabase.open(settings, write=write)
    if settings.path is None:
        try:
            from reencrypt.databases.mysql import MysqlDatabase  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "MySQL and MariaDB need a driver that is not installed",
                hint="in the checkout of reencrypt: pip install '.[mysql]'",
            ) from error
        return await MysqlDatabase.open(settings, write=write)
    from reencrypt.databases.sqlite import SqliteDatabase  # noqa: PLC0415

    return await SqliteDatabase.open(settings.path, write=write)


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


async def inspect(database: Database, *, pages: bool = True) -> Schema:
    """Read the schema, and make sure that it is all of it; without `pages` the rows of no location will be read.

    Raises `ConfigurationError` when it is not Grafana's, or when this session does not see all that Grafana has.
    """
    schema, found = await examine(database, pages=pages)
    if found:
        raise found[0]
    return schema


async def examine(database: Database, *, pages: bool = True) -> tuple[Schema, list[ConfigurationError]]:
    """The same, with everything that would be raised. Raises `ConfigurationError` for a database not Grafana's."""
    columns = await database.columns()
    found = await obstacles(database, columns)
    schema = Schema(
        database.schema,
        fit(LOCATIONS, columns),
        _key_table(columns),
        # On MySQL each of our tables is created by itself, and a crash may come in between.
        set(columns) >= set(STATE_TABLES),
        "reencrypt_data_key" in columns,
        ACCEPTED_TABLE in columns,
        # Where a table of ours is hidden nothing of it is read: that is an obstacle already.
        0 if found else await read_state_version(database, columns.keys()),
        tuple(table for table in OUR_TABLES if table not in columns),
    )
    if pages and not found:
        found += await ambiguous_keys(database, schema.fitted.locations)
    return schema, found


def _key_table(columns: Mapping[str, frozenset[str]]) -> KeyTable:
    present = columns.get("data_keys")
    if present is None:
        return KeyTable.NONE
    if {"name", "label"} <= present:
        return KeyTable.CURRENT
    return KeyTable.ID_AND_NAME if "id" in present else KeyTable.NAME_ONLY


async def read_own_keys(database: Database, schema: Schema) -> frozenset[str]:
    """The ids of the data keys that we have made here: they are no evidence of what Grafana can read."""
    if not schema.has_own_keys:
        return frozenset()
    return frozenset(await read_own(database))


async def read_accepted_secrets(database: Database, schema: Schema) -> Accepted:
    """What the user has accepted here although it is not what Grafana stores there."""
    return await read_accepted(database) if schema.has_accepted else NOTHING
