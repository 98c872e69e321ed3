"""SQLite's own catalogue of Grafana's tables: their form, and the indexes that tell rows apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from reencrypt.catalogue.location import Location
from reencrypt.databases.shapes import Shape
from reencrypt.databases.sqlite.rendering import quote

FORMS: Final = "SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view')"
#: A rowid's alias and the primary key of a table without rowid are never NULL; other columns need NOT NULL. Partial
#: indexes, indexes over an expression and indexes with their own collation do not count.
UNIQUE: Final = """
SELECT 1 FROM sqlite_master AS m WHERE m.type = 'table' AND m.name = :table AND m.sql NOT LIKE '%COLLATE%' AND (
    (SELECT group_concat(name) FROM pragma_table_info(m.name) WHERE pk AND UPPER(type) = 'INTEGER') = :key
        AND (SELECT COUNT(*) FROM pragma_table_info(m.name) WHERE pk) = 1
    OR EXISTS (
        SELECT 1 FROM pragma_index_list(m.name) AS i WHERE i."unique" AND NOT i.partial
            AND (SELECT group_concat(name) FROM (SELECT k.name FROM pragma_index_info(i.name) AS k
                JOIN pragma_table_info(m.name) AS c ON c.name = k.name
                    AND (c."notnull" OR c.pk AND m.sql LIKE '%WITHOUT ROWID%') ORDER BY k.name)) = :key
            AND (SELECT COUNT(*) FROM pragma_index_info(i.name)) = :columns
            AND NOT EXISTS (SELECT 1 FROM sqlite_master AS x WHERE x.name = i.name AND x.sql LIKE '%COLLATE%')))
"""
#: The columns of every table; to ask those in `unloaded`, a JSON array of names, would be an error.
COLUMNS: Final = """
SELECT m.name, p.name FROM sqlite_master AS m, pragma_table_info(m.name) AS p
WHERE m.type = 'table' AND m.name NOT IN (SELECT value FROM json_each(:unloaded))
"""
SHAPES: Final = """
SELECT m.name, p.name, p.type, p.pk, m.sql FROM sqlite_master AS m, pragma_table_info(m.name) AS p
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    AND m.name NOT IN (SELECT value FROM json_each(:unloaded)) ORDER BY m.name, p.cid
"""
TYPES: Final = "SELECT name, type FROM pragma_table_info(:table)"
#: How the types of moments begin. SQLite stores a text in a column of any type, and Go then fails to read a number.
MOMENTS: Final = ("DATETIME", "TIMESTAMP")
#: The virtual tables, and the modules that this SQLite has for such.
VIRTUAL_TABLES: Final = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%'"
MODULES: Final = "SELECT name FROM pragma_module_list"
_VIRTUAL: Final = "CREATE VIRTUAL TABLE"
_MODULE: Final = re.compile(r"\bUSING\s+[\"`\[]?(\w+)", re.IGNORECASE)


def kind_of(form: str, sql: str) -> str:
    """Return the kind of a relation of `FORMS`, empty for a plain table."""
    if form == "view":
        return "a view"
    return "a virtual table" if sql.upper().startswith(_VIRTUAL) else ""


def unloaded(tables: Iterable[tuple[str, str]], modules: Iterable[tuple[str]]) -> dict[str, str]:
    """The virtual tables whose module is not there, with its name: not even their columns can be read."""
    there = {name.lower() for (name,) in modules}
    named = {table: _MODULE.search(sql) for table, sql in tables}
    return {table: found[1] for table, found in named.items() if found and found[1].lower() not in there}


def count_keys(location: Location) -> str:
    """Count rows and keys in one statement."""
    table, key = quote(location.table), ", ".join(map(quote, location.key))
    filled = " AND ".join(f"{quote(name)} IS NOT NULL" for name in location.key)
    return (
        f"SELECT (SELECT COUNT(*) FROM {table}), "
        f"(SELECT COUNT(*) FROM (SELECT DISTINCT {key} FROM {table} WHERE {filled}))"
    )


def shapes_of(rows: Iterable[tuple[str, str, str, int, str]], unread: Mapping[str, str]) -> list[Shape]:
    """Build the shapes from a result of `SHAPES`, and those of `unloaded` tables.

    Each table has a rowid unless it was created without, and types are only hints.
    """
    texts: dict[str, list[str]] = {}
    keys: dict[str, list[tuple[int, str]]] = {}
    primary: dict[str, list[tuple[int, str]]] = {}
    for table, column, _declared, place, sql in rows:
        # A column of any declared type may hold text.
        texts.setdefault(table, []).append(column)
        if place:
            primary.setdefault(table, []).append((place, column))
        if "WITHOUT ROWID" in sql.upper():
            keys.setdefault(table, [])
            if place:
                keys[table].append((place, column))
    return [
        Shape(
            table,
            tuple(name for _, name in sorted(keys[table])) if table in keys else _rowid(found),
            tuple(found),
            named=tuple(name for _, name in sorted(primary.get(table, ()))),
        )
        for table, found in texts.items()
    ] + [
        Shape(table, (), (), (), f"a virtual table of {module}, which is not loaded")
        for table, module in unread.items()
    ]


def _rowid(columns: Iterable[str]) -> tuple[str, ...]:
    """Return a name of SQLite's row id that no column of the table has."""
    taken = {name.lower() for name in columns}
    return tuple(name for name in ("rowid", "_rowid_", "oid") if name not in taken)[:1]
