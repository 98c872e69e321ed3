"""What an undo reads from the journal of a run: entries, newest first, and the secrets that each of them changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.catalogue.reading import FoundSecret, secrets_of
from reencrypt.databases.protocol import Database
from reencrypt.state.rowkey import key_from_text, key_to_text

_PAGE_ROWS: Final = 100
#: Behind every entry of the journal.
END: Final = 2**62

#: A column of a row: table, the row's key as text, column.
Place = tuple[str, str, str]


class Kept(StrEnum):
    """Why a column, or the wrapping of a data key, stays as it is."""

    ROW_GONE = "row_gone"
    CHANGED_SINCE = "changed_since"
    OF_LATER_RUN = "written_by_a_later_run"
    NO_LOCATION = "table_unknown"
    DIFFERS = "secrets_differ"
    OLD_UNREADABLE = "old_bytes_unreadable"
    OLD_IMPLAUSIBLE = "old_plaintext_implausible"
    OLD_UNPROVEN = "old_key_unproven"
    SECRET_KEY_CHANGED = "secret_key_changed_since"  # noqa: S105 - a reason, not a secret
    PRESENT_UNREADABLE = "present_unreadable"
    UNDER_BOTH = "secrets_under_both_wrappings"


#: What to do about each, said where it is told.
REMEDY: Final[Mapping[Kept, str]] = {
    Kept.ROW_GONE: "the row was deleted since the run: nothing to do",
    Kept.CHANGED_SINCE: "something else was saved there since the run, and stays: nothing to do",
    Kept.OF_LATER_RUN: "a later run wrote it, whose own undo had to keep it: undo that run again first",
    Kept.NO_LOCATION: "this version of the program does not know the table or column: use the one that ran",
    Kept.DIFFERS: "the old text holds other secrets than the present one: use the version that ran",
    Kept.OLD_UNREADABLE: "the old bytes do not decrypt: bring the old data key or its provider back, then undo again",
    Kept.OLD_IMPLAUSIBLE: "the old key yields what Grafana does not store there: check secret_key, then undo again",
    Kept.OLD_UNPROVEN: "too little was under the old key to prove it: undo again when the present value can be read",
    Kept.SECRET_KEY_CHANGED: "secret_key was changed after the run, and the old value says something else than the "
    "present one: save the setting again in Grafana",
    Kept.PRESENT_UNREADABLE: "the present value cannot be read, and the old one alone does not prove itself: bring the "
    "present key back, then undo again",
    Kept.UNDER_BOTH: "Grafana saved the secrets named `present` under the present wrapping: note what they say, delete "
    "them, undo again, and save them anew",
}

#: Reasons that nothing removes: an undo that has met no others is over.
FINAL: Final = frozenset((Kept.ROW_GONE, Kept.CHANGED_SINCE, Kept.NO_LOCATION))


@dataclass(frozen=True, slots=True)
class KeptColumn:
    """A column that stays as it is."""

    table: str
    row_key: str
    column: str
    reason: Kept


@dataclass(frozen=True, slots=True)
class Entry:
    """One rewrite of a column: the bytes before it, and a hash of those after."""

    id: int
    table: str
    row_key: str
    column: str
    old: bytes | None
    new_hash: bytes | None

    @property
    def place(self) -> Place:
        """The column that was rewritten."""
        return self.table, self.row_key, self.column

    @property
    def key(self) -> Key:
        """The key of its row."""
        return key_from_text(self.row_key)


class Rewritten(NamedTuple):
    """A secret that a run rewrote: as it was, and as it is now; `old_text` is what stood in the column."""

    old: FoundSecret
    present: FoundSecret
    old_text: bytes


async def read_entries(database: Database, run_id: str, before: int) -> list[Entry]:
    """The next entries of a run in front of `before`, newest first; none at the end."""
    rows = await database.fetch("journal_of_run", run_id=run_id, before=before, rows=_PAGE_ROWS)
    return [_entry(row) for row in rows]


async def read_hashes(database: Database, run_ids: Iterable[str]) -> frozenset[bytes]:
    """The hashes of all that some runs wrote."""
    rows = [row for run_id in run_ids for row in await database.fetch("journal_hashes", run_id=run_id)]
    return frozenset(new_hash for (new_hash,) in rows if isinstance(new_hash, bytes))


async def read_rewritten_again(database: Database, run_id: str) -> frozenset[Place]:
    """The columns that a run rewrote more than once: few, where keys were proven late or Grafana saved meanwhile."""
    rows = await database.fetch("journal_rewritten_again", run_id=run_id)
    return frozenset((str(table), str(row_key), str(column)) for table, row_key, column in rows)


def _entry(row: Sequence[object]) -> Entry:
    number, table, row_key, column, old, new_hash = row
    return Entry(
        int(str(number)),
        str(table),
        key_to_text(key_from_text(str(row_key))),
        str(column),
        old if isinstance(old, bytes) else None,
        new_hash if isinstance(new_hash, bytes) else None,
    )


def old_secrets(location: Location, row: Row, entry: Entry) -> list[FoundSecret]:
    """The secrets of a column as it was."""
    index = location.columns.index(entry.column)
    old_row = row._replace(cells=tuple(entry.old if at == index else cell for at, cell in enumerate(row.cells)))
    return [each for each in secrets_of(location, old_row) if each.column == index]


def old_text(entry: Entry, secret: FoundSecret) -> bytes:
    """What stood in the column in the place of one of its old secrets, encoded as it was there."""
    return (entry.old or b"")[secret.slot.start : secret.slot.end]


def rewritten_secrets(location: Location, row: Row, entry: Entry) -> list[Rewritten] | None:
    """The secrets of a column that differ from what they were; None where these are not the same secrets.

    All others are left alone, and nobody asks for their keys.
    """
    index = location.columns.index(entry.column)
    old = old_secrets(location, row, entry)
    present = [each for each in secrets_of(location, row) if each.column == index]
    if [each.field for each in old] != [each.field for each in present]:
        return None
    return [
        Rewritten(before, now, old_text(entry, before))
        for before, now in zip(old, present, strict=True)
        if before.slot.ciphertext != now.slot.ciphertext
    ]
