"""Refuses a database that this session does not see whole, or whose tables cannot be read page by page.

A table that Grafana has and this account, schema or session does not show would make every total too small.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from typing import Final

from reencrypt.catalogue.declaration import Declaration
from reencrypt.catalogue.location import Location
from reencrypt.catalogue.locations import LOCATIONS
from reencrypt.catalogue.migrations import LOGS, MAIN_LOG, demanded, tables_of
from reencrypt.databases.migration_log import LOG_COLUMNS, read_migration_ids
from reencrypt.databases.protocol import Database
from reencrypt.databases.sight import Elsewhere, Sight
from reencrypt.databases.statements import OUR_TABLES
from reencrypt.errors import (
    ConfigurationError,
    KeyNotUniqueError,
    NotVisibleError,
    UnsupportedTableError,
    WrongSchemaError,
)

Columns = Mapping[str, frozenset[str]]

_GRAFANAS_OWN: Final = ("org", MAIN_LOG, "data_source")
_CATALOGUE: Final = tuple(location.table for location in LOCATIONS)
_SECRETS_MANAGER: Final = ("secret_data_key", "secret_encrypted_value")
#: Must be seen, or proven to be absent, whatever the migration logs say: these tell about the rest.
_ALWAYS: Final = (*_GRAFANAS_OWN, *LOGS, "data_keys", *OUR_TABLES)
#: Every table that the program reads by name.
_READ: Final = tuple(dict.fromkeys((*_ALWAYS, *_CATALOGUE, *_SECRETS_MANAGER)))
_TEMPORARY: Final = "A temporary table hides Grafana's: find the trigger or the pooler that creates it."
_NAMED: Final = 5  # names in one message


async def obstacles(database: Database, columns: Columns) -> list[ConfigurationError]:
    """The reasons why this session does not see all that this Grafana has, the first one first.

    `columns` is what `Database.columns` shows. Raises `ConfigurationError` for a database that is not Grafana's.
    """
    sight = await database.sight(_READ)
    found: list[ConfigurationError] = [*_not_tables(database, sight)]
    hidden = [table for table in _GRAFANAS_OWN if table not in columns and await database.may_hide(table)]
    if not (hidden or found or set(_GRAFANAS_OWN) <= set(columns)):
        where = f" in the schema {database.schema}" if database.schema else ""
        raise ConfigurationError(
            f"{database.name} is not a Grafana database: it has no tables org, migration_log and data_source{where}",
            hint="Check [database] and [paths] data. Or give --database.",
        )
    migrations = await _migrations(database, columns) if not hidden else {}
    wanted = demanded(migrations)
    found += _elsewhere(database, columns, wanted, sight)
    found += _policies(database, sight)
    # A log without a known entry says of no table that Grafana has not created it.
    possible = [each for log, ids in migrations.items() if not demanded({log: ids}) for each in tables_of(log)]
    if names := [name async for name in _hidden(database, columns, wanted, possible, sight)]:
        found.append(_hidden_error(database, names))
    return found


def _hidden_error(database: Database, names: Sequence[str]) -> NotVisibleError:
    return NotVisibleError(
        f"{database.name} may hide {_listed(names)} from this account: a hidden table is not an absent one",
        hint="GRANT SELECT on the whole database to this account, ON DATABASE.*, so that it sees all there is.",
    )


async def obstacles_of_declared(
    database: Database, columns: Columns, declarations: Sequence[Declaration]
) -> list[ConfigurationError]:
    """The reasons why this session does not see all of the tables that the user has declared."""
    if not declarations:
        return []
    wanted: dict[str, frozenset[str]] = {}
    for each in declarations:
        wanted[each.table] = wanted.get(each.table, frozenset()) | frozenset(each.columns)
    sight = await database.sight(tuple(wanted))
    odd = {table: f"of the engine {engine}, which has no transactions" for table, engine in sight.engines.items()}
    found: list[ConfigurationError] = [
        UnsupportedTableError(
            f"{database.name}: {table}, which is declared, is {kind}: nothing can be moved there page by page",
            hint="Declare the plain table that holds the rows, or leave the entry out.",
        )
        for table, kind in (odd | dict(sight.kinds)).items()
    ]
    found += _elsewhere(database, columns, {}, sight)
    found += _policies(database, sight)
    if await database.may_hide():
        hidden = [table for table in wanted if table not in columns and await database.may_hide(table)]
        hidden += [
            f"{table}.{column}"
            for table, names in wanted.items()
            for column in sorted(names - columns.get(table, names))
            if await database.may_hide(table, column)
        ]
        found += [_hidden_error(database, hidden)] if hidden else []
    return found


async def ambiguous_keys(
    database: Database, locations: Sequence[Location], declared: Collection[str] = ()
) -> list[ConfigurationError]:
    """The locations whose key is not unique: paging by it would pass over some rows, or read some twice.

    `declared` are the tables that the user has named.
    """
    found: list[ConfigurationError] = []
    unique = await database.unique_keys(locations)
    for location in locations:
        if location.name in unique:
            continue
        count = await database.count_keys(location)
        if count.rows == count.keys:
            continue
        names = ", ".join(f"{location.table}.{name}" for name in location.key)
        found.append(
            KeyNotUniqueError(
                f"{database.name}: {count.rows} rows of {location.table} have {count.keys} different keys ({names}): "
                "they cannot be told apart",
                hint=f"Name the columns of a unique key of {location.table}; NULL is no key."
                if location.table in declared
                else f"Has a copy lost the PRIMARY KEY? Give each row its own {names}, then ALTER TABLE "
                f"{location.table} ADD PRIMARY KEY ({', '.join(location.key)}); SQLite takes a unique index.",
            )
        )
    return found


def _not_tables(database: Database, sight: Sight) -> Iterator[UnsupportedTableError]:
    for table, kind in sight.kinds.items():
        yield UnsupportedTableError(
            f"{database.name}: {table} is {kind}, and Grafana's own is a plain table",
            hint="Put a plain table in its place, as Grafana creates it. Where several instances share one, connect to "
            "the database that holds it.",
        )


async def _migrations(database: Database, columns: Columns) -> dict[str, list[str]]:
    readable = [log for log in LOGS if columns.get(log, frozenset()) >= LOG_COLUMNS]
    return {log: await read_migration_ids(database, log) for log in readable}


def _elsewhere(database: Database, columns: Columns, wanted: Columns, sight: Sight) -> Iterator[WrongSchemaError]:
    for table, others in sight.elsewhere.items():
        for other in others:
            if other.first or (table not in columns and table not in sight.kinds and _is_missed(table, other, wanted)):
                yield WrongSchemaError(
                    f"{database.name}: the search path leads to {other.schema}.{table}, and this Grafana is in the "
                    f"schema {database.schema}",
                    hint=_TEMPORARY
                    if other.schema.startswith("pg_temp")
                    else f"If it is this Grafana's, ALTER TABLE {other.schema}.{table} SET SCHEMA {database.schema}; "
                    f"else set the search_path of this account to {database.schema} alone.",
                )
                break


def _is_missed(table: str, other: Elsewhere, wanted: Columns) -> bool:
    """Whether a table that is elsewhere should be in this schema."""
    if table in OUR_TABLES:
        return not other.is_grafana
    return table in wanted or (not wanted and not other.is_grafana)


def _policies(database: Database, sight: Sight) -> Iterator[NotVisibleError]:
    for table, names in sight.policies.items():
        policies = f"the row policies {_listed(names)} hold" if names else "row-level security without a policy holds"
        yield NotVisibleError(
            f"{database.name}: {policies} for this account in {table}, and may hide rows of it",
            hint="ALTER ROLE … BYPASSRLS for this account, or connect as the owner of the table, without FORCE ROW "
            "LEVEL SECURITY.",
        )


async def _hidden(
    database: Database, columns: Columns, wanted: Columns, possible: Sequence[str], sight: Sight
) -> AsyncIterator[str]:
    """The tables and columns that may be hidden: those that are `wanted`, and tables that are `possible`."""
    if not await database.may_hide():
        return
    known = bool(wanted)
    wanted = {**wanted, **{log: LOG_COLUMNS for log in LOGS if log in columns}}
    # Without a known entry in a log, every table of the catalogue may be there.
    tables = dict.fromkeys((*wanted, *_ALWAYS, *possible, *(() if known else _CATALOGUE)))
    for table in tables:
        if table not in columns and table not in sight.kinds:
            if await database.may_hide(table):
                yield table
        else:
            for column in sorted(wanted.get(table, frozenset()) - columns.get(table, frozenset())):
                if table in columns and await database.may_hide(table, column):
                    yield f"{table}.{column}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
