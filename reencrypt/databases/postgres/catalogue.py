"""PostgreSQL's own catalogue of Grafana's tables: schema, form, row policies, types and keys.

The queries use pg_catalog, which shows everything to every role, so what it does not show does not exist.
information_schema hides the tables that the role has no rights on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from reencrypt.catalogue.location import Location
from reencrypt.databases.column_types import Accepted, ColumnUse, Role, UnfitColumn, unfit
from reencrypt.databases.footprint import Footprint, Rewrites
from reencrypt.databases.postgres.footprint import footprint
from reencrypt.databases.postgres.rendering import Column
from reencrypt.databases.rights import TableRight
from reencrypt.databases.server.connection import Session
from reencrypt.databases.shapes import Shape, shapes_of
from reencrypt.databases.sight import Elsewhere, Sight
from reencrypt.databases.written import Cause, Causes
from reencrypt.errors import ConfigurationError

# The columns `a` of the tables `c` in the schemas `n`, and their types `b`.
_COLUMNS_OF: Final = """pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type AS b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END"""
# Some clouds set the default where the disk is nearly full.
_READ_ONLY: Final = """
SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only')
"""
# The schema of `data_keys`, or of the migration log of a Grafana that has no data keys yet; the encoding; which of some
# tables have moments with a time zone; whether this account may call SHA-256; and the version.
_PLACE_OF_GRAFANA: Final = f"""
WITH place (schema) AS (SELECT (
    SELECT n.nspname FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, place)
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = path.name
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
    WHERE c.relname IN ('data_keys', 'migration_log') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY c.relname, path.place LIMIT 1))
SELECT place.schema::text, pg_catalog.current_setting('server_encoding'), ARRAY(
    SELECT c.relname::text FROM {_COLUMNS_OF}
    WHERE n.nspname = place.schema AND c.relname = ANY ($1::text[]) AND b.typname = 'timestamptz'),
    COALESCE(has_function_privilege(to_regprocedure('pg_catalog.sha256(bytea)'), 'EXECUTE'), false),
    pg_catalog.current_setting('server_version_num')::int
FROM place
"""
# Of a domain the type that it is made of, which takes the same values.
_COLUMNS: Final = f"""
SELECT c.relname, a.attname, c.relkind IN ('r', 'p'), b.typname,
    CASE WHEN b.typname IN ('varchar', 'bpchar') AND m.modifier > 4 THEN m.modifier - 4 END,
    b.typnamespace = 'pg_catalog'::regnamespace, a.attgenerated <> '', pg_catalog.format_type(a.atttypid, a.atttypmod),
    c.relhasrules
