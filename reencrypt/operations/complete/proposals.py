"""Proposes the declaration of each column with finds: an entry that the file of `--locations` takes as it is.

What is proposed has been tried: its encoding reads the finds, the parser takes the entry, and the types and keys of the
database suit it. Where no entry can be made, the reason is named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from reencrypt.catalogue.declaration import ANY_ELEMENT, ANY_MEMBER, ENCODINGS, Declaration
from reencrypt.catalogue.encoding import Encoding
from reencrypt.catalogue.jsonscan import parse, scan_strings
from reencrypt.catalogue.location import Location
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.store_name import StoreName
from reencrypt.catalogue.stores import STORE_OF
from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.envelope import MalformedEnvelopeError, algorithm_prefix
from reencrypt.crypto.gobase64 import MalformedEncodingError
from reencrypt.databases.protocol import Database
from reencrypt.errors import ConfigurationError
from reencrypt.planning.column_uses import unsupported_columns
from reencrypt.planning.declared import parse_file
from reencrypt.planning.visibility import ambiguous_keys

_PREFIXES: Final = tuple(map(algorithm_prefix, Algorithm))
_LARGEST_BYTES: Final = 4 * 1024 * 1024  # of a document that is taken apart once more
_MOST_PATHS: Final = 32
_LONGEST_NAME: Final = 64
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_]+")
_RAW, _PADDED, _UNPADDED, _EITHER = "raw", "base64", "base64-unpadded", "either"
#: Columns that tell rows apart in most tables, where the database names no primary key.
_USUAL_KEYS: Final = ("id", "uid", "guid", "uuid")

_OF_SECRET_KEY: Final[Mapping[StoreName, frozenset[str]]] = {StoreName.CLASSIC: frozenset()}

Path = tuple[str, ...]


@dataclass(slots=True)
class Sighted:
    """The finds of one column, as far as an entry could express them.

    `forms` counts values by encoding and by the path in a document, which is None for a whole column. `spaces` are the
    columns that held the namespace of each value's data key. `others` counts finds in forms that no entry has,
    `orphans` values under a data key that there is not, `legacy` those directly under `secret_key`.
    """

    forms: Counter[tuple[str, Path | None]] = field(default_factory=Counter)
    stores: set[StoreName] = field(default_factory=set)
    orphans: int = 0
    others: int = 0
    legacy: int = 0
    spaces: frozenset[str] | None = None

    def see(
        self, cell: bytes, key_ids: Collection[str | None], owners: Mapping[str, Mapping[StoreName, frozenset[str]]]
    ) -> frozenset[str]:
        """Note a cell in which values under these keys were found; returns the namespaces of the secrets manager's.

        `owners` are the namespaces in which each store has a data key of an id.
        """
        found = list(_placements(cell, key_ids))
        if {key_id for _, _, key_id in found} < set(key_ids):
            self.others += 1
        spaces: frozenset[str] = frozenset()
        for encoding, path, key_id in found:
            self.legacy += key_id is None
            stores = _OF_SECRET_KEY if key_id is None else owners.get(key_id, {})
            if not stores:
                self.orphans += 1
                continue
            self.forms[encoding, path] += 1
            self.stores |= stores.keys()
            spaces |= stores.get(StoreName.MANAGER, frozenset())
        return spaces

    def narrow(self, columns: frozenset[str]) -> None:
        """Keep of the columns that could hold the namespace those that did here too."""
        self.spaces = columns if self.spaces is None else self.spaces & columns


def _placements(cell: bytes, key_ids: Collection[str | None]) -> Iterator[tuple[str, Path | None, str | None]]:
    """Where values under these keys stand in a cell, and in which encoding, as far as an entry can say it."""
    for encoding, key_id in _readings(cell, ENCODINGS):
        if key_id in key_ids:
            yield encoding, None, key_id
            return
    if not cell.lstrip().startswith((b"{", b"[")) or len(cell) > _LARGEST_BYTES:
        return
    try:
        parse(cell)
    except MalformedEncodingError:
        return
    texts = {name: each for name, each in ENCODINGS.items() if name != _RAW}
    for string in scan_strings(cell):
        for encoding, key_id in _readings(string.text, texts):
            if key_id in key_ids and not {ANY_MEMBER, ANY_ELEMENT} & set(string.path):
                yield (
                    encoding,
                    tuple(ANY_ELEMENT if isinstance(part, int) else part for part in string.path),
                    key_id,
                )


def _readings(text: bytes, encodings: Mapping[str, Encoding]) -> Iterator[tuple[str, str | None]]:
    """In which encoding the text is one value with a key that can be told, and which key."""
    found: dict[str, str | None] = {}
    for name, encoding in encodings.items():
        try:
            ciphertext = encoding.decode(text)
            key_id, payload = envelopes.split_key_id(ciphertext or b"")
        except (MalformedEncodingError, MalformedEnvelopeError):
            continue
        if encoding.is_strict(text) and (key_id is not None or payload.startswith(_PREFIXES)):
            found[name] = key_id
    if {_PADDED, _UNPADDED} <= found.keys():
        # Nothing is padded where the length is that of whole quanta.
        found[_EITHER] = found.pop(_PADDED)
        del found[_UNPADDED]
    yield from found.items()


@dataclass(frozen=True, slots=True)
class Proposal:
    """The entry for a column with finds, or the reason why there can be none; `notes` are what to know before."""

    table: str
    column: str
    declaration: Declaration | None
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def stanza(self) -> str | None:
        """The entry as the file takes it, its notes as comments."""
        if self.declaration is None:
            return None
        return "\n".join([*(f"# {note}" for note in self.notes), self.declaration.stanza()])

    def as_json(self) -> dict[str, object]:
        """For `--output json`."""
        return {
            "table": self.table,
            "column": self.column,
            "stanza": self.stanza,
            "why_not": self.reason or None,
            "notes": list(self.notes),
        }


async def propose(
    database: Database,
    sighted: Mapping[tuple[str, str], Sighted],
    keys: Mapping[str, Sequence[str]],
    known: Collection[str],
    ephemeral: Collection[str] = (),
) -> list[Proposal]:
    """Propose an entry for each column with finds.

    `keys` are the primary or other unique keys of the tables, `known` the names of the locations there are. Tables that
    are `ephemeral` lose their rows by themselves.
    """
    columns, taken, proposals = await database.columns(), {*known, *STORE_OF}, []
    for (table, column), seen in sighted.items():
        if table in ephemeral:
            proposals.append(Proposal(table, column, None, "its rows expire by themselves"))
            continue
        drawn = _draw(table, column, seen, _name(f"{table}_{column}", taken))
        if drawn.declaration is not None:
            drawn = await _with_key(database, drawn, keys.get(table, ()), columns.get(table, frozenset()))
        if drawn.declaration is not None:
            taken.add(drawn.declaration.name)
        proposals.append(drawn)
    return proposals


def _draw(table: str, column: str, seen: Sighted, name: str) -> Proposal:
    """Draw the declaration up, without its key."""
    if not seen.forms:
        why = "nothing has the data key that they name" if seen.orphans else "no entry can express how they stand there"
        return Proposal(table, column, None, why)
    if len(seen.stores) > 1:
        return Proposal(table, column, None, "it may hold values of both stores, and an entry is for one")
    whole = sum(number for (_, path), number in seen.forms.items() if path is None)
    in_documents = seen.forms.total() - whole
    is_whole = whole >= in_documents
    encodings: Counter[str] = Counter()
    paths: set[Path] = set()
    for (each, path), number in seen.forms.items():
        if (path is None) is is_whole:
            encodings[each] += number
            paths |= {path} if path is not None else set()
    certain = {each: number for each, number in encodings.items() if each != _EITHER}
    encoding = max(certain, key=lambda each: certain[each]) if certain else _PADDED
    notes = [] if certain else [f"{_PADDED} or {_UNPADDED}: the values that were found do not show it"]
    left = seen.others + seen.orphans + min(in_documents, whole)
    left += sum(number for each, number in certain.items() if each != encoding)
    if left:
        notes.append(f"{left} finds are in another form or under no known data key, and this entry does not fit them")
    if seen.legacy:
        notes.append(f'{seen.legacy} finds are directly under secret_key, and stay so unless legacy = "envelope"')
    if len(paths) > _MOST_PATHS:
        paths = {(*path[:-1], ANY_MEMBER) for path in paths if path[-1] != ANY_ELEMENT}
    (store,) = seen.stores
    spaces = sorted(seen.spaces or ())
    if store is StoreName.MANAGER and not spaces:
        return Proposal(table, column, None, "no column beside it holds the namespace of its data keys")
    declared = Declaration(
        name,
        table,
        (),
        column,
        encoding,
        Kind.TEXT,
        store,
        namespace=spaces[0] if store is StoreName.MANAGER else None,
        paths=tuple(sorted(paths)),
    )
    return Proposal(table, column, declared, notes=tuple(notes))


async def _with_key(database: Database, proposal: Proposal, key: Sequence[str], columns: frozenset[str]) -> Proposal:
    """Find a key for it that parser and database take."""
    assert proposal.declaration is not None  # noqa: S101 - for the type checker
    reason = "no key tells its rows apart that an entry could name"
    usual = [(name,) for name in _USUAL_KEYS if name in columns]
    for each in dict.fromkeys([tuple(key), *usual]):
        if not each or not columns >= set(each):
            continue
        declared = replace(proposal.declaration, key=each)
        try:
            parse_file({"location": [declared.entry()]}, "the entry")
        except ConfigurationError as error:
            reason = error.message.partition("): ")[2] or error.message
            continue
        errors = await _unsuitable(database, declared.location())
        if not errors:
            return replace(proposal, declaration=declared)
        reason = errors[0].message
    return replace(proposal, declaration=None, reason=reason, notes=())


async def _unsuitable(database: Database, location: Location) -> Sequence[ConfigurationError]:
    unfit = await unsupported_columns(database, "", [location], {}, [location.table])
    return unfit or await ambiguous_keys(database, [location], [location.table])


def _name(text: str, taken: Collection[str]) -> str:
    """A name for the location that nothing has yet."""
    stem = _NO_NAME.sub("_", text)
    names = (stem[:_LONGEST_NAME], *(f"{stem[: _LONGEST_NAME - 5]}_{number}" for number in range(2, 10_000)))
    return next(each for each in names if each not in taken)
