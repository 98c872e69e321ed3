"""MySQL's own catalogue of Grafana's tables: engine, form, types and keys, and what it hides from an account.

information_schema shows only tables that the account has a right on. Others are queried: errors 1146 and 1054 prove
that a table or column does not exist, 1142 and 1143 say that it is denied, whether it exists or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from asyncmy import errors

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.locations import LOCATIONS
from reencrypt.databases.column_types import Accepted, ColumnUse, Role, UnfitColumn, unfit
from reencrypt.databases.footprint import Footprint, Rewrites
from reencrypt.databases.meanings import READ_ONLY
from reencrypt.databases.mysql.errors import meaning_of
from reencrypt.databases.mysql.footprint import footprint
from reencrypt.databases.mysql.grants import shows_triggers
from reencrypt.databases.mysql.rendering import Column, quote
from reencrypt.databases.rights import Right, TableRight
from reencrypt.databases.server.connection import Session
from reencrypt.databases.shapes import Shape, shapes_of
from reencrypt.databases.sight import Sight
from reencrypt.databases.written import Cause, Causes
from reencrypt.errors import ConfigurationError

# What a page's transaction touches of Grafana's.
_OURS: Final = frozenset(location.table for location in LOCATIONS) | {
    "data_keys",
    "secret_data_key",
    "secret_encrypted_value",
}
# Those that convert to utf8mb4 and back without a loss: Grafana's own, and what an old MySQL defaulted to.
_CHARSETS: Final = frozenset(("utf8mb4", "utf8mb3", "utf8", "latin1", "ascii"))
_COLUMNS: Final = """
SELECT c.table_name, c.column_name, t.engine FROM information_schema.columns AS c
JOIN information_schema.tables AS t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE'
"""
_FORMS: Final = "SELECT table_name, table_type, engine FROM information_schema.tables WHERE table_schema = DATABASE()"
_READ_ONLY: Final = """
SHOW VARIABLES WHERE variable_name IN
    ('read_only', 'super_read_only', 'innodb_read_only', 'transaction_read_only', 'tx_read_only')
"""
# Matches no row, and MySQL's triggers are for rows. A server that is read-only for this account refuses it.
_PROBE: Final = "UPDATE data_keys SET name = name WHERE 1 = 0"
_OFF: Final = frozenset(("0", "OFF"))
_TYPES: Final = """
SELECT column_name, data_type, character_maximum_length, character_octet_length, character_set_name, collation_name,
    is_nullable
FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = %s
"""
_ALL_TYPES: Final = """
SELECT table_name, column_name, data_type, column_type, extra FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name IN ({})
"""
_INTEGERS: Final = ("bigint", "int", "mediumint", "smallint", "tinyint")
_TEXTS: Final = ("longtext", "mediumtext", "text", "varchar", "tinytext")
_BYTES: Final = ("longblob", "mediumblob", "blob", "varbinary", "tinyblob")
#: By `data_type`. JSON changes what is stored, BINARY fills up with zeros, BIT is no number to the driver, and DECIMAL,
#: UUID and enumerations are keys in another form. Grafana itself writes no bytes into text.
_ACCEPTED: Final[Accepted] = {
    Role.KEY: (*_INTEGERS, "varchar", "char", "longtext", "mediumtext", "text", "tinytext"),
    Role.SECRET: (*_TEXTS, *_BYTES),
    Role.BYTES: _BYTES,
    Role.TEXT: (*_TEXTS, "char"),
    Role.NUMBER: _INTEGERS,
    Role.FLAG: ("tinyint", "smallint", "mediumint", "int", "bigint"),
    Role.MOMENT: ("datetime", "timestamp"),
    Role.STAMP: ("datetime", "timestamp"),
}
# An index over the beginning of a text does not tell texts apart; one over an expression has no column name.
_UNIQUE: Final = """
SELECT index_name, column_name, sub_part FROM information_schema.statistics
WHERE table_schema = DATABASE() AND table_name = %s AND non_unique = 0
"""
_TRIGGERS: Final = """
SELECT event_object_table, trigger_name FROM information_schema.triggers
WHERE event_object_schema = DATABASE() AND event_object_table IN ({}) ORDER BY event_object_table, trigger_name
"""
_SHAPES: Final = """
SELECT c.table_name, c.column_name, CASE
    WHEN c.character_octet_length IS NOT NULL OR c.data_type = 'json' THEN 'text'
    WHEN c.data_type IN ('geometry', 'geometrycollection', 'vector') THEN 'other' ELSE 'number' END