FROM {_COLUMNS_OF}
CROSS JOIN LATERAL (SELECT CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE a.atttypmod END) AS m (modifier)
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_TABLES: Final = """
SELECT c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')
"""
# A partition may be a foreign table, with its rows on another server.
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
# Without triggers for foreign keys, which change no other table's secrets, and without disabled ones.
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
# A right on the table is one on each of its columns.
_MISSING_RIGHTS: Final = """
SELECT DISTINCT w.number FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[])
    AS w (number, name, access, column_name)
JOIN pg_catalog.pg_class AS c ON c.relname = w.name
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND NOT CASE
    WHEN w.column_name <> '' THEN has_column_privilege(c.oid, w.column_name, w.access)
    WHEN w.access = 'DELETE' THEN has_table_privilege(c.oid, w.access)
    ELSE has_any_column_privilege(c.oid, w.access) END
"""
_TEXTS: Final = ("text", "varchar")
_INTEGERS: Final = ("int8", "int4", "int2")
#: By `pg_type`. JSON has no equality, JSONB changes what is stored, CITEXT equals other text, and NUMERIC and enums are
#: keys in another form or order. Grafana itself writes no bytes into text.
_ACCEPTED: Final[Accepted] = {
    Role.KEY: (*_INTEGERS, *_TEXTS, "bpchar", "uuid"),
    Role.SECRET: (*_TEXTS, "bytea"),
    Role.BYTES: ("bytea",),
    Role.TEXT: (*_TEXTS, "bpchar"),
    Role.NUMBER: _INTEGERS,
    Role.FLAG: ("bool",),
    Role.MOMENT: ("timestamp", "timestamptz"),
    Role.STAMP: ("timestamp", "timestamptz"),
}
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
# A partitioned table's rows lie in its partitions. What a domain is made of counts. Search vectors, ranges and
# enumerations are text too, and an array of bytes is hexadecimal text.
_SHAPES: Final = """
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
_SHAPE_KEYS: Final = """
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
# Rows that a search of these tables does not see.
_SHAPE_GAPS: Final = """
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
_OLDEST: Final = 120_000
# The place of a row; no column of a table can have this name.
_PLACE: Final = "ctid"
_KINDS: Final = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}


class Place(NamedTuple):
    """Where a Grafana is: the one schema of the search path that holds it, empty where none does.

    `is_raw`: the database has no encoding; `is_utf8`: it is UTF-8. `zoned` are tables whose moments have a time zone.
    `has_sha256`: this account may let the server make hashes.
    """

    schema: str
    is_raw: bool
    is_utf8: bool
    zoned: frozenset[str]
    has_sha256: bool


async def find_grafana(session: Session, with_moments: Sequence[str]) -> Place:
    """Find it; the tables `with_moments` are those of which the zone is asked.

    Raises `ConfigurationError` for a server that is too old.
    """
    ((schema, encoding, zoned, has_sha256, version),) = await session.fetch(_PLACE_OF_GRAFANA, (list(with_moments),))
    check_version(version)
    return Place(schema or "", encoding == "SQL_ASCII", encoding == "UTF8", frozenset(zoned), has_sha256)


def check_version(number: int) -> None:
    """Refuse a server before PostgreSQL 12, by its `server_version_num`: its catalogue lacks what is asked of it."""
    if number < _OLDEST:
        raise ConfigurationError(
            f"the database is on PostgreSQL {number // 10_000}, which is too old",
            hint=f"Upgrade the server: {_OLDEST // 10_000} is the oldest that reencrypt works with.",
        )


class _Shown(NamedTuple):
    """A column as the catalogue shows it; `kind` is a built-in type's name, else "other" or "generated"."""

    column: Column
    kind: str
    type_in_words: str


