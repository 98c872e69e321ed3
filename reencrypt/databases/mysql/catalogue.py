"""What MySQL tells about Grafana's tables: their engine, form, types and keys, and what it hides from an account.

information_schema shows only what the account has a right on. What it does not show is asked for: 1146 and 1054 prove
that it does not exist, 1142 and 1143 say that it is denied, whether it exists or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from asyncmy import errors

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.locations import LOCATIONS
from reencrypt.databases.mysql.driver import fetch_all
from reencrypt.databases.mysql.grants import shows_triggers
from reencrypt.databases.mysql.rendering import Column, Rendering, quote
from reencrypt.databases.sight import KeyCount, Sight
from reencrypt.databases.written import Cause, Causes
from reencrypt.errors import ConfigurationError

# What a page's transaction touches of Grafana's.
_OURS: Final = frozenset(location.table for location in LOCATIONS) | {"data_keys"}
# Those that convert to utf8mb4 and back without a loss: Grafana's own, and what an old MySQL defaulted to.
_CHARSETS: Final = frozenset(("utf8mb4", "utf8mb3", "utf8", "latin1", "ascii"))
_COLUMNS: Final = """
SELECT c.table_name, c.column_name, t.engine FROM information_schema.columns AS c
JOIN information_schema.tables AS t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE'
"""
_FORMS: Final = "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE()"
_TYPES: Final = """
SELECT column_name, data_type, character_maximum_length, character_octet_length, character_set_name, collation_name,
    is_nullable
FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = %s
"""
# An index over the beginning of a text does not tell texts apart; one over an expression has no column name.
_UNIQUE: Final = """
SELECT index_name, column_name, sub_part FROM information_schema.statistics
WHERE table_schema = DATABASE() AND table_name = %s AND non_unique = 0
"""
_TRIGGERS: Final = """
SELECT event_object_table, trigger_name FROM information_schema.triggers
WHERE event_object_schema = DATABASE() AND event_object_table IN ({}) ORDER BY event_object_table, trigger_name
"""
_KINDS: Final = {"VIEW": "a view", "SYSTEM VERSIONED": "a system-versioned table", "SEQUENCE": "a sequence"}
_ABSENT: Final = frozenset((1054, 1146))
_DENIED: Final = frozenset((1142, 1143))
# Of no database: asking for it tells an account that is denied tables one by one from one that sees them all.
_NOBODYS: Final = "reencrypt_no_such_table"


@dataclass(frozen=True, slots=True)
class Table:
    """A table's column types, and its unique indexes by name: their columns, none of which can be NULL."""

    types: Mapping[str, Column]
    unique: Mapping[str, frozenset[str]]

    def unique_index(self, key: Sequence[str]) -> str | None:
        """The name of an index that makes exactly these columns unique."""
        return next((name for name, columns in self.unique.items() if columns == frozenset(key)), None)


async def columns_of(connection: Any, name: str) -> dict[str, frozenset[str]]:  # noqa: ANN401 - the driver has no types
    """The tables that this account sees with their columns; `name` is how messages call the database.

    Raises `ConfigurationError` where one has no transactions.
    """
    found: dict[str, set[str]] = {}
    for table, column, engine in await fetch_all(connection, _COLUMNS):
        if table in _OURS and str(engine).lower() != "innodb":
            raise ConfigurationError(
                f"{name}: the table {table} uses the engine {engine}, which has no transactions",
                hint=f"convert it, with Grafana stopped: ALTER TABLE `{table}` ENGINE = InnoDB",
            )
        found.setdefault(table, set()).add(column)
    return {table: frozenset(columns) for table, columns in found.items()}


async def sight_of(connection: Any, tables: Collection[str]) -> Sight:  # noqa: ANN401
    """Which of the tables are none."""
    forms = await fetch_all(connection, _FORMS)
    return Sight({table: _KINDS[form] for table, form in forms if table in tables and form in _KINDS})


async def may_hide(connection: Any, table: str | None = None, column: str | None = None) -> bool:  # noqa: ANN401
    """Whether the server denies what is asked for, rather than say that it does not exist.

    Without a table: whether it may hide any table of the database from this account.
    """
    try:
        await fetch_all(connection, f"SELECT {quote(column) if column else 1} FROM {quote(table or _NOBODYS)} LIMIT 0")
    except errors.MySQLError as error:
        number = error.args[0] if error.args else None
        if number in _ABSENT | _DENIED:
            return number in _DENIED
        raise
    return False


async def table_of(connection: Any, name: str, table: str) -> Table:  # noqa: ANN401
    """A table's types and indexes. Raises `ConfigurationError` for a character set in which text could be lost."""
    rows = await fetch_all(connection, _TYPES, (table,))
    types = {row[0]: Column(*row[1:-1]) for row in rows}
    for column, kind in types.items():
        if kind.charset is not None and kind.charset not in _CHARSETS:
            raise ConfigurationError(
                f"{name}: {table}.{column} has the character set {kind.charset}, which Grafana never uses",
                hint=f"convert it: ALTER TABLE `{table}` CONVERT TO CHARACTER SET utf8mb4",
            )
    never_null = {row[0] for row in rows if row[-1] == "NO"}
    indexes: dict[str, set[str]] = {}
    unfit: set[str] = set()
    for index, column, beginning in await fetch_all(connection, _UNIQUE, (table,)):
        indexes.setdefault(index, set()).add(column)
        if beginning is not None or column not in never_null:
            unfit.add(index)
    return Table(types, {index: frozenset(each) for index, each in indexes.items() if index not in unfit})


def unique_keys(indexes: Iterable[Sequence[Any]], locations: Iterable[Location]) -> frozenset[str]:
    """The names of the locations whose key is exactly that of an index, from (table, index, column)."""
    columns: dict[tuple[str, str], set[str]] = {}
    for table, index, column in indexes:
        columns.setdefault((table, index), set()).add(column)
    keys = {(table, frozenset(names)) for (table, _), names in columns.items()}
    return frozenset(each.name for each in locations if (each.table, frozenset(each.key)) in keys)


async def count_keys(connection: Any, rendering: Rendering, location: Location) -> KeyCount:  # noqa: ANN401
    """Count rows and keys, which differ where their bytes do, in one statement."""
    table = quote(location.table)
    key = ", ".join(f"{rendering.exact(name)} AS k{index}" for index, name in enumerate(location.key))
    filled = " AND ".join(f"t.{quote(name)} IS NOT NULL" for name in location.key)
    ((rows, keys),) = await fetch_all(
        connection,
        f"SELECT (SELECT COUNT(*) FROM {table}), "
        f"(SELECT COUNT(*) FROM (SELECT DISTINCT {key} FROM {table} AS t WHERE {filled}) AS found)",
    )
    return KeyCount(rows, keys)


async def causes_of(connection: Any, database: str, tables: Collection[str]) -> Causes:  # noqa: ANN401
    """The triggers of these tables, as far as the server shows them to this account."""
    names = list(tables)
    rows = await fetch_all(connection, _TRIGGERS.format(", ".join(["%s"] * len(names))), names)
    grants = [str(grant) for (grant,) in await fetch_all(connection, "SHOW GRANTS")]
    return Causes([Cause("trigger", name, table) for table, name in rows], shows_triggers(grants, database))