FROM information_schema.columns AS c
JOIN information_schema.tables AS t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = DATABASE() AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
ORDER BY c.table_name, c.ordinal_position
"""
# Of a table with history, a query reads only the present rows.
_SHAPE_GAPS: Final = """
SELECT table_name, 'its history: rows as they were before' FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type = 'SYSTEM VERSIONED' ORDER BY table_name
"""
# The entry for tables that MySQL hides from an account without rights on them.
_HIDDEN: Final = (
    "hidden-tables",
    "MySQL hides tables that this account has no rights on; GRANT SELECT on the whole database shows all",
)
# Without columns whose order differs from a comparison with a literal.
_SHAPE_KEYS: Final = """
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
_KINDS: Final = {"VIEW": "a view", "SYSTEM VERSIONED": "a system-versioned table", "SEQUENCE": "a sequence"}
_ABSENT: Final = frozenset((1054, 1146))
_DENIED_TABLE: Final = frozenset((1142,))
_DENIED: Final = frozenset((*_DENIED_TABLE, 1143))
# In no database: a query for it tells an account that is denied single tables from one that sees them all.
_NO_SUCH_TABLE: Final = "reencrypt_no_such_table"


@dataclass(frozen=True, slots=True)
class Table:
    """A table's column types, and its unique indexes by name: their columns, none of which can be NULL."""

    types: Mapping[str, Column]
    unique: Mapping[str, frozenset[str]]

    def unique_index(self, key: Sequence[str]) -> str | None:
        """The name of an index that makes exactly these columns unique."""
        return next((name for name, columns in self.unique.items() if columns == frozenset(key)), None)