class PostgresCatalogue:
    """The tables of one schema. Their columns are read all at once, whenever they are asked for anew."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._columns: dict[str, dict[str, _Shown]] = {}
        self._ruled: set[str] = set()

    async def columns(self, session: Session) -> dict[str, frozenset[str]]:
        """The tables of the schema with their columns."""
        plain: set[str] = set()
        ruled: set[str] = set()
        found: dict[str, dict[str, _Shown]] = {}
        for table, name, is_plain, kind, length, is_built_in, generated, words, has_rules in await session.fetch(
            _COLUMNS, (self._schema,)
        ):
            if is_plain:
                plain.add(table)
            if has_rules:
                ruled.add(table)
            shown = "generated" if generated else kind if is_built_in else "other"
            words = f"{words}, generated" if generated else words  # noqa: PLW2901 - the same, in full
            found.setdefault(table, {})[name] = _Shown(Column(kind, length), shown, words)
        self._columns, self._ruled = found, ruled
        return {table: frozenset(found[table]) for table in plain}

    async def tables(self, session: Session) -> frozenset[str]:
        """The names of the tables of the schema."""
        return frozenset(name for (name,) in await session.fetch(_TABLES, (self._schema,)))

    async def _read(self, session: Session, tables: Iterable[str]) -> dict[str, dict[str, _Shown]]:
        """The columns of these tables, as they were when they were read last."""
        wanted = frozenset(tables)
        if not wanted <= self._columns.keys():
            await self.columns(session)
        return {table: self._columns.get(table, {}) for table in wanted}

    async def sight(self, session: Session, tables: Collection[str]) -> Sight:
        """Read the form of the tables, and other relations of their names."""
        kinds: dict[str, str] = {}
        policies: dict[str, tuple[str, ...]] = {}
        for table, kind, active, names, foreign in await session.fetch(_FORMS, (self._schema, list(tables))):
            if kind in _KINDS:
                kinds[table] = _KINDS[kind]
            elif foreign is not None:
                kinds[table] = f"a table whose part {foreign} is a foreign table"
            if active:
                policies[table] = tuple(names)
        elsewhere: dict[str, tuple[Elsewhere, ...]] = {}
        for table, other, first, is_grafana in await session.fetch(_ELSEWHERE, (self._schema, list(tables))):
            elsewhere[table] = (*elsewhere.get(table, ()), Elsewhere(other, bool(first), is_grafana))
        return Sight(kinds, policies, elsewhere)

    async def may_hide(self, session: Session, table: str | None, column: str | None) -> bool:
        """Nothing is hidden: PostgreSQL's catalogue shows everything to every role."""
        del session, table, column
        return False

    async def read_only(self, session: Session) -> str:
        """A replica is in recovery; a default makes every transaction of a server, database or role read-only."""
        ((in_recovery, default),) = await session.fetch(_READ_ONLY)
        if in_recovery:
            return "it is a replica (in recovery)"
        return "default_transaction_read_only is on for this account" if default == "on" else ""

    async def missing_rights(self, session: Session, needed: Sequence[TableRight]) -> list[TableRight]:
        """Ask for each column, and where there is none for the table."""
        asked = [
            (number, each.table, each.right.value, column)
            for number, each in enumerate(needed)
            for column in each.columns or ("",)
        ]
        arrays = [list(each) for each in zip(*asked, strict=True)] or [[], [], [], []]
        missing = {number for (number,) in await session.fetch(_MISSING_RIGHTS, (self._schema, *arrays))}
        return [each for number, each in enumerate(needed) if number in missing]

    async def unfit_columns(self, session: Session, uses: Sequence[ColumnUse]) -> list[UnfitColumn]:
        """The columns whose type does not suit their role; a generated one suits none that is written."""
        tables = await self._read(session, (use.table for use in uses))
        types = {
            (table, name): (shown.kind, shown.type_in_words)
            for table, columns in tables.items()
            for name, shown in columns.items()
        }
        return list(unfit(uses, types, _ACCEPTED))

    async def types(self, session: Session, table: str) -> dict[str, Column]:
        """The columns of a table with their types."""
        found = await self._read(session, [table])
        return {name: shown.column for name, shown in found[table].items()}

    async def has_rules(self, session: Session, table: str) -> bool:
        """Whether a table has rules, or had some a while ago."""
        await self._read(session, [table])
        return table in self._ruled

    async def unique_keys(self, session: Session, locations: Sequence[Location]) -> frozenset[str]:
        """The names of the locations whose key an index makes unique."""
        names, tables = [each.name for each in locations], [each.table for each in locations]
        keys = [",".join(sorted(each.key)) for each in locations]
        return frozenset(row[0] for row in await session.fetch(_UNIQUE, (self._schema, names, tables, keys)))

    async def shapes(self, session: Session) -> list[Shape]:
        """The shape of every table of the schema."""
        columns, keys, gaps = [
            await session.fetch(query, (self._schema,)) for query in (_SHAPES, _SHAPE_KEYS, _SHAPE_GAPS)
        ]
        return shapes_of(columns, keys, gaps, otherwise=(_PLACE,))

    async def footprint(self, session: Session, rewrites: Mapping[str, Rewrites]) -> Footprint:
        """Estimate the bytes that a run adds."""
        return await footprint(session, self._schema, rewrites)

    async def causes(self, session: Session, tables: Collection[str]) -> Causes:
        """The triggers and rules of these tables, their partitions and their children that are not switched off."""
        seen = [Cause(*row) for row in await session.fetch(_CAUSES, (self._schema, list(tables)))]
        return Causes(seen, are_all=True)
