"""Which columns this program reads and writes, in which role, and the refusal of types that do not suit it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from reencrypt.catalogue.codec import WholeColumn
from reencrypt.catalogue.encoding import BesideKeyId, Raw
from reencrypt.catalogue.location import Location
from reencrypt.databases.column_types import ColumnUse, Role
from reencrypt.databases.protocol import Database
from reencrypt.errors import UnsupportedColumnError

#: By the name of a column, in either store's table of data keys.
_DATA_KEYS: Final = {
    "id": Role.TEXT,
    "name": Role.TEXT,
    "uid": Role.TEXT,
    "namespace": Role.TEXT,
    "label": Role.TEXT,
    "scope": Role.TEXT,
    "provider": Role.TEXT,
    "active": Role.FLAG,
    "encrypted_data": Role.BYTES,
    "created": Role.MOMENT,
    "updated": Role.MOMENT,
}


async def unsupported_columns(
    database: Database,
    data_keys: str,
    locations: Sequence[Location],
    columns: Mapping[str, frozenset[str]],
    declared: Collection[str] = (),
) -> list[UnsupportedColumnError]:
    """The columns of a store whose type cannot hold, or give back exactly, what Grafana stores there.

    `data_keys` is the table of its data keys, `declared` are tables that the user has named.
    """
    uses = [each for location in locations for each in _uses(location)]
    uses += [
        ColumnUse(data_keys, name, role)
        for name, role in _DATA_KEYS.items()
        if name in columns.get(data_keys, frozenset())
    ]
    return [
        UnsupportedColumnError(
            f"{database.name}: {each.table}.{each.column} has the type {each.found}, which cannot give back exactly "
            f"what is stored there; supported are {', '.join(each.expected)}",
            hint=f"Name another column, or give {each.table}.{each.column} the type {each.expected[0]}, if what writes "
            "it can work with that."
            if each.table in declared
            else f"Stop Grafana, and give {each.table}.{each.column} the type {each.expected[0]}, as Grafana creates "
            "it. After a conversion from another database, create the tables with Grafana and copy the rows alone.",
        )
        for each in await database.unfit_columns(list(dict.fromkeys(uses)))
    ]


def _uses(location: Location) -> Iterator[ColumnUse]:
    table = location.table
    for name in location.key:
        yield ColumnUse(table, name, Role.KEY)
    for field in location.fields:
        is_raw = isinstance(field.codec, WholeColumn) and isinstance(field.codec.encoding, Raw | BesideKeyId)
        yield ColumnUse(table, field.column, Role.BYTES if is_raw else Role.SECRET)
    texts = [*location.only]
    texts += [location.text_hash.column] if location.text_hash else []
    texts += [location.kind_by_type.column] if location.kind_by_type else []
    texts += [each.key_id for each in location.fields if each.key_id is not None]
    texts += [location.namespace] if location.namespace and location.namespace not in location.key else []
    for name in texts:
        yield ColumnUse(table, name, Role.TEXT)
    if location.linked:
        yield ColumnUse(table, location.linked.scope, Role.NUMBER)
    if location.updated:
        yield ColumnUse(table, location.updated, Role.NUMBER if location.updated_in_seconds else Role.MOMENT)
