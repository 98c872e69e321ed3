"""Locations: a Grafana table, its key, its secret columns and the rules to write them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from reencrypt.catalogue.codec import Codec
from reencrypt.catalogue.plaintext import Kind
from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto.envelope import Envelope

#: A number or a text; SQLite keeps bytes or a number with a point in any column where somebody put them there.
KeyPart = int | float | str | bytes
Key = tuple[KeyPart, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A column that holds secrets, and where in it they stand.

    `key_id` is a column beside it with the data key's id: the two are read, compared and written as one cell, the id, a
    NUL and the bytes of `column`. Where a Grafana lacks that column, the `otherwise` codec reads `column` alone.
    """

    column: str
    codec: Codec
    key_id: str | None = None
    otherwise: Codec | None = None


@dataclass(frozen=True, slots=True)
class KindByType:
    """A column that decides the kind of a row's plaintexts: kinds by its value; other values keep the field's kind."""

    column: str
    kinds: Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class TextHash:
    """A column with the MD5 of a text column, in hex. Recomputed only where it held the MD5 of the old text."""

    column: str
    of: str


@dataclass(frozen=True, slots=True)
class LinkedRows:
    """Rows of several locations that hold the same text and must keep holding the same.

    Grafana finds the history row of the Alertmanager configuration it has just applied by the text's hash. So all rows
    with one text change in one transaction, at the first of them that is read. The column `scope`, which has the same
    name in each location, ties rows together.
    """

    locations: tuple[str, ...]
    scope: str


class Legacy(StrEnum):
    """What a run makes of a value that `secret_key` itself encrypts.

    `ENVELOPE` is what Grafana makes of it. `KEEP` is for places that Grafana may read without data keys; `LIKE_OTHERS`
    makes an envelope only where the column holds one that Grafana wrote, which shows that it reads them there.
    """

    ENVELOPE = "envelope"
    KEEP = "keep"
    LIKE_OTHERS = "like_others"


@dataclass(frozen=True, slots=True)
class Location:
    """Where secrets are: everything that an engine needs to render its SQL, and nothing that an engine decides.

    `updated` is the timestamp column to set with each rewrite, because Grafana caches by it. `only` restricts the
    rows to those whose columns hold one of the values. `reencrypted` is False where Grafana reads with `secret_key`
    alone, so that the secrets are counted and left. `clip` is for the search of a whole database, which writes nothing
    back: how many bytes of a cell are read (characters of MySQL's text), and without the rows of tables that inherit.

    `parse` takes the envelope of a ciphertext apart. `namespace` is the column with the namespace of a row's data keys,
    in a store that has namespaces. `updated_in_seconds`: `updated` is a number of seconds since 1970.

    `legacy` is what becomes of values that no data key encrypts.
    """

    name: str
    table: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    updated: str | None = None
    kind_by_type: KindByType | None = None
    text_hash: TextHash | None = None
    linked: LinkedRows | None = None
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reencrypted: bool = True
    clip: int | None = None
    parse: Callable[[bytes], Envelope] = envelopes.parse
    namespace: str | None = None
    updated_in_seconds: bool = False
    legacy: Legacy = Legacy.ENVELOPE

    def keeps_legacy(self, with_envelopes: Collection[str]) -> bool:
        """Whether a legacy value stays one, because Grafana may not read an envelope in its place.

        `with_envelopes` are the locations that hold an envelope.
        """
        match self.legacy:
            case Legacy.ENVELOPE:
                return False
            case Legacy.KEEP:
                return True
            case Legacy.LIKE_OTHERS:
                return self.name not in with_envelopes

    @property
    def columns(self) -> tuple[str, ...]:
        """The cells to compare and swap, by column: those with secrets, then the hash of one."""
        names = tuple(each.column for each in self.fields)
        return (*names, self.text_hash.column) if self.text_hash else names

    @property
    def is_joined(self) -> bool:
        """Whether a cell has two columns in the database."""
        return any(each.key_id is not None for each in self.fields)

    @property
    def stored(self) -> tuple[str, ...]:
        """The columns in the database: a data key's id comes before the column that it is joined with."""
        if not self.is_joined:
            return self.columns
        names = [name for each in self.fields for name in (each.key_id, each.column) if name is not None]
        return (*names, self.text_hash.column) if self.text_hash else tuple(names)

    @property
    def extras(self) -> tuple[str, ...]:
        """Columns that are read with the secrets because a rule depends on them."""
        columns = []
        if self.kind_by_type:
            columns.append(self.kind_by_type.column)
        if self.linked:
            columns.append(self.linked.scope)
        if self.namespace and self.namespace not in self.key:
            columns.append(self.namespace)
        return tuple(columns)


class Row(NamedTuple):
    """One row of a location as read: key, the bytes of the location's `columns`, and the values of its `extras`."""

    key: Key
    cells: tuple[bytes | None, ...]
    extras: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """The locations of one actual database, and the names of tables and columns that its Grafana does not have."""

    locations: tuple[Location, ...]
    missing: tuple[str, ...]


def fit(locations: tuple[Location, ...], columns: Mapping[str, frozenset[str]]) -> Fitted:
    """Reduce the catalogue to what a database has. `columns` maps its tables to their column names.

    A table or secret column that this version of Grafana lacks is left out and named; an `updated` or hash column that
    is missing only loses its rule.
    """
    fitted: list[Location] = []
    missing: list[str] = []
    for location in locations:
        present = columns.get(location.table)
        if present is None or not present.issuperset(_needed(location)):
            missing.append(location.table)
            continue
        fields = tuple(_fit_field(each, present) for each in location.fields if each.column in present)
        missing += [f"{location.table}.{each.column}" for each in location.fields if each.column not in present]
        if fields:
            fitted.append(_reduce(location, fields, columns))
    return Fitted(tuple(fitted), tuple(missing))


def _needed(location: Location) -> tuple[str, ...]:
    """The columns without which a table is not the one that the catalogue means."""
    return (*location.key, *location.only, *((location.namespace,) if location.namespace else ()))


def _fit_field(field: Field, present: frozenset[str]) -> Field:
    if field.key_id is None or field.key_id in present:
        return field
    return Field(field.column, field.otherwise or field.codec)


def _reduce(location: Location, fields: tuple[Field, ...], columns: Mapping[str, frozenset[str]]) -> Location:
    present = columns[location.table]
    by_type, text_hash, linked = location.kind_by_type, location.text_hash, location.linked
    return replace(
        location,
        fields=fields,
        updated=location.updated if location.updated in present else None,
        kind_by_type=by_type if by_type and by_type.column in present else None,
        text_hash=text_hash if text_hash and text_hash.column in present else None,
        linked=linked if linked and linked.scope in present else None,
    )
