"""Which Grafana wrote this database: its locations, the shape of `data_keys`, and the state tables it has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from reencrypt.catalogue.location import Fitted, Location, fit
from reencrypt.catalogue.migrations import SECRETS_MANAGER_LOG
from reencrypt.catalogue.store_name import StoreName
from reencrypt.catalogue.stores import STORE_OF, STORES, Store
from reencrypt.databases import plain_text
from reencrypt.databases.migration_log import LOG_COLUMNS
from reencrypt.databases.protocol import Database
from reencrypt.databases.state_version import read_state_version
from reencrypt.databases.statements import ACCEPTED_TABLE, OUR_TABLES, STATE_TABLES, STATE_VERSION
from reencrypt.errors import ConfigurationError
from reencrypt.planning.column_uses import unsupported_columns
from reencrypt.planning.declared import NO_FILE, Declared, LocationsFile, find_declared
from reencrypt.planning.visibility import ambiguous_keys, obstacles, obstacles_of_declared
from reencrypt.state.accepted import NOTHING, Accepted, read_accepted
from reencrypt.state.data_keys import read_own
from reencrypt.state.key_table import KeyTable
from reencrypt.state.quarantine import QuarantineEntry


@dataclass(frozen=True, slots=True)
class StoreSchema:
    """The locations of a store in one database, those that no release reads, and the shape of its data keys' table."""

    fitted: Fitted
    unread: tuple[Location, ...]
    key_table: KeyTable


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of a database as one store sees it, and whether the state tables exist.

    Some of those outlast the others: the data keys that runs made, the accepted secrets and the declared locations.
    `name` is the database schema that contains everything, empty where the engine has none. `has_manager_log`:
    the log of the secrets manager's migrations is there.
    """

    name: str
    store: StoreName
    stores: Mapping[StoreName, StoreSchema]
    has_state: bool
    has_own_keys: bool
    has_accepted: bool
    state_version: int
    missing_tables: tuple[str, ...]
    has_manager_log: bool
    data_source_columns: frozenset[str]
    declared: Declared

    def of(self, store: StoreName) -> Schema:
        """The same schema as another store sees it."""
        return replace(self, store=store)

    def store_of(self, location: str) -> StoreName | None:
        """The store of a location by its name, also of one that this database lacks; None for an unknown one."""
        for name, each in self.stores.items():
            if any(one.name == location for one in each.fitted.locations):
                return name
        return STORE_OF.get(location)

    def own(self, entries: Iterable[QuarantineEntry]) -> list[QuarantineEntry]:
        """The store's entries of the quarantine; the classic one has those of locations that nobody knows any more."""
        return [each for each in entries if (self.store_of(each.location) or StoreName.CLASSIC) is self.store]

    @property
    def has_store(self) -> bool:
        """Whether Grafana has made the store's table of data keys."""
        return self.key_table is not KeyTable.NONE

    @property
    def fitted(self) -> Fitted:
        """The store's locations in this database."""
        return self.stores[self.store].fitted

    @property
    def unread(self) -> tuple[Location, ...]:
        """The store's locations of a first trial of Grafana's that this database has: no release reads them."""
        return self.stores[self.store].unread

    @property
    def key_table(self) -> KeyTable:
        """The shape of the store's table of data keys."""
        return self.stores[self.store].key_table

    @property
    def is_state_old(self) -> bool:
        """Whether the next run has to bring the state tables to their present version, or to create them."""
        return self.state_version < STATE_VERSION


async def inspect(
    database: Database,
    *,
    pages: bool = True,
    stores: Collection[StoreName] = tuple(StoreName),
    file: LocationsFile = NO_FILE,
) -> Schema:
    """Read the schema, and make sure that it is complete for these stores.

    Without `pages` no rows will be read page by page. `file` declares locations besides those that runs have saved.

    Raises `ConfigurationError` when it is not Grafana's, or when this session does not see all that Grafana has; and
    for a declaration that does not suit the database.
    """
    schema, found = await examine(database, pages=pages, stores=stores, file=file)
    if found:
        raise found[0]
    return schema


async def examine(
    database: Database,
    *,
    pages: bool = True,
    stores: Collection[StoreName] = tuple(StoreName),
    file: LocationsFile = NO_FILE,
) -> tuple[Schema, list[ConfigurationError]]:
    """Read the schema and all obstacles in these stores.

    Raises `ConfigurationError` for a database that is not Grafana's.
    """
    columns = await database.columns()
    found = await obstacles(database, columns)
    # Hidden state tables are not read: they are an obstacle already.
    version = 0 if found else await read_state_version(database, columns.keys())
    declared = Declared(file)
    if not found:
        declared, found = await find_declared(database, columns, file)
        found = [*await obstacles_of_declared(database, columns, declared.declarations), *found]
    schema = Schema(
        database.schema,
        StoreName.CLASSIC,
        {
            name: StoreSchema(
                fit((*store.locations, *declared.of(name)), columns),
                fit(store.unread, columns).locations,
                _key_table(store, columns),
            )
            for name, store in STORES.items()
        },
        # MySQL commits each CREATE TABLE by itself, so a crash may leave some state tables out.
        set(columns) >= set(STATE_TABLES),
        "reencrypt_data_key" in columns,
        ACCEPTED_TABLE in columns,
        version,
        tuple(table for table in OUR_TABLES if table not in columns),
        columns.get(SECRETS_MANAGER_LOG, frozenset()) >= LOG_COLUMNS,
        columns.get(plain_text.TABLE, frozenset()),
        declared,
    )
    locations = [each for name in stores for each in schema.of(name).fitted.locations]
    if pages and not found:
        for name in stores:
            fitted = schema.of(name).fitted.locations
            found += await unsupported_columns(database, STORES[name].data_keys, fitted, columns, declared.tables)
    if pages and not found:
        found += await ambiguous_keys(database, locations, declared.tables)
    return schema, found


def _key_table(store: Store, columns: Mapping[str, frozenset[str]]) -> KeyTable:
    present = columns.get(store.data_keys)
    if present is None:
        return KeyTable.NONE
    if store.name is StoreName.MANAGER:
        return KeyTable.MANAGER
    if {"name", "label"} <= present:
        return KeyTable.CURRENT
    return KeyTable.ID_AND_NAME if "id" in present else KeyTable.NAME_ONLY


async def read_own_keys(database: Database, schema: Schema) -> frozenset[str]:
    """The ids of the data keys that runs made here: they are no evidence of what Grafana can read."""
    if not schema.has_own_keys:
        return frozenset()
    return frozenset(await read_own(database))


async def read_accepted_secrets(database: Database, schema: Schema) -> Accepted:
    """The secrets that the user has accepted although they are implausible."""
    return await read_accepted(database) if schema.has_accepted else NOTHING