class MysqlCatalogue:
    """The tables of one database. `name` is its name in messages, `database` its name on the server."""

    def __init__(self, name: str, database: str) -> None:
        self._name = name
        self._database = database

    async def columns(self, session: Session) -> dict[str, frozenset[str]]:
        """The tables that this account sees. Raises `ConfigurationError` where one of Grafana's has no transactions."""
        found: dict[str, set[str]] = {}
        for table, column, engine in await session.fetch(_COLUMNS):
            if table in _OURS and str(engine).lower() != "innodb":
                raise ConfigurationError(
                    f"{self._name}: the table {table} uses the engine {engine}, which has no transactions",
                    hint=f"Run ALTER TABLE `{table}` ENGINE = InnoDB with Grafana stopped.",
                )
            found.setdefault(table, set()).add(column)
        return {table: frozenset(columns) for table, columns in found.items()}

    async def tables(self, session: Session) -> frozenset[str]:
        """The names of the tables that this account sees."""
        return frozenset(table for table, form, _ in await session.fetch(_FORMS) if form == "BASE TABLE")

    async def sight(self, session: Session, tables: Collection[str]) -> Sight:
        """Return which of the tables are not plain tables, and which have no transactions."""
        forms = await session.fetch(_FORMS)
        asked = [(table, form, str(engine)) for table, form, engine in forms if table in tables]
        return Sight(
            {table: _KINDS[form] for table, form, _ in asked if form in _KINDS},
            engines={
                table: engine for table, form, engine in asked if form not in _KINDS and engine.lower() != "innodb"
            },
        )

    async def may_hide(self, session: Session, table: str | None = None, column: str | None = None) -> bool:
        """Whether the server denies the table or column, rather than say that it does not exist.

        Without a table: whether it may hide any table of the database from this account.
        """
        try:
            await session.fetch(
                f"SELECT {quote(column) if column else 1} FROM {quote(table or _NO_SUCH_TABLE)} LIMIT 0", ()
            )
        except errors.MySQLError as error:
            number = error.args[0] if error.args else None
            if number in _ABSENT | _DENIED:
                return number in _DENIED
            raise
        return False

    async def read_only(self, session: Session) -> str:
        """Which variable makes the server read-only; accounts with more rights may write nevertheless."""
        found = await session.fetch(_READ_ONLY)
        on = [str(name) for name, value in found if str(value).upper() not in _OFF]
        if not on:
            return ""
        try:
            await session.command(_PROBE)
        except errors.MySQLError as error:
            return f"{' and '.join(on)} is on" if meaning_of(error) is READ_ONLY else ""
        return ""

    async def missing_rights(self, session: Session, needed: Sequence[TableRight]) -> list[TableRight]:
        """Let the server explain statements that write nothing: it refuses to explain what it would refuse to do.

        So roles, patterns and rights on columns count as they count for a run.
        """
        columns = await self.columns(session)
        return [each for each in needed if await self._denies(session, each, sorted(columns[each.table]))]

    async def _denies(self, session: Session, needed: TableRight, columns: Sequence[str]) -> bool:
        table = quote(needed.table)
        names = [quote(each) for each in needed.columns or columns]
        same = ", ".join(f"{each} = {each}" for each in names)
        listed = ", ".join(names)
        statement = {
            Right.INSERT: f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {table} WHERE 1 = 0",
            Right.UPDATE: f"UPDATE {table} SET {same} WHERE 1 = 0",
            Right.DELETE: f"DELETE FROM {table} WHERE 1 = 0",
        }[needed.right]
        try:
            await session.fetch(f"EXPLAIN {statement}", ())
        except errors.MySQLError as error:
            # Where single columns are granted, the server names the column.
            return (error.args[0] if error.args else None) in (_DENIED if needed.columns else _DENIED_TABLE)
        return False

    async def unfit_columns(self, session: Session, uses: Sequence[ColumnUse]) -> list[UnfitColumn]:
        """The columns whose type does not suit their role; a generated one suits none that is written."""
        tables = sorted({use.table for use in uses})
        rows = await session.fetch(_ALL_TYPES.format(", ".join(["%s"] * len(tables))), tables)
        types = {
            (table, column): ("generated", f"{shown}, generated")
            if "GENERATED" in str(extra).upper().split()
            else (kind, shown)
            for table, column, kind, shown, extra in rows
        }
        return list(unfit(uses, types, _ACCEPTED))

    async def table(self, session: Session, table: str) -> Table:
        """A table's types and indexes. Raises `ConfigurationError` for a character set in which text could be lost."""
        rows = await session.fetch(_TYPES, (table,))
        types = {row[0]: Column(*row[1:-1]) for row in rows}
        for column, kind in types.items():
            if kind.charset is not None and kind.charset not in _CHARSETS:
                raise ConfigurationError(
                    f"{self._name}: {table}.{column} has the character set {kind.charset}, which Grafana never uses",
                    hint=f"Run ALTER TABLE `{table}` CONVERT TO CHARACTER SET utf8mb4 to convert it.",
                )
        never_null = {row[0] for row in rows if row[-1] == "NO"}
        indexes: dict[str, set[str]] = {}
        unfit: set[str] = set()
        for index, column, beginning in await session.fetch(_UNIQUE, (table,)):
            indexes.setdefault(index, set()).add(column)
            if beginning is not None or column not in never_null:
                unfit.add(index)
        return Table(types, {index: frozenset(each) for index, each in indexes.items() if index not in unfit})

    async def unique_keys(self, session: Session, locations: Iterable[Location]) -> frozenset[str]:
        """The names of the locations whose key is exactly that of an index."""
        columns: dict[tuple[str, str], set[str]] = {}
        for table, index, column in await session.fetch(_SHAPE_KEYS):
            columns.setdefault((table, index), set()).add(column)
        keys = {(table, frozenset(names)) for (table, _), names in columns.items()}
        return frozenset(each.name for each in locations if (each.table, frozenset(each.key)) in keys)

    async def shapes(self, session: Session) -> list[Shape]:
        """The shape of every table of the database."""
        columns, keys, gaps = [await session.fetch(query) for query in (_SHAPES, _SHAPE_KEYS, _SHAPE_GAPS)]
        if await self.may_hide(session):
            gaps.append(_HIDDEN)
        return shapes_of(columns, keys, gaps)

    async def footprint(self, session: Session, rewrites: Mapping[str, Rewrites]) -> Footprint:
        """Estimate the bytes that a run adds."""
        return await footprint(session, rewrites)

    async def causes(self, session: Session, tables: Collection[str]) -> Causes:
        """The triggers of these tables, as far as the server shows them to this account."""
        names = list(tables)
        rows = await session.fetch(_TRIGGERS.format(", ".join(["%s"] * len(names))), names)
        grants = [str(grant) for (grant,) in await session.fetch("SHOW GRANTS")]
        return Causes([Cause("trigger", name, table) for table, name in rows], shows_triggers(grants, self._database))
