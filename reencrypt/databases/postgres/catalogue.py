"""What PostgreSQL's own catalogue tells about Grafana's tables: their schema, form, row policies, types and keys.

Not from information_schema, which hides the tables that the role has no rights on: pg_catalog shows everything to
everybody, so that what it does not show does not exist.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from reencrypt.catalogue.location import Location
from reencrypt.databases.postgres.rendering import Column, quote
from reencrypt.databases.sight import Elsewhere, KeyCount, Sight
from reencrypt.databases.written import Cause

# The schema of `data_keys`, or of the migration log of a Grafana that has no data keys yet.
_SCHEMA: Final = """
SELECT n.nspname FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, place)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = path.name
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
WHERE c.relname IN ('data_keys', 'migration_log') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY c.relname, path.place LIMIT 1
"""
_COLUMNS: Final = """
SELECT c.relname, a.attname FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
"""
# A partition may be a foreign table: its rows are another server's.
_FORMS: Final = """
WITH RECURSIVE
    wanted AS (
        SELECT c.oid, c.relname, c.relkind FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = ANY ($2::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')),
    below AS (
        SELECT w.relname, i.inhrelid FROM wanted AS w JOIN pg_catalog.pg_inherits AS i ON i.inhparent = w.oid
        UNION SELECT b.relname, i.inhrelid FROM below AS b
        JOIN pg_catalog.pg_inherits AS i ON i.inhparent = b.inhrelid)
SELECT w.relname, w.relkind::text, row_security_active(w.oid),
    ARRAY(SELECT p.polname::text FROM pg_catalog.pg_policy AS p WHERE p.polrelid = w.oid ORDER BY 1),
    (SELECT MIN(c.relname::text) FROM below AS b JOIN pg_catalog.pg_class AS c ON c.oid = b.inhrelid
        WHERE b.relname = w.relname AND c.relkind = 'f')
FROM wanted AS w
"""
# Temporary tables come first for every unqualified name.
_ELSEWHERE: Final = """
WITH path AS (SELECT name, place FROM unnest(current_schemas(true)) WITH ORDINALITY AS p (name, place))
SELECT c.relname, n.nspname, path.place < (SELECT own.place FROM path AS own WHERE own.name = $1),
    EXISTS (SELECT FROM pg_catalog.pg_class AS l WHERE l.relnamespace = n.oid AND l.relname = 'migration_log')
FROM path JOIN pg_catalog.pg_namespace AS n ON n.nspname = path.name
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
WHERE n.nspname NOT IN ($1, 'pg_catalog') AND c.relname = ANY ($2::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY path.place
"""
# Not those that enforce foreign keys, which change no other table's secrets, and not what is switched off.
_CAUSES: Final = """
WITH RECURSIVE wanted (oid) AS (
    SELECT c.oid FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = ANY ($2::text[])
    UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i JOIN wanted AS w ON i.inhparent = w.oid
)
SELECT 'trigger', t.tgname::text, c.relname::text FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgrelid IN (SELECT oid FROM wanted)
UNION ALL
SELECT 'rule', r.rulename::text, c.relname::text FROM pg_catalog.pg_rewrite AS r
JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class
WHERE r.ev_enabled <> 'D' AND r.ev_class IN (SELECT oid FROM wanted)
ORDER BY 3, 1, 2
"""
_TYPES: Final = """
SELECT a.attname, t.typname, CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 END
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
"""
# Neither partial, nor deferrable, nor over expressions; in the column's own collation, which pages are read in; over
# columns that a constraint keeps from being NULL, one that was checked for the rows of before. It does not hold for
# the rows of tables that inherit.
_UNIQUE: Final = """
SELECT w.location FROM unnest($2::text[], $3::text[], $4::text[]) AS w (location, name, key)
JOIN pg_catalog.pg_class AS c ON c.relname = w.name
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND NOT (c.relkind = 'r' AND EXISTS (
    SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhparent = c.oid
)) AND EXISTS (
    SELECT FROM pg_catalog.pg_index AS i
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
        AND i.indexprs IS NULL
        AND (SELECT string_agg(a.attname::text, ',' ORDER BY a.attname::text COLLATE "C")
            FROM unnest(i.indkey::smallint[], i.indcollation::oid[]) WITH ORDINALITY AS k (number, ordered, place)
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
            WHERE k.place <= i.indnkeyatts AND a.attnotnull AND k.ordered = a.attcollation
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS n WHERE n.conrelid = c.oid
                    AND n.contype = 'n' AND NOT n.convalidated AND a.attnum = ANY (n.conkey))
        ) = w.key AND i.indnkeyatts = cardinality(string_to_array(w.key, ','))
)
"""
_KINDS: Final = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}


async def schema_of(connection: Any) -> str:  # noqa: ANN401 - asyncpg has no types
    """The one schema of the search path that holds this Grafana, empty where none does."""
    return str(await connection.fetchval(_SCHEMA) or "")


async def columns_in(connection: Any, schema: str) -> dict[str, frozenset[str]]:  # noqa: ANN401
    """The tables of a schema with their columns."""
    found: dict[str, set[str]] = {}
    for table, column in await connection.fetch(_COLUMNS, schema):
        found.setdefault(table, set()).add(column)
    return {table: frozenset(columns) for table, columns in found.items()}


async def sight_of(connection: Any, schema: str, tables: Collection[str]) -> Sight:  # noqa: ANN401
    """In which form the tables are there, and what else there is of their names."""
    kinds: dict[str, str] = {}
    policies: dict[str, tuple[str, ...]] = {}
    for table, kind, active, names, foreign in await connection.fetch(_FORMS, schema, list(tables)):
        if kind in _KINDS:
            kinds[table] = _KINDS[kind]
        elif foreign is not None:
            kinds[table] = f"a table whose part {foreign} is a foreign table"
        if active:
            policies[table] = tuple(names)
    elsewhere: dict[str, tuple[Elsewhere, ...]] = {}
    for table, other, first, is_grafana in await connection.fetch(_ELSEWHERE, schema, list(tables)):
        elsewhere[table] = (*elsewhere.get(table, ()), Elsewhere(other, bool(first), is_grafana))
    return Sight(kinds, policies, elsewhere)


async def types_of(connection: Any, schema: str, table: str) -> dict[str, Column]:  # noqa: ANN401
    """The columns of a table with their types."""
    rows = await connection.fetch(_TYPES, schema, table)
    return {name: Column(type_name, length) for name, type_name, length in rows}


async def unique_keys(connection: Any, schema: str, locations: Sequence[Location]) -> frozenset[str]:  # noqa: ANN401
    """The names of the locations whose key an index makes unique."""
    names, tables = [each.name for each in locations], [each.table for each in locations]
    keys = [",".join(sorted(each.key)) for each in locations]
    return frozenset(row[0] for row in await connection.fetch(_UNIQUE, schema, names, tables, keys))


async def count_keys(connection: Any, schema: str, location: Location) -> KeyCount:  # noqa: ANN401
    """Count rows and keys."""
    table = f"{quote(schema)}.{quote(location.table)}"
    key = ", ".join(map(quote, location.key))
    filled = " AND ".join(f"{quote(name)} IS NOT NULL" for name in location.key)
    rows, keys = await connection.fetchrow(
        f"SELECT (SELECT COUNT(*) FROM {table}), "
        f"(SELECT COUNT(*) FROM (SELECT DISTINCT {key} FROM {table} WHERE {filled}) AS keys)"
    )
    return KeyCount(rows, keys)


async def causes_of(connection: Any, schema: str, tables: Collection[str]) -> list[Cause]:  # noqa: ANN401
    """The triggers and rules of these tables, of their partitions and of their children, that are not switched off."""
    return [Cause(*row) for row in await connection.fetch(_CAUSES, schema, list(tables))]
