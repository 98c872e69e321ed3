"""The shape of every table, for a search of the whole database: how to page through it, and which columns hold text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Shape:
    """A table. `key` tells its rows apart, empty where nothing does.

    `texts` can hold text or bytes; `others` are of a type of which nobody knows what it can hold. `gap` says what of it
    cannot be read through this table, where that is so.
    """

    table: str
    key: tuple[str, ...]
    texts: tuple[str, ...]
    others: tuple[str, ...] = ()
    gap: str = ""


#: What a column can hold for us, as the queries below say it.
_TEXT: Final = "text"
_OTHER: Final = "other"

# A partitioned table's rows lie in its partitions. What a domain is made of counts. Search vectors, ranges and
# enumerations are text too, and an array of bytes is hexadecimal text.
POSTGRES_COLUMNS: Final = """
SELECT c.relname, a.attname, CASE
    WHEN COALESCE(e.typcategory, b.typcategory) IN ('S', 'E', 'R') OR COALESCE(e.typname, b.typname) IN
        ('bytea', 'char', 'json', 'jsonb', 'xml', 'hstore', 'tsvector', 'tsquery') THEN 'text'
    WHEN COALESCE(e.typcategory, b.typcategory) IN ('N', 'D', 'B', 'T', 'I', 'G')
        OR COALESCE(e.typname, b.typname) IN ('uuid', 'macaddr', 'macaddr8', 'pg_lsn', 'tid') THEN 'number'
    ELSE 'other' END
FROM pg_class AS c JOIN pg_namespace AS s ON s.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid JOIN pg_type AS t ON t.oid = a.atttypid
JOIN pg_type AS b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
LEFT JOIN pg_type AS e ON e.oid = b.typelem AND b.typcategory = 'A'
WHERE s.nspname = $1 AND (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated)
    AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""
# Of a table's indexes the primary key first; one with an expression or a condition does not tell all rows apart, nor
# one that is checked at the end of a transaction, and where there is none, the place of the row does.
POSTGRES_KEYS: Final = """
SELECT c.relname, i.indexrelid::text, a.attname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
JOIN pg_namespace AS s ON s.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (number, place)
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
WHERE s.nspname = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
    AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
    AND NOT EXISTS (SELECT FROM pg_attribute AS n WHERE n.attrelid = c.oid AND n.attnum = ANY (i.indkey)
        AND NOT n.attnotnull)
ORDER BY c.relname, i.indisprimary DESC, i.indexrelid, k.place
"""
# What a search of these tables does not see.
POSTGRES_GAPS: Final = """
SELECT c.relname, 'a foreign table: its rows are on another server' FROM pg_class AS c
JOIN pg_namespace AS s ON s.oid = c.relnamespace WHERE s.nspname = $1 AND c.relkind = 'f'
UNION ALL
SELECT p.relname, format('a part of it, %I.%I, is in a schema that is not searched', o.nspname, c.relname)
FROM pg_inherits AS i JOIN pg_class AS p ON p.oid = i.inhparent JOIN pg_namespace AS s ON s.oid = p.relnamespace
JOIN pg_class AS c ON c.oid = i.inhrelid JOIN pg_namespace AS o ON o.oid = c.relnamespace
WHERE s.nspname = $1 AND o.nspname <> $1 AND p.relkind IN ('r', 'p', 'f')
UNION ALL
SELECT 'pg_largeobject', format('%s large objects', count(*)) FROM pg_largeobject_metadata HAVING count(*) > 0
ORDER BY 1, 2
"""
#: The place of a row on PostgreSQL, which a column of no table can be named like.
POSTGRES_PLACE: Final = "ctid"

