"""The tables of Grafana's secrets manager as data, in the shapes that its releases made.

Column order, nullability and defaults of `12.3` are those of a real Grafana 12.3; the other shapes follow from the
migrations of the releases, as the format facts list them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from tests.grafana.schema import ALL, OPTIONAL, Table, index, table, unique

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping, Sequence

#: `12.2` has no column for the data key's id; so has `12.2.4`, with a primary key in place of the unique index. `12.3`
#: has the column, and `12.4` also the primary key. `experimental` is what 12.0 made behind a feature toggle.
ManagerShape = Literal["experimental", "12.2", "12.2.4", "12.3", "12.4"]

_VALUE_KEY: Final = ("namespace", "name", "version")

DATA_KEY: Final = table(
    "secret_data_key",
    """uid nvarchar(100) primary, namespace nvarchar(253), label nvarchar(100), active bool, provider nvarchar(50),
    encrypted_data blob, created datetime, updated datetime""",
    index("namespace", "label", "active"),
)
_OLD_VALUES: Final = table(
    "secret_encrypted_value",
    """namespace nvarchar(253), name nvarchar(253), version bigint, encrypted_data blob, created bigint,
    updated bigint""",
    unique(*_VALUE_KEY),
)
_VALUES: Final = table(
    "secret_encrypted_value",
    """namespace nvarchar(253), name nvarchar(253), version bigint, encrypted_data blob, created bigint,
    updated bigint, data_key_id nvarchar(100) = ''""",
    unique(*_VALUE_KEY),
    index("data_key_id"),
)
_EXPERIMENTAL_VALUES: Final = table(
    "secret_encrypted_value",
    "uid nvarchar(36) primary, namespace nvarchar(253), encrypted_data blob, created bigint, updated bigint",
)
SECURE_VALUE: Final = table(
    "secret_secure_value",
    """guid nvarchar(36) primary, name nvarchar(253), namespace nvarchar(253), annotations text null,
    labels text null, created bigint, created_by nvarchar(253), updated bigint, updated_by nvarchar(253),
    external_id text, active bool, version bigint, description nvarchar(253), keeper nvarchar(253) null,
    decrypters text null, ref nvarchar(1024) null, owner_reference_api_group nvarchar(253) null,
    owner_reference_api_version nvarchar(253) null, owner_reference_kind nvarchar(253) null,
    owner_reference_name nvarchar(253) null, lease_token nvarchar(36) null, lease_created bigint = 0""",
    unique("namespace", "name", "version"),
    unique("namespace", "name", "version", "active"),
    index("namespace", "active", "updated"),
    index("lease_token"),
    index("lease_created"),
)
_KEEPER: Final = """guid nvarchar(36) primary, name nvarchar(253), namespace nvarchar(253), annotations text null,
    labels text null, created bigint, created_by nvarchar(253), updated bigint, updated_by nvarchar(253),
    description nvarchar(253), type text, payload text null"""
_OLD_KEEPER: Final = table("secret_keeper", _KEEPER, unique("namespace", "name"))
_NEW_KEEPER: Final = table("secret_keeper", _KEEPER + ", active bool = false", unique("namespace", "name"))
LOG: Final = table(
    "secret_migration_log",
    "id id, migration_id nvarchar(255), sql text, success bool, error text, timestamp datetime",
)


def _keyed(values: Table) -> Table:
    others = tuple(each for each in values.indexes if not each.unique)
    return replace(values, indexes=others, key=_VALUE_KEY)


#: The tables of each shape. No two shapes differ in the name of a table.
SHAPES: Final[Mapping[ManagerShape, Sequence[Table]]] = {
    "experimental": (LOG, _EXPERIMENTAL_VALUES, DATA_KEY, SECURE_VALUE, _OLD_KEEPER),
    "12.2": (LOG, _OLD_VALUES, DATA_KEY, SECURE_VALUE, _OLD_KEEPER),
    "12.2.4": (LOG, _keyed(_OLD_VALUES), DATA_KEY, SECURE_VALUE, _OLD_KEEPER),
    "12.3": (LOG, _VALUES, DATA_KEY, SECURE_VALUE, _OLD_KEEPER),
    "12.4": (LOG, _keyed(_VALUES), DATA_KEY, SECURE_VALUE, _NEW_KEEPER),
}

#: The table of the secrets, which differs between the shapes.
VALUES: Final = "secret_encrypted_value"
#: The names of all tables that a Grafana may have.
GRAFANAS: Final = sorted({each.name for tables in (ALL, OPTIONAL, *SHAPES.values()) for each in tables})


def shape_of(columns: Collection[str], *, keyed: bool) -> ManagerShape | None:
    """The shape to which a `secret_encrypted_value` with these columns belongs, with a primary key or not.

    None where there is no such table.
    """
    if not columns:
        return None
    if "uid" in columns:
        return "experimental"
    if "data_key_id" in columns:
        return "12.4" if keyed else "12.3"
    return "12.2.4" if keyed else "12.2"


def shape_in(connection: sqlite3.Connection) -> ManagerShape | None:
    """The shape of the tables in an SQLite file."""
    info = connection.execute("SELECT name, pk FROM pragma_table_info('secret_encrypted_value')").fetchall()
    return shape_of([_text(name) for name, _ in info], keyed=any(place for _, place in info))


def tables_of(shape: ManagerShape | None) -> Sequence[Table]:
    """All tables that a Grafana may have: of the classic store, and of the secrets manager if it has one."""
    return (*ALL, *OPTIONAL, *(SHAPES[shape] if shape else ()))


def tables_in(connection: sqlite3.Connection) -> Sequence[Table]:
    """All tables of the Grafana in an SQLite file."""
    present = {_text(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return [each for each in tables_of(shape_in(connection)) if each not in OPTIONAL or each.name in present]


def _text(name: object) -> str:
    # The engines read a file as bytes.
    return name.decode() if isinstance(name, bytes) else str(name)