MYSQL_COLUMNS: Final = """
SELECT c.table_name, c.column_name, CASE
    WHEN c.character_octet_length IS NOT NULL OR c.data_type = 'json' THEN 'text'
    WHEN c.data_type IN ('geometry', 'geometrycollection', 'vector') THEN 'other' ELSE 'number' END
FROM information_schema.columns AS c
JOIN information_schema.tables AS t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = DATABASE() AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
ORDER BY c.table_name, c.ordinal_position
"""
# Of a table that keeps its history, what a query reads is the present alone.
MYSQL_GAPS: Final = """
SELECT table_name, 'its history: rows as they were before' FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type = 'SYSTEM VERSIONED' ORDER BY table_name
"""
#: What stands for the tables that MySQL does not show to an account without rights on them.
MYSQL_HIDDEN: Final = (
    "hidden-tables",
    "MySQL hides tables that this account has no rights on; GRANT SELECT on the whole database shows all",
)
# Those are left out whose order is not the one that a comparison with a literal has.
MYSQL_KEYS: Final = """
SELECT s.table_name, s.index_name, s.column_name FROM information_schema.statistics AS s
WHERE s.table_schema = DATABASE() AND s.non_unique = 0 AND NOT EXISTS (
    SELECT 1 FROM information_schema.statistics AS n WHERE n.table_schema = s.table_schema
        AND n.table_name = s.table_name AND n.index_name = s.index_name
        AND (n.nullable = 'YES' OR n.sub_part IS NOT NULL OR n.column_name IS NULL))
    AND NOT EXISTS (
    SELECT 1 FROM information_schema.statistics AS n JOIN information_schema.columns AS c
        ON c.table_schema = n.table_schema AND c.table_name = n.table_name AND c.column_name = n.column_name
    WHERE n.table_schema = s.table_schema AND n.table_name = s.table_name AND n.index_name = s.index_name
        AND c.data_type IN ('enum', 'set', 'float', 'bit'))
ORDER BY s.table_name, s.index_name <> 'PRIMARY', s.index_name, s.seq_in_index
"""

SQLITE_COLUMNS: Final = """
SELECT m.name, p.name, p.type, p.pk, m.sql FROM sqlite_master AS m, pragma_table_info(m.name) AS p
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.name, p.cid
"""


def shapes_of(
    columns: Iterable[tuple[str, str, str]],
    keys: Iterable[tuple[str, str, str]],
    gaps: Iterable[tuple[str, str]],
    *,
    otherwise: tuple[str, ...] = (),
) -> list[Shape]:
    """Put together what a server tells: (table, column, what it can hold) and (table, index, column), best index first.

    `gaps` are (table, what of it cannot be read); `otherwise` is the key of a table without one.
    """
    first: dict[str, tuple[str, list[str]]] = {}
    for table, index, column in keys:
        name, parts = first.setdefault(table, (index, []))
        if name == index:
            parts.append(column)
    held: dict[str, dict[str, list[str]]] = {}
    for table, column, kind in columns:
        held.setdefault(table, {}).setdefault(kind, []).append(column)
    missing: dict[str, list[str]] = {}
    for table, what in gaps:
        missing.setdefault(table, []).append(what)
    return [
        Shape(
            table,
            tuple(first[table][1]) if table in first else otherwise,
            tuple(by_kind.get(_TEXT, ())),
            tuple(by_kind.get(_OTHER, ())),
            "; ".join(missing.pop(table, ())),
        )
        for table, by_kind in held.items()
    ] + [Shape(table, (), (), (), "; ".join(what)) for table, what in missing.items()]


def shapes_in_sqlite(rows: Iterable[tuple[str, str, str, int, str]]) -> list[Shape]:
    """The same for SQLite, where each table has a rowid unless it was created without, and types are a suggestion."""
    texts: dict[str, list[str]] = {}
    keys: dict[str, list[tuple[int, str]]] = {}
    for table, column, _declared, place, sql in rows:
        # Whatever the declared type says, any column may hold text.
        texts.setdefault(table, []).append(column)
        if "WITHOUT ROWID" in sql.upper():
            keys.setdefault(table, [])
            if place:
                keys[table].append((place, column))
    return [
        Shape(
            table,
            tuple(name for _, name in sorted(keys[table])) if table in keys else _rowid(found),
            tuple(found),
        )
        for table, found in texts.items()
    ]


def _rowid(columns: Iterable[str]) -> tuple[str, ...]:
    """A name of SQLite's row id that no column of the table has taken."""
    taken = {name.lower() for name in columns}
    return tuple(name for name in ("rowid", "_rowid_", "oid") if name not in taken)[:1]
